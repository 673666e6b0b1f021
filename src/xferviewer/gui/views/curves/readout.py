"""The numbers beside a plot: a row for each compared checkpoint, which is its legend too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.gui.rate_plot import PEN_STYLES
from xferviewer.gui.theme import GRID, small_font

_SWATCH = QSize(7 * GRID, 3 * GRID)
_WIDEST_NAME = 32 * GRID  # a longer one stands in the tool tip


@dataclass(frozen=True, slots=True)
class ReadoutRow:
    """A checkpoint and its numbers.

    cells   a text for each column; fewer: the last one says why there are none, over the others' room
    active  it is the active one
    """

    digest: str
    name: str
    style: CheckpointStyle
    cells: tuple[str, ...]
    active: bool = False


class Readout(QTableWidget):
    """A table that is read; a click makes a checkpoint the active one."""

    activated_checkpoint = Signal(str)

    def __init__(self, name: str, columns: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        """`columns`: heading and tool tip of those after the checkpoint's name."""
        super().__init__(0, 1 + len(columns), parent)
        self.setAccessibleName(name)
        self.setFont(small_font())
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setIconSize(_SWATCH)
        self.setTabKeyNavigation(False)  # Tab leaves the table: it would be a trap for the keyboard
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.horizontalHeader().setHighlightSections(False)
        for column, (heading, tip) in enumerate([(self.tr("checkpoint"), ""), *columns]):
            item = QTableWidgetItem(heading)
            item.setToolTip(tip)
            item.setFont(small_font())
            self.setHorizontalHeaderItem(column, item)
        self._rows: tuple[ReadoutRow, ...] = ()
        self._items: list[list[QTableWidgetItem]] = []  # of each row
        self._shape: tuple[object, ...] = ()
        self.cellClicked.connect(self._clicked)

    def show_rows(self, rows: Sequence[ReadoutRow]) -> None:
        """Show these; columns take their widths anew when the rows are others, not when their numbers move."""
        self._rows = tuple(rows)
        lines = max((text.count("\n") + 1 for row in rows for text in row.cells), default=1)
        shape = lines, *((row.digest, row.name, row.style, row.active, len(row.cells)) for row in rows)
        if shape != self._shape:
            self._shape = shape
            self.verticalHeader().setDefaultSectionSize(lines * self.fontMetrics().height() + GRID)
            self._build()
        for place, row in enumerate(self._rows):
            for column, text in enumerate(row.cells, 1):
                item = self._items[place][column]
                if item.text() != text:
                    item.setText(text)
        self._fit()

    def _build(self) -> None:
        self.clearSpans()
        self.setRowCount(0)
        for column in range(self.columnCount()):
            self.setColumnWidth(column, 0)
        self.setRowCount(len(self._rows))
        columns = self.columnCount()
        self._items = []
        for place, row in enumerate(self._rows):
            name = QTableWidgetItem(_swatch(row.style, self.devicePixelRatioF()), row.name)
            name.setToolTip(row.name)
            font = QFont(self.font())
            font.setBold(row.active)
            name.setFont(font)
            others = [QTableWidgetItem() for _ in range(1, columns)]
            for item in others:
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            self._items.append([name, *others])
            for column, item in enumerate(self._items[-1]):
                self.setItem(place, column, item)
            if len(row.cells) < columns - 1:
                self.setSpan(place, len(row.cells), 1, columns - len(row.cells))
                self._items[-1][len(row.cells)].setTextAlignment(Qt.AlignmentFlag.AlignVCenter)

    def _fit(self) -> None:
        """Widen columns whose texts have grown; never narrow them while numbers move."""
        for column in range(self.columnCount()):
            header = self.horizontalHeader().sectionSizeHint(column)
            full = [
                items
                for items, row in zip(self._items, self._rows, strict=True)
                if not column or len(row.cells) == self.columnCount() - 1
            ]
            cells = [_room(items[column]) for items in full]
            width = max(max(cells, default=0) + 3 * GRID, header)
            if not column:
                width = min(width, _WIDEST_NAME) + _SWATCH.width() + 2 * GRID
            if width > self.columnWidth(column):
                self.setColumnWidth(column, width)

    def texts(self, row: int) -> list[str]:
        """What a row says, with the checkpoint's name."""
        return [item.text() for item in self._items[row]]

    @Slot(int, int)
    def _clicked(self, row: int, column: int) -> None:
        self.activated_checkpoint.emit(self._rows[row].digest)


def _room(item: QTableWidgetItem) -> int:
    """The width of its longest line."""
    metrics = QFontMetrics(item.font() if item.column() == 0 else small_font())
    return max(map(metrics.horizontalAdvance, item.text().split("\n")))


def _swatch(style: CheckpointStyle, ratio: float) -> QIcon:
    """A piece of the checkpoint's line."""
    pixmap = QPixmap(_SWATCH * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setPen(QPen(QColor(style.colour), 2, PEN_STYLES[style.dash]))
    middle = _SWATCH.height() // 2
    painter.drawLine(0, middle, _SWATCH.width(), middle)
    painter.end()
    return QIcon(pixmap)
