"""Cases by ascending score, in blocks of equal scores: what areas, variances and curves are counted from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_EXACT = 1_000_000  # cases of a class up to which 4 m n² stays below 2**63


@dataclass(frozen=True, slots=True, eq=False)
class SortedCases:
    """n cases with a stated label, in b blocks of equal score.

    order       (n,) where each case stood before the sorting.
    positive    (n,) bool, sorted.
    distinct    (b,) float64, the scores of the blocks, ascending.
    block_ends  (b,) index of the last case of each block.
    """

    order: NDArray[np.int32]
    positive: NDArray[np.bool_]
    distinct: NDArray[np.float64]
    block_ends: NDArray[np.intp]

    def block_counts(self, first: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positives and negatives of each block, (b,) each, without the cases that stood before place `first`."""
        kept = self.order >= np.int32(first)
        positives = np.cumsum(kept & self.positive)[self.block_ends]
        negatives = np.cumsum(kept & ~self.positive)[self.block_ends]
        return np.diff(positives, prepend=0), np.diff(negatives, prepend=0)

    def in_runs(self) -> SortedCases:
        """The same cases with neighbouring blocks of one class alone taken as one, of the highest score in it.

        No area and no variance changes, nor when cases are left out, and they are counted from as few blocks as twice
        the rarer class: the slider needs that.
        """
        positives, negatives = self.block_counts()
        class_alone = np.where(negatives == 0, 1, np.where(positives == 0, 0, 2))
        last = np.append((class_alone[1:] != class_alone[:-1]) | (class_alone[1:] == 2), [True])[: class_alone.size]
        return SortedCases(self.order, self.positive, self.distinct[last], self.block_ends[last])


def sort_cases(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], stated: NDArray[np.bool_] | None = None
) -> SortedCases:
    """Sort cases by score; only those that `stated` marks, where it is given."""
    order = np.argsort(scores) if stated is None else (of := np.flatnonzero(stated))[np.argsort(scores[of])]
    ordered = scores[order]
    block_ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], [True]))[: order.size]
    return SortedCases(order.astype(np.int32), positive[order], ordered[block_ends], block_ends)


@dataclass(frozen=True, slots=True)
class Area:
    """An area under the ROC curve and DeLong's variance of it; NaN without a class, or with one case of it."""

    auc: float
    variance: float
    n_positive: int
    n_negative: int


def area_under(positives: NDArray[np.int64], negatives: NDArray[np.int64]) -> Area:
    """The area and its variance from the positives and negatives of each block, in ascending order of score.

    AUC = P(S+ > S-) + P(S+ = S-) / 2. DeLong et al., Biometrics 1988, 44:837.
    """
    m, n = int(positives.sum()), int(negatives.sum())
    negatives_to, positives_to = np.cumsum(negatives), np.cumsum(positives)
    # Doubled placements: 2 for each case of the other class that is ranked rightly against, 1 for each tie.
    of_positives = 2 * negatives_to - negatives
    of_negatives = 2 * (m - positives_to) + positives
    if max(m, n) > _MOST_EXACT:
        of_positives, of_negatives = of_positives.astype(np.float64), of_negatives.astype(np.float64)
    return area_of_sums(
        m,
        n,
        np.sum(of_positives * positives).item(),
        np.sum(of_positives * of_positives * positives).item(),
        np.sum(of_negatives * of_negatives * negatives).item(),
    )


def area_of_sums(m: int, n: int, wins: float, squares_of_positives: float, squares_of_negatives: float) -> Area:
    """The area and its variance from sums over doubled placements, of m positives and n negatives.

    wins                  the sum over the positives, which is the sum over the negatives too: 2 m n times the area.
    squares_of_positives  the sum of squares over the positives, and squares_of_negatives over the negatives.

    The sums are whole numbers of any size, so that an area is exact, a variance that is zero is exactly zero, and the
    same cases give the same bits however the sums were come by.
    """
    if not m or not n:
        return Area(math.nan, math.nan, m, n)
    auc = wins / (2 * m * n)
    if m < 2 or n < 2:
        return Area(auc, math.nan, m, n)
    # Sample variances of the placements (divisor m - 1, n - 1), undoubled, over m and n.
    variance = (m * squares_of_positives - wins * wins) / (4 * n * n * m * m * (m - 1))
    variance += (n * squares_of_negatives - wins * wins) / (4 * m * m * n * n * (n - 1))
    return Area(auc, max(variance, 0.0), m, n)
