"""What a job would be like, asked of the command line before it starts: what it takes, how its images look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from xferviewer.atomic_files import write_atomically
from xferviewer.errors import XferviewerError
from xferviewer.gui.duration_words import duration, memory
from xferviewer.gui.json_command import JsonCommand
from xferviewer.gui.views.training import TrainingPanel
from xferviewer.gui.views.training.batch_picture import BatchPicture
from xferviewer.jobs.spec import TrainingSpec, render_spec


class TrainingAnswers(QObject):
    """Each question is a command in a process of its own; a newer one ends an older one of its kind."""

    failed = Signal(object)  # XferviewerError

    def __init__(self, folder: Path, jobs: Path, panel: TrainingPanel, parent: QObject) -> None:
        """`folder` is for the files of the questions, `jobs` where jobs lie."""
        super().__init__(parent)
        self._folder = folder
        self._jobs = jobs
        self._form = panel.form
        self._estimating = JsonCommand(self)
        self._picturing = JsonCommand(self)
        self._shown_by: BatchPicture = panel.form.batch
        panel.form.estimate_asked.connect(self._estimate)
        panel.form.changed.connect(self._estimating.stop)
        panel.form.batch_asked.connect(self._picture)
        panel.job.batch_asked.connect(self._picture_job)
        self._job_picture = panel.job.batch
        self._estimating.answered.connect(self._take_estimate)
        self._estimating.failed.connect(self._form.show_refusal)
        self._picturing.answered.connect(self._take_picture)
        self._picturing.progressed.connect(self._show_progress)
        self._picturing.failed.connect(self._no_picture)

    def stop(self) -> None:
        """End what is under way."""
        self._estimating.stop()
        self._picturing.stop()

    # --- what it takes

    @Slot(object)
    def _estimate(self, spec: TrainingSpec) -> None:
        try:
            file = self._write("estimate.toml", spec)
        except XferviewerError as error:
            self.failed.emit(error)
            return
        self._form.show_estimating()
        self._estimating.ask(["train", str(file), "--estimate"], self.tr("What the job takes was not estimated."))

    @Slot(object)
    def _take_estimate(self, said: dict[str, Any]) -> None:
        self._form.show_estimate(estimate_words(said))

    # --- what its images look like

    @Slot(object)
    def _picture(self, spec: TrainingSpec) -> None:
        try:
            file = self._write("preview.toml", spec)
        except XferviewerError as error:
            self.failed.emit(error)
            return
        self._draw(self._form.batch, str(file))

    @Slot(str)
    def _picture_job(self, name: str) -> None:
        self._draw(self._job_picture, str(self._jobs / name / "spec.toml"))

    def _draw(self, shown_by: BatchPicture, file: str) -> None:
        self._shown_by = shown_by
        shown_by.show_words(self.tr("reading images …"))
        words = ["train", file, "--preview", str(self._folder / "preview.png")]
        self._picturing.ask(words, self.tr("The images were not drawn."))

    @Slot(object)
    def _take_picture(self, said: dict[str, Any]) -> None:
        try:
            picture = Path(said["preview"]).read_bytes()
        except OSError as error:
            self._shown_by.show_words(str(error))
            return
        refused = len(said["refused"])
        words = self.tr("each image as validation sees it, then as the first epochs do")
        if refused:
            words += self.tr("; {0} could not be read").format(refused)
        self._shown_by.show_picture(picture, words)

    @Slot(str)
    def _show_progress(self, words: str) -> None:
        self._shown_by.show_words(words)

    @Slot(object)
    def _no_picture(self, error: XferviewerError) -> None:
        self._shown_by.show_words(str(error))

    def _write(self, name: str, spec: TrainingSpec) -> Path:
        file = self._folder / name
        write_atomically(file, render_spec(spec).encode())
        return file


def estimate_words(said: dict[str, Any]) -> str:
    """The estimate of `xferviewer train --estimate --json` in a line."""
    has = said["device_bytes"]
    room = f" of {memory(has)}" if has is not None else ""
    size = f"{said['parameters']:,} parameters, {said['head']:,} in the head, {said['learning']:,} learn"
    held = f"about {memory(said['bytes']['total'])}{room} ({said['device']})"
    features = said["features"]
    kept = f"{features['kept']:,} of {features['views']:,} views have their features kept · " if features else ""
    return (
        f"{size} · {held} · {kept}{said['steps']:,} steps, {duration(said['seconds'])} besides reading and validation"
    )
