"""The line in which a rule for the operating point is chosen and applied."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QWidget

from xferviewer.evaluation.operating_points import at_sensitivity, at_specificity, cost_weighted, youden
from xferviewer.gui.live_points import Rule
from xferviewer.gui.theme import GRID

_WIDEST = 1e9  # a spin box takes the width of its largest number


class RuleBox(QWidget):
    """A rule with its number, for the active checkpoint or for all."""

    rule_asked = Signal(object, bool)  # Rule, for all checkpoints
    threshold_asked = Signal(float, bool)

    def __init__(self, prevalence: Callable[[], float], parent: QWidget | None = None) -> None:
        """`prevalence` tells the stated prevalence in (0, 1), which the cost ratio is weighed at."""
        super().__init__(parent)
        self._prevalence = prevalence
        self.rule = QComboBox()
        self.rule.setAccessibleName(self.tr("Rule for the operating point"))
        self.sensitivity = _percent_box(self.tr("Least sensitivity in percent"), 95)
        self.specificity = _percent_box(self.tr("Least specificity in percent"), 95)
        self.cost_ratio = QDoubleSpinBox(minimum=0.01, maximum=9999, decimals=2, value=10, prefix="1 : ")
        self.cost_ratio.setAccessibleName(self.tr("Cost of a missed case in false alarms"))
        self.threshold = QDoubleSpinBox(maximum=1, decimals=4, singleStep=0.01, value=0.5)
        self.threshold.setAccessibleName(self.tr("Threshold to set"))
        self._numbers: dict[str, QDoubleSpinBox | None] = {
            "youden": None, "sensitivity": self.sensitivity, "specificity": self.specificity,
            "cost": self.cost_ratio, "threshold": self.threshold,
        }  # fmt: skip
        for text, name, tip in (
            (self.tr("Youden"), "youden", self.tr("The largest sensitivity + specificity")),
            (self.tr("sensitivity at least"), "sensitivity", self.tr("The highest threshold that reaches it")),
            (self.tr("specificity at least"), "specificity", self.tr("The lowest threshold that reaches it")),
            (
                self.tr("false alarm : miss"),
                "cost",
                self.tr("The least cost at the stated prevalence, a missed case weighing so many false alarms"),
            ),
            (self.tr("threshold"), "threshold", self.tr("Positive is what lies strictly above it")),
        ):
            self.rule.addItem(text, name)
            self.rule.setItemData(self.rule.count() - 1, tip, 3)  # Qt.ItemDataRole.ToolTipRole
        self.whom = QComboBox()
        self.whom.setAccessibleName(self.tr("Whose operating point is set"))
        self.whom.addItem(self.tr("all checkpoints"), True)
        self.whom.addItem(self.tr("the active one"), False)
        self.apply = QPushButton(self.tr("Set"))
        self.apply.setAccessibleName(self.tr("Set the operating point by this rule"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self.rule)
        for box in filter(None, self._numbers.values()):
            layout.addWidget(box)
            box.lineEdit().returnPressed.connect(self._apply)
        layout.addWidget(QLabel(self.tr("for")))
        layout.addWidget(self.whom)
        layout.addWidget(self.apply)
        layout.addStretch(1)
        self.rule.currentIndexChanged.connect(self._show_number)
        self.apply.clicked.connect(self._apply)
        self._show_number()

    def set_threshold_range(self, lowest: float, highest: float, current: float) -> None:
        """What may be typed as a threshold, and the active checkpoint's own to begin with."""
        self.threshold.setRange(max(lowest, -_WIDEST), min(highest, _WIDEST))
        if not self.threshold.hasFocus():
            self.threshold.setValue(current)

    @Slot()
    def _show_number(self) -> None:
        for name, box in self._numbers.items():
            if box is not None:
                box.setVisible(name == self.rule.currentData())

    @Slot()
    def _apply(self) -> None:
        if self.rule.currentData() == "threshold":
            self.threshold_asked.emit(self.threshold.value(), self.whom.currentData())
        else:
            self.rule_asked.emit(self._chosen_rule(), self.whom.currentData())

    def _chosen_rule(self) -> Rule:
        name = self.rule.currentData()
        if name == "sensitivity":
            return partial(at_sensitivity, target=self.sensitivity.value() / 100)
        if name == "specificity":
            return partial(at_specificity, target=self.specificity.value() / 100)
        if name == "cost":
            return partial(cost_weighted, cost_ratio=self.cost_ratio.value(), prevalence=self._prevalence())
        return youden


def _percent_box(name: str, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox(maximum=100, decimals=1, value=value, suffix=" %")
    box.setAccessibleName(name)
    return box
