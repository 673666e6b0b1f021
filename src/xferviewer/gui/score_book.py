"""What is known of scores: logits by checkpoint and image, and the scores of the chosen kind made of them. No Qt."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints import Checkpoint
from xferviewer.checkpoints.vocabulary import PUBLISHED
from xferviewer.evaluation.members import MEMBER_MEASURES, Combined, Doubts, MemberMeasure, combine, combine_passes
from xferviewer.evaluation.recalibration import Recalibrator
from xferviewer.evaluation.scores import ScoreKind, scores_from_logits
from xferviewer.gui.classifiers import Classifiers
from xferviewer.gui.cohort import Cohort
from xferviewer.gui.cohort_tables import CohortTables, Row, Table
from xferviewer.gui.columns import Asked, Classifier, EnsembleColumn, Member, PassColumn

Logits = Mapping[str, NDArray[np.float32]]  # by image identity: (findings,), or (passes, findings) of a PassColumn


class ScoreBook:
    """Scores by image, and as tables over the images of a cohort, asked for by the common name of a finding.

    Those of imported predictions are tables only; those of ensembles are made of their members' when they are asked
    for.
    """

    def __init__(self) -> None:
        self._calibrated = False
        self._classifiers = Classifiers()
        self._asked: dict[str, Asked] = {}
        self._logits: dict[str, dict[str, NDArray[np.float32]]] = {}  # checkpoint, image
        self._rows: dict[str, dict[str, Row]] = {}  # the same, of the chosen kind
        self._recalibrators: dict[str, tuple[Recalibrator | None, ...]] = {}
        self._tables = CohortTables()
        self._ensembles: dict[str, EnsembleColumn] = {}
        self._combined: dict[str, Combined] = {}  # of ensembles, until something changes
        self._failures: dict[tuple[str, str], str] = {}  # image, checkpoint

    # --- what scores are made of

    def compare(self, classifiers: Classifiers) -> None:
        """Hold the scores of these; those of a checkpoint that is no longer open are dropped."""
        before, self._classifiers = self._classifiers, classifiers
        if classifiers.checkpoints is not before.checkpoints:
            still_open = {each.digest for each in classifiers.checkpoints}
            self.forget({each.digest for each in before.checkpoints} - still_open)
            self._failures = {key: why for key, why in self._failures.items() if key[0]}  # it is opened anew
        self._ensembles = {each.digest: each for each in classifiers.columns if isinstance(each, EnsembleColumn)}
        if classifiers.imported is not before.imported:
            self.lay_out(self._tables.cohort)
        self._combined.clear()

    def set_recalibrators(self, recalibrators: Mapping[str, tuple[Recalibrator | None, ...]]) -> None:
        """What makes calibrated probabilities of logits, by digest: one, or None, for each finding of a checkpoint."""
        self._recalibrators = dict(recalibrators)
        self._combined.clear()
        if self._calibrated:
            self._score_anew()

    def set_calibrated(self, calibrated: bool) -> None:
        """Make calibrated probabilities where they can be had, or raw ones."""
        self._calibrated = calibrated
        self._score_anew()

    def has_calibration(self, digest: str) -> bool:
        """Calibrated probabilities can be had of it: of an ensemble, where they can of every member."""
        if digest in self._ensembles:
            return all(self.has_calibration(member.digest) for member in self._ensembles[digest].members)
        return any(self._recalibrators_of(digest) or ())

    def _recalibrators_of(self, digest: str) -> tuple[Recalibrator | None, ...] | None:
        """Passes of a checkpoint are calibrated as its plain answers are, each before they are averaged."""
        return self._recalibrators.get(digest.partition("+")[0])

    def kind(self, digest: str) -> ScoreKind:
        """Raw where calibrated probabilities are not asked for or cannot be had.

        "logit" stands for any scale that is not that of probabilities.
        """
        if not self._classifiers.holds_probabilities(digest):
            return "logit"
        return "calibrated probability" if self._calibrated and self.has_calibration(digest) else "probability"

    def add(self, asked: Asked, logits: Logits) -> None:
        """Take in logits, at least one image's."""
        digest = asked.digest
        rows = self._made(asked, logits, self.kind(digest))
        self._asked[digest] = asked
        self._logits.setdefault(digest, {}).update(logits)
        self._rows.setdefault(digest, {}).update(rows)
        self._tables.fill(digest, rows)
        self._combined.clear()

    def forget(self, digests: Collection[str]) -> None:
        """Drop all predictions of these checkpoints and of their passes: they come anew, or the checkpoints went."""
        for digest in [each for each in self._logits if each.partition("+")[0] in digests]:
            del self._logits[digest], self._rows[digest], self._asked[digest]
            self._tables.forget(digest)
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

    def _score_anew(self) -> None:
        """Make scores of the chosen kind from all logits."""
        for each in self._classifiers.asked:
            logits = self._logits.get(each.digest)
            if logits:
                self._tables.forget(each.digest)
                self.add(each, logits)
        self._combined.clear()

    def lay_out(self, cohort: Cohort) -> None:
        """Make tables over the images of another cohort."""
        self._tables.begin(cohort, self._classifiers.imported)
        for digest, rows in self._rows.items():
            self._tables.fill(digest, rows)
        self._combined.clear()

    def add_failure(self, digest: str, identity: str, why: str) -> None:
        """Note why a checkpoint says nothing of an image, or of any image where `identity` is empty."""
        self._failures[identity, digest] = why

    # --- what is known

    def identities(self, digest: str) -> Collection[str]:
        """The images that a checkpoint has scores of."""
        return self._rows.get(digest, {}).keys()

    def failure(self, digest: str, identity: str) -> str:
        """Why a checkpoint says nothing of an image; empty while it may still answer."""
        return self._failures.get(("", digest)) or self._failures.get((identity, digest), "")

    def logits(self, digest: str, identities: Sequence[str]) -> NDArray[np.float32]:
        """(images, findings of the checkpoint) as the network gave them; NaN where it was not asked."""
        checkpoint = self._classifiers.checkpoint(digest)
        n_findings = len(checkpoint.findings) if checkpoint is not None else 0
        known, nothing = self._logits.get(digest, {}), np.full(n_findings, np.nan, dtype=np.float32)
        return np.array([known.get(identity, nothing) for identity in identities], dtype=np.float32)

    def score(self, digest: str, identity: str, finding: str) -> float | None:
        """Of a finding in an image; None where it is not known or was not trained."""
        column = self._column(digest, finding)
        row = self._row_of(digest, identity) if column is not None else None
        return _value(row.scores if row is not None else None, column)

    def doubt(self, digest: str, identity: str, finding: str, measure: MemberMeasure) -> float | None:
        """How far the members of a column differ about an image; None where it has none or it is not known."""
        column = self._column(digest, finding)
        row = self._row_of(digest, identity) if column is not None else None
        return _value(row.doubts.get(measure) if row is not None else None, column)

    def table(self, digest: str, findings: Sequence[str]) -> NDArray[np.float64]:
        """(images of the cohort, findings); NaN where not predicted or not trained."""
        combined = self._combined_of(digest)
        table = self._tables.scores(digest) if combined is None else combined.scores
        return self._tables.chosen(table, [self._column(digest, finding) for finding in findings])

    def doubts(
        self, digests: Sequence[str], findings: Sequence[str], measures: Sequence[MemberMeasure] = MEMBER_MEASURES
    ) -> Doubts:
        """(C, images of the cohort, findings) by measure: how far members differ; NaN where there are none.

        A measure that no column has is left out.
        """
        each = [self._doubts_of(digest, findings, measures) for digest in digests]
        nothing = np.full((len(self._tables.cohort), len(findings)), np.nan)
        return {
            measure: np.stack([of.get(measure, nothing) for of in each])
            for measure in measures
            if any(measure in of for of in each)
        }

    def _doubts_of(self, digest: str, findings: Sequence[str], measures: Iterable[MemberMeasure]) -> Doubts:
        """(images of the cohort, findings) by measure; nothing where there are no members."""
        combined, columns = self._combined_of(digest), [self._column(digest, finding) for finding in findings]
        doubts = self._tables.doubts(digest) if combined is None else combined.doubts
        return {measure: self._tables.chosen(doubts[measure], columns) for measure in measures if measure in doubts}

    def _column(self, digest: str, finding: str) -> int | None:
        """The place of a finding among the scores of what is compared; None where it was not trained for it."""
        classifier, own = self._classifiers.find(digest), self._classifiers.own_name(digest, finding)
        return _findings_of(classifier).index(own) if classifier is not None and own is not None else None

    def _row_of(self, digest: str, identity: str) -> Row | None:
        """What is said of one image; None where nothing is known."""
        if digest in self._ensembles:
            return self._ensemble_row(self._ensembles[digest], identity)
        if digest in self._rows:
            return self._rows[digest].get(identity)
        return self._tables.row(digest, identity)

    # --- ensembles

    def _combined_of(self, digest: str) -> Combined | None:
        """Over the images of the cohort; None unless it is an ensemble."""
        ensemble = self._ensembles.get(digest)
        if ensemble is not None and digest not in self._combined:
            kind = self.kind(digest)
            tables = [
                self._tables.chosen(self._table_of_kind(member, kind), _columns(member, ensemble.trained_findings))
                for member in ensemble.members
            ]
            self._combined[digest] = combine(tables)
        return self._combined.get(digest)

    def _table_of_kind(self, member: Member, kind: ScoreKind) -> Table | None:
        """Where not every member is calibrated, the ensemble is of raw probabilities: of all of them."""
        logits = self._logits.get(member.digest)
        if not logits or self.kind(member.digest) == kind:
            return self._tables.scores(member.digest)
        return self._tables.table_of(self._made(self._asked[member.digest], logits, kind))

    def _ensemble_row(self, ensemble: EnsembleColumn, identity: str) -> Row | None:
        kind, scores = self.kind(ensemble.digest), []
        for member in ensemble.members:
            row, known = self._row_of(member.digest, identity), self._logits.get(member.digest, {})
            if row is not None and identity in known and self.kind(member.digest) != kind:
                row = self._made(self._asked[member.digest], {identity: known[identity]}, kind)[identity]
            if row is None:
                return None
            scores.append([[row.scores[at] for at in _columns(member, ensemble.trained_findings)]])
        combined = combine(scores)
        return Row(combined.scores[0], {measure: of[0] for measure, of in combined.doubts.items()})


def _findings_of(classifier: Classifier) -> tuple[str, ...]:
    """The findings in the order of its scores."""
    if isinstance(classifier, Checkpoint):
        return classifier.findings
    return classifier.checkpoint.findings if isinstance(classifier, PassColumn) else classifier.trained_findings


def _columns(member: Member, findings: Sequence[str]) -> list[int]:
    own = _findings_of(member)
    names = (PUBLISHED.find(finding, own) for finding in findings)
    return [own.index(name) for name in names if name is not None]


def _value(values: Table | None, column: int | None) -> float | None:
    value = math.nan if values is None or column is None else float(values[column])
    return None if math.isnan(value) else value
