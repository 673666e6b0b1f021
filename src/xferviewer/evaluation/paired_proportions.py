"""The difference of two proportions of the same cases, for example of two checkpoints' accuracies.

Of different cases it is `estimate.difference`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from xferviewer.evaluation.estimate import Estimate, of_proportion
from xferviewer.evaluation.intervals import Proportion


def paired_difference(table: ArrayLike, level: float = 0.95) -> Estimate:
    """The first proportion less the second, with Newcombe's interval: the two of Wilson's, put together by their φ.

    table  [[both right, only the first], [only the second, both wrong]], counts, as for `mcnemar`.

    Within [-1, 1]; NaN without cases. Raises ValueError for another shape, a negative or broken count, and unless
    0 < level < 1. Newcombe, Statistics in Medicine 1998, 17:2635, method 10.
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.shape != (2, 2) or not np.all((counts >= 0) & (counts == np.floor(counts))):
        raise ValueError("expected four counts as [[a, b], [c, d]]")
    (a, b), (c, d) = counts.astype(int).tolist()
    n = a + b + c + d
    first, second = (of_proportion(Proportion(x, n), level) for x in (a + b, a + c))
    together = a * d - b * c
    if together > 0:  # continuity correction of a positive correlation
        together = max(together - n / 2, 0)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    phi = together / math.sqrt(margins) if margins else 0.0
    value = (b - c) / n if n else math.nan
    return Estimate(
        value,
        value - _joined(first.value - first.lower, second.upper - second.value, phi),
        value + _joined(first.upper - first.value, second.value - second.lower, phi),
        level,
    )


def _joined(of_first: float, of_second: float, phi: float) -> float:
    """The length of two halves of intervals put together; not below 0 by rounding where they are fully correlated."""
    squared = of_first**2 - 2 * phi * of_first * of_second + of_second**2
    return math.sqrt(squared if squared > 0 or math.isnan(squared) else 0.0)
