"""Differences of two proportions with Newcombe's intervals, of other cases or of the same.

Newcombe, Statistics in Medicine 1998, 17:873 (unpaired, method 10) and 17:2635 (paired, method 10): both are put
together from the two Wilson intervals, and stay within [-1, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from xferviewer.evaluation.intervals import Proportion


@dataclass(frozen=True, slots=True)
class ProportionDifference:
    """first - second, with its interval at `level`; NaN when one of them has no trials."""

    first: float
    second: float
    difference: float
    lower: float
    upper: float
    level: float


def newcombe_unpaired(first: Proportion, second: Proportion, level: float = 0.95) -> ProportionDifference:
    """The difference of proportions of different cases, for example the sensitivities at two sites.

    Raises ValueError unless 0 < level < 1.
    """
    return _difference(first, second, 0.0, level)


def newcombe_paired(table: ArrayLike, level: float = 0.95) -> ProportionDifference:
    """The difference of two checkpoints' proportions on the same cases, for example their accuracies.

    table  [[both right, only the first], [only the second, both wrong]], counts, as for `mcnemar`.

    Raises ValueError for another shape, a negative or broken count, and unless 0 < level < 1.
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.shape != (2, 2) or not np.all((counts >= 0) & (counts == np.floor(counts))):
        raise ValueError("expected four counts as [[a, b], [c, d]]")
    (a, b), (c, d) = counts.astype(int).tolist()
    n = a + b + c + d
    together = a * d - b * c
    if together > 0:  # continuity correction of a positive correlation
        together = max(together - n / 2, 0)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    correlation = together / math.sqrt(margins) if margins else 0.0
    return _difference(Proportion(a + b, n), Proportion(a + c, n), correlation, level)


def _difference(first: Proportion, second: Proportion, correlation: float, level: float) -> ProportionDifference:
    p, q = first.value, second.value
    (p_lower, p_upper), (q_lower, q_upper) = first.interval(level), second.interval(level)
    lower = p - q - _joined(p - p_lower, q_upper - q, correlation)
    upper = p - q + _joined(p_upper - p, q - q_lower, correlation)
    return ProportionDifference(p, q, p - q, lower, upper, level)


def _joined(of_first: float, of_second: float, correlation: float) -> float:
    """The length of two halves of intervals put together; not below 0 by rounding where they are fully correlated."""
    squared = of_first**2 - 2 * correlation * of_first * of_second + of_second**2
    return math.sqrt(squared if squared > 0 or math.isnan(squared) else 0.0)
