"""The table finding × checkpoint with its search field; it can be sorted, narrowed and copied."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from xferviewer.gui.input_words import cohort_words
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, small_font
from xferviewer.gui.views.metrics.model import MetricsTableModel

_SEARCH_AFTER_MS = 150
_WIDEST = ("10000 / 100000", "★ .000 [.000, 1.000]", "kept .000 [.000, 1.000]", "Δ +.000 [−.000, +.000] p < .001")


class MetricsTable(QWidget):
    """A click on a row chooses its finding, one on a column's title sorts, Ctrl+C copies all that is shown."""

    def __init__(self, session: Session, numbers: LiveNumbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        self.heading = QLabel()
        self.heading.setWordWrap(True)
        self.heading.setObjectName("faint")
        self.heading.setTextFormat(Qt.TextFormat.PlainText)  # names come from files
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Finding …"))
        self.search.setAccessibleName(self.tr("Show the findings whose names hold these words"))
        self.search.setClearButtonEnabled(True)
        self.search.setFixedWidth(40 * GRID)
        self.copy_button = QPushButton(self.tr("Copy"))
        self.copy_button.setToolTip(self.tr("Copy the table as it is shown, to paste it into a spreadsheet (Ctrl+C)"))
        self.model = MetricsTableModel(session, numbers, self)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setFont(small_font())
        self.table.setAccessibleName(self.tr("AUC by finding and checkpoint"))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.DescendingOrder)
        self.table.setSortingEnabled(True)
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)  # Tab leaves the table: it would be a trap for the keyboard
        self.table.selectionModel().currentRowChanged.connect(self._chosen)
        top = QHBoxLayout()
        top.addWidget(self.heading, 1)
        top.addWidget(self.search)
        top.addWidget(self.copy_button)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)
        self._search_later = QTimer(self, singleShot=True, interval=_SEARCH_AFTER_MS)
        self._search_later.timeout.connect(self._search_now)
        self.search.textChanged.connect(self._search_later.start)
        self.copy_button.clicked.connect(self.copy)
        copy_keys = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.table, self.copy)
        copy_keys.setContext(Qt.ShortcutContext.WidgetShortcut)
        numbers.changed.connect(self._refresh)
        numbers.filled.connect(self._refresh)
        session.finding_changed.connect(self._show_finding)
        session.classifiers_changed.connect(self._fit)
        session.cohort_changed.connect(self._fit)
        session.inputs.changed.connect(self._say_what)
        # Queued: inside the reset the view's own tables are not rebuilt yet.
        self.model.modelReset.connect(self._show_finding, Qt.ConnectionType.QueuedConnection)
        self._fits = False
        self._say_what()

    def showEvent(self, event: QShowEvent) -> None:
        """Show what changed while nobody looked."""
        super().showEvent(event)
        self._refresh()

    @Slot()
    def copy(self) -> None:
        """Put the table on the clipboard: tab-separated, with its titles, as it is sorted and narrowed."""
        model, role = self.model, Qt.ItemDataRole.DisplayRole
        rows, columns = range(model.rowCount()), range(model.columnCount())
        titles = [self.tr("finding"), *(str(model.headerData(c, Qt.Orientation.Horizontal, role)) for c in columns)]
        lines = [titles] + [
            [
                str(model.headerData(row, Qt.Orientation.Vertical, role)),
                *(str(model.index(row, c).data()) for c in columns),
            ]
            for row in rows
        ]
        text = "\n".join("\t".join(cell.replace("\n", "; ") for cell in line) for line in lines)
        QGuiApplication.clipboard().setText(f"{text}\n{self.heading.text()}\n")

    @Slot()
    def _search_now(self) -> None:
        self.model.search(self.search.text())

    @Slot()
    def _fit(self) -> None:
        self._fits = False
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        if not self.isVisible():  # a cell costs a DeLong interval
            return
        self.model.refresh()
        self._say_what()
        lines = 1 + (self._session.referral_rate > 0) + (len(self._session.classifiers.all) > 1)
        self.table.verticalHeader().setDefaultSectionSize(lines * self.table.fontMetrics().height() + 2 * GRID)
        if (
            not self._fits
        ):  # as wide as the widest numbers can be: measuring them at every step would cost more than them
            self._fits = True
            metrics = self.table.fontMetrics()
            for column in range(self.model.columnCount()):
                title = str(self.model.headerData(column, Qt.Orientation.Horizontal))
                widest = max(map(metrics.horizontalAdvance, _WIDEST[: 1 if column == 0 else None]))
                header = self.table.horizontalHeader().fontMetrics().horizontalAdvance(title)
                self.table.setColumnWidth(column, max(widest + 3 * GRID, round(1.15 * header) + 4 * GRID))

    def _say_what(self) -> None:
        session, comparison = self._session, self._session.comparison
        cases = self._numbers.cases()
        said = [self.tr("AUC [95 % DeLong]")]
        if session.referral_rate > 0:
            said.append(self.tr("kept: on what is not referred"))
        if len(session.classifiers.all) > 1:
            said.append(
                self.tr("Δ to the reference [95 %], paired DeLong, p {0}").format(_adjusted(comparison.adjustment))
            )
        unit = {"image": self.tr("images"), "study": self.tr("studies"), "patient": self.tr("patients")}[cases.unit]
        said.append(
            self.tr("{0} {1} of {2}").format(len(cases.cases), unit, session.cohort.name or self.tr("no cohort"))
        )
        n_patients = self._numbers.facts().n_patients
        if 0 < n_patients < len(cases.cases):
            said.append(self.tr("⚠ of {0} patients: intervals take them as independent").format(n_patients))
        if comparison.only is not None:
            said.append(self.tr("only {0} = {1}").format(*comparison.only))
        seen = [each.name for each in session.classifiers.all if any(session.n_seen(each.digest))]
        if seen:
            said.append(self.tr("⚠ {0} learned from some of these images").format(", ".join(seen)))
        unlike = [each.name for each in session.classifiers.all if session.inputs.marked(each.digest)]
        if unlike:
            noted = all(session.inputs.is_acknowledged(e.digest) for e in session.classifiers.all if e.name in unlike)
            mark = "△" if noted else "⚠"
            said.append(self.tr("{0} inputs are not as {1} expects them").format(mark, ", ".join(unlike)))
        self.heading.setToolTip(cohort_words(session))
        if self._numbers.why_no_unit:
            said.append(self.tr("not by {0}: {1}").format(comparison.unit, self._numbers.why_no_unit))
        self.heading.setText(" · ".join(said))

    @Slot(QModelIndex, QModelIndex)
    def _chosen(self, current: QModelIndex, previous: QModelIndex) -> None:
        finding = self.model.finding_at(current.row())
        if finding:
            self._session.set_finding(finding)

    @Slot()
    def _show_finding(self) -> None:
        row = self.model.row_of(self._session.finding)
        if row >= 0:
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.table.selectionModel().setCurrentIndex(self.model.index(row, 0), flags)


def _adjusted(method: str) -> str:
    names = {"holm": "Holm", "bh": "Benjamini–Hochberg", "bonferroni": "Bonferroni"}
    return f"adjusted by {names[method]}" if method in names else "not adjusted"
