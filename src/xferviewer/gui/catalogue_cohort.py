"""The cohort of the open catalogue, all its labelled images: read at once, or where they are many in the background."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from xferviewer.errors import XferviewerError
from xferviewer.gui.cohort import Cohort
from xferviewer.studies.catalogue import Catalogue

CATALOGUE_COHORT = "open catalogue"
AT_ONCE = 20_000
"""Labelled images that are read before the window goes on, which takes a quarter of a second."""
_PAINTED_AFTER_MS = 100  # the worklist stands by then; the thread would take Python's lock from it
_STEPS_BETWEEN_LOOKS = 10_000  # of SQLite's machine: some tenths of a millisecond
_SUBGROUPS = ("site", "sex", "age", "view", "modality", "split")


def catalogue_cohort(catalogue: Catalogue) -> Cohort:
    """All images of a catalogue that any label is stated of, by path."""
    image = catalogue.labelled_columns()
    numbers = np.array(image["id"], np.int64)
    findings = catalogue.label_findings()
    labels = np.full((len(numbers), len(findings)), np.nan)
    for column, finding in enumerate(findings):
        labelled, values = catalogue.label_values(finding)
        _, rows, stated = np.intersect1d(numbers, labelled, assume_unique=True, return_indices=True)
        labels[rows, column] = np.where(values[stated] < 0, np.nan, values[stated])  # uncertain counts as not stated
    facts = {**image, "age": ["" if age is None else f"{age:g}" for age in image["age"]]}
    return Cohort(
        CATALOGUE_COHORT,
        tuple(image["path"]),
        tuple(image["identity"]),
        tuple(image["id"]),
        tuple(image["study"]),
        tuple(findings),
        labels,
        tuple(map(str, image["study"])),  # a study without a UID is one for the catalogue, too
        tuple(image["patient_id"]),
        {name: tuple(facts[name]) for name in _SUBGROUPS if any(facts[name])},
    )


class CatalogueCohort(QObject):
    """Reads the cohort of the catalogue that was named last; where images are many, in a thread with a connection."""

    read = Signal(object)  # Cohort
    awaited = Signal()  # it is being read, and comes later
    failed = Signal(object)  # XferviewerError
    _arrived = Signal(int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cohort")
        self._asked = 0
        self._path: Path | None = None
        self._soon = QTimer(self, singleShot=True, interval=_PAINTED_AFTER_MS)
        self._soon.timeout.connect(self._begin)
        self._arrived.connect(self._take_in)

    def ask(self, catalogue: Catalogue) -> None:
        """Read it anew: a catalogue was opened, or has changed. What was being read is given up."""
        self._asked += 1
        self._soon.stop()
        another, self._path = catalogue.path != self._path, catalogue.path
        if not catalogue.has_more_labelled_images_than(AT_ONCE):
            self.read.emit(catalogue_cohort(catalogue))
            return
        if another:
            self.read.emit(Cohort.empty(CATALOGUE_COHORT))  # never the numbers of a catalogue that is closed
        self.awaited.emit()
        self._soon.start()

    def close(self) -> None:
        """Give up what is being read."""
        self._asked += 1
        self._soon.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    @Slot()
    def _begin(self) -> None:
        if self._path is not None:
            self._pool.submit(self._read, self._asked, self._path)

    def _read(self, asked: int, path: Path) -> None:
        """In the thread. SQLite asks whether to go on: an interruption between two questions would be lost."""
        if asked != self._asked:
            return
        try:
            with Catalogue(path) as catalogue:
                catalogue.connection.set_progress_handler(lambda: asked != self._asked, _STEPS_BETWEEN_LOOKS)
                self._arrived.emit(asked, catalogue_cohort(catalogue))
        except XferviewerError as error:
            self._arrived.emit(asked, error)
        except (sqlite3.Error, MemoryError) as error:
            why = f"{error}." if str(error) else "There is too little memory for them."
            self._arrived.emit(
                asked, XferviewerError("The labels could not be read.", why, "Open the catalogue again.")
            )

    @Slot(int, object)
    def _take_in(self, asked: int, found: Cohort | XferviewerError) -> None:
        if asked != self._asked:  # another one was asked for meanwhile
            return
        if isinstance(found, XferviewerError):
            self.failed.emit(found)
        else:
            self.read.emit(found)
