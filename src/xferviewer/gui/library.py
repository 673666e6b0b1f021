"""The open catalogue: what the worklist shows, what the cohort holds, and the index, a process of its own."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QProcess, Signal, Slot

from xferviewer.errors import XferviewerError
from xferviewer.evaluation.image_names import match_images
from xferviewer.evaluation.labelled_images import labelled_images
from xferviewer.evaluation.tables import LabelTable
from xferviewer.gui.catalogue_cohort import CATALOGUE_COHORT, CatalogueCohort
from xferviewer.gui.cohort import NO_FILM, Cohort
from xferviewer.gui.display import ShownImage
from xferviewer.gui.session import Session
from xferviewer.processes import own_command
from xferviewer.protocol import ImageReference
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.labels import JoinReport, join_labels, read_labels
from xferviewer.studies.study_list import StudyList

MOST_PREDICTED = 20_000
"""Studies without labels that are predicted unasked: of a hospital's catalogue all would take days."""


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """How far the index of a folder is; `files` seen so far, `rate` in files a second."""

    folder: str
    files: int
    images: int
    refused: int
    rate: float


@dataclass(frozen=True, slots=True)
class IndexResult:
    """How an index ended. `why` is empty unless it failed."""

    folder: str
    images: int
    refused: int
    cancelled: bool
    why: str


