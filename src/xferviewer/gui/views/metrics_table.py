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
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QTableView, QVBoxLayout, QWidget

from xferviewer.evaluation.roc import AucInterval
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.number_text import interval_text, rate_text
from xferviewer.gui.session import Session

_Index = QModelIndex | QPersistentModelIndex


class MetricsTableModel(QAbstractTableModel):
    """Rows: findings. Columns: cases with and without the finding, then a checkpoint each."""

    def __init__(self, session: Session, numbers: LiveNumbers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        numbers.changed.connect(self._refresh)

    @Slot()
    def _refresh(self) -> None:
        self.beginResetModel()
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        """One row a finding."""
        return 0 if parent.isValid() else len(self._session.findings())

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Cases, then the checkpoints."""
        return 0 if parent.isValid() else 1 + len(self._session.checkpoints)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of findings and checkpoints; a checkpoint's header has its colour."""
        if orientation == Qt.Orientation.Vertical:
            findings = self._session.findings()
            return findings[section] if role == Qt.ItemDataRole.DisplayRole and section < len(findings) else None
        if section == 0:
            return self.tr("present / absent") if role == Qt.ItemDataRole.DisplayRole else None
        place = section - 1
        if place >= len(self._session.checkpoints):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._session.checkpoints[place].name
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._session.checkpoints[place].title
        return QColor(style_of(place).colour) if role == Qt.ItemDataRole.ForegroundRole else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's text; its tool tip says what the interval is and rests on."""
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        finding = self._session.findings()[index.row()]
        compared = self._numbers.compared(finding)
        if index.column() == 0:
            return f"{compared.n_positive} / {compared.n_negative}"
        digest = self._session.checkpoints[index.column() - 1].weights_sha256
        interval = self._numbers.auc(finding, digest)
        if interval is None:
            return self.tr("not trained")
        return self._cell(finding, digest, interval) if role == Qt.ItemDataRole.DisplayRole else self._tip(interval)

    def _cell(self, finding: str, digest: str, interval: AucInterval) -> str:
        text = interval_text(interval.auc, interval.lower, interval.upper)
        if self._session.referral_rate > 0 and interval.n_positive and interval.n_negative:
            retained = rate_text(self._numbers.retained_auc(finding, digest))
            text += "\n" + self.tr("retained {0}").format(retained)
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
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.setWordWrap(False)
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.selectionModel().currentRowChanged.connect(self._chosen)
        layout = QVBoxLayout(self)
        layout.addWidget(self.heading)
        layout.addWidget(self.table, 1)
        session.finding_changed.connect(self._show_finding)
        self.model.modelReset.connect(self._show_finding)

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
