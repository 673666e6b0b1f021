"""Confidence intervals of proportions, and the normal quantiles that every interval here is built on.

Wilson, JASA 1927, 22:209. Clopper and Pearson, Biometrika 1934, 26:404.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntervalMethod = Literal["wilson", "clopper-pearson"]


def normal_quantile(level: float) -> float:
    """The z of a two-sided interval: 1.96 for a level of 0.95. Raises ValueError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, got {level}")
    return NormalDist().inv_cdf((1 + level) / 2)


def two_sided_p(z: float) -> float:
    """P(|Z| > |z|) of the standard normal distribution, without loss in the far tail."""
    return math.erfc(abs(z) / math.sqrt(2))


def wilson(
    successes: ArrayLike, trials: ArrayLike, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's score interval of successes / trials, element by element; NaN where there are no trials."""
    x, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    z = normal_quantile(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = x / n
        centre = p + z * z / (2 * n)
        half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        lower, upper = (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
    # At the ends the exact bound is 0 or 1; the formula leaves a rounding error there.
    return np.where(x == 0, lower * 0.0, lower), np.where(x == n, upper * 0.0 + 1.0, upper)


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
        bounds = wilson if method == "wilson" else clopper_pearson
        lower, upper = bounds(self.successes, self.trials, level)
        return float(lower), float(upper)
