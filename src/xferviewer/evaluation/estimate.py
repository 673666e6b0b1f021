"""A number with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.intervals import IntervalMethod, Proportion, normal_quantile


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


def of_mean(values: NDArray[np.float64], level: float = 0.95) -> Estimate:
    """The mean of independent values (n,), with the normal interval of its standard error; NaN below two values."""
    if values.size < 2:
        return Estimate(float(values[0]) if values.size else math.nan, math.nan, math.nan, level)
    mean = float(values.mean())
    half = normal_quantile(level) * float(values.std(ddof=1)) / math.sqrt(values.size)
    return Estimate(mean, mean - half, mean + half, level)


def difference(a: Estimate, b: Estimate) -> Estimate:
    """a - b of estimates from different cases, each half of the interval put together from the two of theirs.

    For proportions with Wilson's intervals this is Newcombe's method 10 (Stat. Med. 1998, 17:873), for others that of
    Zou and Donner (Stat. Med. 2008, 27:1693). Not for estimates from the same cases, whose errors go together.
    """
    value = a.value - b.value
    lower = value - math.hypot(a.value - a.lower, b.upper - b.value)
    upper = value + math.hypot(a.upper - a.value, b.value - b.lower)
    return Estimate(value, lower, upper, a.level)


def of_resamples(value: float, resampled: NDArray[np.float64], level: float = 0.95) -> Estimate:
    """`value` with the percentiles (type 7) of what the resamples gave, (resamples,); NaN among them is left out."""
    defined = resampled[~np.isnan(resampled)]
    if not defined.size:
        return Estimate(value, math.nan, math.nan, level)
    tail = (1 - level) / 2
    lower, upper = np.quantile(defined, [tail, 1 - tail])
    return Estimate(value, float(lower), float(upper), level)
