"""The curves of a job: training and validation loss over one another, and the AUC of its findings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, Qt, Slot
from PySide6.QtGui import QPen, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.job_history import Epoch, Steps
from xferviewer.gui.rate_plot import PEN_STYLES, ThemedPlot
from xferviewer.gui.theme import GRID, Theme

_TRAINING, _VALIDATION = style_of(0).colour, style_of(1).colour
_FAINT = 90
_BAND = 45
_MOST_POINTS = 5000
"""Of a curve that are drawn, evenly taken: a screen has no more columns, and a long job tells of 100,000 steps."""

_LARGEST_SMOOTHING = 99
_FIRST_SMOOTHING = 60
_BESIDE = 0.02
"""Of an AUC, which ends at 0 and 1, so much more is in view that a curve along an end is seen."""

ALL, MEAN = "", "mean"


def smoothed(values: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """Exponential moving average of values (n,) with `weight` in [0, 1) on the past, divided by the sum of its weights.

    Without that division it would begin at 0 (Kingma and Ba 2015, section 3). scipy's filter would do the same after a
    second of loading, in which the window stands still; a loop over 100,000 values takes 10 ms.
    """
    if weight == 0 or not values.size:
        return values
    sums = np.fromiter(accumulate(values.tolist(), lambda sum_, value: weight * sum_ + value), np.float64, values.size)
    return sums * (1 - weight) / (1 - weight ** np.arange(1, values.size + 1))


class LearningPlot(ThemedPlot):
    """Curves over epochs; the wheel zooms, a double click shows everything again."""

    def __init__(self, theme: Theme, name: str, beside: str, *, rises: bool) -> None:
        """`rises`: the curves end high, so that the legend stands below."""
        super().__init__(theme)
        for widget in (self, self.viewport()):
            widget.setAccessibleName(name)
        self.setMenuEnabled(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # no key does anything here
        self.hideButtons()
        self.setMinimumSize(45 * GRID, 40 * GRID)
        for side, text in (("bottom", self.tr("epoch")), ("left", beside)):
            axis = self.getAxis(side)
            axis.setLabel(text)
            axis.enableAutoSIPrefix(False)
        self.getPlotItem().layout.setContentsMargins(1, 2 * GRID, 3 * GRID, 1)
        self.add_legend((-GRID, -GRID if rises else GRID))
        self.scene().sigMouseClicked.connect(self._clicked)
        self.setLimits(xMin=0)
        self.nothing = QLabel(self.tr("Nothing to draw before the first epoch has ended."), self)
        self.nothing.setObjectName("faint")
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.nothing.setWordWrap(True)
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._bands: list[pg.GraphicsObject] = []

    def draw(self, key: str, x: NDArray[np.float64], y: NDArray[np.float64], pen: QPen, *, named: bool = True) -> None:
        """A curve under its name, anew or for the first time; points at NaN are left out."""
        apart = -(-x.size // _MOST_POINTS) or 1
        x, y = x[::-apart][::-1], y[::-apart][::-1]  # the newest point is always there
        known = np.isfinite(x) & np.isfinite(y)
        curve = self._curves.get(key)
        if curve is None:
            curve = self._curves[key] = self.plot(name=key if named else None)
        # one point alone makes no line
        curve.setData(x[known], y[known], pen=pen, symbol="o" if known.sum() == 1 else None, symbolBrush=pen.color())

    def keep(self, keys: Sequence[str]) -> None:
        """Take away the curves that are not among these, and all bands."""
        for key in [key for key in self._curves if key not in keys]:
            self.removeItem(self._curves.pop(key))
        for band in self._bands:
            self.removeItem(band)
        self._bands = []

    def show_axes_of_something(self) -> None:
        """Axes and legend where there is a curve, else words in their place."""
        something = bool(self.drawn())
        for side in ("bottom", "left"):
            self.showAxis(side, something)
        self.legend.setVisible(something)
        self.nothing.setVisible(not something)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """The words stand in the middle."""
        super().resizeEvent(event)
        if hasattr(self, "nothing"):  # pyqtgraph resizes it while it is being made
            self.nothing.setGeometry(self.rect())

    def band(self, x: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], colour: str) -> None:
        """An interval at each x."""
        known = np.isfinite(low) & np.isfinite(high)
        if not known.any():
            return
        inside = pg.mkColor(colour)
        inside.setAlpha(_BAND)
        x, low, high = x[known], low[known], high[known]
        band = pg.PlotCurveItem(
            np.concatenate((x, x[::-1])), np.concatenate((low, high[::-1])), pen=None, brush=inside,
            fillLevel="enclosed",
        )  # fmt: skip
        self._bands.append(band)
        self.addItem(band)

    def drawn(self) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """What is drawn, x and y by name; a curve without points is not."""
        found = {key: curve.getOriginalDataset() for key, curve in self._curves.items()}
        return {key: (x, y) for key, (x, y) in found.items() if x is not None and len(x)}

    @Slot(object)
    def _clicked(self, event: object) -> None:
        if event.double():  # type: ignore[attr-defined]
            self.enableAutoRange()


class JobCurves(QWidget):
    """Both plots, how much the loss is smoothed, and of which finding the AUC is shown."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._steps = Steps()
        self._epochs: Sequence[Epoch] = ()
        self._steps_per_epoch = math.nan
        self.loss = LearningPlot(theme, self.tr("Loss over epochs"), self.tr("loss"), rises=False)
        self.auc = LearningPlot(theme, self.tr("Validation AUC over epochs"), self.tr("validation AUC"), rises=True)
        self.auc.setLimits(yMin=-_BESIDE, yMax=1 + _BESIDE)
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setAccessibleName(self.tr("Smoothing of the training loss"))
        self.smoothing.setRange(0, _LARGEST_SMOOTHING)
        self.smoothing.setValue(_FIRST_SMOOTHING)
        self.smoothing.setFixedWidth(30 * GRID)
        self.smoothed = QLabel()
        self.finding: ChoiceBox[str] = ChoiceBox(self.tr("AUC of"))
        self.smoothing.valueChanged.connect(self._draw_loss)
        self.finding.activated.connect(self._draw_auc)
        of_loss = QHBoxLayout()
        of_loss.addWidget(QLabel(self.tr("smoothing")))
        of_loss.addWidget(self.smoothing)
        of_loss.addWidget(self.smoothed)
        of_loss.addStretch(1)
        of_auc = QHBoxLayout()
        of_auc.addWidget(QLabel(self.tr("AUC of")))
        of_auc.addWidget(self.finding)
        of_auc.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * GRID)
        for above, plot in ((of_loss, self.loss), (of_auc, self.auc)):
            column = QVBoxLayout()
            column.setSpacing(GRID)
            column.addLayout(above)
            column.addWidget(plot, 1)
            layout.addLayout(column, 1)
        self._draw_loss()
        self._draw_auc()

    def show_course(self, steps: Steps, epochs: Sequence[Epoch], steps_per_epoch: float) -> None:
        """Draw the course of a job so far; `steps_per_epoch` places steps among epochs, NaN where nobody knows it."""
        self._steps, self._epochs, self._steps_per_epoch = steps, epochs, steps_per_epoch
        findings = list(epochs[-1].areas) if epochs else []
        self.finding.offer(
            [(self.tr("all findings"), ALL), (self.tr("their mean"), MEAN), *((name, name) for name in findings)], ALL
        )
        self._draw_loss()
        self._draw_auc()

    def changeEvent(self, event: QEvent) -> None:
        """Another theme: the mean is drawn in the colour of text."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw_auc()

    @Slot()
    def _draw_loss(self) -> None:
        weight = self.smoothing.value() / 100
        self.smoothed.setText(f"{weight:.2f}")
        drawn = []
        at = np.asarray(self._steps.number, dtype=np.float64) / self._steps_per_epoch
        loss = np.asarray(self._steps.loss, dtype=np.float64)
        known = np.isfinite(loss) & np.isfinite(at)
        training, batches, validation = self.tr("training"), self.tr("batches"), self.tr("validation")
        if known.any():
            faint = pg.mkColor(_TRAINING)
            faint.setAlpha(_FAINT)
            if weight:
                self.loss.draw(batches, at[known], loss[known], pg.mkPen(faint), named=False)
                drawn.append(batches)
            self.loss.draw(training, at[known], smoothed(loss[known], weight), pg.mkPen(_TRAINING, width=2))
        else:
            self.loss.draw(training, *self._of_epochs("training_loss"), pg.mkPen(_TRAINING, width=2))
        pen = pg.mkPen(_VALIDATION, width=2, style=PEN_STYLES[style_of(1).dash])
        self.loss.draw(validation, *self._of_epochs("validation_loss"), pen)
        self.loss.keep([*drawn, training, validation])
        self.loss.show_axes_of_something()

    def _of_epochs(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        values = [getattr(epoch, name) for epoch in self._epochs]
        return self._numbers(), np.asarray(values, dtype=np.float64)

    def _numbers(self) -> NDArray[np.float64]:
        return np.asarray([epoch.number for epoch in self._epochs], dtype=np.float64)

    @Slot()
    def _draw_auc(self) -> None:
        chosen = self.finding.value or ALL
        findings = list(self._epochs[-1].areas) if self._epochs else []
        mean = self.tr("mean")
        drawn = [name for name in findings if chosen in (ALL, name)]
        self.auc.keep([*drawn, *([mean] if chosen in (ALL, MEAN) else [])])
        for place, name in enumerate(findings):
            if name in drawn:
                style = style_of(place)
                areas = [epoch.areas.get(name) for epoch in self._epochs]
                auc, low, high = (
                    np.asarray([getattr(area, side) if area else math.nan for area in areas], dtype=np.float64)
                    for side in ("auc", "lower", "upper")
                )
                self.auc.draw(name, self._numbers(), auc, pg.mkPen(style.colour, style=PEN_STYLES[style.dash]))
                if chosen == name:
                    self.auc.band(self._numbers(), low, high, style.colour)
        if chosen in (ALL, MEAN):
            self.auc.draw(mean, *self._of_epochs("mean_auc"), pg.mkPen(self._theme.text, width=3))
        self.auc.show_axes_of_something()
