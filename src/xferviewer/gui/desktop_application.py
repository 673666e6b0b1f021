"""The QApplication as desktops see it: its name and icon, and the files that macOS asks it to open while it runs."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QFileOpenEvent, QIcon
from PySide6.QtWidgets import QApplication

from xferviewer.resources import resource


class DesktopApplication(QApplication):
    """Files come as events, and not on the command line, where somebody drops them on the icon of a macOS application.

    What comes before the window is ready is held until `begin`. (No event filter: one of the QApplication would be
    asked, in Python, about every event of every widget.)
    """

    files_asked = Signal(object)  # list[Path]

    def __init__(self) -> None:
        super().__init__(["xferviewer"])
        self._early: list[Path] | None = []
        self.setApplicationName("xferviewer")
        self.setDesktopFileName("xferviewer")  # by its menu entry a task bar knows whose window it is
        self.setWindowIcon(QIcon(str(resource("icons/xferviewer.svg"))))

    def event(self, event: QEvent) -> bool:
        if not isinstance(event, QFileOpenEvent) or not event.file():
            return super().event(event)
        path = Path(event.file())
        if self._early is None:
            self.files_asked.emit([path])
        else:
            self._early.append(path)
        return True

    def begin(self) -> None:
        """Ask for what was held, and from now on at once."""
        early, self._early = self._early, None
        if early:
            self.files_asked.emit(early)
