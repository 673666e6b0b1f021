"""The preferences: what a person wants otherwise than it is at first."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTabWidget, QVBoxLayout, QWidget

from xferviewer.gui.key_bindings import Bindings
from xferviewer.gui.mouse_bindings import Mouse
from xferviewer.gui.own_windows import OwnWindow
from xferviewer.gui.theme import GRID
from xferviewer.gui.views.preferences.appearance import AppearancePage
from xferviewer.gui.views.preferences.computer import ComputerPage, ComputerWishes
from xferviewer.gui.views.preferences.keys import KeysPage
from xferviewer.gui.views.preferences.mouse import MousePage
from xferviewer.gui.views.preferences.windows import WindowsPage
from xferviewer.policy import Policy


@dataclass(frozen=True, slots=True)
class Preferred:
    """What stands in the dialog: keys, mouse, windows of one's own, name of the theme, what the computer is to give."""

    bindings: Bindings
    mouse: Mouse
    windows: tuple[OwnWindow, ...]
    theme: str
    computer: ComputerWishes


class PreferencesDialog(QDialog):
    """A page for each kind. Nothing is kept before OK, and OK only what can be kept."""

    chosen = Signal(object)  # Preferred

    def __init__(self, now: Preferred, policy: Policy, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Preferences"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(190 * GRID, 150 * GRID)
        self.keys = KeysPage(now.bindings)
        self.mouse = MousePage(now.mouse)
        self.windows = WindowsPage(now.windows)
        self.appearance = AppearancePage(now.theme)
        self.computer = ComputerPage(now.computer, policy)
        self.tabs = QTabWidget()
        self.tabs.tabBar().setAccessibleName(self.tr("Pages of the preferences"))
        self.tabs.addTab(self.keys, self.tr("Keys"))
        self.tabs.addTab(self.mouse, self.tr("Mouse"))
        self.tabs.addTab(self.windows, self.tr("Windows"))
        self.tabs.addTab(self.appearance, self.tr("Appearance"))
        self.tabs.addTab(self.computer, self.tr("Computer"))
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Ok | buttons.Cancel)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.buttons)
        self.keys.changed.connect(self._check)
        self.windows.changed.connect(self._check)
        self._check()

    @Slot()
    def _check(self) -> None:
        right = self.keys.is_right and self.windows.is_right
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(right)

    @Slot()
    def _accept(self) -> None:
        self.chosen.emit(
            Preferred(
                self.keys.bindings,
                self.mouse.mouse,
                self.windows.windows,
                self.appearance.theme,
                self.computer.wishes,
            )
        )
        self.accept()
