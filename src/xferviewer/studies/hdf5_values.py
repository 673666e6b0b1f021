"""The numbers in an HDF5 file, read so that a file from elsewhere can neither lead to other files nor fill the memory.

Only data sets that lie in the file itself are opened: no links (soft, external), no virtual or external storage, no
pointers, no texts. Compressed chunks are unpacked here and not by the library, because its filters unpack as much as a
chunk holds, whatever the file declares: deflate, shuffle and Fletcher32 (HDF5 File Format 3.0, IV.A.2.l) as h5py, Keras
and MATLAB write them; any other filter is refused.
"""

from __future__ import annotations

import itertools
import math
import os
import zlib
from collections import OrderedDict
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.studies.opening import OpenedFile

_DEFLATE, _SHUFFLE, _FLETCHER32 = 1, 2, 3
_LARGEST_CHUNK_BYTES = 256 << 20
_STORED_OVERHEAD = 4096  # deflated noise is a little longer than the noise
_KEPT_BYTES = 32 << 20
_MOST_MEMBERS = 1000
_CHECKSUM_BYTES = 4


class UnusableHdf5(Exception):
    """An HDF5 file whose numbers are not read; the message is a sentence."""


class Dataset:
    """One array of an open file: its shape, its kind of number, and parts of it.

    Raises UnusableHdf5 where it is opened or read and does not keep to what this module's docstring says.
    """

    def __init__(self, name: str, stored: Any) -> None:
        self.name = name
        self.shape: tuple[int, ...] = tuple(stored.shape or ())
        self.dtype: np.dtype[Any] = stored.dtype
        self._stored = stored
        self._filters: list[int] = []
        self._recent: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()  # chunks hold several rows each
        self._lock = Lock()
        self._refuse_strange()

    def row(self, place: int) -> NDArray[Any]:
        """The values at one place of the first axis."""
        if self._stored.chunks is None:
            return np.asarray(self._stored[place])
        low, high = (place, *(0,) * (len(self.shape) - 1)), (place + 1, *self.shape[1:])
        values: NDArray[Any] = self._gathered(low, high)[0]
        return values

    def all(self) -> NDArray[Any]:
        """All values, which are to be few: labels."""
        if math.prod(self.shape) * self.dtype.itemsize > _LARGEST_CHUNK_BYTES:
            raise UnusableHdf5(f"Its array {self.name} is too large for labels.")
        if self._stored.chunks is None:
            return np.asarray(self._stored[()])
        return self._gathered((0,) * len(self.shape), self.shape)

    def _refuse_strange(self) -> None:
        if self.dtype.kind not in "buif" or self.dtype.itemsize > 8:
            raise UnusableHdf5(f"Its array {self.name} holds no plain numbers.")
        if self._stored.is_virtual or self._stored.external:
            raise UnusableHdf5(f"Its array {self.name} lies in other files, which are not followed.")
        chunks = self._stored.chunks
        if chunks is None:
            if self._stored.id.get_storage_size() < math.prod(self.shape) * self.dtype.itemsize:
                raise UnusableHdf5(f"Its array {self.name} holds fewer values than it declares.")
            return
        if math.prod(chunks) * self.dtype.itemsize > _LARGEST_CHUNK_BYTES:
            raise UnusableHdf5(f"Its array {self.name} has parts of more than {_LARGEST_CHUNK_BYTES >> 20} MiB.")
        pipeline = self._stored.id.get_create_plist()
        self._filters = [int(pipeline.get_filter(place)[0]) for place in range(pipeline.get_nfilters())]
        if set(self._filters) - {_DEFLATE, _SHUFFLE, _FLETCHER32}:
            raise UnusableHdf5(f"Its array {self.name} is packed in a way that is not read here; gzip is.")

    def _gathered(self, low: Sequence[int], high: Sequence[int]) -> NDArray[Any]:
        """The values between two corners, out of the chunks that they lie in."""
        values = np.empty([b - a for a, b in zip(low, high, strict=True)], self.dtype)
        chunks = self._stored.chunks
        firsts = [range(a - a % size, b, size) for a, b, size in zip(low, high, chunks, strict=True)]
        for first in itertools.product(*firsts):
            chunk = self._kept_chunk(first)
            ends = [min(at + size, b) for at, size, b in zip(first, chunks, high, strict=True)]
            begins = [max(at, a) for at, a in zip(first, low, strict=True)]
            of_chunk = tuple(slice(a - at, b - at) for a, b, at in zip(begins, ends, first, strict=True))
            of_values = tuple(slice(a - at, b - at) for a, b, at in zip(begins, ends, low, strict=True))
            values[of_values] = chunk[of_chunk]
        return values

    def _kept_chunk(self, first: tuple[int, ...]) -> NDArray[Any]:
        with self._lock:
            chunk = self._recent.get(first)
            if chunk is None:
                chunk = self._recent[first] = self._chunk(first)
                while sum(each.nbytes for each in self._recent.values()) > _KEPT_BYTES and len(self._recent) > 1:
                    self._recent.popitem(last=False)
        return chunk

    def _chunk(self, first: tuple[int, ...]) -> NDArray[Any]:
        size = math.prod(self._stored.chunks) * self.dtype.itemsize
        stored = self._stored.id.get_chunk_info_by_coord(first)
        if stored.byte_offset is None or not stored.size:
            return np.full(self._stored.chunks, self._stored.fillvalue, self.dtype)
        if stored.size > size + _STORED_OVERHEAD + size // 64:
            raise UnusableHdf5(f"Its array {self.name} has parts that are larger than they declare.")
        mask, content = self._stored.id.read_direct_chunk(first)
        for place in reversed(range(len(self._filters))):
            if not mask & (1 << place):
                content = _unfiltered(self._filters[place], content, size, self.dtype.itemsize)
        if len(content) != size:
            raise UnusableHdf5(f"Its array {self.name} is damaged or cut off.")
        return np.frombuffer(content, self.dtype).reshape(self._stored.chunks)


