"""Checkpoints of one finding tested against each other, every two of them on the cases that both have a score for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.cases import StatedCases
from xferviewer.evaluation.choices import Adjustment
from xferviewer.evaluation.metrics import Difference, PairMetrics, ReferenceComparison
from xferviewer.evaluation.placements import Placements, placements
from xferviewer.evaluation.significance import PairedDelong, adjust, compare_placements


class PairedCheckpoints:
    """The checkpoints that have scores for a finding; placements are counted once for each set of common cases.

    labels  (n,) of 1, 0, NaN; scores (C, n), NaN where missing.
    """

    def __init__(
        self,
        finding: str,
        checkpoints: Sequence[str],
        labels: NDArray[np.float64],
        scores: NDArray[np.float64],
        level: float,
    ) -> None:
        self.finding = finding
        self._level = level
        self._labels, self._scores = labels, scores
        self._usable = ~np.isnan(labels) & ~np.isnan(scores)
        self._names = checkpoints
        self._with_finding = [c for c in range(len(checkpoints)) if not np.isnan(scores[c]).all()]
        self._placed: dict[tuple[int, bytes], Placements] = {}

    def pairs(self) -> list[PairMetrics]:
        """Every two checkpoints; p-values adjusted by Holm over these pairs."""
        tests = [(a, b, self._test(a, b)) for a, b in combinations(self._with_finding, 2)]
        adjusted = adjust([test.p_value for _, _, test in tests], "holm")
        return [
            PairMetrics(self.finding, self._names[a], self._names[b], test, float(p))
            for (a, b, test), p in zip(tests, adjusted, strict=True)
        ]

    def against(self, reference: str) -> list[tuple[str, PairedDelong]]:
        """Every other checkpoint minus the reference; empty where the reference has no score for the finding."""
        place = self._names.index(reference)
        if place not in self._with_finding:
            return []
        return [(self._names[c], self._test(c, place)) for c in self._with_finding if c != place]

    def _test(self, a: int, b: int) -> PairedDelong:
        common = self._usable[a] & self._usable[b]
        key = np.packbits(common).tobytes()
        return compare_placements(self._placements(a, common, key), self._placements(b, common, key), self._level)

    def _placements(self, checkpoint: int, common: NDArray[np.bool_], key: bytes) -> Placements:
        if (checkpoint, key) not in self._placed:
            cases = StatedCases(self._labels[common] == 1, self._scores[checkpoint : checkpoint + 1, common], 0)
            self._placed[checkpoint, key] = placements(cases)[0]
        return self._placed[checkpoint, key]


def compare_with(reference: str, findings: Sequence[PairedCheckpoints], how: Adjustment) -> ReferenceComparison:
    """All other checkpoints against the reference, on all findings: one family of tests."""
    tests = [(of.finding, name, test) for of in findings for name, test in of.against(reference)]
    p_values = np.array([test.p_value for _, _, test in tests])
    adjusted = p_values if how == "none" else adjust(p_values, how)
    return ReferenceComparison(
        reference,
        how,
        tuple(
            Difference(finding, name, test, float(p)) for (finding, name, test), p in zip(tests, adjusted, strict=True)
        ),
    )
