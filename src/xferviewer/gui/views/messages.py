"""The message list: what the application has told its user since it was started."""

from __future__ import annotations

from PySide6.QtCore import QTime, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from xferviewer.gui.theme import GRID

_MOST_KEPT = 500


class MessageList(QWidget):
    """Newest first; choose one to read its details."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Messages"))
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setPlaceholderText(self.tr("Choose a message to read its details."))
        self.details.setAccessibleName(self.tr("Details of the message"))
        self.copy = QPushButton(self.tr("Copy"))
        self.copy.setEnabled(False)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.addWidget(self.list, 2)
        layout.addWidget(self.details, 1)
        layout.addLayout(buttons)
        self._texts: list[str] = []
        self.list.currentRowChanged.connect(self._show)
        self.copy.clicked.connect(self._copy)

    @Slot(str, str)
    def add(self, what: str, details: str) -> None:
        """Put a message on top."""
        self._texts.insert(0, f"{what}\n\n{details}" if details else what)
        self.list.insertItem(0, QListWidgetItem(f"{QTime.currentTime().toString('HH:mm')}  {what}"))
        while len(self._texts) > _MOST_KEPT:
            self._texts.pop()
            self.list.takeItem(self.list.count() - 1)

    @Slot(int)
    def _show(self, row: int) -> None:
        chosen = 0 <= row < len(self._texts)
        self.details.setPlainText(self._texts[row] if chosen else "")
        self.copy.setEnabled(chosen)

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details.toPlainText())
