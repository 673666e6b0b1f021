"""A plot of rates in the window's colours: ROC curves, retained rates."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt

from xferviewer.gui.theme import Theme

PEN_STYLES = {
    "solid": Qt.PenStyle.SolidLine,
    "dashed": Qt.PenStyle.DashLine,
    "dotted": Qt.PenStyle.DotLine,
    "dashdot": Qt.PenStyle.DashDotLine,
}
"""The line style of a checkpoint, by its name."""


class RatePlot(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
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
        super().__init__(background=theme.panel, viewBox=view_box)
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
            axis.setPen(theme.faint)
            axis.setTextPen(theme.text)
        self.legend: pg.LegendItem = None
        if legend_at is not None:
            ground = pg.mkColor(theme.panel)
            ground.setAlpha(160)  # curves may pass below
            self.legend = self.addLegend(offset=legend_at, labelTextColor=theme.text, brush=ground)
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
