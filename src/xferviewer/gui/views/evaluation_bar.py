"""The line above the Evaluate perspective: which cases are compared, in which unit, and against what."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from xferviewer.evaluation.aggregation import Aggregation
from xferviewer.evaluation.choices import Adjustment
from xferviewer.evaluation.groups import MANY_WORDS
from xferviewer.evaluation.units import Unit
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID

_LONGEST_NAME = 18


class EvaluationBar(QWidget):
    """Its boxes are the session's cohort and comparison; exporting is asked for by signal."""

    export_asked = Signal()
    command_asked = Signal()
    predictions_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._showing = False
        self.cohort = self._box(self.tr("Cohort that all numbers are computed from"), 15)
        self.only = self._box(self.tr("Cases that are counted"), 9)
        self.unit = self._box(self.tr("What is counted"), 7)
        self.aggregation = self._box(self.tr("How the scores of a study's or patient's images become one"), 7)
        self.kind = self._box(self.tr("Which probability: as the network gave it, or calibrated"), 7)
        self.kind.addItem(self.tr("raw p"), False)
        self.kind.addItem(self.tr("calibrated p"), True)
        self.reference = self._box(self.tr("Checkpoint that differences are to"), 11)
        self.adjustment = self._box(self.tr("How p-values are adjusted for their number"), 9)
        units = {"image": self.tr("images"), "study": self.tr("studies"), "patient": self.tr("patients")}
        for unit in get_args(Unit):
            self.unit.addItem(units[unit], unit)
        for how in get_args(Aggregation):
            self.aggregation.addItem(self.tr("by {0}").format(how), how)
        for method in get_args(Adjustment):
            names = {"holm": "p: Holm", "bh": "p: BH", "bonferroni": "p: Bonferroni", "none": self.tr("p: as it is")}
            self.adjustment.addItem(names[method], method)
        self.left_out = QLabel()
        self.left_out.setObjectName("notice")
        self.left_out.setAccessibleName(self.tr("Findings that are left out of the comparison"))
        self.open = QPushButton(self.tr("Predictions …"))
        self.open.setToolTip(self.tr("Compare predictions made elsewhere: a CSV or Parquet table (Ctrl+P)"))
        self.command = QPushButton(self.tr("Copy as command"))
        self.command.setToolTip(self.tr("Copy the xferviewer evaluate line that reproduces what is on the screen"))
        self.export = QPushButton(self.tr("Export …"))
        self.export.setToolTip(self.tr("Write report, figures, tables, metrics.json and the data behind them (Ctrl+E)"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        layout.setSpacing(GRID)
        self._reference_label = _label(self.tr("reference"), self.reference)
        for widget in (
            _label(self.tr("cohort"), self.cohort), self.cohort, _label(self.tr("cases"), self.only), self.only,
            _label(self.tr("count"), self.unit), self.unit, self.aggregation, self.kind,
            self._reference_label, self.reference, self.adjustment, self.left_out,
        ):  # fmt: skip
            layout.addWidget(widget)
        layout.addStretch(1)
        for button in (self.open, self.command, self.export):
            layout.addWidget(button)
        self.cohort.activated.connect(self._cohort_chosen)
        for box in (self.only, self.unit, self.aggregation, self.kind, self.reference, self.adjustment):
            box.activated.connect(self._chosen)
        self.open.clicked.connect(self.predictions_asked)
        self.command.clicked.connect(self.command_asked)
        self.export.clicked.connect(self.export_asked)
        for signal in (
            session.cohorts_changed, session.cohort_changed, session.classifiers_changed, session.comparison_changed
        ):  # fmt: skip
            signal.connect(self._show)
        self._show()

    def _box(self, name: str, length: int) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(name)
        box.setToolTip(name)
        box.setMinimumContentsLength(length)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumWidth(18 * GRID)  # on a small screen boxes give way before buttons do
        box.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        return box

    @Slot()
    def _cohort_chosen(self) -> None:
        if not self._showing:
            self._session.choose_cohort(self.cohort.currentData())

    @Slot()
    def _chosen(self) -> None:
        if not self._showing:
            self._session.set_comparison(
                replace(
                    self._session.comparison,
                    only=self.only.currentData(),
                    unit=self.unit.currentData(),
                    aggregation=self.aggregation.currentData(),
                    calibrated=self.kind.currentData(),
                    reference=self.reference.currentData() or "",
                    adjustment=self.adjustment.currentData(),
                )
            )

    @Slot()
    def _show(self) -> None:
        session, comparison = self._session, self._session.comparison
        self._showing = True
        self.cohort.clear()
        for name, cohort in session.cohorts.items():
            self.cohort.addItem(_short(name), name)
            tip = self.tr("{0}: {1} labelled images").format(name, len(cohort))
            self.cohort.setItemData(self.cohort.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.cohort.setCurrentIndex(self.cohort.findData(session.cohort.name))
        self.only.clear()
        self.only.addItem(self.tr("all"), None)
        for column, values in session.cohort.columns.items():
            stated = sorted({*values} - {""})
            if 1 < len(stated) <= MANY_WORDS and column != "age":
                for value in stated:
                    self.only.addItem(f"{column} = {value}", (column, value))
        chosen = [self.only.itemData(row) for row in range(self.only.count())]
        self.only.setCurrentIndex(chosen.index(comparison.only) if comparison.only in chosen else 0)
        self.unit.setCurrentIndex(self.unit.findData(comparison.unit))
        self.aggregation.setCurrentIndex(self.aggregation.findData(comparison.aggregation))
        self.aggregation.setVisible(comparison.unit != "image")
        self.kind.setCurrentIndex(self.kind.findData(comparison.calibrated))
        self.kind.setVisible(any(session.scores.has_calibration(each.digest) for each in session.classifiers.all))
        self.reference.clear()
        for compared in session.classifiers.all:
            self.reference.addItem(compared.name, compared.digest)
        self.reference.setCurrentIndex(max(self.reference.findData(comparison.reference), 0))
        self.adjustment.setCurrentIndex(self.adjustment.findData(comparison.adjustment))
        for widget in (self._reference_label, self.reference, self.adjustment):
            widget.setVisible(len(session.classifiers.all) > 1)
        self._show_left_out()
        self._showing = False

    def _show_left_out(self) -> None:
        """How many findings not everything compared has scores for; the tool tip names them."""
        common = self._session.classifiers.common_findings()
        n_left_out = len(common.left_out)
        self.left_out.setText(self.tr("%n left out", "", n_left_out) if n_left_out else "")
        self.left_out.setToolTip("\n".join(common.sentences()))
        self.left_out.setAccessibleDescription("\n".join(common.sentences()))
        self.left_out.setVisible(bool(n_left_out))


def _short(name: str) -> str:
    """A file's name with its middle left out where it is too long for the line; the tool tip has the whole of it."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 8]}…{name[-7:]}"


def _label(text: str, box: QComboBox) -> QLabel:
    label = QLabel(text)
    label.setObjectName("faint")
    label.setBuddy(box)
    return label
