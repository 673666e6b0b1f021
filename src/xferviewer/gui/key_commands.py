"""Keys as a person wants them: the dialog that changes them, the palette, and the cheat sheet that shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from xferviewer.gui import dialogs
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.key_bindings import Bindings, binding_lines, conflicts, read_bindings
from xferviewer.gui.keys_dialog import KeysDialog
from xferviewer.gui.palette import Palette


class KeyCommands(QObject):
    """`bindings` are in force. Kept ones that mean two things, in a file written by hand, are left for the standard."""

    def __init__(self, window: QWidget, kept: KeptSettings) -> None:
        super().__init__(window)
        self._window = window
        self._kept = kept
        self._actions: Mapping[str, QAction] = {}
        chosen = read_bindings(kept.now.keys)
        self.bindings: Bindings = read_bindings(()) if conflicts(chosen) else chosen

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What to call for each action."""
        return {"palette": self.ask_command, "keys": self.ask_keys, "cheat_sheet": self.show_cheat_sheet}

    def use_with(self, actions: Mapping[str, QAction]) -> None:
        """Give these actions their keys."""
        self._actions = actions
        for name, action in actions.items():
            action.setShortcuts([QKeySequence(key) for key in self.bindings[name]])

    def ask_command(self) -> Palette:
        """Open the palette."""
        palette = Palette(self._actions, self._window)
        palette.open()
        return palette

    def ask_keys(self) -> KeysDialog:
        """Open the preferences of keys."""
        dialog = KeysDialog(self.bindings, self._window)
        dialog.chosen.connect(self._use)
        dialog.open()
        return dialog

    def show_cheat_sheet(self) -> QWidget:
        """The keys in force, and the mouse."""
        return dialogs.show_cheat_sheet(self._window, self.bindings)

    @Slot(object)
    def _use(self, bindings: Bindings) -> None:
        self.bindings = bindings
        self._kept.keep(keys=binding_lines(bindings))
        self.use_with(self._actions)
