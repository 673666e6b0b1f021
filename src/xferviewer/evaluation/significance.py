"""Tests of difference: whether two checkpoints, two cohorts or two samples differ by more than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import stated_cases
from xferviewer.evaluation.intervals import normal_quantile, two_sided_p
from xferviewer.evaluation.placements import Placements, difference_variance, placements
from xferviewer.evaluation.roc import auc_interval


@dataclass(frozen=True, slots=True)
class PairedDelong:
    """Two checkpoints on the same cases. Undefined values are NaN.

    difference      auc_a - auc_b.
    standard_error  of the difference, with the covariance that the common cases cause.
    z, p_value      difference / standard_error and its two-sided normal probability. Zero variance with a difference
                    of zero gives z 0 and p 1; zero variance with a difference gives an infinite z, which is
                    `degenerate` and not to be interpreted.
    lower, upper    interval of the difference at `level`.
    """

    auc_a: float
    auc_b: float
    difference: float
    standard_error: float
    z: float
    p_value: float
    lower: float
    upper: float
    level: float
    n_positive: int
    n_negative: int

    @property
    def degenerate(self) -> bool:
        """The estimated variance is zero although the areas differ: neither z nor the interval says anything."""
        return self.standard_error == 0 and self.difference != 0


@dataclass(frozen=True, slots=True)
class UnpairedDelong:
    """One checkpoint, or two, on two cohorts that share no case. Undefined values are NaN.

    statistic  the difference over its standard error, compared with Student's t of `df` degrees of freedom (as pROC).
    """

    auc_a: float
    auc_b: float
    difference: float
    standard_error: float
    statistic: float
    df: float
    p_value: float
    lower: float
    upper: float
    level: float


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test statistic and its p-value."""

    __test__ = False  # not a test of pytest's

    statistic: float
    p_value: float


def delong_paired(labels: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike, level: float = 0.95) -> PairedDelong:
    """DeLong's test of two checkpoints on the same cases, with the interval of the difference.

    labels (n,) of 1, 0, NaN (left out); scores_a, scores_b (n,), finite, of the same cases in the same order.
    Standard error, z, p and interval are NaN when a class has fewer than two cases. Raises ValueError as
    `stated_cases` does. DeLong et al., Biometrics 1988, 44:837.
    """
    a, b = placements(stated_cases(labels, scores_a, scores_b))
    return compare_placements(a, b, level)


def compare_placements(a: Placements, b: Placements, level: float = 0.95) -> PairedDelong:
    """`delong_paired` of placements that were counted before; both must be of the same cases."""
    pairs = a.of_positives.size * a.of_negatives.size
    # From whole numbers, so that equal areas differ by exactly 0.
    difference = float(a.of_positives.sum() - b.of_positives.sum()) / (2 * pairs) if pairs else math.nan
    error = math.sqrt(difference_variance(a, b))
    z = 0.0 if error == 0 == difference else _ratio(difference, error)
    half = normal_quantile(level) * error
    return PairedDelong(
        a.auc, b.auc, difference, error, z, two_sided_p(z), difference - half, difference + half, level,
        a.of_positives.size, a.of_negatives.size,
    )  # fmt: skip


def _ratio(numerator: float, denominator: float) -> float:
    if denominator == 0:
        return math.copysign(math.inf, numerator) if numerator else math.nan
    return numerator / denominator


def delong_unpaired(
    labels_a: ArrayLike, scores_a: ArrayLike, labels_b: ArrayLike, scores_b: ArrayLike, level: float = 0.95
) -> UnpairedDelong:
    """DeLong's test of two areas from cohorts without a common case, for example two sites.

    labels_*, scores_*  (n_a,) and (n_b,), as for `delong_paired`.

    Welch's degrees of freedom over the cohort sizes, as pROC 1.18; NaN where both variances are 0 or one is undefined.
    """
    a, b = auc_interval(labels_a, scores_a), auc_interval(labels_b, scores_b)
    difference, variance = a.auc - b.auc, a.standard_error**2 + b.standard_error**2
    error = math.sqrt(variance)
    if error == 0 or math.isnan(error):
        nan = math.nan
        return UnpairedDelong(a.auc, b.auc, difference, error, nan, nan, nan, nan, nan, level)
    from scipy.special import stdtr, stdtrit

    df = variance**2 / sum(of.standard_error**4 / (of.n_positive + of.n_negative - 1) for of in (a, b))
    half = float(stdtrit(df, (1 + level) / 2)) * error
    statistic = difference / error
    p_value = 2 * float(stdtr(df, -abs(statistic)))
    return UnpairedDelong(
        a.auc, b.auc, difference, error, statistic, df, p_value, difference - half, difference + half, level
    )


