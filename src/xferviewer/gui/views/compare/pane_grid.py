"""Puts panes into rows and columns: all of them, one alone, or two in one place."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QGridLayout, QWidget

from xferviewer.gui.pane_layouts import Grid
from xferviewer.gui.views.compare.contents import columns_for


class PaneGrid(QGridLayout):
    """The layout of the films' widget."""

    def __init__(self, films: QWidget) -> None:
        super().__init__(films)
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(2)

    def fill(
        self, panes: Sequence[QWidget], grid: Grid | None, *, alone: int | None, blended: tuple[int, int] | None
    ) -> None:
        """`grid` None: as many columns as give films the most room; `blended`: the second over the first."""
        seen = blended or ([alone] if alone is not None else range(len(panes)))
        for number, pane in enumerate(panes):
            self.removeWidget(pane)
            pane.setVisible(number in seen)
        columns = 1 if blended else columns_for(len(seen)) if grid is None or alone is not None else grid[1]
        for place, number in enumerate(seen):
            at = 0 if blended else place
            self.addWidget(panes[number], at // columns, at % columns)
            panes[number].raise_()
        rows = {0} if blended else {place // columns for place in range(len(seen))}
        for row in range(self.rowCount()):
            self.setRowStretch(row, int(row in rows))  # else a pane that is higher than wide would take all the height
        for column in range(self.columnCount()):
            self.setColumnStretch(column, int(column < min(columns, len(seen))))
