"""The job list of the Train perspective: what runs, how it stands, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from xferviewer.errors import XferviewerError
from xferviewer.gui.theme import GRID
from xferviewer.jobs.folder import JobFolder, Status, list_jobs

_Index = QModelIndex | QPersistentModelIndex
_LOOK_EVERY_MS = 1000
_LOOK_UNSEEN_EVERY_MS = 5000
_LOG_TAIL_BYTES = 8192
COLUMNS = ("Job", "State", "Step", "Message")


class JobsModel(QAbstractTableModel):
    """The job folders under one folder, read again every second while somebody looks."""

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self.rows: list[tuple[JobFolder, Status | None]] = []

    @Slot()
    def look(self) -> None:
        """Read all status files; a job whose status cannot be read is shown without one."""
        rows: list[tuple[JobFolder, Status | None]] = []
        for job in list_jobs(self._folder):
            try:
                rows.append((job, job.status()))
            except XferviewerError:
                rows.append((job, None))
        if [job.path for job, _ in rows] != [job.path for job, _ in self.rows]:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()
        elif rows:
            self.rows = rows
            self.dataChanged.emit(self.index(0, 1), self.index(len(rows) - 1, len(COLUMNS) - 1))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        """One row a job."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Name, state, step, message."""
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
        job, status = self.rows[index.row()]
        if status is None:
            return (job.name, self.tr("unreadable"), "", "")[index.column()]
        state = self.tr("lost") if status.lost() else status.state
        step = f"{status.step} / {status.steps}" if status.steps else ""
        message = status.error["what"] if status.error else status.message
        return (job.name, state, step, message)[index.column()]


class JobsPanel(QWidget):
    """The list, the log of the chosen job, and what can be done with it."""

    running_changed = Signal(object)  # how many jobs run
    compare_asked = Signal(str)  # folder of a finished checkpoint
    failed = Signal(object)  # XferviewerError

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = JobsModel(folder, self)
        self.hint = QLabel(
            self.tr(
                "No job yet. <code>xferviewer train SPEC.toml</code> starts one; "
                "its folder appears here when it lies in<br><code>{0}</code>"
            ).format(folder)
        )
        self.hint.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.hint.setWordWrap(True)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Training jobs"))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.verticalHeader().hide()
        self.table.setTabKeyNavigation(False)  # Tab leaves the table: it would be a trap for the keyboard
        self.log = QPlainTextEdit(readOnly=True)
        self.log.setAccessibleName(self.tr("Log of the chosen job"))
        self.compare = QPushButton(self.tr("Compare its checkpoint"))
        self.cancel = QPushButton(self.tr("Cancel the job"))
        buttons = QHBoxLayout()
        buttons.addWidget(self.compare)
        buttons.addWidget(self.cancel)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.addWidget(self.hint)
        layout.addWidget(self.table, 2)
        layout.addLayout(buttons)
        layout.addWidget(self.log, 1)
        self.compare.clicked.connect(self._compare)
        self.cancel.clicked.connect(self._cancel)
        self.table.selectionModel().currentRowChanged.connect(self._show)
        self.model.modelReset.connect(self._show)
        self.model.dataChanged.connect(self._show)
        self._running = 0
        self._timer = QTimer(self, interval=_LOOK_UNSEEN_EVERY_MS)
        self._timer.timeout.connect(self._look)
        self._show()

    def set_watching(self, watching: bool) -> None:
        """Read the folders every second while this panel is in view, and every few seconds otherwise."""
        self._timer.setInterval(_LOOK_EVERY_MS if watching else _LOOK_UNSEEN_EVERY_MS)
        self._look()
        self._timer.start()

    def stop_watching(self) -> None:
        """Read the folders no more."""
        self._timer.stop()

    @Slot()
    def _look(self) -> None:
        self.model.look()
        running = sum(
            status is not None and status.state == "running" and not status.lost() for _, status in self.model.rows
        )
        if running != self._running:
            self._running = running
            self.running_changed.emit(running)

    def _chosen(self) -> tuple[JobFolder, Status | None] | None:
        row = self.table.currentIndex().row()
        return self.model.rows[row] if 0 <= row < len(self.model.rows) else None

    @Slot()
    def _show(self) -> None:
        self.hint.setVisible(not self.model.rows)
        chosen = self._chosen()
        status = chosen[1] if chosen else None
        self.compare.setEnabled(status is not None and status.state == "finished")
        self.cancel.setEnabled(status is not None and not status.over and not status.lost())
        text = _tail(chosen[0].path / "log.txt") if chosen else ""
        if text != self.log.toPlainText():
            self.log.setPlainText(text)
            self.log.verticalScrollBar().setValue(self.log.verticalScrollBar().maximum())

    @Slot()
    def _compare(self) -> None:
        chosen = self._chosen()
        checkpoint = chosen[0].checkpoint() if chosen else None
        if checkpoint is not None:
            self.compare_asked.emit(str(checkpoint))

    @Slot()
    def _cancel(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            try:
                chosen[0].request("cancel")
            except XferviewerError as error:
                self.failed.emit(error)


def _tail(path: Path) -> str:
    """The last lines of a log; empty while there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - _LOG_TAIL_BYTES, 0))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