def mcnemar(table: ArrayLike, continuity: bool = True, exact: bool = False) -> TestResult:
    """McNemar's test of two checkpoints' decisions on the same cases.

    table       [[both right, only the first], [only the second, both wrong]], counts.
    continuity  Edwards' correction, as R's mcnemar.test does by default; it never makes the statistic negative.
    exact       the binomial test instead (the rule of thumb: below 25 discordant cases); `statistic` is then the
                smaller discordant count.

    Without discordant cases p is 1 (R: NaN) and the statistic NaN. Raises ValueError for another shape or a negative.
    McNemar, Psychometrika 1947, 12:153.
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.shape != (2, 2) or not np.all(counts >= 0):
        raise ValueError("expected four counts as [[a, b], [c, d]]")
    b, c = float(counts[0, 1]), float(counts[1, 0])
    if b + c == 0:
        return TestResult(math.nan, 1.0)
    if exact:
        from scipy.special import bdtr

        return TestResult(min(b, c), min(1.0, 2 * float(bdtr(min(b, c), int(b + c), 0.5))))
    distance = abs(b - c)
    if continuity:
        distance = max(0.0, distance - 1)
    chi_squared = distance**2 / (b + c)
    return TestResult(chi_squared, two_sided_p(math.sqrt(chi_squared)))


def rank_sum(
    x: ArrayLike,
    y: ArrayLike,
    alternative: Literal["two-sided", "less", "greater"] = "two-sided",
    *,
    decimals: int | None = 12,
) -> TestResult:
    """Wilcoxon's rank-sum test with the choices of R's wilcox.test.

    x, y      samples of any length from 1; finite.
    decimals  values are rounded so before ranking, because two equal areas from different sums may differ in the last
              bit and would then break a tie at random; None ranks them as they are.

    `statistic` is W of the first sample. The p-value is exact when both samples have fewer than 50 values and there are
    no ties, else normal with the ties' variance and the continuity correction. All values equal: p is 1.
    Raises ValueError for an empty sample or a value that is not finite.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 1 or b.ndim != 1 or not a.size or not b.size or not np.isfinite(np.concatenate((a, b))).all():
        raise ValueError("expected two samples of finite values")
    if decimals is not None:
        a, b = a.round(decimals), b.round(decimals)
    distinct = np.unique(np.concatenate((a, b))).size
    if distinct == 1:
        return TestResult(a.size * b.size / 2, 1.0)
    from scipy.stats import mannwhitneyu

    exact = a.size < 50 and b.size < 50 and distinct == a.size + b.size
    answer = mannwhitneyu(a, b, alternative=alternative, method="exact" if exact else "asymptotic")
    return TestResult(float(answer.statistic), float(answer.pvalue))


def adjust(p_values: ArrayLike, method: Literal["holm", "bonferroni", "bh"] = "holm") -> NDArray[np.float64]:
    """P-values adjusted for their number, (n,) float64 in the order given.

    "holm" and "bonferroni" keep the chance of any false finding, "bh" (Benjamini and Hochberg 1995) the share of false
    ones. A NaN is left out of the count and stays NaN, as in R's p.adjust. Raises ValueError for another method.
    """
    given = np.asarray(p_values, dtype=np.float64)
    defined = np.flatnonzero(~np.isnan(given))
    adjusted = np.full(given.shape, np.nan)
    order = defined[np.argsort(given[defined], kind="stable")]
    ascending, n = given[order], defined.size
    if method == "bonferroni":
        adjusted[order] = np.minimum(1, ascending * n)
    elif method == "holm":
        adjusted[order] = np.minimum(1, np.maximum.accumulate(ascending * (n - np.arange(n))))
    elif method == "bh":
        from_last = np.minimum.accumulate((ascending * n / np.arange(1, n + 1))[::-1])[::-1]
        adjusted[order] = np.minimum(1, from_last)
    else:
        raise ValueError(f'the method is "holm", "bonferroni" or "bh", not {method!r}')
    return adjusted
