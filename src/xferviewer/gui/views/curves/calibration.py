"""The calibration tab: the reliability diagram, how the probabilities are distributed, and the measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QComboBox, QSpinBox, QVBoxLayout, QWidget

from xferviewer.evaluation.estimate import Estimate
from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.exchange.curve_plot import Curve, CurvePlot, Guide
from xferviewer.gui.live_curves import Calibration
from xferviewer.gui.number_text import rate_text
from xferviewer.gui.theme import GRID
from xferviewer.gui.views.curves.plot import ZoomPlot, pen_of
from xferviewer.gui.views.curves.tab import Context, CurveTab
from xferviewer.gui.views.curves.words import interval_lines, signed_text

_MOST_BINS = 50
_AXIS_WIDTH = 14 * GRID
_NEAREST_PIXELS = 24


class CalibrationTab(CurveTab):
    """Observed rate over mean probability, a dot for each bin; below, how many cases have which probability."""

    probabilities_only = True
    needs_spread = False

    def __init__(self, context: Context) -> None:
        plot = ZoomPlot(context.theme, self.tr("Reliability diagram"), "", self.tr("observed rate"))
        histogram = ZoomPlot(context.theme, self.tr("Cases by probability"), self.tr("probability"), self.tr("cases"))
        histogram.getAxis("left").setLogMode(True)
        for each in (plot, histogram):
            each.getAxis("left").setWidth(_AXIS_WIDTH)
        area = QWidget()
        layout = QVBoxLayout(area)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(plot, 5)
        layout.addWidget(histogram, 3)
        super().__init__(
            context,
            self.tr("Calibration"),
            plot,
            [
                (self.tr("ECE\nMCE"), self.tr("Expected calibration error in these bins: the mean distance of the dots "
                                              "from the diagonal, weighted by cases, too large in small samples. "
                                              "Maximum calibration error: the largest distance of a dot.")),
                (self.tr("debiased"), self.tr("ECE without what chance adds, with its 95 % bootstrap interval (basic, "
                                              "2,000 resamples of patients where they are known)")),
                (self.tr("Brier\nNLL"), self.tr("Brier score: the mean squared distance of probability and label. NLL: "
                                                "the mean negative logarithm of the probability of the label.")),
                (self.tr("slope\nintercept"), self.tr("Slope and intercept of calibration (Cox) with Wald's 95 % "
                                                      "intervals: 1 and 0 where probabilities mean what they say; with "
                                                      "a slope below 1 they are too extreme")),
            ],
            self.tr(
                "Dots: bins. Point at one: its cases. Below: how many cases have which probability. "
                "Drag, wheel: zoom; double click: all."
            ),
            area=area,
            share=0.57,
        )  # fmt: skip
        self.histogram = histogram
        self._live.changed.connect(self.draw_soon)
        self._add_intervals(
            self.tr("Bars: Wilson's 95 % interval of the observed rate of each bin; and the debiased calibration error")
        )
        self.binning = QComboBox()
        self.binning.setAccessibleName(self.tr("Kind of bins"))
        self.binning.addItem(self.tr("equal width"), "width")
        self.binning.addItem(self.tr("equal mass"), "mass")
        self.binning.setToolTip(
            self.tr("Equal width: bins as wide as one another. Equal mass: as many cases in each bin.")
        )
        self.bins = QSpinBox(minimum=2, maximum=_MOST_BINS, value=15, suffix=self.tr(" bins"))
        self.bins.setAccessibleName(self.tr("Number of bins"))
        self.binning.currentIndexChanged.connect(self.draw_soon)
        self.bins.valueChanged.connect(self.draw_soon)
        self.controls.addWidget(self.binning)
        self.controls.addWidget(self.bins)
        plot.box.sigXRangeChanged.connect(self._follow)

    def _follow(self) -> None:
        """The histogram shows the probabilities that the diagram shows."""
        low, high = self.plot.box.viewRange()[0]
        self.histogram.setXRange(low, high, padding=0)

    # --- drawing

    def rests_on(self) -> tuple[object, ...]:
        """The bins."""
        return *super().rests_on(), self.bins.value(), self.binning.currentData(), self.intervals.currentData()

    def _calibration(self, digest: str) -> Calibration:
        return self._live.calibration(self._session.finding, digest, self.bins.value(), self.binning.currentData())

    def _draw(self) -> None:
        self.histogram.begin()
        super()._draw()
        self.histogram.end()

    def draw_frame(self, drawn: Sequence[str]) -> None:
        """The diagonal, and room for the fullest bin."""
        self.plot.line("diagonal", [0, 1], [0, 1], self.plot.guide_pen(), z=-20)
        most = max(int(self._counts(digest).max()) for digest in drawn)
        self.histogram.set_home((0.0, 1.0), (_log_counts(np.zeros(1))[0], np.floor(np.log10(most)) + 1.25))

    def draw_checkpoint(self, digest: str, style: CheckpointStyle) -> None:
        """The bins' rates, with intervals for the active one, and the outline of the histogram."""
        diagram = self._calibration(digest).diagram
        x, y = diagram.mean_probability, diagram.observed
        self.plot.line(("line", digest), x, y, pen_of(style, 1))
        self.plot.dots(("bins", digest), x, y, [style.colour] * x.size, size=8)
        if self.has_interval(digest):
            lower, upper = diagram.observed_interval()
            self.plot.error_bars(("interval", digest), x, y, lower, upper, style.colour)
        counts = self._counts(digest)
        edges = np.linspace(0, 1, counts.size + 1)
        steps = np.concatenate(([-1.0], np.repeat(_log_counts(counts), 2), [-1.0]))
        self.histogram.line(("counts", digest), np.repeat(edges, 2), steps, pen_of(style))

    def figure_of(self, drawn: Sequence[str], names: Mapping[str, str]) -> CurvePlot:
        """The bins of all checkpoints with their intervals and counts."""
        curves = []
        for digest in drawn:
            diagram = self._calibration(digest).diagram
            x, y = diagram.mean_probability, diagram.observed
            lower, upper = diagram.observed_interval() if self.has_interval(digest) else (None, None)
            note = f"ECE {rate_text(diagram.expected_error)}"
            curves.append(Curve(names[digest], self.style_of(digest), x, y, lower, upper, diagram.counts, note))
        bins = f"{self.bins.value()} bins of equal {self.binning.currentData()}."
        bars = "Bars: 95 % Wilson intervals. " if any(curve.lower is not None for curve in curves) else ""
        said = f"{bins} Area of a mark: share of the cases. {bars}Thin line: as it should be."
        finding, ends = self._session.finding, np.array([0.0, 1.0])
        return CurvePlot(
            "calibration", f"{finding}: calibration", "mean probability", "observed rate", tuple(curves),
            self.caption(said), (Guide("as it should be", ends, ends),),
        )  # fmt: skip

    def _counts(self, digest: str) -> NDArray[np.int64]:
        """How many cases have which probability, in bins of equal width whatever the diagram's are."""
        n_bins = self.bins.value()
        diagram = self._live.calibration(self._session.finding, digest, n_bins, "width").diagram
        counts = np.zeros(n_bins, dtype=np.int64)
        counts[diagram.bins] = diagram.counts
        return counts

    def show_cursor(self, drawn: Sequence[str]) -> str:
        """What the dot under the mouse stands for."""
        found = self._nearest(drawn)
        if found is None:
            self.plot.mark([], [], [])
            return self.tr("all cases")
        digest, place = found
        diagram = self._calibration(digest).diagram
        lower, upper = diagram.observed_interval()
        self.plot.mark(
            [diagram.mean_probability[place]], [diagram.observed[place]], [self.style_of(digest).colour]
        )  # fmt: skip
        return self.tr("{0}: {1} cases, mean {2}, observed {3} [{4}, {5}]").format(
            self.name_of(digest),
            f"{int(diagram.counts[place]):,}",
            *map(rate_text, (diagram.mean_probability[place], diagram.observed[place], lower[place], upper[place])),
        )

    def _nearest(self, drawn: Sequence[str]) -> tuple[str, int] | None:
        if self.cursor_at is None:
            return None
        width, height = self.plot.pixel_size()
        best: tuple[float, str, int] | None = None
        for digest in drawn:
            diagram = self._calibration(digest).diagram
            away = np.hypot(
                (diagram.mean_probability - self.cursor_at.x()) / width,
                (diagram.observed - self.cursor_at.y()) / height,
            )
            place = int(np.argmin(away))
            if away[place] < _NEAREST_PIXELS and (best is None or away[place] < best[0]):
                best = float(away[place]), digest, place
        return None if best is None else best[1:]

    def cells(self, digest: str) -> Sequence[str]:
        """The measures; those that have an interval with it below."""
        calibration, diagram = self._calibration(digest), self._calibration(digest).diagram
        debiased = "–"  # the bootstrap takes its time: only for whose intervals are wanted
        if self.has_interval(digest):
            found = self._live.calibration_error(
                self._session.finding, digest, self.bins.value(), self.binning.currentData()
            )
            estimate = found.debiased if found is not None else None
            debiased = interval_lines(estimate.value, estimate.lower, estimate.upper) if estimate is not None else "…"
        return (
            f"{rate_text(diagram.expected_error)}\n{rate_text(diagram.maximum_error)}",
            debiased,
            f"{rate_text(calibration.brier)}\n{signed_text(calibration.negative_log_likelihood, 3)}",
            f"{_estimate_text(calibration.cox.slope)}\n{_estimate_text(calibration.cox.intercept)}",
        )


def _log_counts(counts: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The common logarithm, for none what half a case would have."""
    logarithms: NDArray[np.float64] = np.log10(np.maximum(counts, 0.5))
    return logarithms


def _estimate_text(estimate: Estimate) -> str:
    """A number with its interval."""
    if np.isnan(estimate.value):
        return "n/a"
    return f"{signed_text(estimate.value, 2)} [{signed_text(estimate.lower, 2)}, {signed_text(estimate.upper, 2)}]"
