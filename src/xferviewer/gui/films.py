"""Films for the screen: read away from the window's thread, kept while they are likely to be looked at again.

The threads here wait for other processes where a decoder might crash or hang (`studies.film_reading`); nothing of Qt's
widgets is touched in them.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from xferviewer.errors import XferviewerError
from xferviewer.studies.film_reading import FilmReading
from xferviewer.studies.images import Image, Window
from xferviewer.studies.voi import brightness

_MOST_CACHED_BYTES = 512 << 20
_MOST_TABLE = 1 << 16
READERS = max(2, min(4, (os.cpu_count() or 2) - 1))
"""Films read at a time; never one alone, which a film that holds its decoder would keep from all others."""


@dataclass(frozen=True, slots=True)
class Film:
    """What reading one frame came to: the image, or the error that it could not be read with."""

    path: str
    frame: int
    image: Image | None
    error: XferviewerError | None


def screen_pixels(image: Image, window: Window | None, inverted: bool) -> NDArray[np.uint8]:
    """The film as the screen shows it: uint8 (rows, columns) or (rows, columns, 3).

    The same brightness as `studies.images.present`, in 256 steps. Integer pixels go through a table over the values
    that occur, so that a step of the window costs one look-up per pixel.
    """
    pixels = image.pixels
    flip = image.inverted != inverted
    if image.is_colour:
        return np.asarray(255 - pixels if inverted else pixels)
    voi = window or image.voi_lut or image.default_window()
    if pixels.dtype.kind in "iu":
        low, high = int(pixels.min()), int(pixels.max())
        if high - low < _MOST_TABLE:
            table = _in_256_steps(brightness(np.arange(low, high + 1), voi, inverted=flip))
            return np.take(table, np.subtract(pixels, low, dtype=np.intp) if low else pixels)
    return _in_256_steps(brightness(pixels, voi, inverted=flip))


def _in_256_steps(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(values * 255), dtype=np.uint8)


class FilmShelf(QObject):
    """Reads films in the background and keeps the most recent ones within a memory budget."""

    film_read = Signal(object)  # Film

    def __init__(self, reading: FilmReading, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._source = reading
        self._pool = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="film")
        self._films: OrderedDict[tuple[str, int], Film] = OrderedDict()
        self._reading: dict[tuple[str, int], Future[None]] = {}
        self._wanted: tuple[str, int] | None = None
        self._arrived.connect(self._take_in)

    _arrived = Signal(object)

    def want(self, path: Path, frame: int, neighbours: list[tuple[Path, int]]) -> None:
        """Ask for a film now and for its neighbours after it. `film_read` tells of the first only."""
        key = (str(path), frame)
        self._wanted = key
        for waiting, future in list(self._reading.items()):  # what nobody looks at any more need not be read
            if waiting != key and future.cancel():
                del self._reading[waiting]
        film = self._films.get(key)
        if film is not None:
            self._films.move_to_end(key)
            self.film_read.emit(film)
        else:
            self._read(key)
        for neighbour, neighbours_frame in neighbours:
            self._read((str(neighbour), neighbours_frame))

    def close(self) -> None:
        """Stop reading; waits for the film that is being decoded."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, key: tuple[str, int]) -> None:
        if key not in self._films and key not in self._reading:
            self._reading[key] = self._pool.submit(self._read_now, key)

    def _read_now(self, key: tuple[str, int]) -> None:
        path, frame = key
        try:
            film = Film(path, frame, self._source.read(path, frame), None)
        except XferviewerError as error:
            film = Film(path, frame, None, error)
        self._arrived.emit(film)

    @Slot(object)
    def _take_in(self, film: Film) -> None:
        key = (film.path, film.frame)
        self._reading.pop(key, None)
        self._films[key] = film
        self._forget_the_oldest()
        if key == self._wanted:
            self.film_read.emit(film)

    def _forget_the_oldest(self) -> None:
        size = sum(film.image.pixels.nbytes for film in self._films.values() if film.image is not None)
        for key in list(self._films):
            if size <= _MOST_CACHED_BYTES:
                break
            if key != self._wanted:
                forgotten = self._films.pop(key)
                size -= forgotten.image.pixels.nbytes if forgotten.image is not None else 0
