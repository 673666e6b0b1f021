"""McNemar's test: whether the decisions of two checkpoints on the same cases are right equally often."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from xferviewer.evaluation.intervals import two_sided_p
from xferviewer.evaluation.test_result import TestResult


def mcnemar(table: ArrayLike, continuity: bool = True, exact: bool = False, *, mid_p: bool = False) -> TestResult:
    """McNemar's test of two checkpoints' decisions on the same cases.

    table       [[both right, only the first], [only the second, both wrong]], counts.
    continuity  Edwards' correction, as R's mcnemar.test does by default; it never makes the statistic negative.
    exact       the binomial test instead (the rule of thumb: below 25 discordant cases); `statistic` is then the
                smaller discordant count.
    mid_p       the binomial test with half the probability of what was seen: less conservative than the exact one
                (Fagerland, Lydersen and Laake, BMC Med. Res. Methodol. 2013, 13:91).

    Without discordant cases p is 1 (R: NaN) and the statistic NaN. Raises ValueError for another shape or a negative.
    McNemar, Psychometrika 1947, 12:153.
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.shape != (2, 2) or not np.all(counts >= 0):
        raise ValueError("expected four counts as [[a, b], [c, d]]")
    b, c = float(counts[0, 1]), float(counts[1, 0])
    if b + c == 0:
        return TestResult(math.nan, 1.0, math.nan if exact or mid_p else 1)
    if exact or mid_p:
        return TestResult(min(b, c), _binomial_p(int(min(b, c)), int(b + c), mid_p))
    distance = abs(b - c)
    if continuity:
        distance = max(0.0, distance - 1)
    chi_squared = distance**2 / (b + c)
    return TestResult(chi_squared, two_sided_p(math.sqrt(chi_squared)), 1)


def _binomial_p(fewer: int, discordant: int, mid_p: bool) -> float:
    """Twice P(X <= fewer) of a fair coin, at most 1; `mid_p` counts P(X = fewer) by half in each of the two tails."""
    from scipy.special import bdtr

    up_to = float(bdtr(fewer, discordant, 0.5))
    if not mid_p:
        return min(1.0, 2 * up_to)
    seen = up_to - (float(bdtr(fewer - 1, discordant, 0.5)) if fewer else 0.0)
    # With as many on both sides the two tails are one, and what was seen counts once.
    return 1 - seen / 2 if 2 * fewer == discordant else 2 * up_to - seen
