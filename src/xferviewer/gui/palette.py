"""The command palette: any action by a few letters of its name."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from xferviewer.gui.actions import ACTIONS
from xferviewer.gui.theme import GRID


class Palette(QDialog):
    """Type, choose with the arrows, Return does it. Actions that cannot be done now are not offered."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self.setWindowTitle(self.tr("Commands"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(120 * GRID, 100 * GRID)
        self.words = QLineEdit()
        self.words.setAccessibleName(self.tr("Words of a command"))
        self.words.setPlaceholderText(self.tr("What to do"))
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Commands"))
        layout = QVBoxLayout(self)
        layout.addWidget(self.words)
        layout.addWidget(self.list)
        self.words.textChanged.connect(self._fill)
        self.words.returnPressed.connect(self._do)
        self.list.itemActivated.connect(self._do)
        self.words.installEventFilter(self)
        self._fill()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The arrows move the choice while the words are typed."""
        arrows = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
        pressed = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in arrows
        if watched is self.words and pressed:
            QApplication.sendEvent(self.list, event)
            return True
        return super().eventFilter(watched, event)

    @Slot()
    def _fill(self) -> None:
        """Those that hold all words, wherever; those that begin with the first come first."""
        words = self.words.text().casefold().split()
        found = []
        for row in ACTIONS:
            text = f"{row.menu}: {row.text}"
            if self._actions[row.name].isEnabled() and all(word in text.casefold() for word in words):
                found.append((not row.text.casefold().startswith(words[0] if words else ""), row.name, text))
        self.list.clear()
        for _, name, text in sorted(found, key=lambda entry: entry[0]):
            keys = self._actions[name].shortcut().toString()
            item = QListWidgetItem(f"{text}    {keys}" if keys else text)
            item.setData(Qt.ItemDataRole.UserRole, name)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    @Slot()
    def _do(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            action = self._actions[item.data(Qt.ItemDataRole.UserRole)]
            self.accept()
            action.trigger()
