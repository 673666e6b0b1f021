"""The operating point panel: what checkpoints do at their thresholds on what they keep, and the rules to choose one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape

from PySide6.QtCore import Slot
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QWidget,
)

from xferviewer.evaluation.estimate import Estimate, of_proportion
from xferviewer.evaluation.intervals import IntervalMethod, Proportion
from xferviewer.evaluation.likelihood_ratios import (
    LikelihoodRatios,
    PredictiveValues,
    likelihood_ratios,
    predictive_values,
)
from xferviewer.evaluation.operating_points import Confusion
from xferviewer.evaluation.workload import Workload, workload
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.case_words import basis, percent_text, score_kinds, why_no_numbers
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.live_points import Count, PointCounts, choose_points, chosen_on_these, point_counts, rows_of
from xferviewer.gui.number_panel import NumberPanel
from xferviewer.gui.number_table import Cell, Head, NumberTable
from xferviewer.gui.number_text import estimate_text, ratio_text, rule_text, threshold_text
from xferviewer.gui.rule_box import RuleBox
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme


@dataclass(frozen=True, slots=True)
class Rates:
    """What follows from the counts of one checkpoint.

    method      of the intervals of rates
    ratios      likelihood ratios
    predictive  PPV and NPV at the stated prevalence
    work        of 100 studies, at that prevalence
    """

    confusion: Confusion
    method: IntervalMethod
    ratios: LikelihoodRatios
    predictive: PredictiveValues
    work: Workload


@dataclass(frozen=True, slots=True)
class Line:
    """A line of rates: its title, what it means, and the cell of one checkpoint."""

    title: str
    tip: str
    cell: Callable[[Rates], Cell]


COUNTS: tuple[tuple[Count, str, str, str], ...] = (
    ("referred", "referred", "the most uncertain: they go to an expert", "referred by"),
    ("retained", "retained", "what the checkpoint answers itself", "retained by"),
    ("true positive", "TP found", "positive and flagged", "found by"),
    ("false negative", "FN missed", "positive and cleared", "missed by"),
    ("false positive", "FP false alarm", "negative and flagged", "falsely flagged by"),
    ("true negative", "TN cleared", "negative and cleared", "rightly cleared by"),
)
"""The lines of counts, each of which leads to its cases: count, title, what it means, how the list is called."""

_WIDEST = "100.0 [100.0, 100.0]"
_LINES_ABOVE_COUNTS = 3  # threshold, rule, cases


def _count_cell(point: PointCounts, count: Count, tip: str) -> Cell:
    kept = point.confusion
    n = {
        "referred": point.n_referred, "retained": point.n_retained, "true positive": kept.true_positive,
        "false negative": kept.false_negative, "false positive": kept.false_positive,
        "true negative": kept.true_negative,
    }[count]  # fmt: skip
    return Cell(str(n), f"{tip}: click to read these cases" if n else tip, link=n > 0)


def _share(title: str, tip: str, proportion: Callable[[Confusion], Proportion]) -> Line:
    def cell(rates: Rates) -> Cell:
        share = proportion(rates.confusion)
        text = estimate_text(of_proportion(share, method=rates.method))
        return Cell(text, f"{share.successes} of {share.trials}: {tip}")

    return Line(title, tip, cell)


def _f1(rates: Rates) -> Cell:
    confusion = rates.confusion
    return Cell(
        estimate_text(Estimate(confusion.f1, *confusion.f1_interval(method=rates.method))), "2 TP / (2 TP + FP + FN)"
    )


def _stated(title: str, tip: str, value: Callable[[Rates], Estimate], text: Callable[[Estimate], str]) -> Line:
    def cell(rates: Rates) -> Cell:
        at = percent_text(rates.predictive.prevalence)
        return Cell(text(value(rates)), f"{tip}, where {at} have the finding")

    return Line(title, tip, cell)


def _of_100(share: Estimate) -> str:
    return f"{100 * share.value:.1f} [{100 * share.lower:.1f}, {100 * share.upper:.1f}]"


def _ratio(title: str, tip: str, value: Callable[[LikelihoodRatios], Estimate]) -> Line:
    return Line(title, tip, lambda rates: Cell(ratio_text(value(rates.ratios)), f"{tip}; Simel's interval"))


LINES = (
    _share("sensitivity", "retained positives that are flagged", lambda c: c.sensitivity),
    _share("specificity", "retained negatives that are cleared", lambda c: c.specificity),
    _share("PPV", "flagged cases that are positive, among these cases", lambda c: c.ppv),
    _share("NPV", "cleared cases that are negative, among these cases", lambda c: c.npv),
    _share("accuracy", "retained cases that are called rightly", lambda c: c.accuracy),
    Line("F1", "2 TP / (2 TP + FP + FN)", _f1),
    _ratio("LR+", "by how much a flag multiplies the odds", lambda ratios: ratios.positive),
    _ratio("LR−", "by how much a clearance multiplies the odds", lambda ratios: ratios.negative),
    _stated("PPV, stated", "flagged cases that are positive", lambda r: r.predictive.ppv, estimate_text),
    _stated("NPV, stated", "cleared cases that are negative", lambda r: r.predictive.npv, estimate_text),
    _stated("of 100: referred", "of 100 studies, those that go to an expert", lambda r: r.work.referred, _of_100),
    _stated("of 100: flagged", "of 100 studies, those that are flagged", lambda r: r.work.flagged, _of_100),
    _stated("of 100: cleared", "of 100 studies, those that are cleared", lambda r: r.work.cleared, _of_100),
    _stated("of 100: missed", "of 100 studies, those cleared although positive", lambda r: r.work.missed, _of_100),
)


class OperatingPointPanel(NumberPanel):
    """A column for each checkpoint; a count leads to its cases, a title makes its checkpoint active."""

    def __init__(self, session: Session, numbers: LiveNumbers, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(session, numbers, parent)
        self._stated: dict[str, float] = {}  # by finding; the cohort's own where none was typed
        self._digests: tuple[str, ...] = ()
        self.rule = RuleBox(cost=True)
        self.whom = ChoiceBox[bool](self.tr("Whose threshold is set"))
        self.whom.offer([(self.tr("for all"), True), (self.tr("for the active"), False)], True)
        self.apply = QPushButton(self.tr("Set"))
        self.apply.setAccessibleName(self.tr("Set the threshold by this rule"))
        self.method = ChoiceBox[IntervalMethod](self.tr("Intervals of the rates"))
        self.method.offer([("Wilson", "wilson"), ("Clopper–Pearson", "clopper-pearson")], "wilson")
        self.prevalence = QDoubleSpinBox(minimum=0.01, maximum=99.99, decimals=2, suffix=" %")
        self.prevalence.setAccessibleName(self.tr("Stated prevalence in percent"))
        self.prevalence.setKeyboardTracking(False)
        self.method.setToolTip(self.tr("95 % intervals of the rates by this method; of F1 and the workload, too"))
        self.prevalence.setToolTip(self.tr("What PPV and NPV are stated for, and the workload of 100 studies"))
        self.own_prevalence = QToolButton()
        self.own_prevalence.setText(self.tr("as here"))
        self.own_prevalence.setAccessibleName(self.tr("Prevalence of these cases"))
        self.copy = QPushButton(self.tr("Copy"))
        self.copy.setAccessibleName(self.tr("Copy the table of the operating points"))
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setObjectName("faint")
        self.table = NumberTable(theme, self.tr("Counts and rates at the operating points"))
        self._controls = QWidget()
        self._lay_out()
        self.rule.entered.connect(self._apply)
        self.apply.clicked.connect(self._apply)
        self.method.currentIndexChanged.connect(self.refresh_soon)
        self.prevalence.valueChanged.connect(self._prevalence_typed)
        self.own_prevalence.clicked.connect(self._prevalence_as_here)
        self.copy.clicked.connect(self.table.copy)
        self.table.cell_chosen.connect(self._show_cases)
        self.table.horizontalHeader().sectionClicked.connect(self._make_active)

    def _lay_out(self) -> None:
        choosing, options = QHBoxLayout(), QHBoxLayout()
        for line in (choosing, options):
            line.setSpacing(GRID)
        choosing.addWidget(self.rule)
        choosing.addWidget(self.whom)
        choosing.addWidget(self.apply)
        choosing.addStretch(1)
        label = QLabel(self.tr("prevalence"))
        label.setBuddy(self.prevalence)
        for widget in (label, self.prevalence, self.own_prevalence, self.method):
            options.addWidget(widget)
        options.addStretch(1)
        self.add_beside_heading(self.copy)
        self._controls.setLayout(choosing)
        choosing.setContentsMargins(0, 0, 0, 0)
        self.content.addWidget(self._controls)
        self.content.addLayout(options)
        self.content.addWidget(self.note)
        self.content.addWidget(self.table, 1)

    def add_below(self, widget: QWidget) -> None:
        """Put a widget below the table."""
        self.content.addWidget(widget)

    @property
    def stated_prevalence(self) -> float:
        """In (0, 1): as it was typed for the finding, else that of the cases."""
        return self._stated.get(self.session.finding, self._prevalence_here())

    def _prevalence_here(self) -> float:
        compared = self.numbers.compared(self.session.finding)
        n_stated = compared.n_positive + compared.n_negative
        return compared.n_positive / n_stated if compared.has_both else 0.5

    # --- showing

    def refresh(self) -> None:
        """Show the numbers as they are now."""
        session, finding = self.session, self.session.finding
        why = why_no_numbers(session, self.numbers, finding)
        for widget in (self._controls, self.prevalence, self.own_prevalence, self.method, self.copy):
            widget.setEnabled(not why)
        self._digests = () if why else self.numbers.compared(finding).digests
        if why:
            self.heading.setText(why)
            self.note.setText("")
            self.table.put((), (), ())
            return
        self.heading.setText(f"<b>{escape(finding)}</b> · {escape(basis(session, self.numbers, finding))}")
        self._show_controls()
        self.note.setText(self._note())
        points = point_counts(self.numbers, finding)
        method, prevalence = self.method.value or "wilson", self.stated_prevalence
        columns = [self._column(point, method, prevalence) for point in points]
        titles = [
            Head(self.tr("positive if")), Head(self.tr("chosen by")), Head(self.tr("chosen on")),
            *(Head(title, tip) for _, title, tip, _ in COUNTS), *(Head(line.title, line.tip) for line in LINES),
        ]  # fmt: skip
        self.table.put([self._head(point.digest) for point in points], titles, list(zip(*columns, strict=True)))

    def _show_controls(self) -> None:
        session, finding = self.session, self.session.finding
        self.prevalence.blockSignals(True)
        self.prevalence.setValue(100 * self.stated_prevalence)
        self.prevalence.blockSignals(False)
        self.own_prevalence.setEnabled(finding in self._stated)
        if session.active in self._digests:
            low, high = self.numbers.score_range(finding, session.active)
            self.rule.offer_threshold(low, high, session.operating_points.threshold(session.active, finding))

    def _note(self) -> str:
        session, finding = self.session, self.session.finding
        if any(chosen_on_these(session, finding, digest) for digest in self._digests):
            return self.tr(
                "A threshold that was chosen on the cases that are counted here looks better than it is elsewhere."
            )
        return self.tr("On what is retained at {0} referral.").format(percent_text(session.referral_rate))

    def _head(self, digest: str) -> Head:
        session, scored = self.session, self.session.classifiers.find(digest)
        active = digest == session.active
        name = scored.name if scored is not None else ""
        tip = f"{scored.title if scored is not None else ''}\n{score_kinds(session, [digest])}"
        if not active:
            tip += "\n" + self.tr("Click to make it the active one; it must have a pane, or come from a table.")
        return Head(
            f"▸ {name}" if active else name,
            tip,
            style_of(session.classifiers.place_of(digest)).colour,
            active,
            widest=_WIDEST,
        )

    def _column(self, point: PointCounts, method: IntervalMethod, prevalence: float) -> list[Cell]:
        """Threshold, counts and rates of one checkpoint; each tip says what they rest on."""
        kept = point.confusion
        rates = Rates(
            kept, method, likelihood_ratios(kept), predictive_values(kept, prevalence),
            workload(kept, point.referred, prevalence, method=method),
        )  # fmt: skip
        rests_on = self.tr("retained: {0} present, {1} absent; unit: {2}; score: {3}").format(
            kept.sensitivity.trials,
            kept.specificity.trials,
            self.numbers.cases().unit,
            score_kinds(self.session, [point.digest]),
        )
        cells = [
            *self._threshold(point),
            *(_count_cell(point, count, tip) for count, _, tip, _ in COUNTS),
            *(line.cell(rates) for line in LINES),
        ]
        return [replace(cell, tip=f"{cell.tip}\n{rests_on}".strip()) for cell in cells]

    def _threshold(self, point: PointCounts) -> tuple[Cell, Cell, Cell]:
        """The threshold, the rule that chose it, and the cases that it was chosen on."""
        text = threshold_text(point.threshold, probability=self.session.classifiers.holds_probabilities(point.digest))
        origin = self.session.operating_points.origin(point.digest, self.session.finding)
        if origin is None:
            return Cell(text), Cell(self.tr("nobody yet"), self.tr("The threshold that all begin with.")), Cell("–")
        where = origin.cohort if origin.only is None else f"{origin.only[0]} {origin.only[1]} of {origin.cohort}"
        return Cell(text), Cell(rule_text(origin.rule), rule_text(origin.rule)), Cell(where or "–", where)

    # --- choosing

    @Slot()
    def _apply(self) -> None:
        session = self.session
        whom = self._digests if self.whom.value else (session.active,)
        choose_points(session, self.numbers, session.finding, whom, self.rule.rule(self.stated_prevalence))

    @Slot(float)
    def _prevalence_typed(self, percent: float) -> None:
        self._stated[self.session.finding] = percent / 100
        self.refresh_soon()

    @Slot()
    def _prevalence_as_here(self) -> None:
        self._stated.pop(self.session.finding, None)
        self.refresh_soon()

    @Slot(int)
    def _make_active(self, column: int) -> None:
        if column < len(self._digests):
            self.session.set_active(self._digests[column])

    @Slot(int, int)
    def _show_cases(self, row: int, column: int) -> None:
        count, _, _, called = COUNTS[row - _LINES_ABOVE_COUNTS]
        finding, digest = self.session.finding, self._digests[column]
        scored = self.session.classifiers.find(digest)
        name = scored.name if scored is not None else ""
        rows = rows_of(self.numbers, finding, digest, count)
        self.numbers.show_cases(f"{finding}: {called} {name}", rows.tolist())
