"""A plot that zooms, tells where the mouse is, and changes what it shows instead of drawing it anew."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QEvent, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.gui.rate_plot import PEN_STYLES, RatePlot
from xferviewer.gui.theme import GRID, Theme

_SMALLEST_SHARE = 1e-3  # of an axis that may fill the plot
_PADDING = 0.03  # around the axes' ranges, of their length
_UNIT_SQUARE = ((0.0, 1.0), (0.0, 1.0))
_LEAST_SHARE = 0.45  # of the width, for the numbers beside a square plot
_FAINT = 110
_BAND = 45


@dataclass(frozen=True, slots=True)
class Drag:
    """The mouse on its way with Shift held: where it was pressed and where it is, in the plot's coordinates."""

    start: QPointF
    now: QPointF
    finished: bool


def pen_of(style: CheckpointStyle, width: int = 2, *, faint: bool = False) -> QPen:
    """The pen of a checkpoint."""
    colour = pg.mkColor(style.colour)
    if faint:
        colour.setAlpha(_FAINT)
    pen: QPen = pg.mkPen(colour, width=width, style=PEN_STYLES[style.dash])
    return pen


class _ZoomBox(pg.ViewBox):  # type: ignore[misc]  # pyqtgraph has no types
    """Left drag: zoom into a rectangle. With Shift it is told and nothing else. Middle: pan. Right and wheel: zoom."""

    dragged = Signal(object)  # Drag

    def __init__(self, theme: Theme) -> None:
        super().__init__(enableMenu=False)
        self._shifted = False
        self.setMouseMode(pg.ViewBox.RectMode)
        self._theme = theme

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Tell, pan or zoom."""
        if event.isStart():
            self._shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            inside = pg.mkColor(self._theme.accent)
            inside.setAlpha(40)
            self.rbScaleBox.setPen(pg.mkPen(self._theme.accent))
            self.rbScaleBox.setBrush(pg.mkBrush(inside))
        if event.button() == Qt.MouseButton.LeftButton and self._shifted and axis is None:
            event.accept()
            start, now = (self.mapToView(at) for at in (event.buttonDownPos(), event.pos()))
            self.dragged.emit(Drag(QPointF(start), QPointF(now), event.isFinish()))
        elif event.button() == Qt.MouseButton.MiddleButton:
            event.accept()
            way = self.mapToView(event.lastPos()) - self.mapToView(event.pos())
            self.translateBy(x=way.x(), y=way.y())
        else:
            super().mouseDragEvent(event, axis)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys are the window's; pyqtgraph would take them all."""
        event.ignore()


