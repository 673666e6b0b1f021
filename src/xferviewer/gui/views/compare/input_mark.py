"""The mark in a pane's corner that says that the image, or the cohort, is not as the checkpoint expects it."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QEnterEvent, QMouseEvent
from PySide6.QtWidgets import QLabel, QToolTip, QWidget

from xferviewer.gui.theme import small_font


class InputMark(QLabel):
    """⚠ with the kinds of the flags; what, why and what to do stand in its tool tip, which a click shows as well."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self.setFont(small_font())
        self.setAccessibleName(self.tr("What the checkpoint does not expect of the image"))
        self.hide()

    def show_words(self, mark: str, words: str, *, quiet: bool) -> None:
        """Show the mark with these words; nothing where there are none. `quiet`: it was acknowledged."""
        name = "faint" if quiet else "notice"
        if name != self.objectName():
            self.setObjectName(name)
            self.style().unpolish(self)
            self.style().polish(self)
        self.setText(mark)
        self.setToolTip(words)
        self.setAccessibleDescription(words)
        self.adjustSize()
        self.setVisible(bool(mark))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Tell at once, where no mouse rests long enough for a tool tip."""
        QToolTip.showText(event.globalPosition().toPoint(), self.toolTip(), self)

    def enterEvent(self, event: QEnterEvent) -> None:
        """The film below has its own cursor."""
        self.unsetCursor()
        super().enterEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """As wide as its words in another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.adjustSize()
