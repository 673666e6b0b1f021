"""Placements: for each case, how many cases of the other class it is ranked rightly against.

DeLong, DeLong and Clarke-Pearson, Biometrics 1988, 44:837, with the O(n log n) counting of Sun and Xu, IEEE Signal
Processing Letters 2014, 21:1389. One sort per checkpoint gives both classes' placements. They are kept as doubled
counts, which are whole numbers: an AUC is then exact, and a variance that is zero is exactly zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.cases import StatedCases
from xferviewer.evaluation.sorted_cases import sort_cases


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


def placements(cases: StatedCases) -> list[Placements]:
    """The placements of each checkpoint in `cases`, in the order of its rows."""
    return [_placements(cases.positive, row) for row in cases.scores]


def _placements(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Placements:
    cases = sort_cases(positive, scores)
    positives, negatives = cases.block_counts()
    # The middle of a tie block, doubled: the cases before the block count twice, those within it once.
    won_by_positives = 2 * np.cumsum(negatives) - negatives
    won_by_negatives = 2 * (positives.sum() - np.cumsum(positives)) + positives
    lengths = positives + negatives
    doubled = np.empty(scores.size)
    doubled[cases.order] = np.where(
        cases.positive, np.repeat(won_by_positives, lengths), np.repeat(won_by_negatives, lengths)
    )
    return Placements(doubled[positive], doubled[~positive])


def difference_variance(a: Placements, b: Placements) -> float:
    """DeLong's variance of AUC(a) - AUC(b) on the same cases: S11 + S22 - 2 S12 of the paper.

    Taken from the differences of the placements, so that two equal checkpoints give exactly 0. NaN when a class has
    fewer than two cases.
    """
    m, n = a.of_positives.size, a.of_negatives.size
    if m < 2 or n < 2:
        return float("nan")
    by_positives = (a.of_positives - b.of_positives).var(ddof=1)
    by_negatives = (a.of_negatives - b.of_negatives).var(ddof=1)
    return float(by_positives / (4.0 * n * n * m) + by_negatives / (4.0 * m * m * n))


def covariance(of_each: Sequence[Placements]) -> NDArray[np.float64]:
    """DeLong's covariance S of the areas of C checkpoints on the same cases, (C, C); NaN with a class of one case."""
    result = np.full((len(of_each), len(of_each)), np.nan)
    m, n = of_each[0].of_positives.size, of_each[0].of_negatives.size
    if m < 2 or n < 2:
        return result
    positives = [one.of_positives - one.of_positives.mean() for one in of_each]
    negatives = [one.of_negatives - one.of_negatives.mean() for one in of_each]
    for i, j in combinations_with_replacement(range(len(of_each)), 2):
        by_positives = float(np.sum(positives[i] * positives[j])) / (4.0 * n * n * m * (m - 1))
        by_negatives = float(np.sum(negatives[i] * negatives[j])) / (4.0 * m * m * n * (n - 1))
        result[i, j] = result[j, i] = by_positives + by_negatives
    return result
