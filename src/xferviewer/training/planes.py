"""Images at the size of the network, decoded and resized once, kept on disk for the next job on the same files."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor

from xferviewer.errors import UnreadableImage
from xferviewer.networks.preprocessing import Presentations, fit
from xferviewer.processes import usable_cores
from xferviewer.settings import data_folder
from xferviewer.training.array_store import ABSENT, KEY_BYTES, ArrayStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from xferviewer.checkpoints import Preprocessing
    from xferviewer.studies.reading_processes import ReadingProcesses
    from xferviewer.training.cohort import Cohort


class Precision(Enum):
    """How exactly values are kept."""

    UINT8 = "uint8"
    FLOAT32 = "float32"


class Planes:
    """The presentation of each image of a cohort at one size, before mean and deviation.

    Nothing is decoded before it is wanted: `ahead` says what will be, `batch` waits for it. What was decoded is kept on
    disk, so that the next epoch and the next job take it from there. A file that cannot be read is passed over; `tell`
    says so once. May be used by several threads.

    keys      what tells each image from all others (image_keys)
    digest    of how they are kept
    readable  bool (n,): False once a file could not be read
    """

    def __init__(
        self,
        cohort: Cohort,
        preprocessing: Preprocessing,
        precision: Precision,
        reading: ReadingProcesses,
        refused: Callable[[UnreadableImage], None],
    ) -> None:
        self._images = list(zip(cohort.paths, cohort.frames, strict=True))
        self._preprocessing, self._precision = preprocessing, precision
        self._reading, self._refused = reading, refused
        self.digest = hashlib.sha256(f"{preprocessing.digest} {precision.value}".encode()).hexdigest()
        self.readable = np.ones(len(self._images), dtype=np.bool_)
        self.keys = image_keys(cohort)
        # one store for grey images and one for colour: a cohort may hold both
        self._stores = [_store(preprocessing, precision, channels) for channels in sorted({1, preprocessing.channels})]
        self._places = [store.places(self.keys) for store in self._stores]
        self._lock = threading.Lock()
        self._untold: list[UnreadableImage] = []
        self._coming: dict[int, Future[None]] = {}
        self._decoding = ThreadPoolExecutor(usable_cores(), "decode")

    def __len__(self) -> int:
        return len(self._images)

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which images need not be decoded any more."""
        found: NDArray[np.bool_] = np.any([places != ABSENT for places in self._places], axis=0)
        return found

    def ahead(self, rows: NDArray[np.intp]) -> None:
        """Begin to decode the images of these rows that are not there yet, in this order; returns at once."""
        with self._lock:
            for row in map(int, rows):
                if self.readable[row] and row not in self._coming and not self._is_kept(row):
                    self._coming[row] = self._decoding.submit(self._decode, row)

    def wait(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Those of the rows whose images can be read, once that is known of all. Raises UnusableFolder: a full disk."""
        self.ahead(rows)
        failed: BaseException | None = None
        for row in map(int, rows):
            with self._lock:
                coming = self._coming.get(row)
            if coming is not None:
                failed = failed or coming.exception()
                with self._lock:  # after an error all of them may be tried again
                    self._coming.pop(row, None)
        if failed is not None:
            raise failed
        return rows[self.readable[rows]]

    def tell(self) -> None:
        """Tell `refused` of the files that could not be read since it was told last, in the thread that calls this."""
        with self._lock:
            untold, self._untold = self._untold, []
        for error in untold:
            self._refused(error)

    def batch(self, rows: NDArray[np.intp]) -> Tensor:
        """float32 (images, channels, rows, columns) in [0, 1], of rows that `wait` gave; one channel for grey ones."""
        grey = self._take(0, rows)
        if (grey_rows := self._places[0][rows] != ABSENT).all():
            return grey
        colour = self._take(1, rows[~grey_rows])
        whole = colour.new_empty((len(rows), *colour.shape[1:]))
        whole[torch.from_numpy(~grey_rows)] = colour
        whole[torch.from_numpy(grey_rows)] = grey
        return whole

    def sizes(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """(len(rows), 2): the rows and columns of each image in its file."""
        found = np.zeros((len(rows), 2), dtype=np.int64)
        for store, places in zip(self._stores, self._places, strict=True):
            here = places[rows] != ABSENT
            if here.any():
                found[here] = store.take(places[rows][here])["size"]
        return found

    def close(self) -> None:
        """Stop decoding, and put away what was decoded."""
        self._decoding.shutdown(wait=False, cancel_futures=True)
        self._reading.interrupt()
        self._decoding.shutdown(wait=True)
        for store in self._stores:
            store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_kept(self, row: int) -> bool:
        return any(places[row] != ABSENT for places in self._places)

    def _take(self, store: int, rows: NDArray[np.intp]) -> Tensor:
        places = self._places[store][rows]
        values = torch.from_numpy(np.ascontiguousarray(self._stores[store].take(places[places != ABSENT])["plane"]))
        return values.float() / 255 if values.dtype == torch.uint8 else values

    def _decode(self, row: int) -> None:
        """Decode one image and keep it."""
        path, frame = self._images[row]
        try:
            image = self._reading.read(path, frame)
            planes = fit(Presentations(image).of(self._preprocessing), self._preprocessing)
        except UnreadableImage as error:
            self.readable[row] = False
            with self._lock:
                self._untold.append(error)
            return
        values = planes if self._precision is Precision.FLOAT32 else (planes * 255).round()
        number = 0 if len(planes) == 1 else len(self._stores) - 1
        record = np.zeros((), self._stores[number].dtype)
        record["plane"], record["size"] = values.numpy(), image.pixels.shape[:2]
        self._stores[number].put(self.keys[row], record)
        self._places[number][row] = self._stores[number].places([self.keys[row]])[0]


def planes_folder() -> Path:
    """Where decoded images are kept."""
    return data_folder() / "planes"


def image_keys(cohort: Cohort) -> list[bytes]:
    """What tells each image from all others and from itself after its file was changed, without opening it."""
    return [_key(path, frame) for path, frame in zip(cohort.paths, cohort.frames, strict=True)]


def _key(path: Path, frame: int) -> bytes:
    try:
        facts = path.stat()
        said = f"{path}\t{facts.st_size}\t{facts.st_mtime_ns}\t{frame}"
    except OSError:
        said = f"{path}\tabsent\t{frame}"
    return hashlib.sha256(said.encode(errors="surrogateescape")).digest()[:KEY_BYTES]


def _store(preprocessing: Preprocessing, precision: Precision, channels: int) -> ArrayStore:
    dtype = np.dtype(
        [("plane", precision.value, (channels, *preprocessing.size)), ("size", np.uint32, (2,))],
    )
    folder = planes_folder() / f"{preprocessing.digest[:24]}-{precision.value}-{'grey' if channels == 1 else 'colour'}"
    return ArrayStore(folder, dtype, ())
