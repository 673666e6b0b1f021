"""The choice of a rule for an operating point, with the number that it takes."""

from __future__ import annotations

from functools import partial
from typing import Literal

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QWidget

from xferviewer.evaluation.hand_over import ThresholdRule
from xferviewer.evaluation.operating_points import at_sensitivity, at_specificity, cost_weighted, youden
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.theme import GRID

RuleName = Literal["youden", "sensitivity", "specificity", "cost", "threshold"]


class RuleBox(QWidget):
    """A rule and its number; `rule` gives what the evaluation takes."""

    changed = Signal()
    entered = Signal()  # Enter in a number: apply it

    def __init__(self, first: RuleName = "youden", *, cost: bool = False, parent: QWidget | None = None) -> None:
        """`first` is chosen to begin with; `cost` offers the rule that weighs misses against false alarms."""
        super().__init__(parent)
        self.choice = ChoiceBox[RuleName](self.tr("Rule for the threshold"))
        self.sensitivity = _percent_box(self.tr("Least sensitivity in percent"), 95)
        self.specificity = _percent_box(self.tr("Least specificity in percent"), 95)
        self.cost_ratio = QDoubleSpinBox(minimum=0.01, maximum=9999, decimals=2, value=10)
        self.cost_ratio.setAccessibleName(self.tr("False alarms that a missed case weighs"))
        self.threshold = QDoubleSpinBox(maximum=1, decimals=4, singleStep=0.01, value=0.5)
        self.threshold.setAccessibleName(self.tr("Threshold to use"))
        self._offered: float | None = None
        self._numbers: dict[RuleName, QDoubleSpinBox] = {
            "sensitivity": self.sensitivity, "specificity": self.specificity, "cost": self.cost_ratio,
            "threshold": self.threshold,
        }  # fmt: skip
        rules: list[tuple[str, RuleName, str]] = [
            (self.tr("Youden"), "youden", self.tr("The largest sensitivity + specificity")),
            (self.tr("sensitivity ≥"), "sensitivity", self.tr("The highest threshold that reaches it")),
            (self.tr("specificity ≥"), "specificity", self.tr("The lowest threshold that reaches it")),
            (self.tr("threshold >"), "threshold", self.tr("Positive is what lies strictly above it")),
        ]
        if cost:
            tip = self.tr("The least cost at the stated prevalence, where a missed case weighs so many false alarms")
            rules.insert(3, (self.tr("cost of a miss"), "cost", tip))
        self.choice.offer([(text, name) for text, name, _ in rules], first)
        for place, (_, _, tip) in enumerate(rules):
            self.choice.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self.choice)
        for box in self._numbers.values():
            layout.addWidget(box)
            box.setKeyboardTracking(False)
            box.valueChanged.connect(self.changed)
            box.lineEdit().returnPressed.connect(self.entered)
        self.choice.currentIndexChanged.connect(self._show_number)
        self._show_number()

    @Slot()
    def _show_number(self) -> None:
        for name, box in self._numbers.items():
            box.setVisible(name == self.name)
        self.changed.emit()

    @property
    def name(self) -> RuleName:
        """Which rule."""
        return self.choice.value or "youden"

    def offer_threshold(self, lowest: float, highest: float, current: float) -> None:
        """What may be typed as a threshold, and what it is elsewhere, which takes a typed one's place when it moves."""
        if current != self._offered:
            self._offered = current
            self.threshold.blockSignals(True)
            self.threshold.setRange(min(lowest, current), max(highest, current))
            self.threshold.setValue(current)
            self.threshold.blockSignals(False)

    def rule(self, prevalence: float = 0.5) -> ThresholdRule:
        """A threshold, or what finds one on a ROC curve. `prevalence` in (0, 1) is what a cost is weighed at."""
        if self.name == "sensitivity":
            return partial(at_sensitivity, target=self.sensitivity.value() / 100)
        if self.name == "specificity":
            return partial(at_specificity, target=self.specificity.value() / 100)
        if self.name == "cost":
            return partial(cost_weighted, cost_ratio=self.cost_ratio.value(), prevalence=prevalence)
        return youden if self.name == "youden" else self.threshold.value()


def _percent_box(name: str, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox(maximum=100, decimals=1, value=value, suffix=" %")
    box.setAccessibleName(name)
    return box
