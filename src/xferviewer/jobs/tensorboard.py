"""The curves of a job as TensorBoard reads them, beside its own events.

An event file is a row of records, each a length, the masked CRC-32C of that, the data, and the masked CRC-32C of those
(tensorflow/core/lib/io/record_writer.cc); the data are protocol buffers (tensorflow/core/util/event.proto,
tensorflow/core/framework/summary.proto), of which a curve needs six fields. docs/decisions/0092 says why they are
written here.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5  # wire types of protocol buffers
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, reversed (RFC 3720, appendix B.4)


def scalars(event: Mapping[str, Any]) -> dict[str, float]:
    """What of an event is a point of a curve, by TensorBoard's names; nothing of most events."""
    points = {
        "loss/training": event.get("training_loss", event.get("loss")),
        "loss/validation": event.get("validation_loss"),
        "auc/mean": event.get("validation_auc"),
        "learning_rate": event.get("learning_rate"),
        "images_per_second": event.get("images_per_second"),
    }
    findings = event.get("findings", {}) if event["kind"] == "epoch" else {}
    points.update({f"auc/{finding}": said["auc"] for finding, said in findings.items()})
    return {tag: float(value) for tag, value in points.items() if value is not None}


class Curves:
    """An event file of this process in a folder. Several processes of one job make several, which TensorBoard joins."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"

    def write(self, step: int, points: Mapping[str, float]) -> None:
        """Points of several curves at a step. Raises OSError; a record is then written whole the next time."""
        if not points:
            return
        values = b"".join(
            _field(1, _BYTES, _field(1, _BYTES, tag.encode()) + _field(2, _FLOAT, value))
            for tag, value in points.items()
        )
        self._append(self._event(step) + _field(5, _BYTES, values))

    def begin_at(self, step: int) -> None:
        """Say that the run goes on from a step: what other files say of later ones no longer counts."""
        self._append(self._event(step) + _field(7, _BYTES, _field(1, _VARINT, 1)))  # session_log {status: START}

    def _event(self, step: int) -> bytes:
        return _field(1, _DOUBLE, time.time()) + _field(2, _VARINT, step)

    def _append(self, data: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            before = file.tell()
            try:
                if not before:
                    file.write(_record(self._event(0) + _field(3, _BYTES, b"brain.Event:2")))
                file.write(_record(data))
                file.flush()
            except OSError:
                file.truncate(before)
                raise


def _field(number: int, kind: int, value: Any) -> bytes:
    """One field of a message: its number and wire type, then its value."""
    key = _varint(number << 3 | kind)
    if kind == _VARINT:
        return key + _varint(value)
    if kind == _BYTES:
        return b"".join((key, _varint(len(value)), value))
    return key + struct.pack("<d" if kind == _DOUBLE else "<f", value)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _masked_crc(length)) + data + struct.pack("<I", _masked_crc(data))


def _masked_crc(data: bytes) -> int:
    """CRC-32C, turned by 15 bits and shifted, since checksums of data with checksums in them are weak."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_TABLE = _table()
