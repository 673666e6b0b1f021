"""The line that leads to the cases on which the checkpoints disagree, told on the scale of sensitivity they share."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from xferviewer.evaluation.disagreement import Disagreement, disagreement
from xferviewer.evaluation.operating_points import confusion_at
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.case_words import percent_text, why_no_numbers
from xferviewer.gui.compared_cases import Compared
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.number_panel import NumberPanel
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID


class DisagreementLine(NumberPanel):
    """How many cases some checkpoints call and others do not, each at the same sensitivity; a button reads them."""

    def __init__(
        self, session: Session, numbers: LiveNumbers, calculator: Calculator, parent: QWidget | None = None
    ) -> None:
        super().__init__(session, numbers, parent)
        self._calculator = calculator
        self._typed: float | None = None  # in [0, 1]; None: the active checkpoint's own
        self._asked: tuple[Compared, float] | None = None
        self.sensitivity = QDoubleSpinBox(minimum=0.1, maximum=100, decimals=1, suffix=" %")
        self.sensitivity.setAccessibleName(self.tr("Sensitivity at which the checkpoints are compared, in percent"))
        self.sensitivity.setToolTip(
            self.tr("Each checkpoint calls a case at the threshold where it has this sensitivity")
        )
        self.sensitivity.setKeyboardTracking(False)
        self.own = QToolButton()
        self.heading.setTextFormat(Qt.TextFormat.PlainText)  # names come from files
        self.own.setText(self.tr("the active's"))
        self.own.setAccessibleName(self.tr("Sensitivity of the active checkpoint"))
        self.read = QPushButton(self.tr("Read them"))
        self.read.setAccessibleName(self.tr("Read the cases on which the checkpoints disagree"))
        line = QHBoxLayout()
        line.setSpacing(GRID)
        label = QLabel(self.tr("disagreement at"))
        label.setBuddy(self.sensitivity)
        line.addWidget(label)
        for widget in (self.sensitivity, self.own, self.read):
            line.addWidget(widget)
        line.addStretch(1)
        self.content.setContentsMargins(0, 0, 0, 0)
        self.content.setSpacing(GRID)
        self.content.insertLayout(0, line)
        self.heading.setObjectName("faint")
        self.sensitivity.valueChanged.connect(self._sensitivity_typed)
        self.own.clicked.connect(self._own_sensitivity)
        self.read.clicked.connect(self.read_cases)

    # --- choosing

    @Slot(float)
    def _sensitivity_typed(self, percent: float) -> None:
        self._typed = percent / 100
        self.refresh_soon()

    @Slot()
    def _own_sensitivity(self) -> None:
        self._typed = None
        self.refresh_soon()

    @Slot()
    def read_cases(self) -> str:
        """Put the cases into the worklist, the largest disagreement first; a sentence where there are none."""
        finding = self.session.finding
        why = self._why_not()
        if why:
            return why
        compared, sensitivity = self.numbers.compared(finding), self._sensitivity()
        found = disagreement(compared.labels, compared.scores, sensitivity)
        n_differing = int(found.differs.sum())
        if not n_differing:
            return self._sentence(found)
        title = self.tr("{0}: checkpoints disagree at sensitivity {1}").format(finding, percent_text(sensitivity))
        self.numbers.show_cases(title, compared.rows[found.order[:n_differing]].tolist())
        return ""

    def _sensitivity(self) -> float:
        """As it was typed, else what the active checkpoint has at its threshold on all compared cases."""
        if self._typed is not None:
            return self._typed
        finding = self.session.finding
        compared = self.numbers.compared(finding)
        digest = self.session.active if self.session.active in compared.digests else compared.digests[0]
        row = compared.scores[compared.digests.index(digest)]
        threshold = self.session.operating_points.threshold(digest, finding)
        return confusion_at(compared.labels, row, threshold).sensitivity.value

    # --- showing

    def refresh(self) -> None:
        """Show the numbers as they are now."""
        why = self._why_not()
        for widget in (self.sensitivity, self.own, self.read):
            widget.setEnabled(not why)
        if why:
            self.heading.setText(why)
            return
        compared, sensitivity = self.numbers.compared(self.session.finding), self._sensitivity()
        self.own.setEnabled(self._typed is not None)
        self.sensitivity.blockSignals(True)
        self.sensitivity.setValue(100 * sensitivity)
        self.sensitivity.blockSignals(False)
        if self._asked != (compared, sensitivity):
            self._asked = compared, sensitivity
            self.read.setEnabled(False)
            self._calculator.forget(self)
            question = partial(disagreement, compared.labels, compared.scores, sensitivity)
            self._calculator.ask(self, sensitivity, question, self._show)

    def _show(self, found: Disagreement) -> None:
        self.read.setEnabled(bool(found.differs.any()))
        self.heading.setText(self._sentence(found))

    def _why_not(self) -> str:
        finding = self.session.finding
        why = why_no_numbers(self.session, self.numbers, finding)
        if not why and len(self.numbers.compared(finding).digests) < 2:
            why = self.tr("A disagreement needs two checkpoints that were trained for {0}.").format(finding)
        return why

    def _sentence(self, found: Disagreement) -> str:
        return self.tr("{0} of {1} cases are called by some checkpoints and not by others, at one sensitivity.").format(
            int(found.differs.sum()), found.differs.size
        )