def _unfiltered(code: int, content: bytes, size: int, width: int) -> bytes:
    if code == _FLETCHER32:
        return content[:-_CHECKSUM_BYTES]
    if code == _SHUFFLE:
        whole = len(content) - len(content) % width
        planes = np.frombuffer(content[:whole], np.uint8).reshape(width, -1)
        return planes.T.tobytes() + content[whole:]
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(content, size + _CHECKSUM_BYTES + 1)
    except zlib.error as error:
        raise UnusableHdf5("Its compressed data are damaged or cut off.") from error
    if len(content) > size + _CHECKSUM_BYTES:
        raise UnusableHdf5("Its compressed data are larger than they declare.")
    return content


def arrays_of(path: Path, source: OpenedFile) -> tuple[Dataset, ...]:
    """The arrays of numbers right inside a file, by name.

    An open file is kept for the next call in this process, so that the frames of a stack do not each open it anew; one
    that was inherited from another process is not used. Raises UnusableHdf5 where there is none, with the reason why
    the first was left out, and whatever the library raises for damaged files.
    """
    return _arrays_in(source.file) if source.gzipped else _kept_arrays(path.absolute(), os.getpid(), *_stamp(path))


def _arrays_in(place: Any) -> tuple[Dataset, ...]:
    import h5py

    file = h5py.File(place, "r", locking=False)  # network folders often know no locks, and nothing is written
    if len(file) > _MOST_MEMBERS:
        raise UnusableHdf5(f"It holds more than {_MOST_MEMBERS} members.")
    found: list[Dataset] = []
    reasons: list[str] = []
    for name in sorted(file):
        try:
            found += _opened_member(file, name)
        except UnusableHdf5 as error:
            reasons.append(str(error))
    if not found:
        raise UnusableHdf5(reasons[0] if reasons else "It holds no arrays of numbers.")
    return tuple(found)


@lru_cache(maxsize=4)
def _kept_arrays(path: Path, _process: int, _size: int, _mtime_ns: int) -> tuple[Dataset, ...]:
    return _arrays_in(path)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _opened_member(file: Any, name: str) -> list[Dataset]:
    import h5py

    link = file.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise UnusableHdf5(f"Its member {name} is a link to another place, which is not followed.")
    if file.get(name, getclass=True) is not h5py.Dataset:
        return []
    return [Dataset(name, file[name])]
