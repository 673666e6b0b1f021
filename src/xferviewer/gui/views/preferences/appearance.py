"""How the window looks: its colours."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import Field


class AppearancePage(QWidget):
    """The theme of the window."""

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.box: ChoiceBox[str] = ChoiceBox(self.tr("Colours"), stretches=True)
        self.box.offer(
            [(self.tr("dark"), "dark"), (self.tr("light, for rooms with daylight"), "light")], theme
        )  # fmt: skip
        self.box.activated.connect(self._take)
        words = QLabel(self.tr("Films stay on black in either."))
        words.setWordWrap(True)
        words.setObjectName("faint")
        layout = QVBoxLayout(self)
        layout.addWidget(Field(self.tr("Colours"), self.tr("Of panels and text"), self.box))
        layout.addWidget(words)
        layout.addStretch(1)

    @Slot()
    def _take(self) -> None:
        self.theme = self.box.value or self.theme
