"""A table of numbers that were computed beforehand: reading a cell is a look-up; cells may lead to their cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QGuiApplication, QKeyEvent, QKeySequence, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from xferviewer.gui.theme import GRID, Theme, small_font, swatch

_Index = QModelIndex | QPersistentModelIndex
_WIDEST_TITLE = 40 * GRID
_BESIDE_SWATCH = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_SWATCH = 4 * GRID  # before a title, with a gap


@dataclass(frozen=True, slots=True)
class Cell:
    """What one place of the table shows.

    rank     what the rows are sorted by: a number or a word; NaN comes last in either direction
    link     choosing it leads somewhere: it is drawn like a link
    warning  it is to be taken with care, and `tip` says why
    """

    text: str = ""
    tip: str = ""
    rank: float | str = math.nan
    link: bool = False
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """A row's or a column's title.

    colour  of a square before the text, as #rrggbb; empty: none
    strong  it names the active one
    link    a row's title that leads somewhere is drawn like a link
    warning what it names is to be taken with care, and `tip` says why
    widest  a text as wide as the column has to be: measuring every cell would take longer than a frame
    """

    text: str
    tip: str = ""
    colour: str = ""
    strong: bool = False
    link: bool = False
    warning: bool = False
    widest: str = ""


class NumberTableModel(QAbstractTableModel):
    """Heads and cells as they were put; new cells under the same heads keep selection, sorting and scrolling."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._fonts: dict[tuple[bool, bool], QFont] = {}
        self._rows: tuple[Head, ...] = ()
        self.columns: tuple[Head, ...] = ()
        self._cells: tuple[tuple[Cell, ...], ...] = ()
        self._order: list[int] = []
        self._sorted: tuple[int, Qt.SortOrder] | None = None

    def put(self, columns: Sequence[Head], rows: Sequence[Head], cells: Sequence[Sequence[Cell]]) -> None:
        """Show these cells, a sequence for each row."""
        new = tuple(tuple(row) for row in cells)
        if self._same_titles(columns, rows):
            before, heads = self._cells, (self.columns, self._rows)
            self.columns, self._rows, self._cells = tuple(columns), tuple(rows), new
            if rows and columns:
                order = self._order
                self._sort_again()
                # Only what is another one now: to paint a table costs more than to count what stands in it.
                self._tell_changes(before if order == self._order else ())
                if heads[0] != self.columns:
                    self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(columns) - 1)
                if heads[1] != self._rows:
                    self.headerDataChanged.emit(Qt.Orientation.Vertical, 0, len(rows) - 1)
            return
        self.beginResetModel()
        self.columns, self._rows, self._cells = tuple(columns), tuple(rows), new
        self._order = self._sorted_order()
        self.endResetModel()

    def _tell_changes(self, before: Sequence[Sequence[Cell]]) -> None:
        """Of each column, from the first to the last cell that differs from `before`; all without it."""
        for column in range(len(self.columns)):
            changed = [
                place
                for place, row in enumerate(self._order)
                if not before or before[row][column] != self._cells[row][column]
            ]
            if changed:
                self.dataChanged.emit(self.index(changed[0], column), self.index(changed[-1], column))

    def _same_titles(self, columns: Sequence[Head], rows: Sequence[Head]) -> bool:
        return [head.text for head in columns] == [head.text for head in self.columns] and [
            head.text for head in rows
        ] == [head.text for head in self._rows]

    def cell(self, index: _Index) -> Cell:
        """What stands there."""
        return self._cells[self._order[index.row()]][index.column()]

    def place(self, index: _Index) -> tuple[int, int]:
        """Row and column of an index in the order in which the cells were put."""
        return self._order[index.row()], index.column()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        """Rows that were put."""
        return 0 if parent.isValid() else len(self._cells)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Columns that were put."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles, behind the square of their checkpoint."""
        horizontal = orientation == Qt.Orientation.Horizontal
        head = self.columns[section] if horizontal else self._rows[self._order[section]]
        if role == Qt.ItemDataRole.DisplayRole:
            return head.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return head.tip or None
        if role == Qt.ItemDataRole.DecorationRole:
            return swatch(head.colour) if head.colour else None
        if role == Qt.ItemDataRole.TextAlignmentRole and head.colour:
            return _BESIDE_SWATCH
        if role == Qt.ItemDataRole.ForegroundRole:
            colour = self._theme.warning if head.warning else self._theme.accent if head.link else ""
            return QColor(colour) if colour else None
        return self._font(bold=head.strong, underlined=head.link) if role == Qt.ItemDataRole.FontRole else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's text, tip and colour."""
        if not index.isValid():
            return None
        cell = self.cell(index)
        if role == Qt.ItemDataRole.DisplayRole:
            return cell.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return cell.tip or None
        if role == Qt.ItemDataRole.ForegroundRole and (cell.warning or cell.link):
            return QColor(self._theme.warning if cell.warning else self._theme.accent)
        return self._font(bold=False, underlined=cell.link) if role == Qt.ItemDataRole.FontRole else None

    def _font(self, *, bold: bool, underlined: bool) -> QFont | None:
        """None: that of the table."""
        if not bold and not underlined:
            return None
        if (bold, underlined) not in self._fonts:
            font = small_font()
            font.setBold(bold)
            font.setUnderline(underlined)
            self._fonts[bold, underlined] = font
        return self._fonts[bold, underlined]

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By the ranks of a column; -1: in the order in which the rows were put."""
        self._sorted = (column, order) if column >= 0 else None
        self._sort_again()

    def _sort_again(self) -> None:
        new = self._sorted_order()
        if new == self._order:
            return
        self.layoutAboutToBeChanged.emit()
        persistent = self.persistentIndexList()
        places = [self.place(index) for index in persistent]
        self._order = new
        at = {row: place for place, row in enumerate(new)}
        self.changePersistentIndexList(persistent, [self.index(at[row], column) for row, column in places])
        self.layoutChanged.emit()

    def _sorted_order(self) -> list[int]:
        rows = list(range(len(self._cells)))
        if self._sorted is None or self._sorted[0] >= len(self.columns):
            return rows
        column, order = self._sorted
        ranks = [self._cells[row][column].rank for row in rows]
        known = [row for row in rows if ranks[row] == ranks[row]]
        known.sort(key=lambda row: (isinstance(ranks[row], str), ranks[row]), reverse=order == _DESCENDING)
        return known + [row for row in rows if ranks[row] != ranks[row]]

    def as_text(self) -> str:
        """Titles and cells as they stand, separated by tabs, a line a row."""
        lines = [["", *(head.text for head in self.columns)]]
        lines += [[self._rows[row].text, *(cell.text for cell in self._cells[row])] for row in self._order]
        return "\n".join("\t".join(_one_line(text) for text in line) for line in lines) + "\n"


_DESCENDING = Qt.SortOrder.DescendingOrder


def _one_line(text: str) -> str:
    return " ".join(text.split())


class NumberTable(QTableView):
    """Click a cell, or Enter on it, to choose it; Ctrl+C copies the table as it stands."""

    cell_chosen = Signal(int, int)  # row and column in the order in which the cells were put

    def __init__(self, theme: Theme, name: str, *, whole_rows: bool = False, parent: QWidget | None = None) -> None:
        """`whole_rows`: every cell of a row can be chosen, whether or not it is drawn like a link; rows are sorted."""
        super().__init__(parent)
        self._whole_rows = whole_rows
        self.sheet = NumberTableModel(theme, self)
        self.setModel(self.sheet)
        self.setAccessibleName(name)
        self.setFont(small_font())
        self.horizontalHeader().setFont(small_font())
        self.verticalHeader().setFont(small_font())
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)  # Tab leaves the table: it would be a trap for the keyboard
        self.setWordWrap(False)
        self.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names differ at their ends
        self.setMouseTracking(True)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * GRID + 1)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        if whole_rows:
            self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # as they were put
            self.horizontalHeader().setSortIndicatorClearable(True)  # and so again at the third click
            self.setSortingEnabled(True)
            self.verticalHeader().sectionClicked.connect(self._choose_row)
            self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.clicked.connect(self._choose)

    @Slot(QModelIndex)
    def _choose(self, index: QModelIndex) -> None:
        if self._leads_somewhere(index):
            self.cell_chosen.emit(*self.sheet.place(index))

    @Slot(int)
    def _choose_row(self, row: int) -> None:
        self._choose(self.sheet.index(row, 0))

    def _leads_somewhere(self, index: QModelIndex) -> bool:
        return index.isValid() and (self._whole_rows or self.sheet.cell(index).link)

    def put(self, columns: Sequence[Head], rows: Sequence[Head], cells: Sequence[Sequence[Cell]]) -> None:
        """Show these cells, a sequence for each row; a column of another title takes its width anew."""
        before = [head.text for head in self.sheet.columns]
        self.sheet.put(columns, rows, cells)
        if before != [head.text for head in columns]:
            header, metrics = self.horizontalHeader(), self.fontMetrics()
            for place, head in enumerate(columns):
                wide = metrics.horizontalAdvance(head.text) + (_SWATCH if head.colour else 0)
                title = min(wide + 6 * GRID, _WIDEST_TITLE)  # it may be bold, or sorted
                header.resizeSection(place, max(title, metrics.horizontalAdvance(head.widest) + 2 * GRID))

    def copy(self) -> None:
        """Put the table on the clipboard, for a spreadsheet."""
        QGuiApplication.clipboard().setText(self.sheet.as_text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter chooses the current cell, Ctrl+C copies the table."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self.currentIndex())
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """A hand over what can be chosen."""
        index = self.indexAt(event.position().toPoint())
        if self._leads_somewhere(index):
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        else:
            self.viewport().unsetCursor()
        super().mouseMoveEvent(event)
