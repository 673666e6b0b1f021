"""A field of a form: its name, what it takes, and below it what is wrong with what stands there."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from xferviewer.gui.theme import GRID, heading_font

_NAME_WIDTH = 28 * GRID


class Field(QWidget):
    """A row; `tip` says in a tool tip what is asked and why."""

    def __init__(self, name: str, tip: str, *controls: QWidget, name_width: int = _NAME_WIDTH) -> None:
        super().__init__()
        label = QLabel(name)
        label.setFixedWidth(name_width)
        label.setWordWrap(True)
        label.setBuddy(controls[0])
        self.fault = FaultLine()
        row = QHBoxLayout()
        row.setSpacing(2 * GRID)
        for control in controls:
            if not control.accessibleName():
                control.setAccessibleName(name)
            control.setAccessibleDescription(tip)
            control.setToolTip(tool_tip(tip))
            row.addWidget(control, 1 if control is controls[0] else 0)
        label.setToolTip(tool_tip(tip))
        label.setMinimumHeight(label.fontMetrics().height() + 2 * GRID)
        right = QVBoxLayout()
        right.setSpacing(GRID // 2)
        right.addLayout(row)
        right.addWidget(self.fault)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(label, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(right, 1)


def tool_tip(words: str) -> str:
    """Words that may come from a file, as a tool tip that breaks its lines and takes no markup."""
    return f"<p>{escape(words)}</p>" if words else ""


class FaultLine(QLabel):
    """One sentence in the colour of errors; hidden while nothing is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("fault")
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.hide()

    def show_fault(self, sentence: str) -> None:
        """Say it, or nothing."""
        self.setText(sentence)
        self.setVisible(bool(sentence))


def heading(text: str) -> QLabel:
    """What a section is about."""
    label = QLabel(text)
    label.setFont(heading_font())
    return label


def said(text: str = "") -> QLabel:
    """Words that may be long, from a file: read as words and as no markup."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def stack(layout: QLayout, *widgets: QWidget) -> None:
    """One below the other, close together: what belongs to one section."""
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(GRID)
    for widget in widgets:
        layout.addWidget(widget)


class Fold(QWidget):
    """A part of a form below its title, which a press opens and closes."""

    def __init__(self, title: str, content: QWidget, *, opened: bool = False) -> None:
        super().__init__()
        self._content = content
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setAccessibleName(title)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.toggled.connect(self._show)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self.button)
        layout.addWidget(content)
        self.button.setChecked(opened)
        self._show(opened)

    def open(self) -> None:
        """Show what is below the title."""
        self.button.setChecked(True)

    @Slot(bool)
    def _show(self, opened: bool) -> None:
        self.button.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self._content.setVisible(opened)
