"""The tab of precision over recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.intervals import Proportion
from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.exchange.curve_plot import Curve, CurvePlot, Guide
from xferviewer.gui.number_text import rate_text
from xferviewer.gui.views.curves.plot import ZoomPlot, pen_of
from xferviewer.gui.views.curves.tab import FIGURE_POINTS, Context, CurveTab
from xferviewer.gui.views.curves.words import proportion_lines, threshold_text


class PrecisionRecallTab(CurveTab):
    """The curve of each checkpoint on all cases, its operating point, and the prevalence as what chance has."""

    def __init__(self, context: Context) -> None:
        name, below, beside = self.tr("Precision-recall curves"), self.tr("recall (sensitivity)"), self.tr("precision")
        super().__init__(
            context,
            self.tr("Precision–recall"),
            ZoomPlot(context.theme, name, below, beside),
            [
                (self.tr("AP"), self.tr("Average precision: the mean precision over the steps of recall")),
                (self.tr("above"), self.tr("The threshold: positive is what lies strictly above it")),
                (self.tr("recall"), self.tr("Cases called positive of those with the finding: sensitivity")),
                (self.tr("precision"), self.tr("Cases with the finding of those called positive: PPV")),
            ],
            self.tr(
                "Dot: operating point, all cases. Dashed: the prevalence, which scores by lot have for precision. "
                "Drag, wheel: zoom; double click: all."
            ),
        )
        self._points: dict[str, tuple[float, int, int]] = {}

    def rests_on(self) -> tuple[object, ...]:
        """Thresholds move the operating points."""
        return *super().rests_on(), *self._numbers.thresholds(self._session.finding)

    def draw_frame(self, drawn: Sequence[str]) -> None:
        """The prevalence, and all operating points."""
        finding = self._session.finding
        compared, prevalence = self._numbers.compared(finding), self._prevalence()
        self.plot.line("prevalence", [0, 1], [prevalence, prevalence], self.plot.guide_pen(), z=-20)
        points = self._at_thresholds()
        self.plot.dots(
            "operating points",
            [points[digest][1] / compared.n_positive for digest in drawn],
            [points[digest][1] / points[digest][2] if points[digest][2] else np.nan for digest in drawn],
            [self.style_of(digest).colour for digest in drawn],
        )

    def draw_checkpoint(self, digest: str, style: CheckpointStyle) -> None:
        """Steps, of which average precision is the area."""
        x, y = self._steps(digest, self.drawn_points())
        seen = self.in_view(x)
        self.plot.line(("curve", digest), x[seen], y[seen], pen_of(style))

    def _steps(self, digest: str, points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        curve = self._live.drawn_precision_recall(self._session.finding, digest, points)
        return np.repeat(np.append([0.0], curve.recall), 2)[1:-1], np.repeat(curve.precision, 2)

    def figure_of(self, drawn: Sequence[str], names: Mapping[str, str]) -> CurvePlot:
        """The steps, and the prevalence."""
        finding, prevalence = self._session.finding, self._prevalence()
        curves = []
        for digest in drawn:
            note = f"AP {rate_text(self._live.precision_recall(finding, digest).average_precision)}"
            curves.append(Curve(names[digest], self.style_of(digest), *self._steps(digest, FIGURE_POINTS), note=note))
        guide = Guide("prevalence", np.array([0.0, 1.0]), np.array([prevalence, prevalence]))
        title, caption = f"{finding}: precision and recall", self.caption("Thin line: prevalence.")
        x_name, y_name = "recall (sensitivity)", "precision (PPV)"
        return CurvePlot("precision-recall", title, x_name, y_name, tuple(curves), caption, (guide,))

    def _prevalence(self) -> float:
        compared = self._numbers.compared(self._session.finding)
        return compared.n_positive / (compared.n_positive + compared.n_negative)

    def _at_thresholds(self) -> dict[str, tuple[float, int, int]]:
        """Threshold, true positives and called of each checkpoint on all cases."""
        finding = self._session.finding
        thresholds = self._numbers.thresholds(finding)
        state = self._numbers.referral.sweep(finding).at(0.0, thresholds)  # nobody is referred: all cases
        called = (state.true_positive + state.false_positive).tolist()
        points = zip(thresholds, state.true_positive.tolist(), called, strict=True)
        return dict(zip(self._numbers.compared(finding).digests, points, strict=True))

    def show_cursor(self, drawn: Sequence[str]) -> str:
        """The recall under the mouse, and each curve's point there."""
        at = None if self.cursor_at is None else min(max(self.cursor_at.x(), 0.0), 1.0)
        self.plot.show_cursor(at)
        if at is None:
            self.plot.mark([], [], [])
            self._points = self._at_thresholds()
            return self.tr("at the operating points, all cases")
        self._points = {digest: self._at_recall(digest, at) for digest in drawn}
        n_positive = self._numbers.compared(self._session.finding).n_positive
        self.plot.mark(
            [self._points[digest][1] / n_positive for digest in drawn],
            [self._points[digest][1] / self._points[digest][2] for digest in drawn],
            [self.style_of(digest).colour for digest in drawn],
        )
        return self.tr("at recall {0}, all cases").format(rate_text(at))

    def _at_recall(self, digest: str, recall: float) -> tuple[float, int, int]:
        """The highest threshold with at least this recall."""
        curve = self._live.precision_recall(self._session.finding, digest)
        point = int(np.searchsorted(curve.true_positives, max(np.ceil(recall * curve.n_positive - 1e-9), 1)))
        return float(curve.thresholds[point]), int(curve.true_positives[point]), int(curve.called[point])

    def cells(self, digest: str) -> Sequence[str]:
        """Average precision; threshold, rates and counts at the mouse, else at the operating point."""
        curve = self._live.precision_recall(self._session.finding, digest)
        threshold, true_positive, called = self._points[digest]
        return (
            rate_text(curve.average_precision),
            threshold_text(threshold),
            proportion_lines(Proportion(true_positive, curve.n_positive)),
            proportion_lines(Proportion(true_positive, called)),
        )
