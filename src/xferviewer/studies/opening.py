"""A file opened for reading: as it lies on disk, or unpacked in memory where it was packed as a whole.

Two kinds of packing are undone: gzip (RFC 1952), in which archives keep single files, and the Deflated Explicit VR
Little Endian transfer syntax (PS3.5 A.5). Neither unpacks more than LARGEST_UNPACKED_BYTES, whatever a file claims.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from xferviewer.errors import UnreadableImage
from xferviewer.studies.content import HEAD_BYTES, Content, content_of, unopenable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_UNPACKED_BYTES = 1 << 30
_GZIP = b"\x1f\x8b\x08"
_META_BYTES = 4096  # meta information (group 0002) is some hundred bytes long, and states the transfer syntax first
_FILE_META_GROUP = 2
_DEFLATED, _EXPLICIT = DeflatedExplicitVRLittleEndian.encode(), ExplicitVRLittleEndian.encode()


@dataclass(frozen=True, slots=True, eq=False)
class OpenedFile:
    """What a file holds, from its first byte.

    head      the first HEAD_BYTES bytes
    size      bytes of `file`
    gzipped   it was unpacked: other programs do not understand the file at its path
    deflated  a DICOM file whose data set was inflated; its meta information now states Explicit VR Little Endian
    """

    file: io.BufferedReader | io.BytesIO
    head: bytes
    size: int
    gzipped: bool = False
    deflated: bool = False

    @property
    def content(self) -> Content:
        return content_of(self.head)


@contextmanager
def opened(path: Path) -> Iterator[OpenedFile]:
    """Open a file; what it holds is told by its bytes. Raises UnreadableImage where it cannot be opened or unpacked."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise unopenable(path, error) from error
    with file:
        try:
            unpacked = _unpacked(path, file)
        except OSError as error:
            raise unopenable(path, error) from error
        with unpacked.file:
            yield unpacked


def digest_identity(source: OpenedFile) -> str:
    """The identity of a file that states none: "sha256:HEX" of its (unpacked) bytes."""
    stamp = _stamp(source)
    if stamp is not None and stamp in _DIGESTS:
        return _DIGESTS[stamp]
    source.file.seek(0)
    digest = f"sha256:{hashlib.file_digest(source.file, 'sha256').hexdigest()}"
    if stamp is not None:
        if len(_DIGESTS) >= _KEPT_DIGESTS:
            _DIGESTS.clear()
        _DIGESTS[stamp] = digest
    return digest


# A stack of a hundred thousand frames has one digest, which reading each of them must not take anew. Only large files:
# a small one is hashed at once, and may be written again within one tick of the clock.
_DIGESTS: dict[tuple[int, int, int, int], str] = {}
_KEPT_DIGESTS, _LARGE = 256, 4 << 20


def _stamp(source: OpenedFile) -> tuple[int, int, int, int] | None:
    """What tells whether a large file on disk is still the same; None for others."""
    if source.size < _LARGE or isinstance(source.file, io.BytesIO):
        return None
    status = os.fstat(source.file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _unpacked(path: Path, file: io.BufferedReader | io.BytesIO) -> OpenedFile:
    size = path.stat().st_size
    gzipped = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    if gzipped:
        values = _gunzipped(path, file)
        file, size = io.BytesIO(values), len(values)
    head = file.read(_META_BYTES)
    if content_of(head[:HEAD_BYTES]) == Content.DICOM and _DEFLATED in head:
        inflated = _inflated(path, file)
        if inflated is not None:
            return OpenedFile(io.BytesIO(inflated), head[:HEAD_BYTES], len(inflated), gzipped, deflated=True)
    file.seek(0)
    return OpenedFile(file, head[:HEAD_BYTES], size, gzipped)


def _gunzipped(path: Path, file: io.BufferedReader | io.BytesIO) -> bytes:
    try:
        with gzip.GzipFile(fileobj=file) as unpacking:
            values = unpacking.read(LARGEST_UNPACKED_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path) from error
    return _not_too_large(path, values)


def _inflated(path: Path, file: io.BufferedReader | io.BytesIO) -> bytes | None:
    """The whole file with its data set inflated; None where the syntax is only mentioned and not the file's own."""
    file.seek(0)
    try:
        read_preamble(file, force=True)
        meta = read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag.group != _FILE_META_GROUP)
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            return None
        length = file.tell()
        rest = file.read()
        file.seek(0)
        before = file.read(length).replace(_DEFLATED, _EXPLICIT.ljust(len(_DEFLATED), b"\x00"), 1)
        inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(rest, LARGEST_UNPACKED_BYTES + 1)
    except Exception:  # noqa: BLE001 - the cause may quote a header value, which may name a patient
        raise _damaged(path) from None
    return before + _not_too_large(path, inflated)


def _not_too_large(path: Path, values: bytes) -> bytes:
    if len(values) > LARGEST_UNPACKED_BYTES:
        raise UnreadableImage(
            f"{path.name} is too large to be opened.",
            f"Unpacked it takes more than {LARGEST_UNPACKED_BYTES >> 20} MiB.",
            "Unpack it with another program if you trust it, and open the files that come out.",
        )
    return values


def _damaged(path: Path) -> UnreadableImage:
    return UnreadableImage(
        f"{path.name} could not be unpacked.",
        "Its compressed data are damaged or cut off.",
        "Fetch the file again from where it came from.",
    )
