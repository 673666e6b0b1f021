"""Words about something that moves: written at once, then a few times a second, and always the last of them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Slot

_PAUSE_MS = 33
"""Nobody reads numbers faster, and laying out their text takes longer than drawing the film."""


class Throttle(QObject):
    """Calls `write` for `ask`, now or after the pause; many askings within a pause are one."""

    def __init__(self, write: Callable[[], object], parent: QObject) -> None:
        super().__init__(parent)
        self._write = write
        self._waits = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._resume)

    @Slot()
    def ask(self) -> None:
        """There is something new to write."""
        if self._timer.isActive():
            self._waits = True
        else:
            self._timer.start()
            self._write()

    @Slot()
    def _resume(self) -> None:
        if self._waits:
            self._waits = False
            self.ask()
