"""Where the window and its panels were: kept when it closes, restored at the next start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings
from PySide6.QtWidgets import QWidget

from xferviewer.gui.film_place import FilmPlace
from xferviewer.gui.perspective import Perspective


class WindowLayout:
    """A file of what Qt says of geometry and docks: bytes that only Qt reads."""

    def __init__(self, file: Path, window: QWidget, perspectives: Mapping[str, Perspective], films: FilmPlace) -> None:
        self._file = QSettings(str(file), QSettings.Format.IniFormat)
        self._window = window
        self._perspectives = perspectives
        self._films = films

    def restore(self) -> None:
        """Lay out as the last time."""
        geometry = self._file.value("geometry")
        if isinstance(geometry, QByteArray):  # a file that was tampered with gives words
            self._window.restoreGeometry(geometry)
        of_films = self._file.value("films")
        if isinstance(of_films, QByteArray):
            self._films.window_geometry = of_films
        for name, perspective in self._perspectives.items():
            state = self._file.value(f"panels/{name}")
            if isinstance(state, QByteArray):
                perspective.restore_layout(state)

    def keep(self) -> None:
        """Write it for the next start."""
        self._file.setValue("geometry", self._window.saveGeometry())
        if self._films.window_geometry is not None:
            self._file.setValue("films", self._films.window_geometry)
        for name, perspective in self._perspectives.items():
            if perspective.was_shown:
                self._file.setValue(f"panels/{name}", perspective.saveState())
        self._file.sync()

    def reset(self) -> None:
        """All panels where they were at the first start."""
        for perspective in self._perspectives.values():
            perspective.reset_layout()
