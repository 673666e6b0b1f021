"""Real training images as the network gets them, a picture that the command line draws."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPixmap, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from xferviewer.gui.theme import GRID


class BatchPicture(QWidget):
    """Scaled to the room there is, and drawn anew when somebody asks."""

    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._picture = QPixmap()
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setMinimumSize(20 * GRID, 20 * GRID)
        self.picture.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.picture.setAccessibleName(self.tr("Training images as the network gets them"))
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.draw = QPushButton(self.tr("Show a batch"))
        self.draw.setAccessibleName(self.tr("Draw a batch of training images"))
        self.draw.clicked.connect(self.asked)
        top = QHBoxLayout()
        top.addWidget(self.draw)
        top.addWidget(self.words, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, GRID, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.picture, 1)
        self.clear()

    def clear(self) -> None:
        """There is no picture yet."""
        self._picture = QPixmap()
        self.picture.clear()
        self.words.setText(self.tr("Real images of the training part, moved and normalised as each epoch does."))

    def show_words(self, words: str) -> None:
        """How far it is, or why there is none."""
        self.words.setText(words)

    def show_picture(self, png: bytes, words: str) -> None:
        """Show a picture in the PNG format."""
        self._picture = QPixmap()
        self._picture.loadFromData(png, "PNG")
        self.words.setText(words)
        self._scale()

    @property
    def shown(self) -> bool:
        """There is a picture."""
        return not self._picture.isNull()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the picture whole."""
        super().resizeEvent(event)
        self._scale()

    @Slot()
    def _scale(self) -> None:
        if self.shown:
            aspect, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            self.picture.setPixmap(self._picture.scaled(self.picture.size(), aspect, smooth))
