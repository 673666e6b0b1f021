"""Tables of labels and of predictions that are opened: what they are, and what becomes of them."""

from __future__ import annotations

from itertools import chain, count
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal

from xferviewer.errors import UnusableTable
from xferviewer.evaluation.tables import LabelTable, holds_predictions, read_label_table, read_predictions
from xferviewer.gui.catalogue_cohort import CATALOGUE_COHORT
from xferviewer.gui.cohort import imported_predictions
from xferviewer.gui.library import Library
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.session import Session

_PARQUET = (".parquet", ".pq")
TABLE_SUFFIXES = (".csv", ".tsv", ".txt", *_PARQUET)


class Tables(QObject):
    """Gives labels to the open images or makes cohorts of them, and puts predictions beside the checkpoints."""

    told = Signal(str, str, bool)  # what happened, details, whether it must be seen

    def __init__(self, session: Session, library: Library, numbers: LiveNumbers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._library = library
        self._numbers = numbers
        self._named: dict[str, str] = {CATALOGUE_COHORT: ""}  # names of cohorts, and the digests of their tables

    def open(self, path: Path) -> None:
        """Predictions are compared; labels are joined to the open images, or are a cohort of their own.

        Raises UnusableTable.
        """
        findings = (*self._session.classifiers.findings, *self._session.cohort.findings)
        if path.suffix.lower() not in _PARQUET and not holds_predictions(path, findings):
            self._join_labels(path)
        else:
            self.import_predictions(path)

    def _join_labels(self, table: Path) -> None:
        report = self._library.join_labels(table)
        if report.matched:
            headline = self.tr("{0} images labelled from {1}.").format(report.labelled_images, table.name)
            self.told.emit(headline, str(report), False)
        else:
            self._offer_cohort(read_label_table(table), str(report))

    def import_predictions(self, path: Path) -> None:
        """Compare what a table holds, whatever else it could be taken for. Raises UnusableTable."""
        found_here, warnings = imported_predictions(read_predictions(path))
        imported = [each for each in found_here if each.trained_findings]
        if not imported:
            raise UnusableTable(
                f"{path.name} holds no predictions.",
                "None of the cells in its columns of scores is a number.",
                "Give a table with one column of numbers for each finding, named after the finding.",
            )
        self._session.set_imported((*self._session.classifiers.imported, *imported))
        table = read_label_table(path)
        if any(name.lower().startswith("label_") for name in table.raw.columns):
            try:
                self._offer_cohort(table, "")
            except UnusableTable as error:  # labels that cannot be used cost only themselves
                warnings.append(str(error))
        images = {image for each in imported for image in each.images}
        found = max(int((~np.isnan(e.scores_of(self._session.cohort))).any(axis=1).sum()) for e in imported)
        names = ", ".join(each.name for each in imported)
        headline = self.tr("Predictions of {0} for {1} images came from {2}.").format(names, len(images), path.name)
        details = [self.tr("{0} images of the cohort have one.").format(found), *warnings]
        self.told.emit(headline, " ".join(details), found == 0)

    def _name_of(self, table: LabelTable) -> str:
        """The file's name; where another table has it, as labels.csv of two sites, with the folder, then a number."""
        path, digest = Path(table.raw.source), table.raw.sha256
        candidates = chain([path.name, f"{path.parent.name}/{path.name}"], (f"{path.name} ({n})" for n in count(2)))
        name = next(name for name in candidates if self._named.get(name, digest) == digest)
        self._named[name] = digest
        return name

    def _offer_cohort(self, table: LabelTable, details: str) -> None:
        """Make a table of labels a cohort to choose, and choose it where the present one has nothing to compare."""
        cohort = self._library.cohort_of(table, self._name_of(table))
        self._session.put_cohort(cohort)
        if not self._numbers.any_scores():
            self._session.choose_cohort(cohort.name)
        headline = self.tr("{0} labelled images of {1} are a cohort now.").format(len(cohort), cohort.name)
        self.told.emit(headline, " ".join((details, *cohort.warnings)).strip(), False)
