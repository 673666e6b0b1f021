"""Fine-tuning from the window: new jobs are started, those that run are obeyed and watched, what ends is told."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox

from xferviewer.atomic_files import write_atomically
from xferviewer.checkpoints import Checkpoint, read_checkpoint
from xferviewer.errors import CannotStart, UnusableFolder, XferviewerError
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.importing_datasets import ImportingDatasets
from xferviewer.gui.job_watch import JobWatch, WatchedJob
from xferviewer.gui.main_window import MainWindow
from xferviewer.gui.notify import Offer
from xferviewer.gui.training_answers import TrainingAnswers
from xferviewer.gui.training_cohorts import TrainingCohorts
from xferviewer.jobs import control
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.spec import TrainingSpec, render_spec
from xferviewer.resources import bundled_checkpoints


class Training(QObject):
    """What stands between the views of the Train perspective, the job folders and the commands that work on them."""

    compare_asked = Signal(str)  # folder of a finished checkpoint
    failed = Signal(object)  # XferviewerError

    def __init__(
        self, home: Path, watch: JobWatch, window: MainWindow, calculator: Calculator, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._specs = home / "specs"
        self._watch = watch
        self._window = window
        self.cohorts = TrainingCohorts(home / "cohorts", window.training.form, calculator, self)
        self._form, self._view = window.training.form, window.training.job
        self.question: QMessageBox | None = None
        self.datasets = ImportingDatasets(home / "cohorts", window, calculator, self)
        self.datasets.imported.connect(self._take_imported)
        self.datasets.told.connect(window.notifier.tell)
        self._form.images.import_asked.connect(self.datasets.ask)
        self.answers = TrainingAnswers(self._specs, watch.folder, window.training, self)
        self.answers.failed.connect(self.failed)
        self.cohorts.failed.connect(self.failed)
        watch.ended.connect(self._tell_end)
        self._view.asked.connect(self._obey)
        self._form.start_asked.connect(self._start)
        self._form.command_asked.connect(self._copy_command)

    def stop(self) -> None:
        """End the commands that answer questions of the form; jobs go on."""
        self.datasets.stop()
        self.cohorts.stop()
        self.answers.stop()

    def offer_checkpoints(self, opened: Iterable[Checkpoint]) -> None:
        """Offer those that came with the application and those that are open as what a job begins from."""
        try:
            bundled = [read_checkpoint(folder) for folder in bundled_checkpoints()]
        except (CannotStart, XferviewerError):
            bundled = []
        offered = {checkpoint.weights_sha256: checkpoint for checkpoint in (*bundled, *opened)}
        self._form.network.offer_checkpoints(list(offered.values()))

    @Slot(object)
    def _take_imported(self, folder: Path) -> None:
        """A new cohort is chosen in the form, which is shown: it was imported to learn from."""
        self.cohorts.offer_known()
        self._form.images.choose_folder(folder)
        self._window.new_job()

    # --- starting

    @Slot(object)
    def _start(self, spec: TrainingSpec) -> None:
        """Start a process of its own for the job; it outlives the window."""
        folder = self._watch.folder / spec.name
        try:
            job = JobFolder.create(folder, spec)
            control.start_job(job)
        except XferviewerError as error:
            self.failed.emit(error)
            return
        self._watch.look()
        self._window.jobs.choose(job.name)
        self._window.training.show_job()

    def start_left_alone(self) -> None:
        """Let go on what a kill or a power cut has stopped; called at the start of the window."""
        try:
            started = control.restart_left_alone(self._watch.folder)
        except XferviewerError as error:
            self.failed.emit(error)
            return
        for job in started:
            self._window.notifier.tell(self.tr("The job {0} goes on from its last kept step.").format(job.name))
        self._watch.look()

    def _write(self, spec: TrainingSpec) -> Path:
        file = self._specs / f"{spec.name}.toml"
        write_atomically(file, render_spec(spec).encode())
        return file

    @Slot(object)
    def _copy_command(self, spec: TrainingSpec) -> None:
        """The specification goes to a file below the data folder, the command that runs it to the clipboard."""
        try:
            file = self._write(spec)
        except XferviewerError as error:
            self.failed.emit(error)
            return
        QGuiApplication.clipboard().setText(shlex.join(["xferviewer", "train", str(file)]))
        self._window.notifier.tell(self.tr("The command is on the clipboard."), str(file))

    # --- jobs that there are

    @Slot(str, str)
    def _obey(self, what: str, name: str) -> None:
        """Do with a job what somebody asked for."""
        job = self._watch.job(name)
        if job is None:
            return
        requests: dict[str, Callable[[WatchedJob], object]] = {
            "pause": lambda job: control.pause_job(job.folder),
            "resume": lambda job: control.resume_job(job.folder),
            "cancel": lambda job: control.cancel_job(job.folder),
            "clone": self._clone,
            "remove": self._ask_remove,
            "compare": self._compare,
        }
        try:
            requests[what](job)
        except XferviewerError as error:
            self.failed.emit(error)
        self._watch.look()

    def _clone(self, job: WatchedJob) -> None:
        self._form.show_spec(job.folder.spec())
        self._window.training.show_form()

    def _compare(self, job: WatchedJob) -> None:
        checkpoint = job.folder.checkpoint()
        if checkpoint is None:
            raise UnusableFolder(
                f"The checkpoint of {job.name} cannot be compared.",
                f"It lies no more in {job.folder.result}.",
                "Clone the job to learn it again, or add the folder that it was moved to.",
            )
        self.compare_asked.emit(str(checkpoint))

    def _ask_remove(self, job: WatchedJob) -> None:
        """Ask where a checkpoint or finished epochs would be lost."""
        loses = job.folder.checkpoint() is not None or any(e.get("kind") == "epoch" for e in job.folder.events())
        if not loses:
            self._remove(job)
            return
        box = QMessageBox(self._window)
        box.setWindowTitle(self.tr("Remove a job"))
        box.setText(self.tr("Remove the job {0} with all that it has learned?").format(job.name))
        box.setInformativeText(str(job.folder.path))
        box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No)
        box.setDefaultButton(QMessageBox.StandardButton.No)
        box.button(QMessageBox.StandardButton.Yes).setText(self.tr("Remove"))
        box.button(QMessageBox.StandardButton.No).setText(self.tr("Keep"))
        box.accepted.connect(partial(self._remove, job))
        box.finished.connect(box.deleteLater)
        self.question = box
        box.open()

    def _remove(self, job: WatchedJob) -> None:
        try:
            control.remove_job(job.folder)
        except XferviewerError as error:
            self.failed.emit(error)
        self._watch.look()

    # --- telling

    @Slot(object)
    def _tell_end(self, job: WatchedJob) -> None:
        """A finished job leads to the comparison in one press."""
        notifier = self._window.notifier
        if job.state == "finished":
            offer = Offer(self.tr("Compare with …"), partial(self._obey, "compare", job.name))
            notifier.tell(self.tr("The job {0} has finished.").format(job.name), lasting=True, offer=offer)
        elif job.status is not None and job.status.error:
            error = job.status.error
            notifier.tell(error["what"], f"{error['why']} {error['todo']}", lasting=True)
