"""What a compressed frame says of its own size, before a decoder takes memory for it.

A header of 64 by 64 pixels may carry a code stream of 60 000 by 60 000: decoders believe the code stream.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, BinaryIO

from pydicom.encaps import get_frame

from xferviewer.errors import UnreadableImage

if TYPE_CHECKING:
    from pathlib import Path

_J2K_BEGIN = b"\xff\x4f\xff\x51"  # SOC and SIZ, ISO/IEC 15444-1 A.4.1 and A.5.1
_J2K_SIZE = struct.Struct(">HHIIIIIIIIH")  # Lsiz, Rsiz, size, offset, tile size, tile offset, components
_JPEG_BEGIN = b"\xff\xd8"
_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # SOF of ISO/IEC 10918-1 B.1.1.3, of 14495-1 C.1.1
_ALWAYS_DECODED_BYTES = 64 << 20
_LONGEST_BEGINNING = 1 << 16
_TIMES_DECLARED = 4


def refuse_larger_code_stream(path: Path, file: BinaryIO, frames: int, frame: int, declared: int) -> None:
    """Raise UnreadableImage for a frame whose code stream is far larger than the `declared` bytes of its header.

    `file` stands at the pixel data, and does so afterwards.
    """
    position = file.tell()
    compressed = get_frame(file, frame, number_of_frames=frames)[:_LONGEST_BEGINNING]
    file.seek(position)
    size = code_stream_size(compressed)
    if size is None:
        return
    rows, columns, samples, bits = size
    if rows * columns * samples * math.ceil(bits / 8) > max(_ALWAYS_DECODED_BYTES, _TIMES_DECLARED * declared):
        raise UnreadableImage(
            f"{path.name} was not decoded.",
            f"Its compressed data unpack to {rows} by {columns} pixels, far more than its header declares.",
            "Fetch the file again from where it came from; leave it out if it comes out the same.",
        )


def code_stream_size(data: bytes) -> tuple[int, int, int, int] | None:
    """Rows, columns, samples a pixel and bits a sample of a JPEG, JPEG-LS or JPEG 2000 stream; None of another one."""
    try:
        if data.startswith(_JPEG_BEGIN):
            return _jpeg_size(data)
        begin = data.find(_J2K_BEGIN)
        if begin >= 0:
            _, _, right, bottom, left, top, *_, samples = _J2K_SIZE.unpack_from(data, begin + 4)
            bits = (data[begin + 4 + _J2K_SIZE.size] & 0x7F) + 1
            return max(bottom - top, 0), max(right - left, 0), samples, bits
    except (struct.error, IndexError):  # it ends in its own header: a decoder will say so
        pass
    return None


def _jpeg_size(data: bytes) -> tuple[int, int, int, int] | None:
    position = 2
    while True:
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker in _JPEG_FRAMES:
            bits, rows, columns, samples = struct.unpack_from(">BHHB", data, position + 4)
            return rows, columns, samples, bits
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
