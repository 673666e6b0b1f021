"""Confidence intervals of proportions, and the normal quantiles that every interval here is built on.

Wilson, JASA 1927, 22:209. Clopper and Pearson, Biometrika 1934, 26:404. Brown, Cai and DasGupta, Statist. Sci. 2001,
16:101, compare them: Wilson's is the default; Wald's is here because others publish it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntervalMethod = Literal["wilson", "clopper-pearson", "jeffreys", "agresti-coull", "wald"]


def check_level(level: float) -> None:
    """Raise ValueError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, got {level}")


@cache
def normal_quantile(level: float) -> float:
    """The z of a two-sided interval: 1.96 for a level of 0.95. Raises ValueError unless 0 < level < 1."""
    check_level(level)
    return NormalDist().inv_cdf((1 + level) / 2)


def two_sided_p(z: float) -> float:
    """P(|Z| > |z|) of the standard normal distribution, without loss in the far tail."""
    return math.erfc(abs(z) / math.sqrt(2))


def wilson(
    successes: ArrayLike, trials: ArrayLike, level: float = 0.95, *, continuity: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's score interval of successes / trials, element by element; NaN where there are no trials.

    continuity  widened by half a case on either side, as R's prop.test does by default (and, as there, not where
                exactly half of the trials are successes).
    """
    x, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    z = normal_quantile(level)
    shift = np.minimum(0.5, np.abs(x - n / 2)) if continuity else np.zeros_like(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        lower = _score_bound((x - shift) / n, n, -z)
        upper = _score_bound((x + shift) / n, n, z)
    # At the ends the exact bound is 0 or 1; the formula leaves a rounding error there.
    return np.where(x == 0, lower * 0.0, lower), np.where(x == n, upper * 0.0 + 1.0, upper)


def _score_bound(p: NDArray[np.float64], n: NDArray[np.float64], z: float) -> NDArray[np.float64]:
    p = np.clip(p, 0, 1)
    centre = p + z * z / (2 * n)
    half: NDArray[np.float64] = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (centre + half) / (1 + z * z / n)


def _wilson_of_one(successes: int, trials: int, level: float) -> tuple[float, float]:
    """The bits of `wilson`, at a twentieth of its cost for a single proportion: tables ask for hundreds at a time."""
    if not trials:
        return math.nan, math.nan
    x, n, z = float(successes), float(trials), normal_quantile(level)
    p = x / n
    centre, scale = p + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (centre - half) / scale if x else 0.0, (centre + half) / scale if x != n else 1.0


def clopper_pearson(
    successes: ArrayLike, trials: ArrayLike, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The exact interval of successes / trials (Beta quantiles), element by element; NaN where there are no trials."""
    from scipy.special import betaincinv

    x, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        lower = np.where(x == 0, 0.0, betaincinv(x, n - x + 1, tail))
        upper = np.where(x == n, 1.0, betaincinv(x + 1, n - x, 1 - tail))
    nothing = n == 0
    return np.where(nothing, np.nan, lower), np.where(nothing, np.nan, upper)


def jeffreys(
    successes: ArrayLike, trials: ArrayLike, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Jeffreys' interval of successes / trials: Beta(x + 1/2, n - x + 1/2), element by element; NaN without trials.

    0 without a success and 1 without a failure.
    """
    from scipy.special import betaincinv

    check_level(level)
    x, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    tail = (1 - level) / 2
    lower = np.where(x == 0, 0.0, betaincinv(x + 0.5, n - x + 0.5, tail))
    upper = np.where(x == n, 1.0, betaincinv(x + 0.5, n - x + 0.5, 1 - tail))
    nothing = n == 0
    return np.where(nothing, np.nan, lower), np.where(nothing, np.nan, upper)


def agresti_coull(
    successes: ArrayLike, trials: ArrayLike, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Agresti and Coull's interval (Am. Statist. 1998, 52:119), element by element; NaN without trials.

    It may leave [0, 1]: clip it where it is shown, not before it is computed with.
    """
    x, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    z = normal_quantile(level)
    p, half = _normal_interval(x + z * z / 2, n + z * z, z)
    nothing = n == 0
    return np.where(nothing, np.nan, p - half), np.where(nothing, np.nan, p + half)


def wald(
    successes: ArrayLike, trials: ArrayLike, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The textbook's p ± z √(p (1 - p) / n), element by element; NaN without trials.

    Too short, of no width at 0 and 1, and may leave [0, 1].
    """
    p, half = _normal_interval(
        np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64), normal_quantile(level)
    )
    return p - half, p + half


def _normal_interval(
    x: NDArray[np.float64], n: NDArray[np.float64], z: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    with np.errstate(divide="ignore", invalid="ignore"):
        p = x / n
        half: NDArray[np.float64] = z * np.sqrt(p * (1 - p) / n)
    return p, half


@dataclass(frozen=True, slots=True)
class Proportion:
    """`successes` of `trials`, for example the true positives of all positives."""

    successes: int
    trials: int

    @property
    def value(self) -> float:
        """successes / trials; NaN when there were no trials."""
        return self.successes / self.trials if self.trials else math.nan

    def interval(self, level: float = 0.95, method: IntervalMethod = "wilson") -> tuple[float, float]:
        """The two-sided interval (lower, upper); (NaN, NaN) when there were no trials."""
        if method == "wilson":
            return _wilson_of_one(self.successes, self.trials, level)
        lower, upper = _BOUNDS[method](self.successes, self.trials, level)
        return float(lower), float(upper)


_BOUNDS: dict[IntervalMethod, Callable[[ArrayLike, ArrayLike, float], tuple[NDArray[np.float64], NDArray[np.float64]]]]
_BOUNDS = {
    "wilson": wilson,
    "clopper-pearson": clopper_pearson,
    "jeffreys": jeffreys,
    "agresti-coull": agresti_coull,
    "wald": wald,
}
