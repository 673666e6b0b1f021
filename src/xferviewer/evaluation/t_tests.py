"""Student's t tests, as R's t.test: for few values that are sums of much, such as areas over seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.intervals import check_level

TMethod = Literal["welch", "student", "paired"]


@dataclass(frozen=True, slots=True)
class TTest:
    """A difference of means. Undefined values are NaN: with too few values, or without any variance.

    difference      mean of the first - mean of the second.
    standard_error  of the difference.
    statistic       difference / standard_error, compared with Student's t of `df` degrees of freedom.
    lower, upper    interval of the difference at `level`.
    """

    difference: float
    standard_error: float
    statistic: float
    df: float
    p_value: float
    lower: float
    upper: float
    level: float


def t_test(x: ArrayLike, y: ArrayLike, method: TMethod = "welch", level: float = 0.95) -> TTest:
    """The two-sided t test of two means.

    x, y    (n,) and (m,), finite.
    method  "welch": unequal variances (Welch 1947). "student": one variance. "paired": x and y in the same order.

    Raises ValueError for an empty sample, a value that is not finite, pairs of unequal length, and another method.
    """
    a, b = _sample(x), _sample(y)
    if method == "paired":
        if a.size != b.size:
            raise ValueError(f"pairs need samples of one length, got {a.size} and {b.size}")
        return _test(float((a - b).mean()), _variance(a - b) / a.size, a.size - 1, level)
    difference, (v, w) = float(a.mean() - b.mean()), (_variance(a), _variance(b))
    if method == "student":
        df = a.size + b.size - 2
        # A sample of one value has no variance of its own and takes the other's.
        squares = sum(float(np.sum((of - of.mean()) ** 2)) for of in (a, b))
        return _test(difference, squares / df * (1 / a.size + 1 / b.size) if df else math.nan, df, level)
    if method == "welch":
        v, w = v / a.size, w / b.size
        spread = v**2 / (a.size - 1) + w**2 / (b.size - 1) if min(a.size, b.size) > 1 else math.nan
        return _test(difference, v + w, (v + w) ** 2 / spread if spread else math.nan, level)
    raise ValueError(f'the method is "welch", "student" or "paired", not {method!r}')


def _sample(values: ArrayLike) -> NDArray[np.float64]:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not sample.size or not np.isfinite(sample).all():
        raise ValueError("expected samples of finite values")
    return sample


def _variance(sample: NDArray[np.float64]) -> float:
    return float(sample.var(ddof=1)) if sample.size > 1 else math.nan


def _test(difference: float, variance: float, df: float, level: float) -> TTest:
    from scipy.special import stdtr

    error, nan = math.sqrt(variance), math.nan
    if not error or math.isnan(error):
        return TTest(difference, error, nan, df, nan, nan, nan, level)
    lower, upper = t_interval(difference, error, df, level)
    statistic = difference / error
    return TTest(difference, error, statistic, df, 2 * float(stdtr(df, -abs(statistic))), lower, upper, level)


def t_interval(mean: float, standard_error: float, df: float, level: float = 0.95) -> tuple[float, float]:
    """mean ± t · standard error, t of `df` degrees of freedom. Raises ValueError unless 0 < level < 1."""
    from scipy.special import stdtrit

    check_level(level)
    half = float(stdtrit(df, (1 + level) / 2)) * standard_error
    return mean - half, mean + half
