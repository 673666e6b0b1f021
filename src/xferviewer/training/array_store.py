"""Arrays of one shape on disk, each found again by a key: what a job computed, for its next epoch and the next job.

A store is a folder. Every process that adds to it writes a pair of files of its own, NAME.values and NAME.keys, so
that several jobs may share a store without waiting for each other. A key is written once its values lie on the disk:
whatever kills the process, and be it a power cut, costs the last second's arrays and leaves none that is half written.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
import uuid
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from xferviewer.errors import UnusableFolder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

KEY_BYTES = 16
ABSENT = -1

_SYNC_SECONDS = 1.0
_SLOT_BITS = 40  # a place is the number of its pair of files, and below it the slot there


@dataclass(slots=True, eq=False)
class _Segment:
    path: Path
    slots: int
    mapped: NDArray[Any] | None = None


class ArrayStore:
    """The arrays of one folder; may be used by several threads.

    Raises UnusableFolder where the folder cannot be written, or is full.
    """

    def __init__(self, folder: Path, dtype: Any, shape: tuple[int, ...]) -> None:
        self.folder = folder
        self.dtype, self._shape = np.dtype(dtype), shape
        self.item_bytes = int(self.dtype.itemsize * np.prod(shape, dtype=np.int64))
        self._lock = threading.Lock()
        self._segments: list[_Segment] = []
        self._places: dict[bytes, int] = {}
        self._writing: _Writing | None = None
        self._find_segments()

    def places(self, keys: Sequence[bytes]) -> NDArray[np.int64]:
        """Where the arrays of these keys lie, for `take`; ABSENT for one that is not kept."""
        with self._lock:
            return np.array([self._places.get(key, ABSENT) for key in keys], dtype=np.int64)

    def take(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """A copy of the arrays there, in that order: (len(places), *shape)."""
        numbers, slots = places >> _SLOT_BITS, places & ((1 << _SLOT_BITS) - 1)
        found = np.empty((len(places), *self._shape), self.dtype)
        for number in np.unique(numbers):
            here = numbers == number
            found[here] = self._mapped(int(number), int(slots[here].max()))[slots[here]]
        return found

    def put(self, key: bytes, values: NDArray[Any]) -> None:
        """Keep one array; one that is kept already stays."""
        with self._lock:
            if key in self._places:
                return
            try:
                if self._writing is None:
                    self._writing = self._begin()
                number, segment = len(self._segments) - 1, self._segments[-1]
                self._writing.append(key, np.ascontiguousarray(values, self.dtype))
            except OSError as error:
                raise _full(self.folder, error) from error
            self._places[key] = (number << _SLOT_BITS) | segment.slots
            segment.slots += 1

    def close(self) -> None:
        """Write what is not yet safely on disk. The store may be used on."""
        with self._lock:
            writing, self._writing = self._writing, None
            if writing is not None:
                try:
                    writing.close()
                except OSError as error:
                    raise _full(self.folder, error) from error

    def _find_segments(self) -> None:
        for keys in sorted(self.folder.glob("*.keys")):
            values = keys.with_suffix(".values")
            try:
                content = keys.read_bytes()
                slots = min(len(content) // KEY_BYTES, values.stat().st_size // self.item_bytes)
            except OSError:  # somebody is removing it
                continue
            number = len(self._segments)
            self._segments.append(_Segment(values, slots))
            for slot in range(slots):
                self._places.setdefault(
                    content[slot * KEY_BYTES : (slot + 1) * KEY_BYTES], (number << _SLOT_BITS) | slot
                )
        with contextlib.suppress(OSError):  # when it was last used: the least recently used stores make room for others
            os.utime(self.folder)

    def _begin(self) -> _Writing:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{uuid.uuid4().hex}.values"
        writing = _Writing(path)
        self._segments.append(_Segment(path, 0))
        return writing

    def _mapped(self, number: int, slot: int) -> NDArray[Any]:
        """The arrays of one pair of files, at least up to that slot; mapped anew where it has grown."""
        with self._lock:
            segment = self._segments[number]
            if segment.mapped is None or len(segment.mapped) <= slot:
                shape = (segment.slots, *self._shape)
                segment.mapped = np.memmap(segment.path, self.dtype, "r", shape=shape)
            return segment.mapped


class _Writing:
    """The pair of files that this process appends to. After an error they hold whole arrays and keys all the same."""

    def __init__(self, values: Path) -> None:
        # unbuffered: what a buffer could not write would come again, in the middle of a later array
        self._values: IO[bytes] = values.open("wb", buffering=0)
        self._keys: IO[bytes] = values.with_suffix(".keys").open("wb", buffering=0)
        self._unsafe: list[bytes] = []
        self._synced = time.monotonic()

    def append(self, key: bytes, values: NDArray[Any]) -> None:
        # written, not mapped: a full disk is then an error, where a mapping would end the process
        _append_whole(self._values, values.reshape(-1).view(np.uint8).data)
        self._unsafe.append(key)
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Values first, keys after them: what a key names is on the disk."""
        self._synced = time.monotonic()
        if self._unsafe:
            os.fsync(self._values.fileno())
            _append_whole(self._keys, memoryview(b"".join(self._unsafe)))
            self._unsafe.clear()

    def close(self) -> None:
        with self._values, self._keys:
            self.sync()


def _append_whole(file: IO[bytes], content: memoryview) -> None:
    """All of it, or nothing and an OSError."""
    end = file.tell()
    rest = content
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(end)
        file.seek(end)
        raise


def _full(folder: Path, error: OSError) -> UnusableFolder:
    return UnusableFolder(
        "The prepared images could not be kept.",
        f"{folder}: {error.strerror or error}.",
        "Free space there (xferviewer cache --clear), or move the data folder with the variable XFERVIEWER_HOME.",
    )


def stored_bytes(folder: Path) -> int:
    """Of all files below a folder."""
    found = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            found += path.stat().st_size if path.is_file() else 0
    return found


def make_room(stores: Sequence[Path], needed: int, limit: int, keep: Path) -> bool:
    """Remove the least recently used of `stores`, but not `keep`, until `needed` bytes more stay below `limit`.

    False, and nothing is removed, where that cannot be.
    """
    sizes = {store: stored_bytes(store) for store in stores}
    if sizes.get(keep, 0) + needed > limit:
        return False
    total = sum(sizes.values()) + needed
    for store in sorted((one for one in stores if one != keep), key=_last_used):
        if total <= limit:
            break
        shutil.rmtree(store, ignore_errors=True)
        total -= sizes[store]
    return total <= limit


def _last_used(store: Path) -> float:
    try:
        return store.stat().st_mtime
    except OSError:
        return 0.0
