"""One job: how it stands, its curves, what it told, and what can be done with it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from xferviewer.errors import XferviewerError
from xferviewer.gui.duration_words import duration, memory
from xferviewer.gui.job_history import JobHistory
from xferviewer.gui.job_watch import WatchedJob
from xferviewer.gui.theme import GRID, Theme, heading_font
from xferviewer.gui.views.training.batch_picture import BatchPicture
from xferviewer.gui.views.training.curves import JobCurves
from xferviewer.gui.views.training.details import DifferenceTable, Facts, LogTail
from xferviewer.gui.views.training.epoch_table import EpochTable


class JobView(QWidget):
    """Reads the job's events while it is in view. What is asked of a job is told by `asked`: what, and its name."""

    asked = Signal(str, str)  # "pause", "resume", "cancel", "clone", "remove", "compare"; name of the job
    batch_asked = Signal(str)  # name of the job whose batches are to be pictured

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.job: WatchedJob | None = None
        self._history: JobHistory | None = None
        self._spec_of = ""
        self._epochs_told = 0
        self.name = QLabel()
        self.name.setFont(heading_font())
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.state = QLabel()
        self.facts = QLabel()
        self.facts.setObjectName("faint")
        self.facts.setWordWrap(True)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("Steps done"))
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(2 * GRID)
        self.curves = JobCurves(theme)
        self.epochs = EpochTable()
        self.log = LogTail()
        self.told = Facts()
        self.spec = QPlainTextEdit(readOnly=True)
        self.spec.setAccessibleName(self.tr("Specification of the job"))
        self.difference = DifferenceTable()
        self.batch = BatchPicture()
        self.tabs = QTabWidget()
        self._buttons()
        self._build()
        self._more = QTimer(self, singleShot=True, interval=0)
        self._more.timeout.connect(self._read)
        self.batch.asked.connect(self._ask_batch)

    def _buttons(self) -> None:
        self.pause = self._button(self.tr("Pause"), self.tr("Let the job wait; what it has learned is kept"), "pause")
        self.resume = self._button(self.tr("Resume"), self.tr("Go on from the last step that was kept"), "resume")
        self.cancel = self._button(self.tr("Cancel"), self.tr("End the job without a checkpoint"), "cancel")
        self.clone = self._button(self.tr("Clone …"), self.tr("A new job with these values to begin with"), "clone")
        self.remove = self._button(self.tr("Remove …"), self.tr("Delete the folder of the job"), "remove")
        self.compare = self._button(
            self.tr("Compare with …"), self.tr("Open its checkpoint beside the others, in panes and curves"), "compare"
        )

    def _button(self, text: str, tip: str, what: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(what)
        button.setToolTip(tip)
        button.setAccessibleDescription(tip)
        button.clicked.connect(self._ask)
        return button

    def _build(self) -> None:
        title = QHBoxLayout()
        title.addWidget(self.name)
        title.addWidget(self.state, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        for button in (self.pause, self.resume, self.cancel, self.clone, self.remove, self.compare):
            buttons.addWidget(button)
        buttons.addStretch(1)
        for widget, text in (
            (self.epochs, self.tr("Epochs")), (self.log, self.tr("Log")), (self.told, self.tr("Receipt")),
            (self.spec, self.tr("Specification")), (self.difference, self.tr("Difference")),
            (self.batch, self.tr("Sample batch")),
        ):  # fmt: skip
            self.tabs.addTab(widget, text)
        self.tabs.setAccessibleName(self.tr("More of the job"))
        self.tabs.setUsesScrollButtons(True)
        self.tabs.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.setChildrenCollapsible(False)
        halves.addWidget(self.curves)
        halves.addWidget(self.tabs)
        halves.setStretchFactor(0, 3)
        halves.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        layout.setSpacing(GRID)
        layout.addLayout(title)
        layout.addWidget(self.facts)
        layout.addWidget(self.bar)
        layout.addWidget(self.message)
        layout.addLayout(buttons)
        layout.addWidget(halves, 1)

    # --- showing

    def show_job(self, job: WatchedJob, others: Sequence[WatchedJob]) -> None:
        """Show a job as it stands; `others` are those it can be compared with."""
        if self.job is None or self.job.folder.path != job.folder.path:
            self._history = JobHistory(job.folder.path)
            self._epochs_told = -1
            self.batch.clear()
        self.job = job
        self.name.setText(job.name)
        self._offer(job)
        self.difference.show_job(job, others)
        self.log.show_file(job.folder.path / "log.txt")
        self._show_spec(job)
        self._show_status(job)
        self._read()

    def _offer(self, job: WatchedJob) -> None:
        state = job.state
        self.pause.setEnabled(state in ("queued", "running", "stalled"))
        self.resume.setEnabled(state in ("paused", "lost", "failed", "cancelled"))
        self.cancel.setEnabled(job.active or state == "lost")
        self.clone.setEnabled(state != "unreadable")
        self.remove.setEnabled(not job.active)
        self.compare.setEnabled(state == "finished")

    def _show_spec(self, job: WatchedJob) -> None:
        if self._spec_of != job.name:
            self._spec_of = job.name
            try:
                text = (job.folder.path / "spec.toml").read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                text = str(error)
            self.spec.setPlainText(text)

    def _show_status(self, job: WatchedJob) -> None:
        self.state.setText(job.state)
        status = job.status
        if status is None:
            self.message.setText(self.tr("Its status.json cannot be read."))
            return
        error = status.error
        text = f"{error['what']} {error['why']} {error['todo']}" if error else status.message
        if job.state == "lost":
            text = self.tr("It says nothing any more: its process is gone. “Resume” goes on from its last kept step.")
        self.message.setText(text)
        self.message.setObjectName("fault" if error else "")
        self.message.style().polish(self.message)
        self.bar.setRange(0, max(1, status.steps))
        self.bar.setValue(status.step)

    @Slot()
    def _read(self) -> None:
        """Take in what the job told since; a long file in several turns, so that the window answers in between."""
        history, job = self._history, self.job
        if history is None or job is None:
            return
        if history.read():
            self._more.start()
            return
        told = len(history.steps.number) + len(history.epochs)
        if told != self._epochs_told:
            self._epochs_told = told
            self.curves.show_course(history.steps, history.epochs, self._steps_per_epoch(job, history))
            self.epochs.show_epochs(history.epochs)
        self.told.show_told(history.told)
        self._show_facts(job, history)

    def _steps_per_epoch(self, job: WatchedJob, history: JobHistory) -> float:
        try:
            epochs = job.folder.spec().recipe.epochs
        except XferviewerError:
            return math.nan
        return job.status.steps / epochs if job.status is not None and job.status.steps else math.nan

    def _show_facts(self, job: WatchedJob, history: JobHistory) -> None:
        """Step, rate, time left, memory: what of it is known."""
        status = job.status
        if status is None:
            self.facts.setText("")
            return
        parts = []
        if status.steps:
            parts.append(self.tr("step {0} of {1}").format(f"{status.step:,}", f"{status.steps:,}"))
        rate = history.steps.rate[-1] if history.steps.rate else math.nan
        if math.isfinite(rate):
            parts.append(self.tr("{0} images/s").format(f"{rate:.1f}"))
        if job.active and status.seconds_left is not None:
            parts.append(self.tr("{0} left").format(duration(status.seconds_left)))
        if status.device:
            parts.append(status.device)
        if status.memory:
            parts.append(self.tr("holds {0}").format(memory(status.memory)))
        if status.host:
            parts.append(self.tr("process {0} on {1}").format(status.pid, status.host))
        self.facts.setText(" · ".join(parts))

    # --- asking

    @Slot()
    def _ask(self) -> None:
        button = self.sender()
        if self.job is not None and button is not None:
            self.asked.emit(button.objectName(), self.job.name)

    @Slot()
    def _ask_batch(self) -> None:
        if self.job is not None:
            self.batch_asked.emit(self.job.name)
