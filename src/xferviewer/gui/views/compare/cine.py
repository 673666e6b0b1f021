"""Cine: the frames or images of the study in focus, one after the other, round and round."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QLabel

from xferviewer.gui.views.compare.view import CompareView

SLOWEST, FASTEST = 1, 60


class Cine(QObject):
    """While it plays panes run ahead of the chosen frame; no network is asked about what only flies by.

    A file that says how fast its frames follow one another is played so, until a person changes it for that file;
    others are played at `per_second`, which a person chooses for all of them.
    """

    running_changed = Signal()  # or how fast it runs

    def __init__(self, compare: CompareView, per_second: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._compare = compare
        self.per_second = per_second
        self._here: tuple[str, int] | None = None  # a file that says its rate, and the rate that was chosen instead
        self._gone = 0  # how far all panes have run ahead
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._step)
        compare.image_replaced.connect(self.stop)

    @property
    def is_running(self) -> bool:
        """Frames go by."""
        return self._timer.isActive()

    @property
    def stated(self) -> float | None:
        """Frames a second that the file in focus states, within what is possible."""
        image = self._compare.image
        rate = image.frames_per_second if image is not None else None
        return min(max(rate, SLOWEST), FASTEST) if rate is not None else None

    @property
    def rate(self) -> float:
        """Frames a second of the film in focus."""
        stated = self.stated
        if stated is None:
            return self.per_second
        return self._here[1] if self._here is not None and self._here[0] == self._file() else stated

    def toggle(self) -> None:
        """Play, or stop at the frame that is seen, which is the chosen one from then on."""
        if self.is_running:
            reached = self._gone
            self.stop()
            self._compare.choose_ahead(reached)
        elif self._compare.standing.frames() > 1:
            self._timer.start(round(1000 / self.rate))
        self.running_changed.emit()  # also where nothing can run: what asked for it is ticked

    def set_rate(self, per_second: int) -> None:
        """So many frames a second, from 1 to 60: of the file in focus, if it says its own rate, else of all others."""
        rate = min(max(per_second, SLOWEST), FASTEST)
        if self.stated is None:
            self.per_second = rate
        else:
            self._here = self._file(), rate
        self._timer.setInterval(round(1000 / rate))
        self.running_changed.emit()

    @Slot()
    def stop(self) -> None:
        """Stay at the frame that was chosen; a pane that is not linked stays where it is."""
        if self.is_running:
            self._timer.stop()
            gone, self._gone = self._gone, 0
            self._compare.looks.run_on(-gone)
            self.running_changed.emit()

    def _file(self) -> str:
        shown = self._compare.standing.shown(self._compare.focus)
        return shown.image.path if shown is not None else ""

    @Slot()
    def _step(self) -> None:
        """One frame on, once the one before is there: a slow disk makes it slower, and skips nothing."""
        compare = self._compare
        if compare.standing.raster(compare.focus) is None and compare.standing.shown(compare.focus) is not None:
            return
        if "frame" in compare.looks.linked:
            step = compare.standing.wrapped(self._gone + 1) - self._gone
            self._gone += step
            compare.looks.run_on(step)
        else:
            compare.looks.step(compare.focus, compare.standing.step_round(compare.focus))


class CineWords(QLabel):
    """How fast it plays, and whether the file says so; there while it plays."""

    def __init__(self, cine: Cine) -> None:
        super().__init__()
        self._cine = cine
        cine.running_changed.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        self.setVisible(self._cine.is_running)
        rate = self._cine.rate
        stated = self.tr(", as the file says") if rate == self._cine.stated else ""
        self.setText(self.tr("{0:.3g} frames a second{1}").format(rate, stated))
