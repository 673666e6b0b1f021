"""The panel with its choices: by which columns, of which checkpoint, which table."""

from __future__ import annotations

import math
from dataclasses import replace
from html import escape

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from xferviewer.evaluation.gaps import Gap
from xferviewer.evaluation.metrics import FEW_CASES
from xferviewer.evaluation.subgroups import SubgroupMetric
from xferviewer.gui.case_words import basis, percent_text, why_no_numbers
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.live_groups import GroupTable, LiveGroups
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.number_panel import NumberPanel
from xferviewer.gui.number_table import NumberTable
from xferviewer.gui.number_text import rate_text, threshold_text
from xferviewer.gui.rule_box import RuleBox
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme
from xferviewer.gui.views.subgroups.tables import METRICS, each_group, each_left_out


class SubgroupsPanel(NumberPanel):
    """A row for each group; a click on it leads to its cases."""

    def __init__(
        self, session: Session, numbers: LiveNumbers, groups: LiveGroups, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(session, numbers, parent)
        self._groups = groups
        self._names: tuple[str, ...] = ()
        self._digest = ""
        self.columns = (
            ChoiceBox[str](self.tr("Column that makes the groups")),
            ChoiceBox[str](self.tr("Second column that makes the groups")),
        )
        self.checkpoint = ChoiceBox[str](self.tr("Checkpoint whose subgroups are shown"), stretches=True)
        self.table_choice = ChoiceBox[bool](self.tr("Which table of the groups"))
        self.table_choice.offer([(self.tr("each group"), False), (self.tr("leave one out"), True)], False)
        self.compared = ChoiceBox[SubgroupMetric](self.tr("What is compared between the groups"))
        self.compared.offer([(title, metric) for metric, title, _ in METRICS], "sensitivity")
        self.rule = RuleBox()
        self.copy = QPushButton(self.tr("Copy"))
        self.copy.setAccessibleName(self.tr("Copy the table of the subgroups"))
        self.table = NumberTable(theme, self.tr("Numbers by subgroup"), whole_rows=True)
        self.gap = QLabel()
        self.gap.setWordWrap(True)
        self._lay_out()
        for column in self.columns:
            column.activated.connect(self._group_by)
        for choice in (self.checkpoint, self.table_choice, self.compared):
            choice.activated.connect(self.refresh_soon)
        self.rule.changed.connect(self.refresh_soon)
        self.copy.clicked.connect(self.table.copy)
        self.table.cell_chosen.connect(self._show_cases)
        groups.changed.connect(self.refresh_soon)

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(QLabel(self.tr("by")))
        first.addWidget(self.columns[0])
        first.addWidget(QLabel(self.tr("and")))
        first.addWidget(self.columns[1])
        first.addStretch(1)
        self.add_beside_heading(self.copy)
        second.addWidget(QLabel(self.tr("of")))
        second.addWidget(self.checkpoint, 1)
        second.addWidget(self.table_choice)
        self._comparing = QLabel(self.tr("compare"))
        second.addWidget(self._comparing)
        second.addWidget(self.compared)
        self._choosing = QWidget()
        third = QHBoxLayout(self._choosing)
        third.setContentsMargins(0, 0, 0, 0)
        third.setSpacing(GRID)
        third.addWidget(QLabel(self.tr("threshold of the others by")))
        third.addWidget(self.rule)
        third.addStretch(1)
        for line in (first, second):
            line.setSpacing(GRID)
            self.content.addLayout(line)
        self.content.addWidget(self._choosing)
        self.content.addWidget(self.table, 1)
        self.content.addWidget(self.gap)

    # --- choosing

    @Slot()
    def _group_by(self) -> None:
        chosen = [column.value for column in self.columns]
        names = tuple(dict.fromkeys(name for name in chosen if name))
        self.session.set_comparison(replace(self.session.comparison, group_by=names))

    @Slot(int, int)
    def _show_cases(self, row: int, column: int) -> None:
        finding, name = self.session.finding, self._names[row]
        by = " + ".join(self.session.comparison.group_by)
        rows = self._groups.rows_of(finding, self._digest, name)
        self.numbers.show_cases(f"{finding}: {by} {name}", rows.tolist())

    # --- showing

    def refresh(self) -> None:
        """Show the numbers as they are now."""
        session, finding = self.session, self.session.finding
        why = why_no_numbers(session, self.numbers, finding)
        digests = () if why else self.numbers.compared(finding).digests
        self._show_choices(digests)
        if not why:
            why = self._why_no_groups(self.checkpoint.value or session.active)
        for widget in (self.table_choice, self.compared, self.rule, self.copy):
            widget.setEnabled(not why)
        self.gap.setText("")
        if why:
            self._names = ()
            self.heading.setText(why)
            self.table.put((), (), ())
            return
        self._digest = self.checkpoint.value or session.active
        table = self._groups.table(finding, self._digest)
        self._names = table.names
        left_out = bool(self.table_choice.value)
        self._comparing.setVisible(not left_out)
        self.compared.setVisible(not left_out)
        self._choosing.setVisible(left_out)
        self._groups.compute(finding, self._digest, others=not left_out and self.compared.value == "debiased ece")
        if left_out:
            self._show_left_out(table)
        else:
            self._show_groups(table)

    def _why_no_groups(self, digest: str) -> str:
        by = self.session.comparison.group_by
        if digest not in self.numbers.compared(self.session.finding).digests:
            return self.tr("The active checkpoint was not trained for {0}; choose another one.").format(
                self.session.finding
            )
        if not self.session.cohort.columns:
            return self.tr("The images have no column to group by, such as site, sex or age.")
        if not by:
            return self.tr("Choose a column to see the numbers of its groups.")
        members = self._groups.members()
        if self._groups.why_no_groups:
            return self._groups.why_no_groups
        if not members or not self._groups.table(self.session.finding, digest).names:
            return self.tr("No compared case states {0}.").format(" + ".join(by))
        return ""

    def _show_choices(self, digests: tuple[str, ...]) -> None:
        """The columns of the cohort and the checkpoints of the finding, and which are chosen."""
        session, by = self.session, self.session.comparison.group_by
        names = list(session.cohort.columns)
        for place, box in enumerate(self.columns):
            box.offer([("–", ""), *((name, name) for name in names)], "")
            box.choose(by[place] if place < len(by) else "")
        self.columns[1].setEnabled(bool(by))
        active = session.classifiers.find(session.active)
        items = [(self.tr("active: {0}").format(active.name if active is not None else "–"), "")]
        items += [(each.name, each.digest) for each in session.classifiers.all if each.digest in digests]
        self.checkpoint.offer(items, "")

    def _heading(self, what: str) -> str:
        finding, scored = self.session.finding, self.session.classifiers.find(self._digest)
        name = scored.name if scored is not None else ""
        rests_on = basis(self.session, self.numbers, finding, [self._digest])
        return f"<b>{escape(finding)}</b>, {escape(name)} · {escape(rests_on)}<br>{escape(what)}"

    def _show_groups(self, table: GroupTable) -> None:
        session, finding, metric = self.session, self.session.finding, self.compared.value or "sensitivity"
        state = self._groups.state(finding, self._digest, [name for name, _, _ in METRICS], metric)
        gap = self._groups.gap(finding, self._digest, metric, state)
        text = threshold_text(
            session.operating_points.threshold(self._digest, finding),
            probability=session.classifiers.holds_probabilities(self._digest),
        )
        self.heading.setText(
            self._heading(
                self.tr("AUC, ECE: all cases · rates: {0}, retained at {1} referral").format(
                    text, percent_text(session.referral_rate)
                )
            )
        )
        probabilities = session.classifiers.holds_probabilities(self._digest)
        self.table.put(*each_group(table, state, gap, self.compared.currentText(), probabilities=probabilities))
        self.gap.setText(self._gap_text(gap))

    def _gap_text(self, gap: Gap) -> str:
        title = self.compared.currentText()
        if math.isnan(gap.gap) or gap.highest is None or gap.lowest is None:
            return self.tr("No gap in {0}: fewer than two groups keep {1} present and {1} absent cases.").format(
                title, FEW_CASES
            )
        values = {row.group: row.here.value for row in gap.rows}
        text = self.tr("Gap in {0}: <b>{1}</b>, from {2} ({3}) to {4} ({5})").format(
            title, rate_text(gap.gap), escape(gap.lowest), rate_text(values[gap.lowest]), escape(gap.highest),
            rate_text(values[gap.highest]),
        )  # fmt: skip
        return text + (self.tr("; served worst: <b>{0}</b>").format(escape(gap.worst)) if gap.worst else "")

    def _show_left_out(self, table: GroupTable) -> None:
        finding = self.session.finding
        offered = self.session.operating_points.threshold(self._digest, finding)
        self.rule.offer_threshold(*self.numbers.score_range(finding, self._digest), offered)
        found = self._groups.left_out(finding, self._digest, self.rule.rule())
        self.heading.setText(self._heading(self.tr("a threshold chosen on all other groups · no case is referred")))
        probabilities = self.session.classifiers.holds_probabilities(self._digest)
        self.table.put(*each_left_out(table, found, probabilities=probabilities))
