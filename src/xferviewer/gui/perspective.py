"""A perspective: panels as docks around a centre, with a layout that is remembered and can be reset."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget


class Perspective(QMainWindow):
    """A window inside the window: its docks can be moved, floated to a second monitor, and closed."""

    def __init__(self, name: str, centre: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Widget)
        self.name = name
        self.setObjectName(name)
        self.setDockOptions(
            QMainWindow.DockOption.AnimatedDocks
            | QMainWindow.DockOption.AllowNestedDocks
            | QMainWindow.DockOption.AllowTabbedDocks
        )
        self.setCentralWidget(centre)
        self._first_layout = QByteArray()

    def add_panel(self, name: str, title: str, widget: QWidget, area: Qt.DockWidgetArea, size: int) -> QDockWidget:
        """Put a panel at an edge, `size` pixels wide (left, right) or high (top, bottom)."""
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        dock.setWidget(widget)
        self.addDockWidget(area, dock)
        sideways = area in (Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea)
        self.resizeDocks([dock], [size], Qt.Orientation.Horizontal if sideways else Qt.Orientation.Vertical)
        return dock

    def remember_first_layout(self) -> None:
        """What `reset_layout` goes back to: call it once all panels are in place."""
        self._first_layout = self.saveState()

    def reset_layout(self) -> None:
        """Put all panels back to where they were at the first start."""
        self.restoreState(self._first_layout)
        for dock in self.findChildren(QDockWidget):
            dock.show()
