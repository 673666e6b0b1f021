"""A combo box whose items stand for Python values: Qt's own item data turns tuples into lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from PySide6.QtWidgets import QComboBox, QWidget

from xferviewer.gui.theme import GRID

_LEAST_CHARACTERS = 8
_WIDEST = 45 * GRID
Value = TypeVar("Value")


class ChoiceBox(QComboBox, Generic[Value]):
    """`activated` tells of what a person chose, and of nothing else."""

    def __init__(self, name: str, *, stretches: bool = False, parent: QWidget | None = None) -> None:
        """`name` for those who hear it; `stretches`: it takes what room there is, for texts of any length."""
        super().__init__(parent)
        self.setAccessibleName(name)
        if stretches:
            self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            self.setMinimumContentsLength(_LEAST_CHARACTERS)
        else:
            self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            self.setMaximumWidth(_WIDEST)
        self._values: list[Value] = []

    def offer(self, items: Iterable[tuple[str, Value]], chosen: Value) -> None:
        """Offer these texts for these values. What was chosen before stays so where it is offered, else `chosen` is."""
        pairs = list(items)
        if [text for text, _ in pairs] == self._texts() and [value for _, value in pairs] == self._values:
            return
        before = self.value
        self.blockSignals(True)
        self.clear()
        self.addItems([text for text, _ in pairs])
        self._values = [value for _, value in pairs]
        self.blockSignals(False)
        self.choose(chosen if before is None or before not in self._values else before)

    def choose(self, value: Value) -> None:
        """Show this value, or the first one where it is not offered."""
        self.setCurrentIndex(self._values.index(value) if value in self._values else min(0, self.count() - 1))

    @property
    def value(self) -> Value | None:
        """What is chosen; None while nothing is offered."""
        return self._values[self.currentIndex()] if 0 <= self.currentIndex() < len(self._values) else None

    @property
    def offered(self) -> list[Value]:
        """The values that can be chosen."""
        return list(self._values)

    def _texts(self) -> list[str]:
        return [self.itemText(place) for place in range(self.count())]
