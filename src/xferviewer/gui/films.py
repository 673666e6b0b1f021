"""Films for the screen: read away from the window's thread, kept while they are likely to be looked at again.

The threads here wait for other processes where a decoder might crash or hang (`studies.film_reading`); nothing of Qt's
widgets is touched in them.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from xferviewer.errors import XferviewerError
from xferviewer.gui.film_raster import FilmRaster
from xferviewer.gui.slide_detail import SlideDetail
from xferviewer.processes import computer_memory_bytes
from xferviewer.studies.film_reading import FilmReading
from xferviewer.studies.images import Image

_SHARE_OF_MEMORY = 8
_LEAST_MIB, _MOST_MIB = 256, 8192
_PAINTED_AFTER_MS = 40  # a film that is there stands on the screen by then, with what belongs to it
READERS = max(2, min(4, (os.cpu_count() or 2) - 1))
"""Films read at a time; never one alone, which a film that holds its decoder would keep from all others."""


@dataclass(frozen=True, slots=True)
class Film:
    """What reading one frame came to: the image, ready for the screen, or the error that it could not be read with."""

    path: str
    frame: int
    raster: FilmRaster | None
    error: XferviewerError | None

    @property
    def image(self) -> Image | None:
        """The image that was read."""
        return self.raster.image if self.raster is not None else None


def film_memory_mib(chosen: int) -> int:
    """MiB of decoded films to keep: what was chosen, or for 0 an eighth of the computer's memory, within reason."""
    return chosen or min(max((computer_memory_bytes() >> 20) // _SHARE_OF_MEMORY, _LEAST_MIB), _MOST_MIB)


class FilmShelf(QObject):
    """Reads films in the background and keeps the most recent ones within a memory budget."""

    film_read = Signal(object)  # Film
    detail_read = Signal()  # finer pixels of a slide that is on the screen: it is to be painted again

    def __init__(self, reading: FilmReading, parent: QObject | None = None, *, memory_mib: int = 0) -> None:
        super().__init__(parent)
        self._source = reading
        self._most_bytes = film_memory_mib(memory_mib) << 20
        self._pool = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="film")
        self._films: OrderedDict[tuple[str, int], Film] = OrderedDict()
        self._reading: dict[tuple[str, int], Future[None]] = {}
        self._wanted: list[tuple[str, int]] = []
        self._neighbours: list[tuple[str, int]] = []
        self._ahead = QTimer(self, singleShot=True, interval=_PAINTED_AFTER_MS)
        self._ahead.timeout.connect(self._read_ahead)
        self._arrived.connect(self._take_in)

    _arrived = Signal(object)

    def want(self, films: Sequence[tuple[Path, int]], neighbours: Sequence[tuple[Path, int]]) -> None:
        """Ask for films now, and for their neighbours once these are painted. `film_read` tells of the first only."""
        self._wanted = [(str(path), frame) for path, frame in films]
        self._neighbours = [(str(path), frame) for path, frame in neighbours]
        for waiting, future in list(self._reading.items()):  # what nobody looks at any more need not be read
            if waiting not in self._wanted and future.cancel():
                del self._reading[waiting]
        for key in self._wanted:
            film = self._films.get(key)
            if film is not None:
                self._films.move_to_end(key)
                self.film_read.emit(film)
            else:
                self._read(key)
        self._soon_read_ahead()

    def set_memory(self, memory_mib: int) -> None:
        """Keep so much of films that were looked at, as the setting film_memory_mib has it; forget what is over."""
        self._most_bytes = film_memory_mib(memory_mib) << 20
        self._forget_the_oldest()

    def close(self) -> None:
        """Stop reading; waits for the film that is being decoded."""
        self._ahead.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _soon_read_ahead(self) -> None:
        """Not while a wanted film is read or painted, which takes both the processor and Python's lock."""
        if not self._ahead.isActive():
            self._ahead.start()

    @Slot()
    def _read_ahead(self) -> None:
        if all(key in self._films for key in self._wanted):  # otherwise once they have come
            for key, film in self._films.items():
                if key not in self._wanted and film.raster is not None:
                    film.raster.leave_screen()
            for key in self._neighbours:
                self._read(key)

    def _read(self, key: tuple[str, int]) -> None:
        if key not in self._films and key not in self._reading:
            self._reading[key] = self._pool.submit(self._read_now, key)

    def _read_now(self, key: tuple[str, int]) -> None:
        path, frame = key
        try:
            film = Film(path, frame, self._ready(path, FilmRaster(self._source.read(path, frame))), None)
        except XferviewerError as error:
            film = Film(path, frame, None, error)
        self._arrived.emit(film)

    def _ready(self, path: str, raster: FilmRaster) -> FilmRaster:
        """A slide with what reads its regions; any other film as it is."""
        pyramid = raster.image.pyramid
        if pyramid is not None:
            read = partial(self._source.read_region, path)
            raster.detail = SlideDetail(raster.image, pyramid, read, self._pool, self.detail_read.emit)
        return raster

    @Slot(object)
    def _take_in(self, film: Film) -> None:
        key = (film.path, film.frame)
        self._reading.pop(key, None)
        self._films[key] = film
        self._forget_the_oldest()
        if key in self._wanted:
            self.film_read.emit(film)
            self._soon_read_ahead()

    def _forget_the_oldest(self) -> None:
        size = sum(film.raster.nbytes for film in self._films.values() if film.raster is not None)
        for key in list(self._films):
            if size <= self._most_bytes:
                break
            if key not in self._wanted:
                forgotten = self._films.pop(key)
                size -= forgotten.raster.nbytes if forgotten.raster is not None else 0
