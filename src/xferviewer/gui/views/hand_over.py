"""The hand-over panel: a threshold chosen on one side, what it does on the other, and what the other needs instead."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from xferviewer.evaluation.hand_over import MATCHED_RATES, RATES, HandOverRate, MatchedRate, RatesAtThreshold
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.case_words import score_kinds, why_no_numbers
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.comparison import ThresholdOrigin
from xferviewer.gui.live_hand_over import ALL, HandedOver, LiveHandOver, Side, Subset
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.number_panel import NumberPanel
from xferviewer.gui.number_table import Cell, Head, NumberTable
from xferviewer.gui.number_text import change_text, estimate_text, rule_text, threshold_text
from xferviewer.gui.rule_box import RuleBox
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme

_TITLES: dict[HandOverRate, str] = {
    "sensitivity": "sensitivity", "specificity": "specificity", "ppv": "PPV", "npv": "NPV", "flag rate": "flag rate",
}  # fmt: skip
_RATE, _CHANGE = "1.000 [.000, 1.000]", "+.000 [−.000, +.000]"


class HandOverPanel(NumberPanel):
    """Source and target are each a checkpoint and a subset of the cases."""

    def __init__(
        self, session: Session, numbers: LiveNumbers, live: LiveHandOver, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(session, numbers, parent)
        self._live = live
        self._handed: HandedOver | None = None
        self.checkpoints = (
            ChoiceBox[str](self.tr("Checkpoint that the threshold is chosen for"), stretches=True),
            ChoiceBox[str](self.tr("Checkpoint that takes it over"), stretches=True),
        )
        self.subsets = (
            ChoiceBox[Subset](self.tr("Cases that the threshold is chosen on"), stretches=True),
            ChoiceBox[Subset](self.tr("Cases that it is handed over to"), stretches=True),
        )
        for box in (*self.checkpoints, *self.subsets):
            box.activated.connect(self.refresh_soon)
        self.rule = RuleBox("sensitivity")
        self.rule.changed.connect(self.refresh_soon)
        self.copy = QPushButton(self.tr("Copy"))
        self.copy.setAccessibleName(self.tr("Copy the table of the hand-over"))
        self.table = NumberTable(theme, self.tr("What a threshold does on its source and on its target"))
        self.matched = ChoiceBox[MatchedRate](self.tr("Which rate the target keeps"))
        self.matched.offer([(_TITLES[rate], rate) for rate in MATCHED_RATES], MATCHED_RATES[0])
        self.matched.activated.connect(self.refresh_soon)
        self.apply = QPushButton(self.tr("Use it"))
        self.note = QLabel()
        self.note.setObjectName("faint")
        self.note.setWordWrap(True)
        self._lay_out()
        self.copy.clicked.connect(self.table.copy)
        self.apply.clicked.connect(self._apply)
        live.changed.connect(self.refresh_soon)

    def _lay_out(self) -> None:
        grid, bottom = QGridLayout(), QHBoxLayout()
        grid.setSpacing(GRID)
        for row, title in enumerate((self.tr("from"), self.tr("to"))):
            grid.addWidget(QLabel(title), row, 0)
            grid.addWidget(self.checkpoints[row], row, 1)
            grid.addWidget(QLabel(self.tr("on")), row, 2)
            grid.addWidget(self.subsets[row], row, 3)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        rules = QHBoxLayout()
        rules.setSpacing(GRID)
        rules.addWidget(QLabel(self.tr("threshold by")))
        rules.addWidget(self.rule)
        rules.addStretch(1)
        self.add_beside_heading(self.copy)
        bottom.setSpacing(GRID)
        bottom.addWidget(QLabel(self.tr("keep")))
        bottom.addWidget(self.matched)
        bottom.addWidget(self.apply)
        bottom.addStretch(1)
        self.content.addLayout(grid)
        self.content.addLayout(rules)
        self.content.addWidget(self.table, 1)
        self.content.addLayout(bottom)
        self.content.addWidget(self.note)

    def _side(self, place: int) -> Side:
        return Side(self.checkpoints[place].value or "", self.subsets[place].value or ALL)

    # --- showing

    def refresh(self) -> None:
        """Show the numbers as they are now."""
        session, finding = self.session, self.session.finding
        why = why_no_numbers(session, self.numbers, finding)
        self._handed = None
        if not why:
            self._show_choices()
            source = self._side(0)
            self.rule.offer_threshold(
                *self.numbers.score_range(finding, source.digest),
                session.operating_points.threshold(source.digest, finding),
            )
            found = self._live.hand_over(finding, source, self._side(1), self.rule.rule())
            if isinstance(found, HandedOver):
                self._handed = found
            else:
                why = found or self.tr("Computing …")
        for widget in (*self.checkpoints, *self.subsets, self.rule):
            widget.setEnabled(bool(self.numbers.compared(finding).digests))
        self.copy.setEnabled(self._handed is not None)
        self._show_match()
        if self._handed is None:
            self.heading.setText(why)
            self.note.setText("")
            self.table.put((), (), ())
        else:
            self._show_table(self._handed)

    def _show_choices(self) -> None:
        session, finding = self.session, self.session.finding
        compared = self.numbers.compared(finding)
        names = [(each.name, each.digest) for each in session.classifiers.all if each.digest in compared.digests]
        subsets = [(_subset_text(subset, self.tr("all cases")), subset) for subset in self._live.subsets(finding)]
        for place in (0, 1):
            self.checkpoints[place].offer(names, session.active)
            self.subsets[place].offer(subsets, ALL)

    def _show_match(self) -> None:
        """The button says what it would set, and for whom."""
        matched = self._matched()
        name = self.checkpoints[1].currentText()
        self.matched.setEnabled(self._handed is not None)
        self.apply.setEnabled(matched is not None)
        if matched is None:
            self.apply.setText(self.tr("Use it"))
        else:
            probability = self.session.classifiers.holds_probabilities(self._side(1).digest)
            text = threshold_text(matched.threshold, probability=probability)
            self.apply.setText(self.tr("Use {0} for {1}").format(text, name))

    def _matched(self) -> RatesAtThreshold | None:
        rate = self.matched.value
        return self._handed.result.rematched.get(rate) if self._handed is not None and rate is not None else None

    def _show_table(self, handed: HandedOver) -> None:
        session, result, matched = self.session, handed.result, self._matched()
        source, target = self._side(0), self._side(1)
        kinds = score_kinds(session, dict.fromkeys((source.digest, target.digest)))
        self.heading.setText(
            self.tr("<b>{0}</b> · {1} · unit: {2} · score: {3} · no case is referred").format(
                escape(session.finding), escape(rule_text(result.rule)), self.numbers.cases().unit, kinds
            )
        )
        columns = [
            Head(self.tr("source"), _side_tip(session, source), self._colour(source), widest=_RATE),
            Head(self.tr("target"), _side_tip(session, target), self._colour(target), widest=_RATE),
            Head(self.tr("change"), self.tr("Target less source at the same threshold"), widest=_CHANGE),
            Head(self.tr("target matched"), self.tr("At a threshold of its own that keeps the rate chosen below"),
                 self._colour(target), widest=_RATE),
        ]  # fmt: skip
        shown = (result.source, result.target, None, matched)
        holds_probabilities = session.classifiers.holds_probabilities
        probability = [holds_probabilities(side.digest) for side in (source, target, target, target)]
        rows = [Head(self.tr("positive if")), Head(self.tr("present")), Head(self.tr("absent"))]
        counts = [at.confusion if at is not None else None for at in shown]
        cells = [
            [
                Cell(threshold_text(at.threshold, probability=p)) if at is not None else Cell()
                for at, p in zip(shown, probability, strict=True)
            ],
            [Cell(str(of.sensitivity.trials)) if of is not None else Cell() for of in counts],
            [Cell(str(of.specificity.trials)) if of is not None else Cell() for of in counts],
        ]
        for rate in RATES:
            rows.append(Head(_TITLES[rate]))
            row = [_rate_cell(at, rate) for at in (result.source, result.target)]
            how = self.tr("paired, by bootstrap") if source.subset == target.subset else self.tr("95 % Newcombe")
            row.append(Cell(change_text(handed.change(rate)), "" if handed.overlap else how))
            row.append(_rate_cell(matched, rate) if matched is not None else Cell("n/a"))
            cells.append(row)
        self.table.put(columns, rows, cells)
        self.note.setText(self._note(handed))

    def _colour(self, side: Side) -> str:
        return style_of(self.session.classifiers.place_of(side.digest)).colour

    def _note(self, handed: HandedOver) -> str:
        sentences = []
        if self.rule.name != "threshold":
            sentences.append(
                self.tr("The source chose its threshold, so that it looks better there than on other cases.")
            )
        if handed.overlap:
            sentences.append(self.tr("Some cases are on both sides: the changes have no interval."))
        return " ".join(sentences)

    # --- choosing

    @Slot()
    def _apply(self) -> None:
        matched, target = self._matched(), self._side(1)
        if matched is None or self._handed is None:
            return
        session = self.session
        source = _side_name(session, self._side(0))
        rule = self.tr("{0} of {1}").format(self.matched.currentText(), source)
        only = target.subset if target.subset != ALL else session.comparison.only
        origin = ThresholdOrigin(rule, session.cohort.name, only)
        session.operating_points.choose(session.finding, {target.digest: matched.threshold}, origin)


def _rate_cell(at: RatesAtThreshold, rate: HandOverRate) -> Cell:
    confusion = at.confusion
    share = {
        "sensitivity": confusion.sensitivity, "specificity": confusion.specificity, "ppv": confusion.ppv,
        "npv": confusion.npv, "flag rate": confusion.flag_rate,
    }[rate]  # fmt: skip
    return Cell(estimate_text(at.rates[rate]), f"{share.successes} of {share.trials}; 95 % Wilson")


def _subset_text(subset: Subset, everything: str) -> str:
    return everything if subset == ALL else f"{subset[0]} {subset[1]}"


def _side_name(session: Session, side: Side) -> str:
    scored = session.classifiers.find(side.digest)
    name = scored.name if scored is not None else ""
    return name if side.subset == ALL else f"{name} on {_subset_text(side.subset, '')}"


def _side_tip(session: Session, side: Side) -> str:
    return f"{_side_name(session, side)}\n{score_kinds(session, [side.digest])}"
