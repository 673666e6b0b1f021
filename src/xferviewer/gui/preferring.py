"""What a person prefers: keys, mouse, windows, colours, memory; the dialog that changes it, and the cheat sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication, QWidget

from xferviewer.gui import dialogs, theme
from xferviewer.gui.films import FilmShelf
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.key_bindings import Bindings, binding_lines, conflicts, held_faults, held_keys, read_bindings
from xferviewer.gui.mouse_bindings import mouse_lines, mouse_rows, read_mouse
from xferviewer.gui.own_windows import own_window_lines, read_own_windows
from xferviewer.gui.palette import Palette
from xferviewer.gui.peeking import Peeking
from xferviewer.gui.theme import Theme
from xferviewer.gui.views.compare import CompareView
from xferviewer.gui.views.preferences import ComputerWishes, PreferencesDialog, Preferred


class Preferring(QObject):
    """`bindings` are in force. Kept ones that mean two things, in a file written by hand, are left for the standard."""

    def __init__(
        self, window: QWidget, compare: CompareView, films: FilmShelf, kept: KeptSettings, colours: Theme
    ) -> None:
        super().__init__(window)
        self._colours = colours
        self._window = window
        self._compare = compare
        self._films = films
        self._kept = kept
        self._actions: Mapping[str, QAction] = {}
        chosen = read_bindings(kept.now.keys)
        self.bindings: Bindings = read_bindings(()) if conflicts(chosen) or held_faults(chosen) else chosen
        self.peeking = Peeking(compare, self)
        compare.gestures.set_mouse(read_mouse(kept.now.mouse))
        compare.own_windows = read_own_windows(kept.now.window_presets)

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What to call for each action."""
        return {"palette": self.ask_command, "preferences": self.ask, "cheat_sheet": self.show_cheat_sheet}

    def use_with(self, actions: Mapping[str, QAction]) -> None:
        """Give these actions their keys."""
        self._actions = actions
        for name, action in actions.items():
            action.setShortcuts([QKeySequence(key) for key in self.bindings[name]])
        self.peeking.keys = held_keys(self.bindings)

    def ask_command(self) -> Palette:
        """Open the palette."""
        palette = Palette(self._actions, self._window)
        palette.open()
        return palette

    def ask(self) -> PreferencesDialog:
        """Open the preferences."""
        kept = self._kept.now
        computer = ComputerWishes.of(kept)
        now = Preferred(self.bindings, self._compare.gestures.mouse, self._compare.own_windows, kept.theme, computer)
        dialog = PreferencesDialog(now, self._kept.policy, self._window)
        dialog.chosen.connect(self._use)
        dialog.open()
        return dialog

    def show_cheat_sheet(self) -> QWidget:
        """The keys in force, and the mouse."""
        return dialogs.show_cheat_sheet(self._window, self.bindings, mouse_rows(self._compare.gestures.mouse))

    @Slot(object)
    def _use(self, preferred: Preferred) -> None:
        self.bindings = preferred.bindings
        self.use_with(self._actions)
        self._compare.gestures.set_mouse(preferred.mouse)
        self._compare.own_windows = preferred.windows
        self._kept.keep(
            keys=binding_lines(preferred.bindings),
            mouse=mouse_lines(preferred.mouse),
            window_presets=own_window_lines(preferred.windows),
            theme=preferred.theme,
            **asdict(preferred.computer),
        )
        self._films.set_memory(self._kept.now.film_memory_mib)
        self._wear(self._kept.now.theme)

    def _wear(self, name: str) -> None:
        """The window in these colours, at once."""
        colours, application = theme.read_theme(name), QApplication.instance()
        if colours.window != self._colours.window and isinstance(application, QApplication):
            self._colours.become(colours)
            theme.apply(application, self._colours)
