"""The list of jobs: what runs, how each stands, and where a new one begins."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QPushButton, QTableView, QVBoxLayout, QWidget

from xferviewer.gui.job_watch import JobWatch, WatchedJob
from xferviewer.gui.theme import GRID
from xferviewer.gui.views.training.job_model import JobsModel


class JobsPanel(QWidget):
    """The newest job on top. The chosen one stays chosen while others come and go."""

    chosen = Signal(object)  # WatchedJob, or None where there is none
    new_asked = Signal()

    def __init__(self, watch: JobWatch, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = ""
        self.model = JobsModel(watch, self)
        self.new = QPushButton(self.tr("New job …"))
        self.new.setAccessibleName(self.tr("New training job"))
        self.hint = QLabel(
            self.tr(
                "No job yet. “New job …” begins one; so does <code>xferviewer train SPEC.toml</code>, whose folder "
                "appears here when it lies in<br><code>{0}</code>"
            ).format(watch.folder)
        )
        self.hint.setWordWrap(True)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Training jobs"))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().hide()
        self.table.setTabKeyNavigation(False)  # Tab leaves the table: it would be a trap for the keyboard
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.addWidget(self.new)
        layout.addWidget(self.hint)
        layout.addWidget(self.table, 1)
        self.new.clicked.connect(self.new_asked)
        self.table.selectionModel().currentRowChanged.connect(self._row_chosen)
        self.model.modelReset.connect(self._choose_again)
        self.model.dataChanged.connect(self._tell)
        self._choose_again()

    @property
    def job(self) -> WatchedJob | None:
        """The chosen job as it stands."""
        row = self.table.currentIndex().row()
        return self.model.rows[row] if 0 <= row < len(self.model.rows) else None

    def choose(self, name: str) -> None:
        """Choose a job by its name; nothing happens where there is none of it."""
        row = self.model.row_of(name)
        if row >= 0:
            self.table.selectRow(row)

    @Slot()
    def _row_chosen(self) -> None:
        if self.job is not None:
            self._name = self.job.name
        self._tell()

    @Slot()
    def _choose_again(self) -> None:
        """A reset of the model forgets the selection."""
        self.hint.setVisible(not self.model.rows)
        row = self.model.row_of(self._name)
        if row >= 0:
            self.table.selectRow(row)
        self._tell()

    @Slot()
    def _tell(self) -> None:
        self.chosen.emit(self.job)
