"""What is known of scores: logits by checkpoint and image, and the scores of the chosen kind made of them. No Qt."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints import Checkpoint
from xferviewer.evaluation.recalibration import Recalibrator
from xferviewer.evaluation.scores import ScoreKind, scores_from_logits
from xferviewer.gui.cohort import Cohort, ImportedPredictions

Logits = Mapping[str, NDArray[np.float32]]  # by image identity, (findings,) each


class ScoreBook:
    """Scores by image, and laid out as tables over the images of a cohort; imported ones are tables only."""

    def __init__(self) -> None:
        self._logits: dict[str, dict[str, NDArray[np.float32]]] = {}  # checkpoint, image: (findings,)
        self._scores: dict[str, dict[str, NDArray[np.float32]]] = {}  # the same, of the chosen kind
        self._recalibrators: dict[str, tuple[Recalibrator | None, ...]] = {}
        # By digest: (images of the cohort, findings), NaN: unknown.
        self._tables: dict[str, NDArray[np.float32] | NDArray[np.float64]] = {}

    def set_recalibrators(self, recalibrators: Mapping[str, tuple[Recalibrator | None, ...]]) -> None:
        """What makes calibrated probabilities of logits, by digest."""
        self._recalibrators = dict(recalibrators)

    def has_calibration(self, digest: str) -> bool:
        """Calibrated probabilities can be had of a checkpoint."""
        return any(self._recalibrators.get(digest, ()))

    def kind(self, digest: str, *, calibrated: bool) -> ScoreKind:
        """Raw where calibrated probabilities are not asked for or cannot be had."""
        return "calibrated probability" if calibrated and self.has_calibration(digest) else "probability"

    def add(self, checkpoint: Checkpoint, logits: Logits, cohort: Cohort, *, calibrated: bool) -> None:
        """Take in logits of a checkpoint, at least one."""
        digest = checkpoint.digest
        kind, recalibrators = self.kind(digest, calibrated=calibrated), self._recalibrators.get(digest)
        rows = scores_from_logits(np.stack(list(logits.values())), checkpoint.task, kind, recalibrators)
        scores = dict(zip(logits, rows, strict=True))
        self._logits.setdefault(digest, {}).update(logits)
        self._scores.setdefault(digest, {}).update(scores)
        self._fill(digest, scores, cohort)

    def forget(self, digests: Iterable[str]) -> None:
        """Drop what is known of checkpoints that are open no more: they may come back with another preprocessing."""
        for digest in digests:
            self._logits.pop(digest, None)
            self._scores.pop(digest, None)
            self._tables.pop(digest, None)

    def score_anew(self, checkpoints: Iterable[Checkpoint], cohort: Cohort, *, calibrated: bool) -> None:
        """Make scores of the chosen kind from all logits."""
        for checkpoint in checkpoints:
            logits = self._logits.get(checkpoint.digest)
            if logits:
                self._tables.pop(checkpoint.digest, None)
                self.add(checkpoint, logits, cohort, calibrated=calibrated)

    def lay_out(self, cohort: Cohort, imported: Iterable[ImportedPredictions]) -> None:
        """Make tables over the images of another cohort."""
        self._tables = {each.digest: each.scores_of(cohort) for each in imported}
        for digest, scores in self._scores.items():
            self._fill(digest, scores, cohort)

    def _fill(self, digest: str, scores: Logits, cohort: Cohort) -> None:
        for identity, row in scores.items():
            place = cohort.row_of(identity)
            if place is not None:
                if digest not in self._tables:
                    self._tables[digest] = np.full((len(cohort), len(row)), np.nan, dtype=np.float32)
                self._tables[digest][place] = row

    def identities(self, digest: str) -> Collection[str]:
        """The images that a checkpoint has scores of."""
        return self._scores.get(digest, {}).keys()

    def logits(self, digest: str, identities: Sequence[str], n_findings: int) -> NDArray[np.float32]:
        """(images, findings) as the network gave them; NaN where it was not asked."""
        known, nothing = self._logits.get(digest, {}), np.full(n_findings, np.nan, dtype=np.float32)
        return np.array([known.get(identity, nothing) for identity in identities], dtype=np.float32)

    def scores_of(self, digest: str, identity: str, cohort: Cohort) -> NDArray[np.float32] | NDArray[np.float64] | None:
        """The scores (findings,) of one image; None where there are none."""
        if digest in self._scores:
            return self._scores[digest].get(identity)
        place, table = cohort.row_of(identity), self._tables.get(digest)
        return None if place is None or table is None else table[place]

    def table(self, digest: str, columns: Sequence[int | None], n_images: int) -> NDArray[np.float64]:
        """(images of the cohort, columns) of a checkpoint's scores; NaN for a column that is None."""
        wanted, table = np.full((n_images, len(columns)), np.nan), self._tables.get(digest)
        if table is not None:
            for place, column in enumerate(columns):
                if column is not None:
                    wanted[:, place] = table[:, column]
        return wanted
