"""Which keys do what: every action with its keys, those chosen twice named before anything is kept."""

from __future__ import annotations

from PySide6.QtCore import QKeyCombination, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from xferviewer.gui.actions import KEYED
from xferviewer.gui.field import FaultLine
from xferviewer.gui.key_bindings import STANDARD, Bindings, canonical, conflicts, held_faults


class KeysPage(QWidget):
    """A table of actions; the field below it takes the key of the chosen one."""

    changed = Signal()

    def __init__(self, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bindings = dict(bindings)
        self.table = QTableWidget(len(KEYED), 3)
        self.table.setAccessibleName(self.tr("Actions and their keys"))
        self.table.setHorizontalHeaderLabels([self.tr("menu"), self.tr("action"), self.tr("keys")])
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.key = QKeySequenceEdit()
        self.key.setMaximumSequenceLength(1)
        self.key.setAccessibleName(self.tr("New key of the chosen action"))
        # the field takes every key, so that Tab does not leave it unless this is said
        shift = Qt.KeyboardModifier.ShiftModifier
        self.key.setFinishingKeyCombinations([QKeyCombination(Qt.Key.Key_Tab), QKeyCombination(shift, Qt.Key.Key_Tab)])
        self.use = self._button(self.tr("Use this key"), self._use)
        self.add = self._button(self.tr("Add it"), self._add)
        self.clear = self._button(self.tr("No key"), self._clear)
        self.standard = self._button(self.tr("All as at first"), self._restore)
        self.fault = FaultLine()
        line = QHBoxLayout()
        for widget in (self.key, self.use, self.add, self.clear, self.standard):
            line.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.addWidget(self.table, 1)
        layout.addLayout(line)
        layout.addWidget(self.fault)
        self._show()
        self.table.selectRow(0)

    @property
    def is_right(self) -> bool:
        """No key means two things, and the held one can be held."""
        return not conflicts(self.bindings) and not held_faults(self.bindings)

    def _button(self, text: str, pressed: object) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.clicked.connect(pressed)
        return button

    @property
    def _name(self) -> str:
        return KEYED[max(self.table.currentRow(), 0)].name

    def _typed(self) -> str:
        return canonical(self.key.keySequence().toString(QKeySequence.SequenceFormat.PortableText))

    @Slot()
    def _use(self) -> None:
        if self._typed():
            self._set((self._typed(),))

    @Slot()
    def _add(self) -> None:
        if self._typed():
            self._set(tuple(dict.fromkeys((*self.bindings[self._name], self._typed()))))

    @Slot()
    def _clear(self) -> None:
        self._set(())

    @Slot()
    def _restore(self) -> None:
        self.bindings = dict(STANDARD)
        self._show()

    def _set(self, keys: tuple[str, ...]) -> None:
        self.bindings[self._name] = keys
        self._show()

    def _show(self) -> None:
        for place, row in enumerate(KEYED):
            for column, text in enumerate((row.menu, row.text, ", ".join(self.bindings[row.name]))):
                self.table.setItem(place, column, QTableWidgetItem(text))
        twice = [f"{key}: {'; '.join(texts)}" for key, texts in conflicts(self.bindings).items()]
        held = [
            self.tr("{0} cannot be held: take a key without Ctrl, Alt and Shift.").format(key)
            for key in held_faults(self.bindings)
        ]
        self.fault.show_fault("\n".join([*twice, *held]))
        self.changed.emit()
