"""What the window evaluates: the labelled images of the catalogue or of a table, and predictions made elsewhere.

No Qt in this module.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints import image_mark
from xferviewer.checkpoints.vocabulary import PUBLISHED, Vocabulary
from xferviewer.evaluation.image_names import match_images
from xferviewer.evaluation.members import Doubts
from xferviewer.evaluation.tables import PredictionTable

NO_FILM = -1
"""Stands for the catalogue's number of an image or study where only a table names it."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """Labelled images in a fixed order.

    name        for people: the open catalogue, or the table that the labels come from
    images      what each row is called: a path, or the name in its table
    identities  image identity of each row; empty where no film of it is open
    image_ids   catalogue id of each row's image, NO_FILM without one
    study_ids   catalogue id of each row's study, NO_FILM without one
    findings    the findings that have labels
    labels      (images, findings) float64: 1 present, 0 absent, NaN not stated or marked uncertain
    studies     text of each row, "" where not stated
    patients    the same
    columns     further facts by name, text of each row, "" where not stated: what subgroups are made of
    warnings    what did not fit, with counts
    vocabulary  which names mean the same finding
    """

    name: str
    images: tuple[str, ...]
    identities: tuple[str, ...]
    image_ids: tuple[int, ...]
    study_ids: tuple[int, ...]
    findings: tuple[str, ...]
    labels: NDArray[np.float64]
    studies: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    vocabulary: Vocabulary = PUBLISHED

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {identity: row for row, identity in enumerate(self.identities) if identity}

    @cached_property
    def study_numbers(self) -> NDArray[np.int64]:
        """`study_ids` as an array."""
        return np.array(self.study_ids, dtype=np.int64)

    @cached_property
    def marks(self) -> frozenset[str]:
        """What stands for the images in the lists of those that checkpoints have seen."""
        return frozenset(image_mark(identity) for identity in self.identities if identity)

    def row_of(self, identity: str) -> int | None:
        """The row of an image; None where it is not in the cohort."""
        return self._rows.get(identity)

    @classmethod
    def empty(cls, name: str = "") -> Cohort:
        """A cohort of no images."""
        return cls(name, (), (), (), (), (), np.empty((0, 0)))

    def truth(self, finding: str) -> NDArray[np.float64]:
        """Labels (images,) of a finding; all NaN where no table names it, or one that means the same."""
        name = self.vocabulary.find(finding, self.findings)
        return np.full(len(self), np.nan) if name is None else self.labels[:, self.findings.index(name)]

    def label(self, identity: str, finding: str) -> float | None:
        """Of an image: 1 present, 0 absent; None where the label table does not say."""
        row = self.row_of(identity)
        label = math.nan if row is None else float(self.truth(finding)[row])
        return None if math.isnan(label) else label

    def truths(self, findings: Sequence[str]) -> NDArray[np.float64]:
        """Labels (images, findings) in the order asked for."""
        columns = [self.truth(finding) for finding in findings]
        return np.stack(columns, axis=1) if columns else np.empty((len(self), 0))


@dataclass(frozen=True, eq=False)
class ImportedPredictions:
    """The scores of one checkpoint in a table that was made elsewhere.

    digest  of the table and the name, so that opening the same table again brings nothing new
    images  (n,) as the table names them, each once
    scores  (n, findings) float64, NaN where blank
    doubts  the same by measure: how far the members of a row differ; none where the table does not say
    """

    digest: str
    name: str
    title: str
    trained_findings: tuple[str, ...]
    images: tuple[str, ...]
    scores: NDArray[np.float64]
    doubts: Doubts = field(default_factory=dict)

    @cached_property
    def holds_probabilities(self) -> bool:
        """No score lies outside [0, 1]; else they are scores of a scale of their own."""
        return not bool(np.any((self.scores < 0) | (self.scores > 1)))

    def scores_of(self, cohort: Cohort) -> NDArray[np.float64]:
        """(images of the cohort, findings), NaN for images that the table does not name: by path, then base name."""
        return self._laid_out(self.scores, cohort)

    def doubts_of(self, cohort: Cohort) -> Doubts:
        """The same of how far members differ, by measure."""
        return {measure: self._laid_out(values, cohort) for measure, values in self.doubts.items()}

    def _laid_out(self, values: NDArray[np.float64], cohort: Cohort) -> NDArray[np.float64]:
        found = np.full((len(cohort), len(self.trained_findings)), np.nan)
        place = match_images(self.images, cohort.images)
        if (place < 0).all():  # a table may name images by their SOP Instance UIDs
            place = match_images(self.images, [identity.partition("#")[0] for identity in cohort.identities])
        found[place[place >= 0]] = values[place >= 0]
        return found


def imported_predictions(table: PredictionTable) -> tuple[list[ImportedPredictions], list[str]]:
    """The checkpoints of a table in the order in which they come, and sentences about what was left out."""
    warnings = list(table.warnings)
    names = np.array(table.checkpoint)
    found = []
    for name in dict.fromkeys(table.checkpoint):
        rows = np.flatnonzero(names == name)
        first: dict[str, int] = {}
        for row in rows.tolist():
            first.setdefault(table.image[row], row)
        if len(first) < rows.size:
            warnings.append(f"{name}: {rows.size - len(first)} rows repeat an image; its first row counts.")
        kept = np.fromiter(first.values(), dtype=np.intp, count=len(first))
        scores = np.where(np.isfinite(table.scores[kept]), table.scores[kept], np.nan)
        n_infinite = int(np.isinf(table.scores[kept]).sum())
        if n_infinite:
            warnings.append(f"{name}: {n_infinite} scores are infinite and count as missing.")
        has = np.flatnonzero(~np.isnan(scores).all(axis=0))
        imported = ImportedPredictions(
            f"table:{table.sha256}:{name}",
            name,
            f"{name}: predictions from {table.source.replace(chr(92), '/').rsplit('/', 1)[-1]}",
            tuple(table.findings[column] for column in has),
            tuple(first),
            scores[:, has],
            {m: values[np.ix_(kept, has)] for m, values in table.doubts.items() if not np.isnan(values[kept]).all()},
        )
        if not imported.holds_probabilities:
            outside = int(np.count_nonzero((imported.scores < 0) | (imported.scores > 1)))
            warnings.append(
                f"{name}: {outside} scores lie outside [0, 1], so they are no probabilities: no calibration, no "
                f"decision curve, and no referral but by the distance to the threshold."
            )
        found.append(imported)
    return found, warnings
