"""Placements: for each case, how many cases of the other class it is ranked rightly against.

DeLong, DeLong and Clarke-Pearson, Biometrics 1988, 44:837, with the O(n log n) counting of Sun and Xu, IEEE Signal
Processing Letters 2014, 21:1389. One sort per checkpoint gives both classes' placements. They are kept as doubled
counts, which are whole numbers: an AUC is then exact, and a variance that is zero is exactly zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.cases import StatedCases


@dataclass(frozen=True, slots=True, eq=False)
class Placements:
    """Doubled placement counts of one checkpoint: 2 for each pair ranked rightly, 1 for each tie.

    of_positives  (m,) whole float64 in [0, 2n]: against the n negatives, in the order of the cases.
    of_negatives  (n,) whole float64 in [0, 2m]: against the m positives, in the order of the cases.
    """

    of_positives: NDArray[np.float64]
    of_negatives: NDArray[np.float64]

    @property
    def auc(self) -> float:
        """P(S+ > S-) + P(S+ = S-) / 2; NaN when a class is empty."""
        pairs = self.of_positives.size * self.of_negatives.size
        return float(self.of_positives.sum() / (2 * pairs)) if pairs else float("nan")

    @property
    def variance(self) -> float:
        """DeLong's variance of the AUC; NaN with fewer than two cases in a class."""
        return variance_of_mean(self.of_positives, self.of_negatives)


def placements(cases: StatedCases) -> list[Placements]:
    """The placements of each checkpoint in `cases`, in the order of its rows."""
    return [_placements(cases.positive, row) for row in cases.scores]


def _placements(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Placements:
    order = np.argsort(scores)
    ordered, is_positive = scores[order], positive[order]
    new_block = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    edges = np.concatenate(([0], new_block, [scores.size])) if scores.size else np.zeros(1, dtype=np.intp)
    positives_before = np.concatenate(([0], np.cumsum(is_positive)))[edges]
    negatives_before = edges - positives_before
    # The middle of a tie block, doubled: the cases before the block count twice, those within it once.
    for_positives = negatives_before[:-1] + negatives_before[1:]
    for_negatives = 2 * positives_before[-1] - (positives_before[:-1] + positives_before[1:])
    lengths = np.diff(edges)
    doubled = np.empty(scores.size)
    doubled[order] = np.where(is_positive, np.repeat(for_positives, lengths), np.repeat(for_negatives, lengths))
    return Placements(doubled[positive], doubled[~positive])


def difference_variance(a: Placements, b: Placements) -> float:
    """DeLong's variance of AUC(a) - AUC(b) on the same cases: S11 + S22 - 2 S12 of the paper.

    Taken from the differences of the placements, so that two equal checkpoints give exactly 0.
    """
    return variance_of_mean(a.of_positives - b.of_positives, a.of_negatives - b.of_negatives)


def variance_of_mean(of_positives: NDArray[np.float64], of_negatives: NDArray[np.float64]) -> float:
    """cov(V10) / m + cov(V01) / n of doubled counts, variances over m - 1 and n - 1; NaN if m or n is below 2."""
    m, n = of_positives.size, of_negatives.size
    if m < 2 or n < 2:
        return float("nan")
    return float(of_positives.var(ddof=1) / (4.0 * n * n * m) + of_negatives.var(ddof=1) / (4.0 * m * m * n))
