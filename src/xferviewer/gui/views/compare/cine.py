"""Cine: the frames or images of the study in focus, one after the other, round and round."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from xferviewer.gui.views.compare.view import CompareView

SLOWEST, FASTEST = 1, 60


class Cine(QObject):
    """While it plays panes run ahead of the chosen frame; no network is asked about what only flies by."""

    running_changed = Signal()

    def __init__(self, compare: CompareView, per_second: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._compare = compare
        self.per_second = per_second
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._step)
        compare.image_replaced.connect(self.stop)

    @property
    def is_running(self) -> bool:
        """Frames go by."""
        return self._timer.isActive()

    def toggle(self) -> None:
        """Play, or stop at the frame that is seen, which is the chosen one from then on."""
        if self.is_running:
            reached = self._compare.standing.shown(self._compare.focus)
            self.stop()
            if reached is not None:
                self._compare.choose(reached)
        elif self._compare.standing.frames() > 1:
            self._timer.start(round(1000 / self.per_second))
        self.running_changed.emit()  # also where nothing can run: what asked for it is ticked

    def set_rate(self, per_second: int) -> None:
        """So many frames a second, from 1 to 60."""
        self.per_second = min(max(per_second, SLOWEST), FASTEST)
        self._timer.setInterval(round(1000 / self.per_second))

    @Slot()
    def stop(self) -> None:
        """Stay at the frame that was chosen."""
        if self.is_running:
            self._timer.stop()
            self._compare.looks.run_ahead(0)
            self.running_changed.emit()

    @Slot()
    def _step(self) -> None:
        """One frame on, once the one before is there: a slow disk makes it slower, and skips nothing."""
        compare = self._compare
        if compare.standing.raster(compare.focus) is None and compare.standing.shown(compare.focus) is not None:
            return
        compare.looks.run_ahead(compare.standing.wrapped(compare.looks[compare.focus].ahead + 1))
