"""The line above the films: the window of the film in focus with its presets, the links of the panes, turning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QCursor
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from xferviewer.gui.actions import ACTIONS
from xferviewer.gui.pane_layouts import GRIDS, Grid
from xferviewer.gui.theme import GRID
from xferviewer.gui.throttle import Throttle
from xferviewer.gui.views.compare.looks import LINKS
from xferviewer.gui.windowing import Preset, window_words

if TYPE_CHECKING:
    from xferviewer.gui.views.compare.view import CompareView

_KEPT_IN_MENU = ("invert", "auto_level", "keep_window", "drag_up")
_WIDEST_WORDS = 75 * GRID  # of the window: a unit may be called anything
_IN_FILM_MENU = ("fit", "reset", "overlay", "inputs", "key_image", "note", "agree", "disagree", "copy_picture")


class FilmBar(QWidget):
    """Buttons with menus; what they hold are the window's actions, so that keys and menus never differ."""

    grid_chosen = Signal(object)  # Grid | None

    def __init__(self, compare: CompareView) -> None:
        super().__init__()
        self._compare = compare
        self._actions: Mapping[str, QAction] = {}
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(2 * GRID, 0, 2 * GRID, 0)
        self._layout.setSpacing(GRID)
        self.window_button = self._button(self.tr("Window"), self.tr("Window and its presets"))
        self.window_button.menu().aboutToShow.connect(self._fill_presets)
        self.links_button = self._button(self.tr("Linked"), self.tr("What the panes do together"))
        self.turn_button = self._button(self.tr("Turn"), self.tr("Turn and mirror films"))
        self.layout_button = self._button(self.tr("Layout"), self.tr("Rows and columns of panes"))
        self.layout_button.menu().aboutToShow.connect(self._tick_grid)
        self._grids = {grid: QAction(f"{grid[0]} × {grid[1]}", self, checkable=True) for grid in GRIDS}
        for grid, action in self._grids.items():
            action.triggered.connect(partial(self._choose, grid))
        self.tools_button = self._button(self.tr("Tools"), self.tr("Measuring, key images, notes, cine"))
        self._layout.addStretch(1)

    def offer(self, actions: Mapping[str, QAction]) -> None:
        """The window's actions, by name."""
        self._actions = actions
        for name in ("link_all", *(f"link_{what}" for what in LINKS)):
            self.links_button.menu().addAction(actions[name])
        for name in ("turn_clockwise", "turn_back", "mirror_sideways", "mirror_upright"):
            self.turn_button.menu().addAction(actions[name])
        self.tools_button.menu().addActions([actions[row.name] for row in ACTIONS if row.menu == "Tools"])
        layouts = self.layout_button.menu()
        layouts.addAction(actions["layout_auto"])
        for rows in dict.fromkeys(rows for rows, _ in GRIDS):
            below = layouts.addMenu(self.tr("1 row") if rows == 1 else self.tr("{0} rows").format(rows))
            below.addActions([action for (own, _), action in self._grids.items() if own == rows])
        layouts.addSeparator()
        for name in ("maximise", "detach_films"):
            layouts.addAction(actions[name])
        self._compare.looks.links_changed.connect(self._show_links)
        self._window_words = Throttle(self._show_window, self)
        self._compare.focus_changed.connect(self._window_words.ask)
        self._show_links()
        self._show_window()

    def add(self, control: QWidget) -> None:
        """Another control at the end of the line."""
        self._layout.insertWidget(self._layout.count() - 1, control)

    def show_tool(self, name: str) -> None:
        """What the left button does, where that is not the window."""
        self.tools_button.setText(self.tr("Tools: {0}").format(name) if name else self.tr("Tools"))

    def show_menu(self) -> None:
        """What can be done with the film in focus, where the mouse is, or in the middle of its pane."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        titles = (self.tr("Window"), self.tr("Links"), self.tr("Turn"), self.tr("Layout"), self.tr("Tools"))
        buttons = (self.window_button, self.links_button, self.turn_button, self.layout_button, self.tools_button)
        for title, button in zip(titles, buttons, strict=True):
            button.menu().setTitle(title)
            menu.addMenu(button.menu()).setEnabled(button.isEnabled())
        menu.addSeparator()
        menu.addActions([self._actions[name] for name in _IN_FILM_MENU])
        films, pane = self._compare.films, self._compare.panes[self._compare.focus]
        cursor = QCursor.pos()
        over = films.rect().contains(films.mapFromGlobal(cursor))
        menu.popup(cursor if over else pane.mapToGlobal(pane.rect().center()))

    def _button(self, text: str, name: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName("bar")
        button.setText(text)
        button.setAccessibleName(name)
        button.setToolTip(name)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(QMenu(button))
        self._layout.addWidget(button)
        return button

    def _choose(self, grid: Grid, _checked: bool = False) -> None:
        self.grid_chosen.emit(grid)

    @Slot()
    def _tick_grid(self) -> None:
        for grid, action in self._grids.items():
            action.setChecked(grid == self._compare.pane_grid.grid)

    @Slot()
    def _fill_presets(self) -> None:
        """The presets of the film in focus by their names, with the keys of their places."""
        menu = self.window_button.menu()
        menu.clear()
        for place, preset in enumerate(self._compare.presets()):
            keyed = self._actions.get(f"preset_{place + 1}")
            keys = keyed.shortcut().toString() if keyed is not None else ""
            entry = menu.addAction(f"{preset.name}\t{keys}" if keys else preset.name)
            entry.setToolTip(self._words(preset))
            entry.triggered.connect(self._use(preset))
        menu.addSeparator()
        for name in _KEPT_IN_MENU:
            menu.addAction(self._actions[name])

    def _words(self, preset: Preset) -> str:
        image = self._compare.image
        return window_words(image, preset.window) if image is not None else ""

    def _use(self, preset: Preset) -> Callable[[], None]:
        def use(_checked: bool = False) -> None:
            self._compare.set_window(preset.window)

        return use

    @Slot()
    def _show_window(self) -> None:
        image = self._compare.image
        words = window_words(image, self._compare.looks[self._compare.focus].window) if image is not None else ""
        text = self.window_button.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, _WIDEST_WORDS)
        if (text or self.tr("Window")) != self.window_button.text():
            self.window_button.setText(text or self.tr("Window"))
            self.window_button.setToolTip(words or self.window_button.accessibleName())
        self.window_button.setEnabled(bool(words))

    @Slot()
    def _show_links(self) -> None:
        linked = self._compare.looks.linked
        apart = len(LINKS) - len(linked)
        self.links_button.setText(
            self.tr("Linked") if not apart else self.tr("Not linked") if not linked else self.tr("Partly linked")
        )
