"""Scores laid out over the images of a cohort, a table for each classifier. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.members import Doubts, MemberMeasure
from xferviewer.gui.cohort import Cohort, ImportedPredictions

Table = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Scores (findings,) of one image, and by measure how far the members of the column differ, if it has any."""

    scores: Table
    doubts: Mapping[MemberMeasure, NDArray[np.float64]]


class CohortTables:
    """By digest: scores (images of the cohort, findings), and by measure how far members differ; NaN: unknown."""

    def __init__(self) -> None:
        self.cohort = Cohort.empty()
        self._scores: dict[str, Table] = {}
        self._doubts: dict[str, Doubts] = {}

    def begin(self, cohort: Cohort, imported: Iterable[ImportedPredictions]) -> None:
        """Over the images of this cohort; imported predictions are tables already, others are filled in."""
        self.cohort, imported = cohort, list(imported)
        self._scores = {each.digest: each.scores_of(cohort) for each in imported}
        self._doubts = {each.digest: each.doubts_of(cohort) for each in imported if each.doubts}

    def fill(self, digest: str, rows: Mapping[str, Row]) -> None:
        """Put rows, by image identity, into a table; those of other images are passed over."""
        for identity, row in rows.items():
            place = self.cohort.row_of(identity)
            if place is not None:
                if digest not in self._scores:
                    self._scores[digest] = self._nothing(row.scores)
                    self._doubts[digest] = {measure: self._nothing(of) for measure, of in row.doubts.items()}
                self._scores[digest][place] = row.scores
                for measure, values in row.doubts.items():
                    self._doubts[digest][measure][place] = values

    def forget(self, digest: str) -> None:
        """Drop a table."""
        self._scores.pop(digest, None)
        self._doubts.pop(digest, None)

    def scores(self, digest: str) -> Table | None:
        """The table of a classifier, if it has one."""
        return self._scores.get(digest)

    def doubts(self, digest: str) -> Doubts:
        """The same of how far its members differ; empty where it has none."""
        return self._doubts.get(digest, {})

    def row(self, digest: str, identity: str) -> Row | None:
        """What a table says of one image; None where there is no table, or the image is of another cohort."""
        place, scores = self.cohort.row_of(identity), self._scores.get(digest)
        if place is None or scores is None:
            return None
        return Row(scores[place], {measure: of[place] for measure, of in self.doubts(digest).items()})

    def table_of(self, rows: Mapping[str, Row]) -> Table:
        """A table of these rows alone, at least one; it is not kept."""
        table = self._nothing(next(iter(rows.values())).scores)
        for identity, row in rows.items():
            place = self.cohort.row_of(identity)
            if place is not None:
                table[place] = row.scores
        return table

    def chosen(self, table: Table | None, columns: Sequence[int | None]) -> NDArray[np.float64]:
        """(images of the cohort, columns) of a table; NaN for a column that is None, and where there is no table."""
        wanted = np.full((len(self.cohort), len(columns)), np.nan)
        if table is not None:
            for place, column in enumerate(columns):
                if column is not None:
                    wanted[:, place] = table[:, column]
        return wanted

    def _nothing(self, like: Table) -> NDArray[np.float64]:
        empty: NDArray[np.float64] = np.full((len(self.cohort), like.size), np.nan, dtype=like.dtype)
        return empty
