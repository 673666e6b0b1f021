"""The worklist as a table with its search field."""

from __future__ import annotations

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
from xferviewer.gui.views.worklist.model import COLUMNS, WorklistModel

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
        top.addWidget(self.count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.addLayout(top)
        layout.addWidget(self.case_list)
        layout.addWidget(self.table, 1)
        self._search_later = QTimer(self, singleShot=True, interval=_SEARCH_AFTER_MS)
        self._search_later.timeout.connect(self._search_now)
        self.search.textChanged.connect(self._search_later.start)
        self._sorted_by: tuple[int, Qt.SortOrder] | None = None  # before a case list came with an order of its own
        session.image_changed.connect(self._show_position)
        session.case_list_changed.connect(self._follow_case_list)
        self._after_reset()

    @Slot()
    def _search_now(self) -> None:
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
        self.count.setText(self.tr("%n studies", "", len(self._session.studies)))
        header = self.table.horizontalHeader()
        for column in range(self.model.columnCount()):
            fixed = column < len(COLUMNS)
            header.resizeSection(column, COLUMNS[column].width + (SIZE if column == 0 else 0) if fixed else 11 * GRID)
        # What the checkpoints say comes right after the patient.
        for place in range(self.model.columnCount() - len(COLUMNS)):
            header.moveSection(header.visualIndex(len(COLUMNS) + place), 1 + place)
        self._show_position()

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
