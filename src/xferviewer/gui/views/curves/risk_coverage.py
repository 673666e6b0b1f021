"""The tab of risk over coverage: how the error rate falls when the least certain calls are left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Slot

from xferviewer.evaluation.intervals import wilson
from xferviewer.evaluation.selective import RiskCoverage
from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.exchange.curve_plot import Curve, CurvePlot
from xferviewer.gui.number_text import rate_text
from xferviewer.gui.views.curves.plot import ZoomPlot, pen_of
from xferviewer.gui.views.curves.tab import FIGURE_POINTS, Context, CurveTab
from xferviewer.gui.views.curves.words import interval_lines, threshold_text

_TOPS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Ends of the upright axis: steps, so that it stands still while a slider moves."""


class RiskCoverageTab(CurveTab):
    """The error rate at the thresholds among what each checkpoint keeps; the line is the session's referral rate."""

    needs_spread = False

    def __init__(self, context: Context) -> None:
        name = self.tr("Risk-coverage curves")
        below, beside = self.tr("coverage (kept by the checkpoint)"), self.tr("risk (errors of the kept)")
        plot = ZoomPlot(context.theme, name, below, beside)
        super().__init__(
            context,
            self.tr("Risk–coverage"),
            plot,
            [
                (self.tr("AURC\nE-AURC"), self.tr("Area under the risk-coverage curve: the mean risk over all "
                                                  "coverages; the same less the least that is possible with as many "
                                                  "errors: what the order of referral costs")),
                (self.tr("risk"), self.tr("Errors of the kept cases, with Wilson's 95 % interval")),
                (self.tr("of all"), self.tr("Errors of all cases: the risk at coverage 1")),
            ],
            self.tr(
                "Errors are calls at the thresholds. Upright line: what is kept at the referral rate; drag it. "
                "Drag, wheel: zoom; double click: all."
            ),
            area=plot,
        )  # fmt: skip
        self._add_intervals(self.tr("Bands: Wilson's 95 % interval of the risk at each coverage, point by point"))
        self.marker = pg.InfiniteLine(angle=90, movable=True)
        plot.pen_by_theme(self.marker, "accent")
        self.marker.setBounds((0.0, 1.0))
        self.marker.sigPositionChanged.connect(self._marker_moved)
        plot.addItem(self.marker, ignoreBounds=True)

    @Slot()
    def _marker_moved(self) -> None:
        self._session.set_referral_rate(round(100 * (1 - self.marker.value())) / 100)

    # --- drawing

    def rests_on(self) -> tuple[object, ...]:
        """Thresholds make errors, and order the cases."""
        finding, rate = self._session.finding, self._session.referral_rate
        measure, thresholds = self._session.uncertainty, self._numbers.thresholds(finding)
        return *super().rests_on(), self.intervals.currentData(), measure, rate, *thresholds

    def _curve(self, digest: str) -> RiskCoverage:
        return self._live.risk_coverage(self._session.finding, digest)

    def draw_frame(self, drawn: Sequence[str]) -> None:
        """The referral rate, and an axis that ends above the errors of all cases."""
        self.marker.blockSignals(True)
        self.marker.setValue(1 - self._session.referral_rate)
        self.marker.blockSignals(False)
        self.plot.set_home((0.0, 1.0), (0.0, self._top(drawn)))

    def draw_checkpoint(self, digest: str, style: CheckpointStyle) -> None:
        """Points at even steps of coverage, and the active one's interval."""
        curve = self._curve(digest)
        at = _even_places(curve.risk.size, self.drawn_points())
        self.plot.line(("risk", digest), curve.coverage[at], curve.risk[at], pen_of(style))
        if self.has_interval(digest):
            self.plot.band(("band", digest), curve.coverage[at], *_band(curve, at), style.colour)

    def figure_of(self, drawn: Sequence[str], names: Mapping[str, str]) -> CurvePlot:
        """The curves with their bands."""
        finding, curves = self._session.finding, []
        for digest in drawn:
            curve = self._curve(digest)
            at = _even_places(curve.risk.size, FIGURE_POINTS)
            lower, upper = _band(curve, at) if self.has_interval(digest) else (None, None)
            threshold = threshold_text(self._session.operating_points.threshold(digest, finding))
            note = f"AURC {rate_text(curve.aurc)}, threshold {threshold}"
            x, y, style = curve.coverage[at], curve.risk[at], self.style_of(digest)
            curves.append(Curve(names[digest], style, x, y, lower, upper, note=note))
        measure = self._session.uncertainty
        said = f"The most certain cases first (measure: {measure})."
        if any(curve.lower is not None for curve in curves):
            said += " Bands: 95 % Wilson intervals of the risk at each coverage."
        return CurvePlot(
            "risk-coverage", f"{finding}: risk and coverage", "coverage", "error rate", tuple(curves),
            self.caption(said), y_range=(0.0, self._top(drawn)),
        )  # fmt: skip

    def _top(self, drawn: Sequence[str]) -> float:
        most = max(float(self._curve(digest).risk[-1]) for digest in drawn)
        return next(top for top in _TOPS if 1.2 * most <= top or top == 1)

    def _coverage(self) -> float:
        """The coverage that the numbers are taken at: under the mouse, else what the referral rate leaves."""
        at = 1 - self._session.referral_rate if self.cursor_at is None else self.cursor_at.x()
        return min(max(at, 0.0), 1.0)

    def show_cursor(self, drawn: Sequence[str]) -> str:
        """The coverage under the mouse, and each curve's point there."""
        coverage = self._coverage()
        if self.cursor_at is None:
            self.plot.show_cursor(None)
            self.plot.mark([], [], [])
            return self.tr("at referral rate {0} %").format(f"{100 * self._session.referral_rate:.0f}")
        self.plot.show_cursor(coverage)
        if coverage > 0:
            self.plot.mark(
                [coverage] * len(drawn),
                [self._curve(digest).risk_at(coverage) for digest in drawn],
                [self.style_of(digest).colour for digest in drawn],
            )
        return self.tr("at coverage {0}").format(rate_text(coverage))

    def cells(self, digest: str) -> Sequence[str]:
        """Areas, and the risk at the mouse, else at the referral rate."""
        curve, coverage = self._curve(digest), self._coverage()
        n = curve.risk.size
        risk = "n/a"
        if coverage > 0:
            kept = math.ceil(coverage * n - 1e-9)
            rate = curve.risk_at(coverage)
            lower, upper = wilson(rate * kept, kept)
            risk = interval_lines(rate, float(lower), float(upper))
        areas = f"{rate_text(curve.aurc)}\n{rate_text(curve.excess)}"
        return areas, risk, rate_text(float(curve.risk[-1]))


def _even_places(n: int, points: int) -> NDArray[np.intp]:
    """Indices at even steps, with the first and the last."""
    return np.unique(np.linspace(0, n - 1, min(points, n)).astype(np.intp))


def _band(curve: RiskCoverage, at: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`curve.band()` at these places alone: a slider has no time for all of them."""
    kept = at + 1
    return wilson(curve.risk[at] * kept, kept)
