"""The cases that checkpoints are compared on: those of the chosen cohort, in the chosen unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, repeat

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from xferviewer.errors import XferviewerError
from xferviewer.evaluation.aggregation import aggregate
from xferviewer.evaluation.cohort import Cohort as ScoredCohort
from xferviewer.evaluation.members import MEMBER_MEASURES, Doubts
from xferviewer.gui.cohort import NO_FILM
from xferviewer.gui.comparison import CaseList
from xferviewer.gui.session import Session


@dataclass(frozen=True, eq=False)
class Compared:
    """The cases that one finding is compared on: those that every checkpoint trained for it has a score for.

    digests  (C,) what has scores for the finding
    rows     (n,) which of the cohort's cases
    labels   (n,) 1, 0 or NaN
    scores   (C, n) of the finding
    """

    finding: str
    digests: tuple[str, ...]
    rows: NDArray[np.intp]
    labels: NDArray[np.float64]
    scores: NDArray[np.float64]

    @cached_property
    def n_positive(self) -> int:
        """Cases with the finding."""
        return int((self.labels == 1).sum())

    @cached_property
    def n_negative(self) -> int:
        """Cases without it."""
        return int((self.labels == 0).sum())

    @property
    def has_both(self) -> bool:
        """There are cases with the finding and cases without it: a curve and an area have a meaning."""
        return bool(self.n_positive and self.n_negative)


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What is said of the chosen cases beside every number.

    n_patients  whose cases they are; 0 where no case names its patient
    splits      cases by what a column `split` says of them
    """

    n_patients: int
    splits: Mapping[str, int]


class ComparedCases(QObject):
    """The session's cohort with the scores of all that is compared, laid out when somebody asks.

    why_no_unit  why images are counted although studies or patients were asked for; empty where that is not so.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._cases: ScoredCohort | None = None
        self._images: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._facts: CaseFacts | None = None
        self._compared: dict[str, Compared] = {}
        self.why_no_unit = ""

    def forget_cases(self) -> None:
        """The cohort, its unit or its scores are others now."""
        self._cases = None
        self._facts = None
        self._compared.clear()

    def cases(self) -> ScoredCohort:
        """The chosen cases of the cohort in the chosen unit, with the scores of all that is compared, by digest."""
        if self._cases is None:
            session, cohort = self._session, self._session.cohort
            classifiers, findings = session.classifiers.all, session.classifiers.findings
            kept = np.ones(len(cohort), dtype=bool)
            if session.comparison.only is not None:
                column, value = session.comparison.only
                kept = np.array(cohort.columns[column]) == value
            self._images = np.flatnonzero(kept)
            chosen = kept.tolist()  # `compress` asks Python's own truth values ten times as fast as numpy's
            scores = [session.scores.table(each.digest, findings)[kept] for each in classifiers]
            of_images = ScoredCohort(
                "image",
                tuple(compress(cohort.images, chosen)),
                tuple(compress(cohort.studies or repeat(""), chosen)),
                tuple(compress(cohort.patients or repeat(""), chosen)),
                findings,
                cohort.truths(findings)[kept],
                tuple(each.digest for each in classifiers),
                np.stack(scores) if scores else np.empty((0, self._images.size, len(findings))),
                {name: tuple(compress(values, chosen)) for name, values in cohort.columns.items()},
                doubts=self._doubts_in_use(findings),
            )
            self._cases = self._in_unit(of_images)
        return self._cases

    def _doubts_in_use(self, findings: Sequence[str]) -> Doubts:
        """How far members differ about the chosen cases, by the measure that refers; none where another one does."""
        session = self._session
        measures = [measure for measure in MEMBER_MEASURES if measure == session.uncertainty]
        digests = [each.digest for each in session.classifiers.all] if measures else []
        doubts = session.scores.doubts(digests, findings, measures)
        return {measure: np.ascontiguousarray(values[:, self._images]) for measure, values in doubts.items()}

    def _in_unit(self, of_images: ScoredCohort) -> ScoredCohort:
        """Brought to studies or patients; where that cannot be, images are counted and `why_no_unit` says why."""
        comparison = self._session.comparison
        self.why_no_unit = ""
        if not of_images.cases:
            return of_images
        try:
            return aggregate(of_images, comparison.unit, comparison.aggregation)
        except (XferviewerError, ValueError) as error:
            self.why_no_unit = error.why if isinstance(error, XferviewerError) else f"{error}."
            return of_images

    def facts(self) -> CaseFacts:
        """Whose cases they are and of which split: counted once, said at every step of a slider."""
        if self._facts is None:
            cases = self.cases()
            splits = Counter(value for value in cases.columns.get("split", ()) if value)
            patients = {patient for patient in cases.patients if patient}
            self._facts = CaseFacts(len(patients), dict(splits.most_common()))
        return self._facts

    def any_scores(self) -> bool:
        """Some case of the cohort has a score of something compared."""
        return any(self.compared(finding).has_both for finding in self._session.classifiers.findings)

    def images_of(self, rows: Iterable[int]) -> list[int]:
        """Rows of the cohort's images that these cases are made of, case by case."""
        cases, wanted = self.cases(), list(rows)
        if cases.unit == "image":
            images: list[int] = self._images[np.array(wanted, dtype=np.intp)].tolist()
            return images
        cohort = self._session.cohort
        names = cohort.studies if cases.unit == "study" else cohort.patients
        members: dict[str, list[int]] = {}
        for image in self._images.tolist():
            members.setdefault(names[image], []).append(image)
        return [image for row in wanted for image in members[cases.cases[row]]]

    def studies_of(self, rows: Iterable[int]) -> list[int]:
        """The catalogue's studies of these cases, each once, in this order; cases without a film have none."""
        studies = self._session.cohort.study_numbers[np.array(self.images_of(rows), dtype=np.intp)]
        return list(dict.fromkeys(studies[studies != NO_FILM].tolist()))

    def show_cases(self, title: str, rows: Iterable[int]) -> None:
        """Put the films of these cases into the worklist, under a title."""
        wanted = list(rows)
        self._session.set_case_list(CaseList(title, tuple(self.studies_of(wanted)), len(wanted)))

    def compared(self, finding: str) -> Compared:
        """The cases and scores that the numbers of a finding rest on."""
        if finding not in self._compared:
            cases = self.cases()
            column = cases.findings.index(finding) if finding in cases.findings else None
            classifiers = self._session.classifiers
            trained = {each.digest for each in classifiers.all if classifiers.is_trained(each.digest, finding)}
            places = [place for place, digest in enumerate(cases.checkpoints) if digest in trained]
            if column is None or not places:
                nothing = np.empty(0, dtype=np.intp)
                self._compared[finding] = Compared(finding, (), nothing, np.empty(0), np.empty((0, 0)))
                return self._compared[finding]
            scores = cases.scores[places, :, column]
            seen = [at for at in range(len(places)) if not np.isnan(scores[at]).all()] or list(range(len(places)))
            rows = np.flatnonzero(~np.isnan(scores[seen]).any(axis=0))
            self._compared[finding] = Compared(
                finding,
                tuple(cases.checkpoints[places[at]] for at in seen),
                rows,
                cases.labels[rows, column],
                np.ascontiguousarray(scores[seen][:, rows]),
            )
        return self._compared[finding]
