"""Two panes in one place: the second over the first, faded or blinking, so that the eye finds what differs."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QGraphicsOpacityEffect, QHBoxLayout, QLabel, QSlider, QWidget

from xferviewer.gui.theme import GRID
from xferviewer.gui.views.compare.pane import Pane
from xferviewer.gui.views.compare.view import CompareView

_BLINK_MS = 500
_HALF = 0.5
_WIDEST_NAME = 45 * GRID


class Blending(QObject):
    """`mode` is "" (all panes), "fade" or "blink"; `share` of the second pane is from 0 to 1."""

    changed = Signal()

    def __init__(self, compare: CompareView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._compare = compare
        self.mode = ""
        self.share = 0.5
        self._timer = QTimer(self)
        self._timer.setInterval(_BLINK_MS)
        self._timer.timeout.connect(self._blink)
        compare.panes_rebuilt.connect(self.stop)
        compare.said_changed.connect(self._say_once)

    def toggle(self, mode: str) -> None:
        """Begin it with the pane in focus and the next one, or show all panes again."""
        if mode == self.mode or len(self._compare.panes) < 2:
            self.stop()
            self.changed.emit()  # also where nothing can be blended: what asked for it is ticked
            return
        if not self.mode:
            first = self._compare.focus
            self._compare.pane_grid.blend((first, (first + 1) % len(self._compare.panes)))
        self.mode = mode
        self._timer.start() if mode == "blink" else self._timer.stop()
        self.set_share(0.5 if mode == "fade" else 1.0)
        self.changed.emit()

    def set_share(self, share: float) -> None:
        """So much of the second pane is seen."""
        self.share = share
        second = self._second()
        if second is not None:
            effect = QGraphicsOpacityEffect(second)
            effect.setOpacity(share)
            second.setGraphicsEffect(effect)
            self._say_once()

    @Slot()
    def stop(self) -> None:
        """All panes again."""
        if not self.mode:
            return
        self._timer.stop()
        second = self._second()
        if second is not None:
            second.setGraphicsEffect(None)  # type: ignore[arg-type]  # Qt takes the effect away
        self.mode = ""
        self._say_once()
        self._compare.pane_grid.blend(None)
        self.changed.emit()

    def names(self) -> tuple[str, str]:
        """What is faded into what; empty while nothing is blended."""
        blended = self._compare.pane_grid.blended
        return (self._compare.name_of(blended[0]), self._compare.name_of(blended[1])) if blended else ("", "")

    @Slot()
    def _say_once(self) -> None:
        """Words over words cannot be read: of two panes that are seen at once the one that is seen better speaks."""
        for place, number in enumerate(self._compare.pane_grid.blended or ()):
            silent = self.mode == "fade" and (place == 1) != (self.share > _HALF)
            self._compare.panes[number].set_said("none" if silent else self._compare.said)

    def _second(self) -> Pane | None:
        blended = self._compare.pane_grid.blended
        return self._compare.panes[blended[1]] if blended is not None else None

    @Slot()
    def _blink(self) -> None:
        self.set_share(1.0 - round(self.share))


class FadeControl(QWidget):
    """A slider from the first pane to the second, there while panes are faded."""

    def __init__(self, blending: Blending) -> None:
        super().__init__()
        self._blending = blending
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 0, 0, 0)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setMaximum(100)
        self.slider.setFixedWidth(40 * GRID)
        self.slider.setAccessibleName(self.tr("Share of the second pane"))
        self.slider.valueChanged.connect(self._set)
        self._ends = QLabel(), QLabel()
        layout.addWidget(QLabel(self.tr("Fade")))
        layout.addWidget(self._ends[0])
        layout.addWidget(self.slider)
        layout.addWidget(self._ends[1])
        blending.changed.connect(self._show)
        self._show()

    @Slot(int)
    def _set(self, share: int) -> None:
        if self._blending.mode == "fade":
            self._blending.set_share(share / 100)

    @Slot()
    def _show(self) -> None:
        self.setVisible(self._blending.mode == "fade")
        for label, name in zip(self._ends, self._blending.names(), strict=True):
            label.setText(label.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, _WIDEST_NAME))
            label.setToolTip(name)
        self.slider.setValue(round(100 * self._blending.share))
