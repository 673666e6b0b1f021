"""Puts panes into rows and columns: all of them, one alone, or two in one place."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QGridLayout, QWidget

from xferviewer.gui.pane_layouts import Grid
from xferviewer.gui.views.compare.contents import columns_for


class PaneGrid(QGridLayout):
    """The layout of the films' widget.

    grid     rows and columns that a person chose; None: as many columns as give films the most room
    alone    the pane that has the room of all; None: every pane is seen
    blended  two panes in one place, the second over the first; None: every pane has its own
    """

    def __init__(self, films: QWidget) -> None:
        super().__init__(films)
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(2)
        self.grid: Grid | None = None
        self.alone: int | None = None
        self.blended: tuple[int, int] | None = None
        self._panes: Sequence[QWidget] = ()

    def replace_panes(self, panes: Sequence[QWidget]) -> None:
        """Other panes, all of them seen; those before are deleted."""
        for pane in self._panes:
            self.removeWidget(pane)
            pane.hide()
            pane.deleteLater()
        self._panes, self.alone, self.blended = panes, None, None
        self.fill()

    def show_alone(self, pane: int | None) -> None:
        """One pane in the room of all; None: all again."""
        self.alone = pane
        self.fill()

    def blend(self, panes: tuple[int, int] | None) -> None:
        """Two panes in one place; None: each in its own."""
        self.blended = panes
        self.fill()

    def fill(self) -> None:
        """Put every pane where it belongs now."""
        seen = self.blended or ([self.alone] if self.alone is not None else range(len(self._panes)))
        for number, pane in enumerate(self._panes):
            self.removeWidget(pane)
            pane.setVisible(number in seen)
        columns = self._columns(len(seen))
        for place, number in enumerate(seen):
            at = 0 if self.blended else place
            self.addWidget(self._panes[number], at // columns, at % columns)
            self._panes[number].raise_()
        rows = {0} if self.blended else {place // columns for place in range(len(seen))}
        for row in range(self.rowCount()):
            self.setRowStretch(row, int(row in rows))  # else a pane that is higher than wide would take all the height
        for column in range(self.columnCount()):
            self.setColumnStretch(column, int(column < min(columns, len(seen))))

    def _columns(self, seen: int) -> int:
        if self.blended:
            return 1
        return columns_for(seen) if self.grid is None or self.alone is not None else self.grid[1]
