"""The ROC tab: the curves of all checkpoints, their operating points, and what is retained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, Qt, Slot
from PySide6.QtWidgets import QComboBox

from xferviewer.evaluation.operating_points import Confusion, confusion_of
from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.gui.live_numbers import Compared
from xferviewer.gui.number_text import rate_text
from xferviewer.gui.views.curves.plot import Drag, ZoomPlot, pen_of
from xferviewer.gui.views.curves.tab import Context, CurveTab
from xferviewer.gui.views.curves.words import interval_lines, proportion_lines, threshold_text

_NEAREST_PIXELS = 24


@dataclass(frozen=True, slots=True)
class _Segment:
    """A piece of a checkpoint's exact curve, by the indices of the points where it was begun and where it is now."""

    compared: Compared
    digest: str
    first: int
    second: int


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
        self.band = QComboBox()
        self.band.setAccessibleName(self.tr("Bands around the curves"))
        self.band.addItem(self.tr("band: active"), "active")
        self.band.addItem(self.tr("band: all"), "all")
        self.band.addItem(self.tr("no band"), "none")
        self.band.setToolTip(
            self.tr("Wilson's 95 % interval of the sensitivity at each false-positive rate, point by point, all cases")
        )
        self.band.currentIndexChanged.connect(self.draw_soon)
        self.controls.addWidget(self.band)
        self._segment: _Segment | None = None
        self._before_click: dict[str, float] = {}
        self._counts: dict[str, tuple[float, Confusion]] = {}
        plot.clicked.connect(self._click)
        plot.double_clicked.connect(self._undo_click)
        plot.dragged.connect(self._drag)

    # --- drawing

    def draw_now(self) -> None:
        """A piece of a curve that is there no more is let go."""
        if self._segment is not None and self._segment.compared is not self._numbers.compared(self._session.finding):
            self._segment = None
        super().draw_now()

    def rests_on(self) -> tuple[object, ...]:
        """Sliders move the operating points and what is retained."""
        session = self._session
        moved = session.referral_rate, session.uncertainty, *self._numbers.thresholds(session.finding)
        return *super().rests_on(), self.band.currentData(), self._segment, moved

    def draw_frame(self, drawn: Sequence[str]) -> None:
        """The line of chance, and all operating points."""
        finding = self._session.finding
        self.plot.line("chance", [0, 1], [0, 1], self.plot.guide_pen(), z=-20)
        state, digests = self._numbers.state(finding), self._numbers.compared(finding).digests
        places = [digests.index(digest) for digest in drawn]
        self.plot.dots(
            "operating points", 1 - state.specificity[places], state.sensitivity[places],
            [self.style_of(digest).colour for digest in drawn],
        )  # fmt: skip
        self._draw_segment()

    def draw_checkpoint(self, digest: str, style: CheckpointStyle) -> None:
        """All cases thin and the retained ones thick; all cases thick where none is referred."""
        finding, points = self._session.finding, self.drawn_points()
        whole = self._live.roc(finding, digest, points)
        refers = self._session.referral_rate > 0
        x, y = whole.false_positive_rate, whole.true_positive_rate
        seen = self.in_view(x)
        self.plot.line(("all", digest), x[seen], y[seen], pen_of(style, 1, faint=True) if refers else pen_of(style))
        if refers:
            retained = self._numbers.retained_curve(finding, digest)
            kept_x, kept_y = retained.false_positive_rate, retained.true_positive_rate
            self.plot.line(("retained", digest), kept_x, kept_y, pen_of(style), z=1)
        band = self.band.currentData()
        if band == "all" or (band == "active" and digest == self._session.active):
            lower, upper = self._live.roc_band(finding, digest, points)
            self.plot.band(("band", digest), x[seen], lower[seen], upper[seen], style.colour)

    def _draw_segment(self) -> None:
        segment, finding = self._segment, self._session.finding
        if segment is None:
            return
        curve = self._numbers.curve(finding, segment.digest)
        first, second = sorted((segment.first, segment.second))
        piece = slice(first, second + 1)
        pen = pen_of(self.style_of(segment.digest), 5)
        pen.setStyle(Qt.PenStyle.SolidLine)
        x, y = curve.false_positive_rate[piece], curve.true_positive_rate[piece]
        step = max(x.size // 500, 1)
        self.plot.line("segment", [*x[::step], x[-1]], [*y[::step], y[-1]], pen, z=3)

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
        if self._segment is not None:
            return self._segment_words(self._segment)
        return self.tr("at false-positive rate {0}, all cases").format(rate_text(rate))

    def _counts_at(self, digest: str, rate: float) -> tuple[float, Confusion]:
        finding = self._session.finding
        point = self._live.point_at(finding, digest, rate)
        curve = self._numbers.curve(finding, digest)
        return float(curve.thresholds[point]), confusion_of(curve, point)

    def _counts_at_thresholds(self) -> dict[str, tuple[float, Confusion]]:
        finding = self._session.finding
        thresholds = self._numbers.thresholds(finding)
        state = self._numbers.sweep(finding).at(0.0, thresholds)  # nobody is referred: all cases
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
            threshold_text(threshold, probability=self._session.holds_probabilities(digest)),
            proportion_lines(counts.sensitivity),
            proportion_lines(counts.specificity),
        )

    # --- mouse

    def _nearest(self, at: QPointF) -> tuple[str, int] | None:
        """The checkpoint and the point of its exact curve next to a place, if one is near."""
        finding, pixel = self._session.finding, self.plot.pixel_size()
        found = [
            (self._live.nearest_point(finding, digest, (at.x(), at.y()), pixel), digest) for digest in self._drawable()
        ]
        near = [(away, digest, point) for (point, away), digest in found if away < _NEAREST_PIXELS]
        if not near:
            return None
        _, digest, point = min(near, key=lambda each: each[0])
        return digest, point

    @Slot(object)
    def _click(self, at: QPointF) -> None:
        found = self._nearest(at)
        self._before_click = {}
        if found is not None:
            digest, point = found
            finding = self._session.finding
            self._before_click = {digest: self._session.threshold(digest, finding)}
            self._session.set_thresholds(finding, {digest: self._live.threshold_of(finding, digest, point)})

    @Slot()
    def _undo_click(self) -> None:
        """A double click begins with a click, which was not meant."""
        if self._before_click:
            self._session.set_thresholds(self._session.finding, self._before_click)
            self._before_click = {}

    @Slot(object)
    def _drag(self, drag: Drag) -> None:
        finding = self._session.finding
        segment, compared = self._segment, self._numbers.compared(finding)
        if segment is None or segment.compared is not compared:
            begun = self._nearest(drag.start)
            if begun is None:
                return
            segment = _Segment(compared, *begun, begun[1])
        now, _ = self._live.nearest_point(finding, segment.digest, (drag.now.x(), drag.now.y()), self.plot.pixel_size())
        self._segment = replace(segment, second=now)
        if drag.finished:
            chosen, self._segment = self._segment, None
            rows = self._live.cases_between(finding, chosen.digest, chosen.first, chosen.second)
            if rows.size:
                self._numbers.show_cases(self._segment_title(chosen), rows.tolist())
        self.draw_soon()

    def _segment_words(self, segment: _Segment) -> str:
        curve = self._numbers.curve(self._session.finding, segment.digest)
        places = segment.first, segment.second
        present, absent = (
            abs(int(counts[places[0]] - counts[places[1]])) for counts in (curve.true_positives, curve.false_positives)
        )
        return self.tr("{0} present, {1} absent").format(f"{present:,}", f"{absent:,}")

    def _segment_title(self, segment: _Segment) -> str:
        curve = self._numbers.curve(self._session.finding, segment.digest)
        probability = self._session.holds_probabilities(segment.digest)
        low, high = sorted(float(curve.thresholds[point]) for point in (segment.first, segment.second))
        scores = self._live.scores(self._session.finding, segment.digest)
        between = [
            threshold_text(min(max(limit, float(scores.min())), float(scores.max())), probability=probability)
            for limit in (low, high)
        ]
        return self.tr("{0}: {1} from {2} to {3} ({4})").format(
            self._session.finding, self.name_of(segment.digest), *between, self._segment_words(segment)
        )
