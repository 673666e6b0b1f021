"""What the tabs of the curves have in common: drawing when somebody looks, once for many changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from xferviewer.exchange.checkpoint_styles import CheckpointStyle, style_of
from xferviewer.exchange.curve_plot import Caption, CurvePlot
from xferviewer.gui.live_curves import Lack, LiveCurves
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme
from xferviewer.gui.views.curves.captions import caption_of, names_of
from xferviewer.gui.views.curves.plot import Beside, ZoomPlot
from xferviewer.gui.views.curves.readout import Readout, ReadoutRow
from xferviewer.gui.views.curves.words import lack_text, why_nothing

_DRAWN_POINTS = 600  # twice the pixels of a small plot's side; eight curves of them are drawn in 3 ms
FIGURE_POINTS = 2000
"""By which curves are drawn in files: more than anybody sees."""
_MOST_POINTS = 64 * _DRAWN_POINTS
_ROOM_FOR_HINT = 75 * GRID


@dataclass(frozen=True, slots=True)
class Context:
    """What every tab is given."""

    session: Session
    numbers: LiveNumbers
    live: LiveCurves
    theme: Theme


class SeenTab(QWidget):
    """Draws in the next turn of the event loop after a change, if it is visible, else when it is shown."""

    def __init__(self, context: Context, title: str, mouse_habits: str) -> None:
        super().__init__()
        self.title = title
        self.mouse_habits = mouse_habits
        self._session, self._numbers, self._live = context.session, context.numbers, context.live
        self._theme = context.theme
        self._stale = True
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._draw_if_seen)
        self._numbers.changed.connect(self.draw_soon)
        self._session.finding_changed.connect(self.draw_soon)
        self._session.panes_changed.connect(self.draw_soon)

    @Slot()
    def draw_soon(self) -> None:
        """Something changed that the tab may show."""
        self._stale = True
        if self.isVisible():
            self._soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what changed while nobody looked."""
        super().showEvent(event)
        self._draw_if_seen()

    @Slot()
    def _draw_if_seen(self) -> None:
        if self._stale and self.isVisible():
            self._stale = False
            self.draw_now()

    def draw_now(self) -> None:
        """Bring what is seen up to date."""
        raise NotImplementedError

    @property
    def has_figure(self) -> bool:
        """Something is drawn."""
        raise NotImplementedError

    def figure(self) -> tuple[CurvePlot, ...]:
        """What is drawn, as data; nothing where nothing is drawn."""
        raise NotImplementedError


