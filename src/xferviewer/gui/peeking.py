"""The map is out of the way as long as a key is held, whichever panel has the focus."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QKeySequenceEdit, QLineEdit, QPlainTextEdit, QTextEdit

from xferviewer.gui.views.compare import CompareView

_TYPED_INTO = (QLineEdit, QAbstractSpinBox, QPlainTextEdit, QTextEdit, QKeySequenceEdit)


class Peeking(QObject):
    """`keys` are those that are held. They are letters where something is typed."""

    def __init__(self, compare: CompareView, parent: QObject) -> None:
        super().__init__(parent)
        self._compare = compare
        self.keys: frozenset[Qt.Key] = frozenset()
        self._application = QApplication.instance()
        self._application.installEventFilter(self)  # type: ignore[union-attr]

    def stop(self) -> None:
        """Listen no more: the window closes."""
        self._application.removeEventFilter(self)  # type: ignore[union-attr]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look at the key, and leave it to whoever it is for."""
        if event.type() == QEvent.Type.ApplicationDeactivate:  # the key is let go where nobody here hears of it
            self._compare.set_peeking(False)
        if isinstance(event, QKeyEvent) and event.key() in self.keys and not event.isAutoRepeat():
            if event.type() == QEvent.Type.KeyRelease:
                self._compare.set_peeking(False)
            elif event.type() == QEvent.Type.KeyPress and self._means_it(event):
                self._compare.set_peeking(True)
        return super().eventFilter(watched, event)

    def _means_it(self, event: QKeyEvent) -> bool:
        plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier
        return plain and not isinstance(QApplication.focusWidget(), _TYPED_INTO)
