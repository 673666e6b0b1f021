"""A plot of rates in the window's colours: ROC curves, retained rates."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QWidget

from xferviewer.gui.theme import Theme

PEN_STYLES = {
    "solid": Qt.PenStyle.SolidLine,
    "dashed": Qt.PenStyle.DashLine,
    "dotted": Qt.PenStyle.DotLine,
    "dashdot": Qt.PenStyle.DashDotLine,
}
"""The line style of a checkpoint, by its name."""


_LEGEND_GROUND = 165  # of 255: curves may pass below


class ThemedPlot(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """A plot in the colours of the theme, whichever that is: ground, axes, legend, lines that no checkpoint drew."""

    _is_dressed = False  # pyqtgraph changes the palette while it makes the widget

    def __init__(self, theme: Theme, parent: QWidget | None = None, view_box: pg.ViewBox | None = None) -> None:
        super().__init__(parent, viewBox=view_box)
        self.theme = theme
        self.legend: pg.LegendItem = None
        self._pens: list[tuple[pg.GraphicsObject, str, Qt.PenStyle]] = []
        self.dress()

    def add_legend(self, at: tuple[int, int]) -> None:
        """A legend in this corner; curves may pass below."""
        self.legend = self.addLegend(offset=at)
        self.dress()

    def pen_by_theme(self, item: pg.GraphicsObject, colour: str, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> None:
        """Draw a line in a colour of the theme, by its name there."""
        self._pens.append((item, colour, style))
        self.dress()

    def dress(self) -> None:
        """Take the colours of the theme as they are now."""
        theme, self._is_dressed = self.theme, True
        self.setBackground(theme.panel)
        for side in ("bottom", "left"):
            axis = self.getAxis(side)
            axis.setPen(theme.faint)
            axis.setTextPen(theme.text)
        for item, colour, style in self._pens:
            item.setPen(pg.mkPen(getattr(theme, colour), style=style))
            if isinstance(item, pg.InfiniteLine):
                item.setHoverPen(pg.mkPen(theme.text))
        if self.legend is not None:
            ground = pg.mkColor(theme.panel)
            ground.setAlpha(_LEGEND_GROUND)
            self.legend.setBrush(ground)
            self.legend.setLabelTextColor(theme.text)
            for _, label in self.legend.items:
                label.setText(label.text)  # which takes the colour

    def changeEvent(self, event: QEvent) -> None:
        """Another theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._is_dressed:
            self.dress()


class RatePlot(ThemedPlot):
    """Fixed axes, with a legend where it has a place. What is drawn with `draw` goes with `clear_drawn`."""

    def __init__(
        self,
        theme: Theme,
        name: str,
        below: str,
        beside: str,
        widest: float,
        legend_at: tuple[int, int] | None = None,
        view_box: pg.ViewBox | None = None,
    ) -> None:
        """`below` and `beside` label the axes; the upright one ends at 1, the other at `widest`."""
        super().__init__(theme, view_box=view_box)
        for widget in (self, self.viewport()):
            widget.setAccessibleName(name)
        self.setRange(xRange=(0, widest), yRange=(0, 1), padding=0.03)
        self.setMouseEnabled(False, False)
        self.setMenuEnabled(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # no key does anything here
        self.hideButtons()
        for side, text in (("bottom", below), ("left", beside)):
            axis = self.getAxis(side)
            axis.setLabel(text)
            axis.enableAutoSIPrefix(False)
        if legend_at is not None:
            self.add_legend(legend_at)
        self._drawn: list[pg.GraphicsObject] = []

    def draw(self, item: pg.GraphicsObject, name: str = "") -> None:
        """Add a curve, a band or a dot; with a name it stands in the legend."""
        self.addItem(item)
        self._drawn.append(item)
        if name:
            self.legend.addItem(item, name)

    def clear_drawn(self) -> None:
        """Take away all that was drawn."""
        for item in self._drawn:
            self.removeItem(item)
        self._drawn.clear()
        self.legend.clear()