class ZoomPlot(RatePlot):
    """Lines, bands, dots and error bars by key: those of the last drawing whose key comes again get new data.

    Between `begin` and `end` everything is named that is to be seen; what is not named goes.
    """

    hovered = Signal(object)  # QPointF in the plot's coordinates; None: the mouse has left
    clicked = Signal(object)  # QPointF
    double_clicked = Signal()
    dragged = Signal(object)  # Drag
    zoomed = Signal()

    def __init__(self, theme: Theme, name: str, below: str, beside: str) -> None:
        box = _ZoomBox(theme)
        super().__init__(theme, name, below, beside, 1.0, view_box=box)
        self._items: dict[Hashable, pg.GraphicsObject] = {}
        self._named: set[Hashable] = set()
        # Room for the labels of the last ticks, which reach beyond the axes.
        self.getPlotItem().layout.setContentsMargins(1, 3 * GRID, 4 * GRID, 1)
        self.getAxis("bottom").setStyle(hideOverlappingLabels=4 * GRID)
        self._home = _UNIT_SQUARE
        self.setMouseEnabled(True, True)
        self._limit_to_home()
        self._cursor = pg.InfiniteLine(angle=90)
        self.pen_by_theme(self._cursor, "faint", Qt.PenStyle.DotLine)
        self._cursor.setZValue(-5)
        self._cursor.hide()
        self.addItem(self._cursor, ignoreBounds=True)
        self._marks = pg.ScatterPlotItem()
        self._marks.setZValue(4)
        self.addItem(self._marks, ignoreBounds=True)
        self.scene().sigMouseMoved.connect(self._mouse_moved)
        self.scene().sigMouseClicked.connect(self._mouse_clicked)
        box.dragged.connect(self.dragged)
        box.sigRangeChanged.connect(self._range_changed)

    @property
    def box(self) -> pg.ViewBox:
        """What maps between data and pixels."""
        return self.getPlotItem().vb

    # --- zoom

    def set_home(self, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        """The ranges of the whole plot; a zoom ends when they change."""
        if (x_range, y_range) != self._home:
            self._home = x_range, y_range
            self._limit_to_home()

    def _limit_to_home(self) -> None:
        (x_low, x_high), (y_low, y_high) = (
            (low - _PADDING * (high - low), high + _PADDING * (high - low)) for low, high in self._home
        )
        self.box.setLimits(
            xMin=x_low, xMax=x_high, yMin=y_low, yMax=y_high,
            minXRange=_SMALLEST_SHARE * (x_high - x_low), minYRange=_SMALLEST_SHARE * (y_high - y_low),
        )  # fmt: skip
        self.reset_zoom()

    @Slot()
    def reset_zoom(self) -> None:
        """Show the whole plot."""
        self.setRange(xRange=self._home[0], yRange=self._home[1], padding=_PADDING)

    def view(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """The ranges (low, high) of x and y in view; None while the whole plot is."""
        (x_low, x_high), (y_low, y_high) = self.box.viewRange()
        return None if self.visible_share() > 0.999 else ((x_low, x_high), (y_low, y_high))

    def visible_share(self) -> float:
        """How much of the axis that is zoomed more is in view, in (0, 1]."""
        pairs = zip(self.box.viewRange(), self._home, strict=True)
        shares = [(now[1] - now[0]) / ((1 + 2 * _PADDING) * (whole[1] - whole[0])) for now, whole in pairs]
        return float(min(shares))

    @Slot(object, object)
    def _range_changed(self, box: object, ranges: object) -> None:
        self.zoomed.emit()

    # --- drawing

    def begin(self) -> None:
        """Start to name what is to be seen."""
        self._named = set()

    def end(self) -> None:
        """Take away what was not named."""
        for key in [key for key in self._items if key not in self._named]:
            self.removeItem(self._items.pop(key))

    def item(self, key: Hashable) -> pg.GraphicsObject | None:
        """What is drawn under a key."""
        return self._items.get(key)

    def drawn_keys(self) -> set[Hashable]:
        """What is drawn."""
        return set(self._items)

    def _named_item(self, key: Hashable, kind: type[pg.GraphicsObject], z: int) -> pg.GraphicsObject:
        self._named.add(key)
        item = self._items.get(key)
        if item is None:
            # Error bars cannot be made without data, curves would be white.
            item = kind(x=np.zeros(1), y=np.zeros(1)) if kind is pg.ErrorBarItem else kind()
            item.setZValue(z)
            self._items[key] = item
            self.addItem(item, ignoreBounds=True)
        return item

    def line(self, key: Hashable, x: ArrayLike, y: ArrayLike, pen: QPen, z: int = 0) -> None:
        """A line through points; NaN interrupts it."""
        at_x, at_y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if not np.any(np.isfinite(at_x) & np.isfinite(at_y)):
            at_x = at_y = np.empty(0)  # pyqtgraph warns of curves without a point
        self._named_item(key, pg.PlotCurveItem, z).setData(at_x, at_y, pen=pen, connect="finite")

    def band(
        self, key: Hashable, x: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64], colour: str
    ) -> None:
        """The area between two curves over the same x."""
        inside = pg.mkColor(colour)
        inside.setAlpha(_BAND)
        item = self._named_item(key, pg.PlotCurveItem, -10)
        around_x, around_y = np.concatenate((x, x[::-1])), np.concatenate((lower, upper[::-1]))
        item.setData(around_x, around_y, pen=None, brush=inside, fillLevel="enclosed")

    def dots(
        self, key: Hashable, x: ArrayLike, y: ArrayLike, colours: Sequence[str], size: int = 11, symbol: str = "o"
    ) -> None:
        """A dot each, in its colour with a dark rim; those at NaN are left out."""
        at_x, at_y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        seen = np.flatnonzero(~np.isnan(at_x) & ~np.isnan(at_y))
        brushes = [pg.mkBrush(colours[place]) for place in seen.tolist()]
        item = self._named_item(key, pg.ScatterPlotItem, 2)
        item.setData(at_x[seen], at_y[seen], brush=brushes, size=size, symbol=symbol, pen=pg.mkPen("#000000"))

    def error_bars(
        self, key: Hashable, x: NDArray[np.float64], y: NDArray[np.float64],
        lower: NDArray[np.float64], upper: NDArray[np.float64], colour: str,
    ) -> None:  # fmt: skip
        """An upright interval at each point."""
        item = self._named_item(key, pg.ErrorBarItem, -1)
        item.setData(x=x, y=y, top=upper - y, bottom=y - lower, beam=0.0, pen=pg.mkPen(colour))

    def guide_pen(self) -> QPen:
        """The pen of lines that no checkpoint has drawn: chance, prevalence."""
        pen: QPen = pg.mkPen(self.theme.faint, style=Qt.PenStyle.DashLine)
        return pen

    def axis_pen(self) -> QPen:
        """The pen of a line that is part of the frame."""
        pen: QPen = pg.mkPen(self.theme.line)
        return pen

    def mark(self, x: Sequence[float], y: Sequence[float], colours: Sequence[str]) -> None:
        """Small rings where the curves are at the mouse; they are not part of the drawing."""
        pens = [pg.mkPen(colour, width=2) for colour in colours]
        self._marks.setData(x, y, pen=pens, brush=pg.mkBrush(self.theme.panel), size=8, symbol="o")

    def show_cursor(self, x: float | None) -> None:
        """An upright line at x, or none."""
        self._cursor.setVisible(x is not None)
        if x is not None:
            self._cursor.setValue(x)

    # --- mouse

    def pixel_size(self) -> tuple[float, float]:
        """Width and height of a pixel in the plot's coordinates."""
        width, height = self.box.viewPixelSize()
        return float(width), float(height)

    @Slot(object)
    def _mouse_moved(self, position: QPointF) -> None:
        inside = self.box.sceneBoundingRect().contains(position)
        self.hovered.emit(QPointF(self.box.mapSceneToView(position)) if inside else None)

    @Slot(object)
    def _mouse_clicked(self, event: Any) -> None:
        position = event.scenePos()
        if event.button() != Qt.MouseButton.LeftButton or not self.box.sceneBoundingRect().contains(position):
            return
        if event.double():
            self.reset_zoom()
            self.double_clicked.emit()
        elif not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.clicked.emit(QPointF(self.box.mapSceneToView(position)))

    def leaveEvent(self, event: QEvent) -> None:
        """The mouse points at nothing any more."""
        super().leaveEvent(event)
        self.hovered.emit(None)


class Beside(QWidget):
    """A plot, and the numbers beside it; below it where there is more height than width.

    Laid out by hand: a layout would make a square plot's size a wish, and move the panels.
    """

    _LEAST = 45 * GRID

    def __init__(self, plot: QWidget, numbers: QWidget, share: float | None) -> None:
        """`share` of the room is for the numbers; None: the plot is square, and the numbers have the rest."""
        super().__init__()
        self._plot, self._numbers, self._share = plot, numbers, share
        for widget in (plot, numbers):
            widget.setParent(self)
        self.setMinimumSize(2 * self._LEAST, self._LEAST)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the room."""
        width, height = self.width(), self.height()
        long, short = max(width, height), min(width, height)
        of_plot = long - max(self._LEAST, int((self._share or _LEAST_SHARE) * long))
        if self._share is None:
            of_plot = short = min(of_plot, short)
        after = of_plot + 2 * GRID
        if width >= height:
            self._plot.setGeometry(0, (height - short) // 2, of_plot, short)
            self._numbers.setGeometry(after, 0, width - after, height)
        else:
            self._plot.setGeometry((width - short) // 2, 0, short, of_plot)
            self._numbers.setGeometry(0, after, width, height - after)
