"""Thumbnails of the worklist: made in the background, only of rows that are in view."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage, QPixmap

from xferviewer.errors import XferviewerError
from xferviewer.studies.film_reading import FilmReading
from xferviewer.studies.thumbnails import thumbnail

SIZE = 48
_MOST_KEPT = 2000
_MOST_WAITING = 64


class Thumbnails(QObject):
    """Pixmaps by image identity. `made` tells which one can be drawn now."""

    made = Signal(str)
    _arrived = Signal(str, object)

    def __init__(self, cache_folder: Path, reading: FilmReading, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reading = reading
        self._cache_folder = cache_folder
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="thumbnail")
        self._kept: OrderedDict[str, QPixmap] = OrderedDict()
        self._waiting: OrderedDict[str, Future[None]] = OrderedDict()
        self._arrived.connect(self._take_in)

    def pixmap(self, identity: str, path: Path, frame: int = 0) -> QPixmap | None:
        """The thumbnail of an image, or None: then it is being made. Rows that scrolled away are given up."""
        if identity in self._kept:
            return self._kept[identity]
        if identity not in self._waiting:
            self._waiting[identity] = self._pool.submit(self._make, identity, path, frame)
            while len(self._waiting) > _MOST_WAITING:
                _, oldest = self._waiting.popitem(last=False)
                oldest.cancel()
        return None

    def close(self) -> None:
        """Stop making thumbnails; waits for the one in hand."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _make(self, identity: str, path: Path, frame: int) -> None:
        try:
            pixels: NDArray[np.uint8] = thumbnail(
                path, frame, SIZE, identity=identity, cache=self._cache_folder, read=self._reading.read
            )
        except XferviewerError:
            pixels = np.zeros((SIZE, SIZE), dtype=np.uint8)  # the pane says why the film cannot be shown
        self._arrived.emit(identity, pixels)

    @Slot(str, object)
    def _take_in(self, identity: str, pixels: NDArray[Any]) -> None:
        self._waiting.pop(identity, None)
        pixels = np.ascontiguousarray(pixels)
        rows, columns = pixels.shape[:2]
        grey = pixels.ndim == 2
        layout = QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888
        image = QImage(pixels.data, columns, rows, pixels.strides[0], layout)
        self._kept[identity] = QPixmap.fromImage(image)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        self.made.emit(identity)
