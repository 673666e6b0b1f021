"""A number with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.intervals import IntervalMethod, Proportion


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its two-sided interval at `level`. Undefined values are NaN."""

    value: float
    lower: float
    upper: float
    level: float = 0.95


def of_proportion(proportion: Proportion, level: float = 0.95, method: IntervalMethod = "wilson") -> Estimate:
    """A proportion with Wilson's interval, or Clopper and Pearson's."""
    return Estimate(proportion.value, *proportion.interval(level, method), level)


def of_resamples(value: float, resampled: NDArray[np.float64], level: float = 0.95) -> Estimate:
    """`value` with the percentiles (type 7) of what the resamples gave, (resamples,); NaN among them is left out."""
    defined = resampled[~np.isnan(resampled)]
    if not defined.size:
        return Estimate(value, math.nan, math.nan, level)
    tail = (1 - level) / 2
    lower, upper = np.quantile(defined, [tail, 1 - tail])
    return Estimate(value, float(lower), float(upper), level)
