"""Tests on ranks, with the choices of R: two samples, pairs, several samples, several judges of the same cases.

Values are rounded to 12 decimals before they are ranked, because two equal areas from different sums may differ in the
last bit and would then break a tie at random; `decimals=None` ranks them as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.test_result import TestResult

Alternative = Literal["two-sided", "less", "greater"]

DECIMALS = 12
_MOST_FOR_EXACT = 49  # values of a sample up to which R computes the exact distribution


def rank_sum(
    x: ArrayLike,
    y: ArrayLike,
    alternative: Alternative = "two-sided",
    *,
    exact: bool | None = None,
    continuity: bool = True,
    decimals: int | None = DECIMALS,
) -> TestResult:
    """Wilcoxon's rank-sum test with the choices of R's wilcox.test.

    x, y         samples of any length from 1; finite.
    alternative  "less": x tends to be smaller than y.
    exact        None: the exact distribution when both samples have fewer than 50 values and there are no ties, else
                 the normal one with the ties' variance. False: the normal one. True: the exact one.
    continuity   the correction of the normal distribution by one half.

    `statistic` is W of the first sample. All values equal: p is 1 (R: NaN). Raises ValueError for an empty sample, a
    value that is not finite, and `exact=True` with ties. Wilcoxon, Biometrics Bulletin 1945, 1:80.
    """
    a, b = _sample(x, decimals), _sample(y, decimals)
    pooled = np.concatenate((a, b))
    distinct = np.unique(pooled).size
    tied = distinct < pooled.size
    if exact and tied:
        raise ValueError("ties have no exact rank-sum distribution here: leave `exact` to None")
    if distinct == 1:
        return TestResult(a.size * b.size / 2, 1.0)
    if exact is None:
        exact = max(a.size, b.size) <= _MOST_FOR_EXACT and not tied
    from scipy.stats import mannwhitneyu

    answer = mannwhitneyu(
        a, b, use_continuity=continuity, alternative=alternative, method="exact" if exact else "asymptotic"
    )
    return TestResult(float(answer.statistic), float(answer.pvalue))


def signed_rank(
    x: ArrayLike,
    y: ArrayLike,
    alternative: Alternative = "two-sided",
    *,
    exact: bool | None = None,
    continuity: bool = True,
    decimals: int | None = DECIMALS,
) -> TestResult:
    """Wilcoxon's signed-rank test of pairs with the choices of R's wilcox.test(paired = TRUE).

    x, y  (n,) each, the pairs in one order; finite. Pairs without a difference are dropped.
    exact, continuity, decimals  as for `rank_sum`; exact by default below 50 pairs without ties and without a dropped
                                 one. The differences are rounded.

    `statistic` is V, the sum of the ranks of the positive differences. No difference at all: p is 1 (R: NaN). Raises
    ValueError as `rank_sum`, for samples of unequal length, and for `exact=True` with ties or a dropped pair.
    """
    a, b = _sample(x, None), _sample(y, None)
    if a.size != b.size:
        raise ValueError(f"pairs need samples of one length, got {a.size} and {b.size}")
    all_differences = _rounded(a - b, decimals)
    differences = all_differences[all_differences != 0]
    n = differences.size
    if not n:
        return TestResult(0.0, 1.0)
    from scipy.stats import rankdata

    sizes = np.abs(differences)
    ranks = rankdata(sizes)
    statistic = float(ranks[differences > 0].sum())
    _, ties = np.unique(sizes, return_counts=True)
    regular = ties.max() == 1 and n == all_differences.size
    if exact and not regular:
        raise ValueError("ties and pairs without a difference have no exact distribution here: leave `exact` to None")
    if exact is None:
        exact = regular and n <= _MOST_FOR_EXACT
    if exact:
        return TestResult(statistic, _exact_signed_rank(int(statistic), n, alternative))
    variance = n * (n + 1) * (2 * n + 1) / 24 - float(np.sum(ties.astype(np.float64) ** 3 - ties)) / 48
    return TestResult(statistic, _normal(statistic - n * (n + 1) / 4, variance, alternative, continuity))


def _exact_signed_rank(statistic: int, n: int, alternative: Alternative) -> float:
    """From the number of subsets of 1 … n with each sum: every sign is as likely as the other."""
    ways = np.ones(1)
    for rank in range(1, n + 1):
        ways = np.concatenate((ways, np.zeros(rank))) + np.concatenate((np.zeros(rank), ways))
    chances = ways / 2.0**n
    at_most, at_least = float(chances[: statistic + 1].sum()), float(chances[statistic:].sum())
    if alternative == "two-sided":
        return min(1.0, 2 * min(at_most, at_least))
    return at_most if alternative == "less" else at_least


def _normal(distance: float, variance: float, alternative: Alternative, continuity: bool) -> float:
    from scipy.special import ndtr

    toward = {"two-sided": math.copysign(1, distance) if distance else 0, "greater": 1, "less": -1}[alternative]
    z = (distance - (0.5 * toward if continuity else 0)) / math.sqrt(variance)
    if alternative == "two-sided":
        return min(1.0, 2 * float(ndtr(-abs(z))))
    return float(ndtr(z if alternative == "less" else -z))


def kruskal_wallis(samples: Sequence[ArrayLike], *, decimals: int | None = DECIMALS) -> TestResult:
    """Kruskal and Wallis' test that k samples come from one distribution, as R's kruskal.test.

    samples  k >= 2 of any length from 1; finite.

    `statistic` is H, corrected for ties, against χ² with k - 1 degrees of freedom. All values equal: p is 1. Raises
    ValueError as `rank_sum`. Kruskal and Wallis, JASA 1952, 47:583.
    """
    values = [_sample(sample, decimals) for sample in samples]
    if len(values) < 2:
        raise ValueError(f"expected at least two samples, got {len(values)}")
    pooled = np.concatenate(values)
    if np.all(pooled == pooled[0]):
        return TestResult(0.0, 1.0, len(values) - 1)
    from scipy.stats import kruskal

    answer = kruskal(*values)
    return TestResult(float(answer.statistic), float(answer.pvalue), len(values) - 1)


def friedman(blocks: ArrayLike, *, decimals: int | None = DECIMALS) -> TestResult:
    """Friedman's test that k treatments of the same b blocks do alike, as R's friedman.test.

    blocks  (b, k) with k >= 2, finite: a row for each block, for example a data set, a column for each treatment.

    `statistic` is χ², corrected for ties, with k - 1 degrees of freedom. Every row of one value: p is 1. Raises
    ValueError for another shape or a value that is not finite. Friedman, JASA 1937, 32:675.
    """
    values = np.asarray(blocks, dtype=np.float64)
    if values.ndim != 2 or not values.size or values.shape[1] < 2 or not np.isfinite(values).all():
        raise ValueError(f"expected blocks (b, k) of finite values with k >= 2, got shape {values.shape}")
    from scipy.special import chdtrc
    from scipy.stats import rankdata

    b, k = values.shape
    ranks = rankdata(_rounded(values, decimals), axis=1)
    within = float(np.sum((ranks - (k + 1) / 2) ** 2)) / (k - 1)
    between = float(np.sum((ranks.sum(axis=0) - b * (k + 1) / 2) ** 2))
    statistic = between / within if within else 0.0
    return TestResult(statistic, float(chdtrc(k - 1, statistic)), k - 1)


def _sample(values: ArrayLike, decimals: int | None) -> NDArray[np.float64]:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not sample.size or not np.isfinite(sample).all():
        raise ValueError("expected samples of finite values")
    return _rounded(sample, decimals)


def _rounded(values: NDArray[np.float64], decimals: int | None) -> NDArray[np.float64]:
    return values if decimals is None else values.round(decimals)
