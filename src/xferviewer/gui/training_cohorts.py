"""The cohorts that the form of a new job offers: looked at, counted by part of a split, split anew."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from xferviewer.errors import XferviewerError
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.json_command import JsonCommand
from xferviewer.gui.training_cohort import (
    TrainingCohort,
    cohort_words,
    counted_cohort,
    is_cohort,
    known_cohorts,
    look_at_labels,
)
from xferviewer.gui.views.training import NewJobForm


class TrainingCohorts(QObject):
    """An imported cohort is counted and split by commands of our own; labels.csv is read in a thread."""

    failed = Signal(object)  # XferviewerError

    def __init__(self, folder: Path, form: NewJobForm, calculator: Calculator, parent: QObject) -> None:
        super().__init__(parent)
        self._folder = folder
        self._form = form
        self._calculator = calculator
        self._counted = Path()
        self._split_counted = ""
        self._made = ""
        self._counting = JsonCommand(self)
        self._splitting = JsonCommand(self)
        form.images.folder_chosen.connect(self._look_at)
        form.split.split_chosen.connect(self._count)
        form.split.make_asked.connect(self._split)
        self._counting.answered.connect(self._take_counted)
        self._counting.failed.connect(self._not_counted)
        self._splitting.answered.connect(self._take_split)
        self._splitting.progressed.connect(self._show_progress)
        self._splitting.failed.connect(self._split_failed)
        self.offer_known()

    def stop(self) -> None:
        """End what is under way."""
        self._calculator.forget(self)
        self._counting.stop()
        self._splitting.stop()

    def offer_known(self) -> None:
        """Offer the cohorts that were imported."""
        self._form.images.offer_known(known_cohorts(self._folder))

    @Slot(object)
    def _look_at(self, folder: Path) -> None:
        if is_cohort(folder):
            self._counted, self._split_counted = folder, ""
            self._counting.ask(cohort_words(folder), self.tr("The cohort was not counted."))
        else:
            self._counting.stop()
            self._calculator.ask(self, str(folder), partial(_looked, folder), partial(self._take_labels, folder))

    def _take_labels(self, folder: Path, found: TrainingCohort | XferviewerError) -> None:
        if self._form.images.chosen_folder != folder:
            return  # another one was chosen meanwhile
        if isinstance(found, XferviewerError):
            self._form.images.show_refusal(found)
        else:
            self._form.images.show_cohort(found)

    @Slot(str)
    def _count(self, split: str) -> None:
        """Count the parts of a split of the cohort that is shown."""
        folder = self._form.images.chosen_folder
        if folder is not None:
            self._counted, self._split_counted = folder, split
            self._counting.ask(cohort_words(folder, split), self.tr("The parts of the split were not counted."))

    @Slot(object)
    def _take_counted(self, said: dict[str, Any]) -> None:
        if self._form.images.chosen_folder == self._counted:
            try:
                self._form.images.show_cohort(counted_cohort(self._counted, said))
            except XferviewerError as error:
                self._form.images.show_refusal(error)

    @Slot(object)
    def _not_counted(self, error: XferviewerError) -> None:
        """The cohort cannot be used, or this split of it: another may be."""
        if self._split_counted:
            self._form.split.show_refusal(self._split_counted, error)
        else:
            self._form.images.show_refusal(error)

    @Slot(str, object)
    def _split(self, name: str, words: list[str]) -> None:
        folder = self._form.images.chosen_folder
        if folder is not None:
            self._made = name
            self._form.split.show_making(self.tr("The images are compared …"), making=True)
            self._splitting.ask(["split", str(folder), *words], self.tr("The split was not made."))

    @Slot(object)
    def _take_split(self, said: dict[str, Any]) -> None:
        self._form.split.take_made(self._made)
        for error in said["failed"]:
            self.failed.emit(XferviewerError(error["what"], error["why"], error["todo"]))

    @Slot(str)
    def _show_progress(self, words: str) -> None:
        self._form.split.show_making(words, making=True)

    @Slot(object)
    def _split_failed(self, error: XferviewerError) -> None:
        self._form.split.show_making(str(error), making=False)


def _looked(folder: Path) -> TrainingCohort | XferviewerError:
    """In a thread: what a folder offers, or why nothing."""
    try:
        return look_at_labels(folder)
    except XferviewerError as error:
        return error
