"""The curves of the shown maps: probability under deletion and insertion, likeness under random weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.gui.rate_plot import PEN_STYLES, ThemedPlot
from xferviewer.gui.theme import GRID, Theme
from xferviewer.protocol import MapMeasured

_FEWEST_PIXELS = 40 * GRID


class MapCurvePlot(ThemedPlot):
    """Fixed axes; a map in the colour and line of its checkpoint, a map drawn by lot thin in the same colour."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        for widget in (self, self.viewport()):
            widget.setAccessibleName(name)
        self.setMinimumHeight(_FEWEST_PIXELS)
        self.setMouseEnabled(False, False)
        self.setMenuEnabled(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # no key does anything here
        self.hideButtons()
        for side in ("bottom", "left"):
            self.getAxis(side).enableAutoSIPrefix(False)

    def show_game(self, game: str, below: str, measured: Sequence[tuple[MapMeasured, CheckpointStyle]]) -> None:
        """ "deletion" or "insertion": the probability over the share of the pixels that are gone, or are there."""
        self._begin(below, "p", (0, 1), (0, 1))
        for one, style in measured:
            shares = np.linspace(0, 1, one.values.shape[1])
            thick = pg.mkPen(style.colour, width=2, style=PEN_STYLES[style.dash])
            self.plot(shares, one.values[one.names.index(game)], pen=thick)
            self.plot(shares, one.values[one.names.index(f"{game}_random")], pen=pg.mkPen(style.colour, width=1))

    def show_randomised(self, below: str, measured: Sequence[tuple[MapMeasured, CheckpointStyle]]) -> None:
        """Rank correlation with the first map, from no random weights (1) to all of them."""
        self._begin(below, "ρ", (0, 1), (-1, 1))
        for one, style in measured:
            shares = np.linspace(0, 1, one.values.shape[1] + 1)
            pen = pg.mkPen(style.colour, width=2, style=PEN_STYLES[style.dash])
            self.plot(shares, np.concatenate([[1.0], one.values[0]]), pen=pen, connect="finite")

    def _begin(self, below: str, beside: str, across: tuple[float, float], up: tuple[float, float]) -> None:
        self.clear()
        self.setRange(xRange=across, yRange=up, padding=0.03)
        self.getAxis("bottom").setLabel(below)
        self.getAxis("left").setLabel(beside)