class Library(QObject):
    """Queries the catalogue for the session and keeps it up to date."""

    index_progressed = Signal(object)  # IndexProgress
    index_finished = Signal(object)  # IndexResult

    def __init__(self, catalogue: Catalogue, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.catalogue = catalogue
        self.catalogue_cohort = CatalogueCohort(self)
        self._session = session
        self._search = ""
        self._order_by = "patient_id"
        self._descending = False
        self._list_sorted = False
        self._process: QProcess | None = None
        self._folder = ""
        self._waiting: deque[str] = deque()
        self._cancelling = False
        self._errors = b""
        self._sampled: dict[int, list[str]] = {}
        session.sampled_identities = self._sampled_identities
        session.case_list_changed.connect(self._case_list_changed)
        self.catalogue_cohort.read.connect(session.put_cohort)

    def use(self, catalogue: Catalogue) -> None:
        """Show the studies of another catalogue; the index of the one before stops, and goes on when that is opened."""
        self._end_index()
        self.catalogue.close()
        self.catalogue = catalogue
        self._session.set_case_list(None)
        self._session.show(None)
        self.refresh()
        self.resume()

    # --- worklist

    @Slot(str)
    def search(self, words: str) -> None:
        """Show the studies that hold these words."""
        self._search = words
        self.query()

    @Slot(str, bool)
    def sort(self, order_by: str, descending: bool) -> None:
        """Sort the worklist by a column of the catalogue."""
        self._order_by, self._descending = order_by, descending
        self._list_sorted = True
        self.query()

    @Slot()
    def query(self) -> None:
        """Ask the catalogue for the worklist, searched and sorted as it was.

        A list of cases that was clicked is searched alike, and keeps its own order until somebody sorts it.
        """
        cases = self._session.case_list
        found = self.catalogue.study_ids(self._search, self._order_by, descending=self._descending)
        if cases is not None:
            listed = np.array(list(dict.fromkeys(cases.studies)), np.int64)
            found = found[np.isin(found, listed)] if self._list_sorted else listed[np.isin(listed, found)]
        self._session.set_worklist(StudyList(self.catalogue, found))

    @Slot()
    def _case_list_changed(self) -> None:
        self._list_sorted = False
        if self._session.case_list is not None:
            self._search = ""  # the words of before would hide cases that the number counts
        self.query()
        if self._session.case_list is not None and self._session.studies:
            self.show_study(0)

    @Slot(int)
    def show_study(self, row: int) -> None:
        """Put the first image of a study of the worklist into the panes."""
        studies = self._session.studies
        if 0 <= row < len(studies):
            images = self.catalogue.images(studies[row].id)
            self._session.show(ShownImage(studies[row], tuple(images), 0, 0) if images else None)

    def step_study(self, step: int) -> None:
        """The next (+1) or previous (-1) study of the worklist; at its ends nothing happens."""
        row = self._session.position() + step
        if 0 <= row < len(self._session.studies):
            self.show_study(row)

    @Slot(int)
    def step(self, step: int) -> None:
        """The next or previous frame, then image, then study: what the wheel does."""
        shown = self._session.shown
        if shown is None:
            self.step_study(step)
        elif 0 <= shown.frame + step < shown.image.frames:
            self._session.show(ShownImage(shown.study, shown.images, shown.index, shown.frame + step))
        elif 0 <= shown.index + step < len(shown.images):
            images, index = shown.images, shown.index + step
            self._session.show(ShownImage(shown.study, images, index, 0 if step > 0 else images[index].frames - 1))
        else:
            self.step_study(step)

    def neighbours(self) -> list[tuple[Path, int]]:
        """The films that one step leads to: worth reading before they are asked for."""
        shown = self._session.shown
        if shown is None:
            return []
        near = [
            (Path(image.path), 0)
            for image in shown.images[max(shown.index - 1, 0) : shown.index + 2]
            if image is not shown.image
        ]
        position = self._session.position()
        rows = [row for row in (position + 1, position - 1) if position >= 0 and 0 <= row < len(self._session.studies)]
        return near + [(Path(self._session.studies[row].first_path), 0) for row in rows]

    def images_to_predict(self) -> list[ImageReference]:
        """First frames of images: those of the worklist first, in its order, then all others.

        Of a catalogue that would take days, MOST_PREDICTED studies of the worklist and all images that have labels.
        """
        listed = self.catalogue.images_of(self._session.studies.ids[:MOST_PREDICTED].tolist())
        found = {image.id: ImageReference(image.identity, image.path, 0) for image in listed}
        rest: Iterable[tuple[int, str, str]]
        if self.catalogue.study_count() > MOST_PREDICTED:
            labelled = self._session.cohorts.get(CATALOGUE_COHORT, Cohort.empty())
            rest = zip(labelled.image_ids, labelled.identities, labelled.images, strict=True)
        else:
            rest = ((image.id, image.identity, image.path) for image in self.catalogue.all_images())
        for number, identity, path in rest:
            if number not in found:
                found[number] = ImageReference(identity, path, 0)
        return list(found.values())

    def _sampled_identities(self, most: int) -> list[str]:
        if most not in self._sampled:
            self._sampled[most] = self.catalogue.sampled_identities(most)
        return self._sampled[most]

    # --- labels and cohort

    def join_labels(self, table: Path) -> JoinReport:
        """Join a label table to the catalogue's images. Raises UnusableTable."""
        report = join_labels(read_labels(table), self.catalogue)
        self.refresh()
        return report

    def refresh(self) -> None:
        """Read worklist and cohort anew, after the catalogue has changed."""
        self._sampled.clear()
        self.catalogue_cohort.ask(self.catalogue)
        self.query()

    def cohort_of(self, table: LabelTable, name: str) -> Cohort:
        """A cohort of the images that a table of labels names; those that are in the catalogue have their films."""
        labelled = labelled_images(table)
        films = self.catalogue.all_images()
        place = match_images(labelled.images, [film.path for film in films])
        found = [films[at] if at >= 0 else None for at in place.tolist()]
        return Cohort(
            name,
            labelled.images,
            tuple(film.identity if film else "" for film in found),
            tuple(film.id if film else NO_FILM for film in found),
            tuple(film.study if film else NO_FILM for film in found),
            labelled.findings,
            labelled.labels,
            labelled.studies,
            labelled.patients,
            labelled.columns,
            labelled.warnings,
        )

    # --- index

    @property
    def indexing(self) -> bool:
        """An index is running."""
        return self._process is not None

    def index(self, folder: Path) -> None:
        """Index a folder or a file in a process of its own, after those that were asked for before."""
        self._waiting.append(str(folder))
        if self._process is None:
            self._start_next()

    def resume(self) -> None:
        """Go on with the folders whose index was interrupted."""
        for folder in self.catalogue.unfinished_roots():
            self.index(folder)

    def cancel_index(self) -> None:
        """Stop the index; what it has found stays, and it can go on later."""
        self._waiting.clear()
        if self._process is not None:
            self._cancelling = True
            self._process.closeWriteChannel()  # the index ends, its work committed, when nobody listens any more

    def close(self) -> None:
        """Stop the index and close the catalogue."""
        self._end_index()
        self.catalogue_cohort.close()
        self.catalogue.close()

    def _end_index(self) -> None:
        self._waiting.clear()
        process, self._process = self._process, None
        if process is not None:
            process.finished.disconnect(self._ended)
            process.closeWriteChannel()
            if not process.waitForFinished(5000):
                process.kill()
                process.waitForFinished(2000)
            process.deleteLater()

    def _start_next(self) -> None:
        self._folder = self._waiting.popleft()
        self._cancelling = False
        self._errors = b""
        process = QProcess(self)
        process.readyReadStandardError.connect(self._read_progress)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._could_not_start)
        self._process = process
        command = own_command(
            "index", self._folder, "--catalogue", str(self.catalogue.path), "--json", "--while-stdin-is-open"
        )
        process.start(command[0], command[1:])

    @Slot()
    def _read_progress(self) -> None:
        if self._process is None:
            return
        self._errors += self._process.readAllStandardError().data()
        *lines, self._errors = self._errors.split(b"\n")
        for line in lines:
            try:
                values = json.loads(line)
                progress = IndexProgress(self._folder, *(values[k] for k in ("files", "images", "refused", "rate")))
            except (ValueError, KeyError, TypeError):
                continue  # a line for people
            self.index_progressed.emit(progress)

    @Slot(QProcess.ProcessError)
    def _could_not_start(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            why = self._process.errorString()
            self._process.deleteLater()
            self._process = None
            self.index_finished.emit(IndexResult(self._folder, 0, 0, False, f"{why}. Install xferviewer again."))

    @Slot(int, QProcess.ExitStatus)
    def _ended(self, code: int, status: QProcess.ExitStatus) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        answer = _json(bytes(process.readAllStandardOutput().data()).decode())
        process.deleteLater()
        why = ""
        if status == QProcess.ExitStatus.CrashExit:
            why = self.tr("The index stopped unexpectedly; it goes on when the folder is opened again.")
        elif "error" in answer:
            error = answer["error"]
            why = str(XferviewerError(error["what"], error["why"], error["todo"]))
        self.refresh()
        images, refused = int(answer.get("images", 0)), len(answer.get("refused", ()))
        self.index_finished.emit(IndexResult(self._folder, images, refused, self._cancelling, why))
        if self._waiting:
            self._start_next()


def _json(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
