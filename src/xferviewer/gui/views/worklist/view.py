"""The worklist as a table with its search field."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import (
    QItemSelectionModel,
    QModelIndex,
    QSignalBlocker,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme
from xferviewer.gui.thumbnails import SIZE, Thumbnails
from xferviewer.gui.views.worklist.columns import Column, chosen_columns
from xferviewer.gui.views.worklist.menu import WorklistMenu
from xferviewer.gui.views.worklist.model import WorklistModel

_SEARCH_AFTER_MS = 150


class CaseListLine(QFrame):
    """Says that the worklist holds the cases of a number that was clicked, and takes it back to all studies."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setObjectName("caseList")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.close_list = QToolButton()
        self.close_list.setText("✕")
        self.close_list.setAutoRaise(True)
        self.close_list.setAccessibleName(self.tr("Show all studies again"))
        self.close_list.setToolTip(self.close_list.accessibleName())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GRID, GRID, GRID, GRID)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.close_list, 0, Qt.AlignmentFlag.AlignTop)
        self.close_list.clicked.connect(self._close)
        session.case_list_changed.connect(self._show)
        self._show()

    @Slot()
    def _close(self) -> None:
        self._session.set_case_list(None)

    @Slot()
    def _show(self) -> None:
        cases = self._session.case_list
        self.setVisible(cases is not None)
        if cases is not None:
            # A study may hold several of the cases, so that the two do not add up.
            counts = self.tr("{0} cases, studies with films: {1}").format(cases.n_cases, len(cases.studies))
            self.text.setText(f"<b>{escape(cases.title)}</b><br>{counts}")


class Worklist(QWidget):
    """The table with its search field. Up and Down step through the studies."""

    search_changed = Signal(str)
    study_chosen = Signal(int)  # row of the worklist

    def __init__(
        self,
        session: Session,
        numbers: LiveNumbers,
        thumbnails: Thumbnails,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self.model = WorklistModel(session, numbers, thumbnails, theme, self)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search: patient, view, site, finding …"))
        self.search.setAccessibleName(self.tr("Search the worklist"))
        self.search.setClearButtonEnabled(True)
        self.menu = WorklistMenu()
        self.menu.columns_changed.connect(self._show_columns)
        self.menu.search_chosen.connect(self.search.setText)
        self.case_list = CaseListLine(session)
        self.count = QLabel()
        self.count.setObjectName("faint")
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Worklist of studies"))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setIconSize(QSize(SIZE, SIZE))
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # identifiers differ at their ends
        self.table.setTabKeyNavigation(False)  # Tab leaves the table: it would be a trap for the keyboard
        self.table.setSortingEnabled(True)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(SIZE + GRID)
        self.table.horizontalHeader().setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.table.selectionModel().currentRowChanged.connect(self._row_chosen)
        # Queued: inside the reset the view's own tables are not rebuilt yet.
        self.model.modelReset.connect(self._after_reset, Qt.ConnectionType.QueuedConnection)
        top = QHBoxLayout()
        top.addWidget(self.search, 1)
        top.addWidget(self.menu)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.addLayout(top)
        layout.addWidget(self.count)
        layout.addWidget(self.case_list)
        layout.addWidget(self.table, 1)
        self._search_later = QTimer(self, singleShot=True, interval=_SEARCH_AFTER_MS)
        self._search_later.timeout.connect(self._search_now)
        self.search.textChanged.connect(self._search_later.start)
        self._laid_out: tuple[tuple[Column, ...], int] | None = None
        self._sorted_by: tuple[int, Qt.SortOrder] | None = None  # before a case list came with an order of its own
        session.image_changed.connect(self._show_position)
        session.case_list_changed.connect(self._follow_case_list)
        self._after_reset()

    def take_kept(self, columns: Sequence[str], searches: Sequence[str]) -> None:
        """Columns and saved searches of the last time, as the settings have them."""
        self.menu.take(columns, searches)
        self._show_columns(self.menu.columns)

    @Slot(object)
    def _show_columns(self, names: tuple[str, ...]) -> None:
        """Another column may stand where the one was that the list is sorted by: the arrow stays at its name."""
        header, before = self.table.horizontalHeader(), self.model.columns
        section, order = header.sortIndicatorSection(), header.sortIndicatorOrder()
        sorted_by = before[section].name if 0 <= section < len(before) else ""
        self.model.set_columns(chosen_columns(names))
        shown = [column.name for column in self.model.columns]
        with QSignalBlocker(header):
            header.setSortIndicator(shown.index(sorted_by) if sorted_by in shown else -1, order)

    @Slot()
    def _search_now(self) -> None:
        self.menu.words = self.search.text()
        self.search_changed.emit(self.search.text())

    @Slot()
    def _follow_case_list(self) -> None:
        """A list of cases comes whole and in its own order; when it goes, all studies are sorted as they were."""
        header = self.table.horizontalHeader()
        if self._session.case_list is not None:
            self._search_later.stop()
            with QSignalBlocker(self.search):
                self.search.clear()
            if self._sorted_by is None:
                self._sorted_by = header.sortIndicatorSection(), header.sortIndicatorOrder()
            header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        elif self._sorted_by is not None:
            before, self._sorted_by = self._sorted_by, None
            header.setSortIndicator(*before)

    @Slot(QModelIndex, QModelIndex)
    def _row_chosen(self, current: QModelIndex, previous: QModelIndex) -> None:
        if current.isValid() and current.row() != self._session.position():
            self.study_chosen.emit(current.row())

    @Slot()
    def _after_reset(self) -> None:
        studies = len(self._session.studies)
        self.count.setText(self.tr("1 study") if studies == 1 else self.tr("{0:,} studies").format(studies))
        laid_out = self.model.columns, self.model.columnCount()
        if laid_out != self._laid_out:  # a search or another order leaves columns as wide as somebody drew them
            self._laid_out = laid_out
            self._lay_out_columns()
        self._show_position()

    def _lay_out_columns(self) -> None:
        header, columns = self.table.horizontalHeader(), self.model.columns
        chosen = QFont(header.font())
        chosen.setBold(True)  # as Qt writes the titles of what is chosen
        for column in range(self.model.columnCount()):
            title = QFontMetrics(chosen).horizontalAdvance(
                str(self.model.headerData(column, Qt.Orientation.Horizontal))
            )
            least = title + 4 * GRID  # the style sheet's padding, and a gap
            width = columns[column].width + (SIZE if column == 0 else 0) if column < len(columns) else 11 * GRID
            header.resizeSection(column, max(width, least))
        scored = self.model.columnCount() - len(columns)
        for place in range(scored):
            self.table.setColumnHidden(len(columns) + place, not self.model.has_something_to_say(place))
        # What the checkpoints say comes right after the patient.
        for place in range(scored):
            header.moveSection(header.visualIndex(len(columns) + place), 1 + place)

    @Slot()
    def _show_position(self) -> None:
        row = self._session.position()
        selection = self.table.selectionModel()
        if row < 0:
            selection.clearCurrentIndex()
        elif selection.currentIndex().row() != row:
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            selection.setCurrentIndex(self.model.index(row, 0), flags)
            self.table.scrollTo(self.model.index(row, 0))