class CurveTab(SeenTab):
    """A plot, and the numbers of all compared checkpoints beside it.

    The plot is left alone where all it rests on is what it was; the numbers follow the mouse.
    """

    probabilities_only = False
    needs_spread = True

    def __init__(
        self,
        context: Context,
        title: str,
        plot: ZoomPlot,
        columns: Sequence[tuple[str, str]],
        mouse_habits: str,
        *,
        area: QWidget | None = None,
        share: float = 0.45,
    ) -> None:
        """`columns` are those of the numbers, which take `share` of the width; the plot stands in `area`, else it is
        square and alone, and the numbers have the rest."""
        super().__init__(context, title, mouse_habits)
        self.plot = plot
        self.why = QLabel()
        self.why.setWordWrap(True)
        self.why.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.readout = Readout(self.tr("{0}: numbers").format(title), columns)
        self.readout.activated_checkpoint.connect(self._session.set_active)
        self.where = QLabel()
        self.where.setObjectName("faint")
        self.where.setWordWrap(True)
        self.hint = QLabel(mouse_habits)
        self.hint.setObjectName("faint")
        self.hint.setWordWrap(True)
        self.controls = QHBoxLayout()
        self.controls.setSpacing(2 * GRID)
        self.controls.addStretch(1)
        beside = QWidget()
        column = QVBoxLayout(beside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(self.controls)
        column.addWidget(self.where)
        column.addWidget(self.readout, 1)
        column.addWidget(self.hint)
        self._stack = QStackedWidget()
        self._stack.addWidget(Beside(area or plot, beside, None if area is None else share))
        self._stack.addWidget(self.why)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, GRID, 0, 0)
        layout.addWidget(self._stack)
        self._rested_on: tuple[object, ...] | None = None
        self._drawn: tuple[str, ...] = ()
        self.cursor_at: QPointF | None = None
        plot.hovered.connect(self._hover)
        plot.zoomed.connect(self.draw_soon)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room the numbers have it; the tab's tool tip says what the mouse does."""
        super().resizeEvent(event)
        self.hint.setVisible(self.height() >= _ROOM_FOR_HINT)

    # --- drawing

    def draw_now(self) -> None:
        """Draw anew if something changed, then show the numbers at the mouse."""
        rests_on = self.rests_on()
        if rests_on != self._rested_on:
            self._rested_on = rests_on
            self._draw()
        if self._drawn:
            self.where.setText(self.show_cursor(self._drawn))
            self.readout.show_rows(self._rows())

    @Slot()
    def draw_anew(self) -> None:
        """What took longer is there."""
        self._rested_on = None
        self.draw_soon()

    def changeEvent(self, event: QEvent) -> None:
        """Another theme: lines that are drawn with the curves have its colours."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.draw_anew()

    def rests_on(self) -> tuple[object, ...]:
        """What the plot depends on: equal tuples draw the same. Sub-classes add to it."""
        session = self._session
        # The compared cases stand for all in them: they are made anew when labels, scores, unit or filter change.
        compared = self._numbers.compared(session.finding)
        return compared, session.active, session.classifiers.all, session.cohort.name, self.plot.view()

    def _draw(self) -> None:
        reason = why_nothing(self._session, self._numbers)
        self._drawn = () if reason else self._drawable()
        self.plot.begin()
        if self._drawn:
            self.draw_frame(self._drawn)
            for digest in self._drawn:
                self.draw_checkpoint(digest, self.style_of(digest))
        self.plot.end()
        self.why.setText(reason or self._reasons())
        self._stack.setCurrentIndex(0 if self._drawn else 1)

    def _drawable(self) -> tuple[str, ...]:
        return tuple(each.digest for each in self._session.classifiers.all if self.lack(each.digest) is None)

    def _reasons(self) -> str:
        lacks = [(each.name, self.lack(each.digest)) for each in self._session.classifiers.all]
        return "\n".join(f"{name}: {lack_text(lack)}" for name, lack in lacks if lack is not None)

    def _rows(self) -> list[ReadoutRow]:
        rows = []
        for each in self._session.classifiers.all:
            lack = self.lack(each.digest)
            cells = tuple(self.cells(each.digest)) if lack is None else (lack_text(lack),)
            active = each.digest == self._session.active
            rows.append(ReadoutRow(each.digest, each.name, self.style_of(each.digest), cells, active))
        return rows

    def lack(self, digest: str) -> Lack | None:
        """Why this tab draws nothing for a checkpoint; None where it draws."""
        return self._live.lack(
            self._session.finding, digest, probabilities=self.probabilities_only, spread=self.needs_spread
        )

    def style_of(self, digest: str) -> CheckpointStyle:
        """The colour and line of a checkpoint."""
        return style_of(self._session.classifiers.place_of(digest))

    def name_of(self, digest: str) -> str:
        """What a checkpoint is called."""
        scored = self._session.classifiers.find(digest)
        return scored.name if scored is not None else ""

    def drawn_points(self) -> int:
        """How many points a curve is drawn by: the more, the smaller the part of it that is in view."""
        points, share = _DRAWN_POINTS, self.plot.visible_share()
        while points * share < _DRAWN_POINTS and points < _MOST_POINTS:
            points *= 2
        return points

    def in_view(self, x: NDArray[np.float64]) -> slice:
        """Which of ascending x are in view, with one on each side."""
        view = self.plot.view()
        if view is None:
            return slice(None)
        low, high = view[0]
        return slice(max(int(np.searchsorted(x, low)) - 1, 0), int(np.searchsorted(x, high, side="right")) + 1)

    @property
    def has_figure(self) -> bool:
        """Some checkpoint has a curve."""
        return bool(self._drawn)

    def figure(self) -> tuple[CurvePlot, ...]:
        """The plot with the whole of its curves, as it is now."""
        self._draw_if_seen()
        if not self._drawn:
            return ()
        return (self.figure_of(self._drawn, names_of(self._session)),)

    def caption(self, explanation: str) -> Caption:
        """What is said below it."""
        return caption_of(self._session, self._numbers, self._session.finding, self._drawn, explanation)

    def _add_intervals(self, tool_tip: str) -> None:
        """A box that says whose intervals are drawn: those of the active checkpoint, of all, or none."""
        self.intervals = QComboBox()
        self.intervals.setAccessibleName(self.tr("Whose intervals are drawn"))
        self.intervals.setToolTip(tool_tip)
        self.intervals.addItem(self.tr("95 %: active"), "active")
        self.intervals.addItem(self.tr("95 %: all"), "all")
        self.intervals.addItem(self.tr("95 %: none"), "none")
        self.intervals.currentIndexChanged.connect(self.draw_soon)
        self.controls.addWidget(self.intervals)

    def has_interval(self, digest: str) -> bool:
        """Intervals are drawn of this checkpoint."""
        whose = self.intervals.currentData()
        return bool(whose == "all" or (whose == "active" and digest == self._session.active))

    # --- what a tab draws

    def figure_of(self, drawn: Sequence[str], names: Mapping[str, str]) -> CurvePlot:
        """The curves of these checkpoints, by these names, as data."""
        raise NotImplementedError

    def draw_frame(self, drawn: Sequence[str]) -> None:
        """Draw what belongs to all checkpoints: ranges, lines of reference."""

    def draw_checkpoint(self, digest: str, style: CheckpointStyle) -> None:
        """Draw what belongs to one."""
        raise NotImplementedError

    def show_cursor(self, drawn: Sequence[str]) -> str:
        """Mark where the mouse is in the plot, and say what the numbers are taken at."""
        return ""

    def cells(self, digest: str) -> Sequence[str]:
        """The numbers of a checkpoint that is drawn, one for each column."""
        raise NotImplementedError

    # --- mouse

    @Slot(object)
    def _hover(self, at: QPointF | None) -> None:
        self.cursor_at = at
        self.draw_soon()
