"""The table finding × checkpoint: AUC with its interval, and what it is on the retained cases."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Slot,
)
from PySide6.QtGui import QColor, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QTableView, QVBoxLayout, QWidget

from xferviewer.evaluation.roc import AucInterval
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.cohort import Scored
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.number_text import interval_text
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID

_Index = QModelIndex | QPersistentModelIndex


class MetricsTableModel(QAbstractTableModel):
    """Rows: findings. Columns: cases with and without the finding, then a checkpoint each."""

    def __init__(self, session: Session, numbers: LiveNumbers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        self._findings: list[str] = []
        self._checkpoints: tuple[Scored, ...] = ()
        session.scored_changed.connect(self._reset)

    @Slot()
    def _reset(self) -> None:
        self.beginResetModel()
        self._findings, self._checkpoints = self._session.findings(), self._session.scored()
        self.endResetModel()

    @Slot()
    def refresh(self) -> None:
        """The numbers changed, not the rows and columns."""
        if self.rowCount():
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, self.columnCount() - 1))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        """One row a finding."""
        return 0 if parent.isValid() else len(self._findings)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Cases, then the checkpoints."""
        return 0 if parent.isValid() else 1 + len(self._checkpoints)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of findings and checkpoints; a checkpoint's header has its colour."""
        if orientation == Qt.Orientation.Vertical:
            return self._findings[section] if role == Qt.ItemDataRole.DisplayRole else None
        if section == 0:
            return self.tr("present / absent") if role == Qt.ItemDataRole.DisplayRole else None
        place = section - 1
        if role == Qt.ItemDataRole.DisplayRole:
            return self._checkpoints[place].name
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._checkpoints[place].title
        return QColor(style_of(place).colour) if role == Qt.ItemDataRole.ForegroundRole else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's text; its tool tip says what the interval is and rests on."""
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        finding = self._findings[index.row()]
        compared = self._numbers.compared(finding)
        if index.column() == 0:
            return f"{compared.n_positive} / {compared.n_negative}"
        digest = self._checkpoints[index.column() - 1].digest
        interval = self._numbers.auc(finding, digest)
        if interval is None:
            return self.tr("not trained")
        return self._cell(finding, digest, interval) if role == Qt.ItemDataRole.DisplayRole else self._tip(interval)

    def _cell(self, finding: str, digest: str, interval: AucInterval) -> str:
        text = interval_text(interval.auc, interval.lower, interval.upper)
        if self._session.referral_rate > 0 and interval.n_positive and interval.n_negative:
            retained = self._numbers.retained_auc(finding, digest)
            kept = interval_text(retained.auc, retained.lower, retained.upper)
            text += "\n" + self.tr("kept {0}").format(kept)
        return text

    def _tip(self, interval: AucInterval) -> str:
        return self.tr("AUC with 95 % DeLong interval; {0} present, {1} absent; unit: image; raw probability").format(
            interval.n_positive, interval.n_negative
        )


class MetricsTable(QWidget):
    """The table with its heading; choosing a row chooses the finding everywhere."""

    def __init__(self, session: Session, numbers: LiveNumbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.heading = QLabel(self.tr("AUC with 95 % interval (DeLong), on the labelled images of the open catalogue"))
        self.heading.setWordWrap(True)
        self.heading.setObjectName("faint")
        self.model = MetricsTableModel(session, numbers, self)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("AUC by finding and checkpoint"))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)  # Tab leaves the table: it would be a trap for the keyboard
        self.table.verticalHeader().setDefaultSectionSize(2 * self.fontMetrics().height() + 2 * GRID)
        self.table.selectionModel().currentRowChanged.connect(self._chosen)
        layout = QVBoxLayout(self)
        layout.addWidget(self.heading)
        layout.addWidget(self.table, 1)
        numbers.changed.connect(self._refresh)
        session.finding_changed.connect(self._show_finding)
        # Queued: inside the reset the view's own tables are not rebuilt yet.
        self.model.modelReset.connect(self._show_finding, Qt.ConnectionType.QueuedConnection)

    def showEvent(self, event: QShowEvent) -> None:
        """Show what changed while nobody looked."""
        super().showEvent(event)
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        if self.isVisible():  # a cell costs a DeLong interval
            self.model.refresh()
            self.table.resizeColumnsToContents()

    @Slot(QModelIndex, QModelIndex)
    def _chosen(self, current: QModelIndex, previous: QModelIndex) -> None:
        findings = self._session.findings()
        if 0 <= current.row() < len(findings):
            self._session.set_finding(findings[current.row()])

    @Slot()
    def _show_finding(self) -> None:
        findings = self._session.findings()
        if self._session.finding in findings:
            row = self.model.index(findings.index(self._session.finding), 0)
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.table.selectionModel().setCurrentIndex(row, flags)
