"""What the mouse does over a film, and how far the wheel goes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import Field
from xferviewer.gui.mouse_bindings import CHOICES, GESTURES, STANDARD_MOUSE, Mouse


class MousePage(QWidget):
    """A box for each gesture."""

    def __init__(self, mouse: Mouse, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mouse = mouse
        self.boxes: dict[str, ChoiceBox[str]] = {}
        layout = QVBoxLayout(self)
        for gesture, name in GESTURES.items():
            box: ChoiceBox[str] = ChoiceBox(name, stretches=True)
            box.offer([(words, does) for does, words in CHOICES[gesture].items()], getattr(mouse, gesture))
            box.activated.connect(partial(self._take, gesture))
            self.boxes[gesture] = box
            layout.addWidget(Field(name, self.tr("What this does over a film"), box))
        words = QLabel(
            self.tr(
                "With a tool chosen the left button measures. Dragging with Ctrl goes four times as far. A click of "
                "the right button opens the menu of the film. Which way is brighter stands in the menu Window."
            )
        )
        words.setWordWrap(True)
        words.setObjectName("faint")
        layout.addWidget(words)
        self.standard = QPushButton(self.tr("All as at first"))
        self.standard.setAccessibleName(self.tr("All gestures of the mouse as at first"))
        self.standard.setAutoDefault(False)
        self.standard.clicked.connect(self._restore)
        layout.addWidget(self.standard)
        layout.addStretch(1)

    def _take(self, gesture: str, _place: int) -> None:
        self.mouse = replace(self.mouse, **{gesture: self.boxes[gesture].value or "nothing"})

    @Slot()
    def _restore(self) -> None:
        self.mouse = STANDARD_MOUSE
        for gesture, box in self.boxes.items():
            box.choose(getattr(STANDARD_MOUSE, gesture))
