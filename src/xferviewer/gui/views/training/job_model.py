"""The rows of the job list."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Slot

from xferviewer.gui.field import tool_tip
from xferviewer.gui.job_watch import JobWatch, WatchedJob

_Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Job", "State", "Step")


class JobsModel(QAbstractTableModel):
    """The jobs of a watch, the newest first."""

    def __init__(self, watch: JobWatch, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watch = watch
        self.rows: list[WatchedJob] = []
        watch.looked.connect(self.take)
        self.take()

    @Slot()
    def take(self) -> None:
        """Show the jobs as they stood at the last look."""
        rows = self._watch.jobs
        if [job.folder.path for job in rows] != [job.folder.path for job in self.rows]:
            self.beginResetModel()
            self.rows = list(rows)
            self.endResetModel()
        elif [(job.status, job.state) for job in rows] != [(job.status, job.state) for job in self.rows]:
            self.rows = list(rows)
            self.dataChanged.emit(self.index(0, 1), self.index(len(rows) - 1, len(COLUMNS) - 1))

    def row_of(self, name: str) -> int:
        """Where a job stands; -1 where it does not."""
        return next((row for row, job in enumerate(self.rows) if job.name == name), -1)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        """One row a job."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Name, state, step."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Column titles."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        job = self.rows[index.row()]
        status = job.status
        if status is None:
            return (job.name, self.tr("unreadable"), "")[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(f"{job.name}: {status.error['what'] if status.error else status.message}")
        step = f"{status.step} / {status.steps}" if status.steps else ""
        return (job.name, job.state, step)[index.column()]
