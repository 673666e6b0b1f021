"""A perspective: panels as docks around a centre, with a layout that is remembered and can be reset."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, Qt, QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabWidget, QToolBar, QWidget


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
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self._sizes: list[tuple[QDockWidget, int, int]] = []
        self._in_front: list[QDockWidget] = []  # of each stack of tabs, the one that is seen first
        self._first_layout: QByteArray | None = None
        self._restored: QByteArray | None = None

    def add_panel(
        self, name: str, title: str, widget: QWidget, area: Qt.DockWidgetArea, size: tuple[int, int]
    ) -> QDockWidget:
        """Put a panel at an edge, about `size` (width, height) pixels large at the first start."""
        dock = self._dock(name, title, widget)
        self.addDockWidget(area, dock)
        self._sizes.append((dock, *size))
        return dock

    def add_tab(self, name: str, title: str, widget: QWidget, beside: QDockWidget) -> QDockWidget:
        """Put a panel behind another one, which shares its place with it and is seen first."""
        dock = self._dock(name, title, widget)
        self.addDockWidget(self.dockWidgetArea(beside), dock)
        self.tabifyDockWidget(beside, dock)
        if beside not in self._in_front:
            self._in_front.append(beside)
        return dock

    def _dock(self, name: str, title: str, widget: QWidget) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        dock.setWidget(widget)
        return dock

    def add_bar(self, title: str, widget: QWidget) -> None:
        """Put a line of controls above the panels, where it stays."""
        bar = QToolBar(title, self)
        bar.setObjectName(f"{self.name} bar")
        bar.setMovable(False)
        bar.setFloatable(False)
        bar.toggleViewAction().setVisible(False)
        bar.addWidget(widget)
        self.addToolBar(bar)

    @property
    def was_shown(self) -> bool:
        """It has a layout worth saving."""
        return self._first_layout is not None

    def restore_layout(self, state: QByteArray) -> None:
        """Lay the panels out as they were saved, when this perspective is first shown."""
        self._restored = state

    def reset_layout(self) -> None:
        """Put all panels back to where they were at the first start."""
        if self._first_layout is not None:
            self.restoreState(self._first_layout)
        self._apply_widths()

    def showEvent(self, event: QShowEvent) -> None:
        """Qt heeds the sizes of docks only once they are laid out, which is after the event."""
        super().showEvent(event)
        if self._first_layout is None:
            QTimer.singleShot(0, self, self._apply_widths)

    @Slot()
    def _apply_widths(self) -> None:
        for dock in self.findChildren(QDockWidget):
            dock.show()
        for dock in self._in_front:
            dock.raise_()
        self.resizeDocks(
            [dock for dock, _, _ in self._sizes], [width for _, width, _ in self._sizes], Qt.Orientation.Horizontal
        )
        QTimer.singleShot(0, self, self._apply_heights)  # at once, the widths would be forgotten

    @Slot()
    def _apply_heights(self) -> None:
        self.resizeDocks(
            [dock for dock, _, _ in self._sizes], [height for _, _, height in self._sizes], Qt.Orientation.Vertical
        )
        if self._first_layout is None:
            self._first_layout = self.saveState()
            if self._restored is not None:
                self.restoreState(self._restored)


def in_hidden_tab(widget: QWidget) -> bool:
    """It belongs to a panel that shares its place with another one, and that one is in front."""
    up: QWidget | None = widget
    while up is not None:
        if isinstance(up, QDockWidget) and not up.isFloating() and up.visibleRegion().isEmpty():
            return True
        up = up.parentWidget()
    return False
