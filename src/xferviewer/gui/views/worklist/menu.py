"""The worklist's menu: which columns it has, and searches that are kept under a name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QInputDialog, QMenu, QToolButton, QWidget

from xferviewer.gui.views.worklist.columns import COLUMNS, chosen_columns

_SIGN = " = "


class WorklistMenu(QToolButton):
    """`columns` are the names of those shown, `searches` "name = words" each, as the settings keep them."""

    columns_changed = Signal(object)  # tuple of names
    searches_changed = Signal(object)  # tuple of "name = words"
    search_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns: tuple[str, ...] = tuple(column.name for column in chosen_columns(()))
        self.searches: dict[str, str] = {}
        self.words = ""  # those of the search field, which may be kept
        self.setText("⋮")
        self.setAccessibleName(self.tr("Columns and saved searches"))
        self.setToolTip(self.accessibleName())
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self.fill)
        self.setMenu(self._menu)

    def take(self, columns: Sequence[str], searches: Sequence[str]) -> None:
        """What was kept; a search that cannot be read is left out."""
        self.columns = tuple(column.name for column in chosen_columns(columns))
        pairs = (text.partition(_SIGN) for text in searches)
        self.searches = {name.strip(): words.strip() for name, sign, words in pairs if sign and name.strip()}

    @Slot()
    def fill(self) -> None:
        """The menu as it is now."""
        menu = self._menu
        menu.clear()
        menu.addSection(self.tr("Saved searches"))
        for name, words in self.searches.items():
            action = menu.addAction(name)
            action.setToolTip(words)
            action.triggered.connect(partial(self._choose, words))
        keep = menu.addAction(self.tr("Save this search …"))
        keep.setEnabled(bool(self.words.strip()))
        keep.triggered.connect(self.ask_name)
        if self.searches:
            below = menu.addMenu(self.tr("Remove a saved search"))
            for name in self.searches:
                below.addAction(name).triggered.connect(partial(self._remove, name))
        menu.addSection(self.tr("Columns"))
        for column in COLUMNS:
            action = menu.addAction(column.title)
            action.setToolTip(column.tip or column.title)
            action.setCheckable(True)
            action.setChecked(column.name in self.columns)
            action.setEnabled(column is not COLUMNS[0])
            action.toggled.connect(partial(self._toggle, column.name))

    @Slot()
    def ask_name(self) -> None:
        """Ask for a name, and keep the words of the search field under it."""
        name, given = QInputDialog.getText(
            self, self.tr("Save this search"), self.tr("Name of the search “{0}”").format(self.words), text=self.words
        )
        name = name.replace("=", " ").strip()
        if given and name:
            self.searches[name] = self.words.strip()
            self._tell_searches()

    def _choose(self, words: str, *_checked: bool) -> None:
        self.search_chosen.emit(words)

    def _remove(self, name: str, *_checked: bool) -> None:
        self.searches.pop(name, None)
        self._tell_searches()

    def _tell_searches(self) -> None:
        self.searches_changed.emit(tuple(f"{name}{_SIGN}{words}" for name, words in self.searches.items()))

    def _toggle(self, name: str, shown: bool) -> None:
        wanted = {*self.columns, name} if shown else {*self.columns} - {name}
        self.columns = tuple(column.name for column in chosen_columns(wanted))
        self.columns_changed.emit(self.columns)
