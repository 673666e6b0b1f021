"""What is known of scores: logits by checkpoint and image, and the scores of the chosen kind made of them. No Qt."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints import Checkpoint
from xferviewer.checkpoints.vocabulary import PUBLISHED
from xferviewer.evaluation.members import Combined, Doubts, MemberMeasure, combine, combine_passes
from xferviewer.evaluation.recalibration import Recalibrator
from xferviewer.evaluation.scores import ScoreKind, scores_from_logits
from xferviewer.gui.cohort import Cohort, ImportedPredictions
from xferviewer.gui.columns import EnsembleColumn, Member, PassColumn

Asked = Checkpoint | PassColumn
Logits = Mapping[str, NDArray[np.float32]]  # by image identity: (findings,), or (passes, findings) of a PassColumn
Table = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Scores (findings,) of one image, and by measure how far the members of the column differ, if it has any."""

    scores: Table
    doubts: Mapping[MemberMeasure, NDArray[np.float64]]


class ScoreBook:
    """Scores by image, and laid out as tables over the images of a cohort.

    Those of imported predictions are tables only; those of ensembles are made of their members' when they are asked
    for. `calibrated`: calibrated probabilities are asked for.
    """

    def __init__(self) -> None:
        self.calibrated = False
        self._cohort = Cohort.empty()
        self._asked: dict[str, Asked] = {}
        self._logits: dict[str, dict[str, NDArray[np.float32]]] = {}  # checkpoint, image
        self._rows: dict[str, dict[str, Row]] = {}  # the same, of the chosen kind
        self._recalibrators: dict[str, tuple[Recalibrator | None, ...]] = {}
        # By digest: (images of the cohort, findings), NaN: unknown.
        self._tables: dict[str, Table] = {}
        self._doubts: dict[str, Doubts] = {}
        self._ensembles: dict[str, EnsembleColumn] = {}
        self._combined: dict[str, Combined] = {}  # of ensembles, until something changes

    def set_recalibrators(self, recalibrators: Mapping[str, tuple[Recalibrator | None, ...]]) -> None:
        """What makes calibrated probabilities of logits, by the digest of a checkpoint."""
        self._recalibrators = dict(recalibrators)
        self._combined.clear()

    def set_ensembles(self, ensembles: Iterable[EnsembleColumn]) -> None:
        """Which ensembles there are."""
        self._ensembles = {ensemble.digest: ensemble for ensemble in ensembles}
        self._combined.clear()

    def has_calibration(self, digest: str) -> bool:
        """Calibrated probabilities can be had of it: of an ensemble, where they can of every member."""
        if digest in self._ensembles:
            return all(self.has_calibration(member.digest) for member in self._ensembles[digest].members)
        return any(self._recalibrators_of(digest) or ())

    def _recalibrators_of(self, digest: str) -> tuple[Recalibrator | None, ...] | None:
        """Passes of a checkpoint are calibrated as its plain answers are, each before they are averaged."""
        return self._recalibrators.get(digest.partition("+")[0])

    def kind(self, digest: str) -> ScoreKind:
        """Raw where calibrated probabilities are not asked for or cannot be had."""
        return "calibrated probability" if self.calibrated and self.has_calibration(digest) else "probability"

    def add(self, asked: Asked, logits: Logits) -> None:
        """Take in logits, at least one image's."""
        digest = asked.digest
        rows = self._made(asked, logits, self.kind(digest))
        self._asked[digest] = asked
        self._logits.setdefault(digest, {}).update(logits)
        self._rows.setdefault(digest, {}).update(rows)
        self._fill(digest, rows)
        self._combined.clear()

    def forget(self, digests: Collection[str]) -> None:
        """Drop all predictions of these checkpoints and of their passes: they come anew, or the checkpoints went."""
        for digest in [each for each in self._logits if each.partition("+")[0] in digests]:
            del self._logits[digest], self._rows[digest], self._asked[digest]
            self._forget_tables(digest)
        self._combined.clear()

    def _made(self, asked: Asked, logits: Logits, kind: ScoreKind) -> dict[str, Row]:
        values, recalibrators = np.stack(list(logits.values())), self._recalibrators_of(asked.digest)
        if isinstance(asked, Checkpoint):
            scores = scores_from_logits(values, asked.task, kind, recalibrators)
            return {identity: Row(row, {}) for identity, row in zip(logits, scores, strict=True)}
        combined = combine_passes(values.swapaxes(0, 1), asked.checkpoint.task, kind, recalibrators)
        return {
            identity: Row(combined.scores[at], {measure: of[at] for measure, of in combined.doubts.items()})
            for at, identity in enumerate(logits)
        }

    def score_anew(self, asked: Iterable[Asked]) -> None:
        """Make scores of the chosen kind from all logits."""
        for each in asked:
            logits = self._logits.get(each.digest)
            if logits:
                self._forget_tables(each.digest)
                self.add(each, logits)
        self._combined.clear()

    def lay_out(self, cohort: Cohort, imported: Iterable[ImportedPredictions]) -> None:
        """Make tables over the images of another cohort."""
        self._cohort, imported = cohort, list(imported)
        self._tables = {each.digest: each.scores_of(cohort) for each in imported}
        self._doubts = {each.digest: each.doubts_of(cohort) for each in imported if each.doubts}
        for digest, rows in self._rows.items():
            self._fill(digest, rows)
        self._combined.clear()

    def _forget_tables(self, digest: str) -> None:
        self._tables.pop(digest, None)
        self._doubts.pop(digest, None)

    def _fill(self, digest: str, rows: Mapping[str, Row]) -> None:
        for identity, row in rows.items():
            place = self._cohort.row_of(identity)
            if place is not None:
                if digest not in self._tables:
                    self._tables[digest] = self._nothing(row.scores)
                    self._doubts[digest] = {measure: self._nothing(of) for measure, of in row.doubts.items()}
                self._tables[digest][place] = row.scores
                for measure, values in row.doubts.items():
                    self._doubts[digest][measure][place] = values

    def _nothing(self, like: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
        empty: NDArray[np.float64] = np.full((len(self._cohort), like.size), np.nan, dtype=like.dtype)
        return empty

    def identities(self, digest: str) -> Collection[str]:
        """The images that a checkpoint has scores of."""
        return self._rows.get(digest, {}).keys()

    def logits(self, digest: str, identities: Sequence[str], n_findings: int) -> NDArray[np.float32]:
        """(images, findings) as the network gave them; NaN where it was not asked."""
        known, nothing = self._logits.get(digest, {}), np.full(n_findings, np.nan, dtype=np.float32)
        return np.array([known.get(identity, nothing) for identity in identities], dtype=np.float32)

    def row_of(self, digest: str, identity: str) -> Row | None:
        """What is said of one image; None where nothing is known."""
        if digest in self._ensembles:
            return self._ensemble_row(self._ensembles[digest], identity)
        if digest in self._rows:
            return self._rows[digest].get(identity)
        place, table = self._cohort.row_of(identity), self._tables.get(digest)
        if place is None or table is None:
            return None
        return Row(table[place], {measure: of[place] for measure, of in self._doubts.get(digest, {}).items()})

    def table(self, digest: str, columns: Sequence[int | None]) -> NDArray[np.float64]:
        """(images of the cohort, columns) of scores; NaN for a column that is None."""
        combined = self._combined_of(digest)
        return self._chosen(self._tables.get(digest) if combined is None else combined.scores, columns)

    def doubts(self, digest: str, columns: Sequence[int | None], measures: Iterable[MemberMeasure]) -> Doubts:
        """The same of how far members differ, by measure; nothing where there are no members."""
        combined = self._combined_of(digest)
        known: Mapping[MemberMeasure, NDArray[np.float64]] = self._doubts.get(digest, {})
        doubts = known if combined is None else combined.doubts
        return {measure: self._chosen(doubts[measure], columns) for measure in measures if measure in doubts}

    def _chosen(self, table: Table | None, columns: Sequence[int | None]) -> NDArray[np.float64]:
        wanted = np.full((len(self._cohort), len(columns)), np.nan)
        if table is not None:
            for place, column in enumerate(columns):
                if column is not None:
                    wanted[:, place] = table[:, column]
        return wanted

    # --- ensembles

    def _combined_of(self, digest: str) -> Combined | None:
        """Over the images of the cohort; None unless it is an ensemble."""
        ensemble = self._ensembles.get(digest)
        if ensemble is not None and digest not in self._combined:
            kind = self.kind(digest)
            tables = [
                self._chosen(self._table_of_kind(member, kind), _columns(member, ensemble.trained_findings))
                for member in ensemble.members
            ]
            self._combined[digest] = combine(tables)
        return self._combined.get(digest)

    def _table_of_kind(self, member: Member, kind: ScoreKind) -> Table | None:
        """Where not every member is calibrated, the ensemble is of raw probabilities: of all of them."""
        logits = self._logits.get(member.digest)
        if not logits or self.kind(member.digest) == kind:
            return self._tables.get(member.digest)
        rows = self._made(self._asked[member.digest], logits, kind)
        table = self._nothing(next(iter(rows.values())).scores)
        for identity, row in rows.items():
            place = self._cohort.row_of(identity)
            if place is not None:
                table[place] = row.scores
        return table

    def _ensemble_row(self, ensemble: EnsembleColumn, identity: str) -> Row | None:
        kind, scores = self.kind(ensemble.digest), []
        for member in ensemble.members:
            row, known = self.row_of(member.digest, identity), self._logits.get(member.digest, {})
            if row is not None and identity in known and self.kind(member.digest) != kind:
                row = self._made(self._asked[member.digest], {identity: known[identity]}, kind)[identity]
            if row is None:
                return None
            scores.append([[row.scores[at] for at in _columns(member, ensemble.trained_findings)]])
        combined = combine(scores)
        return Row(combined.scores[0], {measure: of[0] for measure, of in combined.doubts.items()})


def columns_of(compared: Member | EnsembleColumn) -> tuple[str, ...]:
    """The findings in the order of its scores."""
    if isinstance(compared, Checkpoint):
        return compared.findings
    return compared.checkpoint.findings if isinstance(compared, PassColumn) else compared.trained_findings


def _columns(member: Member, findings: Sequence[str]) -> list[int]:
    own = columns_of(member)
    names = (PUBLISHED.find(finding, own) for finding in findings)
    return [own.index(name) for name in names if name is not None]
