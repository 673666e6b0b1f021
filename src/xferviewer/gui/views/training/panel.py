"""The middle of the Train perspective: the form of a new job, the chosen job, or what to do first."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QStackedWidget

from xferviewer.gui.job_watch import JobWatch, WatchedJob
from xferviewer.gui.theme import Theme
from xferviewer.gui.views.training.form import NewJobForm
from xferviewer.gui.views.training.job_list import JobsPanel
from xferviewer.gui.views.training.job_view import JobView


class TrainingPanel(QStackedWidget):
    """Follows the list of jobs; the form stays in front while somebody fills it in."""

    def __init__(self, jobs: JobsPanel, watch: JobWatch, theme: Theme) -> None:
        super().__init__()
        self._jobs = jobs
        self._watch = watch
        self.empty = QLabel(self.tr("Press “New job …” to fine-tune a network on your own images."))
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        self.form = NewJobForm()
        self.job = JobView(theme)
        for widget in (self.empty, self.form, self.job):
            self.addWidget(widget)
        jobs.chosen.connect(self._show_chosen)
        jobs.table.clicked.connect(self.show_job)
        jobs.table.activated.connect(self.show_job)
        jobs.new_asked.connect(self.show_form)
        self.form.closed.connect(self.show_job)
        watch.looked.connect(self._take_look)

    @Slot()
    def show_form(self) -> None:
        """Fill in a new job."""
        self.setCurrentWidget(self.form)
        self.form.images.known.setFocus()

    @Slot()
    def show_job(self) -> None:
        """Show the chosen job, or what to do first."""
        self.setCurrentWidget(self.job if self._jobs.job is not None else self.empty)

    @Slot(object)
    def _show_chosen(self, job: WatchedJob | None) -> None:
        self._refresh()
        if self.currentWidget() is not self.form:
            self.show_job()

    @Slot()
    def _refresh(self) -> None:
        """Take in what the chosen job told since the last look, where somebody sees it."""
        if self.isVisible() and self._jobs.job is not None:
            self.job.show_job(self._jobs.job, self._watch.jobs)

    @Slot()
    def _take_look(self) -> None:
        self.form.set_taken([job.name for job in self._watch.jobs])
        if self.currentWidget() is self.job:
            self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Show what came while nobody looked."""
        super().showEvent(event)
        self._refresh()
