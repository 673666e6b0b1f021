"""The ROC tab: the curves of all checkpoints, their operating points, and what is retained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PySide6.QtCore import QPointF, Slot

from xferviewer.evaluation.operating_points import Confusion, confusion_of
from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.exchange.curve_plot import Curve, CurvePlot, Guide
from xferviewer.gui.number_text import interval_text, rate_text
from xferviewer.gui.views.curves.plot import ZoomPlot, pen_of
from xferviewer.gui.views.curves.segment import SegmentDrag
from xferviewer.gui.views.curves.tab import FIGURE_POINTS, Context, CurveTab
from xferviewer.gui.views.curves.words import interval_lines, proportion_lines, threshold_text


class RocTab(CurveTab):
    """Thick: what is retained at the referral rate. Thin: all cases. Dot: the operating point.

    A click on a curve sets the checkpoint's threshold; a drag along it with Shift puts the cases of that piece into the
    worklist.
    """

    def __init__(self, context: Context) -> None:
        plot = ZoomPlot(context.theme, self.tr("ROC curves"), self.tr("1 − specificity"), self.tr("sensitivity"))
        super().__init__(
            context,
            self.tr("ROC"),
            plot,
            [
                (self.tr("AUC"), self.tr("Area under the curve of all cases, with DeLong's 95 % interval")),
                (self.tr("above"), self.tr("The threshold: positive is what lies strictly above it")),
                (self.tr("sensitivity"), self.tr("True positives of all cases with the finding")),
                (self.tr("specificity"), self.tr("True negatives of all cases without it")),
            ],
            self.tr(
                "Thick: retained, thin: all cases, dot: operating point. Click a curve: its threshold. "
                "Shift + drag along a curve: these cases to the worklist. Drag, wheel: zoom; double click: all."
            ),
        )
        self._add_intervals(
            self.tr("Bands: Wilson's 95 % interval of the sensitivity at each false-positive rate, point by point")
        )
        self._segment = SegmentDrag(context, plot)
        self._segment.moved.connect(self.draw_soon)
        self._before_click: dict[str, float] = {}
        self._counts: dict[str, tuple[float, Confusion]] = {}
        plot.clicked.connect(self._click)
        plot.double_clicked.connect(self._undo_click)

    # --- drawing

    def rests_on(self) -> tuple[object, ...]:
        """Sliders move the operating points and what is retained."""
        session = self._session
        moved = session.referral_rate, session.uncertainty, *self._numbers.thresholds(session.finding)
        return *super().rests_on(), self.intervals.currentData(), self._segment.piece, moved

    def draw_frame(self, drawn: Sequence[str]) -> None:
        """The line of chance, and all operating points."""
        finding = self._session.finding
        self.plot.line("chance", [0, 1], [0, 1], self.plot.guide_pen(), z=-20)
        state, digests = self._numbers.referral.state(finding), self._numbers.compared(finding).digests
        places = [digests.index(digest) for digest in drawn]
        self.plot.dots(
            "operating points", 1 - state.specificity[places], state.sensitivity[places],
            [self.style_of(digest).colour for digest in drawn],
        )  # fmt: skip
        self._segment.draw()

    def draw_checkpoint(self, digest: str, style: CheckpointStyle) -> None:
        """All cases thin and the retained ones thick; all cases thick where none is referred."""
        finding, points = self._session.finding, self.drawn_points()
        whole = self._live.roc(finding, digest, points)
        refers = self._session.referral_rate > 0
        x, y = whole.false_positive_rate, whole.true_positive_rate
        seen = self.in_view(x)
        self.plot.line(("all", digest), x[seen], y[seen], pen_of(style, 1, faint=True) if refers else pen_of(style))
        if refers:
            retained = self._numbers.referral.retained_curve(finding, digest)
            kept_x, kept_y = retained.false_positive_rate, retained.true_positive_rate
            self.plot.line(("retained", digest), kept_x, kept_y, pen_of(style), z=1)
        if self.has_interval(digest):
            lower, upper = self._live.roc_band(finding, digest, points)
            self.plot.band(("band", digest), x[seen], lower[seen], upper[seen], style.colour)

    def figure_of(self, drawn: Sequence[str], names: Mapping[str, str]) -> CurvePlot:
        """All cases with their bands; dotted in its colour what is retained."""
        finding, rate, curves = self._session.finding, self._session.referral_rate, []
        guides = [Guide("chance", np.array([0.0, 1.0]), np.array([0.0, 1.0]))]
        said = ["Thin line: chance."]
        for digest in drawn:
            whole, style = self._live.roc(finding, digest, FIGURE_POINTS), self.style_of(digest)
            lower, upper = (
                self._live.roc_band(finding, digest, FIGURE_POINTS) if self.has_interval(digest) else (None, None)
            )
            auc = self._numbers.auc(finding, digest)
            note = f"AUC {interval_text(auc.auc, auc.lower, auc.upper)}" if auc is not None else ""
            x, y = whole.false_positive_rate, whole.true_positive_rate
            curves.append(Curve(names[digest], style, x, y, lower, upper, note=note))
            if rate > 0:
                kept = self._numbers.referral.retained_curve(finding, digest)
                name = f"{names[digest]}, retained"
                guides.append(Guide(name, kept.false_positive_rate, kept.true_positive_rate, style.colour))
        if any(curve.lower is not None for curve in curves):
            said.insert(0, "Bands: 95 % Wilson intervals of the sensitivity at each false-positive rate.")
        if rate > 0:
            said.append(f"Dotted: retained when {100 * rate:g} % are referred, the most uncertain first.")
        caption = self.caption(" ".join(said))
        x_name, y_name = "1 - specificity", "sensitivity"
        return CurvePlot("roc", f"{finding}: ROC", x_name, y_name, tuple(curves), caption, tuple(guides))

    def show_cursor(self, drawn: Sequence[str]) -> str:
        """The false-positive rate under the mouse, and each curve's point there."""
        rate = None if self.cursor_at is None else min(max(self.cursor_at.x(), 0.0), 1.0)
        self.plot.show_cursor(rate)
        if rate is None:
            self.plot.mark([], [], [])
            self._counts = self._counts_at_thresholds()
            return self.tr("at the operating points, all cases")
        self._counts = {digest: self._counts_at(digest, rate) for digest in drawn}
        points = [self._counts[digest][1] for digest in drawn]
        self.plot.mark(
            [1 - each.specificity.value for each in points], [each.sensitivity.value for each in points],
            [self.style_of(digest).colour for digest in drawn],
        )  # fmt: skip
        if self._segment.piece is not None:
            return self._segment.words()
        return self.tr("at false-positive rate {0}, all cases").format(rate_text(rate))

    def _counts_at(self, digest: str, rate: float) -> tuple[float, Confusion]:
        finding = self._session.finding
        point = self._live.point_at(finding, digest, rate)
        curve = self._numbers.curve(finding, digest)
        return float(curve.thresholds[point]), confusion_of(curve, point)

    def _counts_at_thresholds(self) -> dict[str, tuple[float, Confusion]]:
        finding = self._session.finding
        thresholds = self._numbers.thresholds(finding)
        state = self._numbers.referral.sweep(finding).at(0.0, thresholds)  # nobody is referred: all cases
        counts = zip(
            state.true_positive.tolist(), state.false_positive.tolist(), state.true_negative.tolist(),
            state.false_negative.tolist(), strict=True,
        )  # fmt: skip
        digests = self._numbers.compared(finding).digests
        return {d: (t, Confusion(*four)) for d, t, four in zip(digests, thresholds, counts, strict=True)}

    def cells(self, digest: str) -> Sequence[str]:
        """Area, threshold, rates and counts: at the mouse, else at the operating point."""
        auc = self._numbers.auc(self._session.finding, digest)
        threshold, counts = self._counts[digest]
        return (
            interval_lines(auc.auc, auc.lower, auc.upper) if auc is not None else "",
            threshold_text(threshold),
            proportion_lines(counts.sensitivity),
            proportion_lines(counts.specificity),
        )

    # --- mouse

    @Slot(object)
    def _click(self, at: QPointF) -> None:
        finding = self._session.finding
        found = self._live.nearest_curve(finding, (at.x(), at.y()), self.plot.pixel_size())
        self._before_click = {}
        if found is not None:
            digest, point = found
            self._before_click = {digest: self._session.operating_points.threshold(digest, finding)}
            self._session.operating_points.choose(finding, {digest: self._live.threshold_of(finding, digest, point)})

    @Slot()
    def _undo_click(self) -> None:
        """A double click begins with a click, which was not meant."""
        if self._before_click:
            self._session.operating_points.choose(self._session.finding, self._before_click)
            self._before_click = {}
