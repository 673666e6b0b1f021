"""DeLong's tests: whether areas under ROC curves differ, of checkpoints on the same cases or of two cohorts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import stated_cases
from xferviewer.evaluation.intervals import normal_quantile, two_sided_p
from xferviewer.evaluation.placements import Placements, covariance, difference_variance, placements
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


@dataclass(frozen=True, slots=True, eq=False)
class SeveralDelong:
    """Several checkpoints on the same cases. Undefined values are NaN.

    aucs        (C,) in the order given.
    covariance  (C, C) of the areas.
    statistic   χ² of the contrasts, with `df` degrees of freedom: the rank of their covariance. Contrasts that are zero
                without variance, as between two equal checkpoints, count for none; a contrast that is not zero and has
                no variance makes the statistic infinite, which is not to be interpreted.
    """

    aucs: NDArray[np.float64]
    covariance: NDArray[np.float64]
    statistic: float
    df: int
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


def delong_several(
    labels: ArrayLike, scores: Sequence[ArrayLike] | NDArray[np.float64], contrasts: ArrayLike | None = None
) -> SeveralDelong:
    """Whether the areas of several checkpoints on the same cases differ at all: DeLong's χ² test of contrasts.

    labels     (n,) as for `delong_paired`; scores (C, n), a row for each checkpoint.
    contrasts  (L, C), each row a sum of areas that is zero when nothing differs; None compares each with the first.

    Raises ValueError for fewer than two checkpoints, contrasts of another width, and as `stated_cases` does. DeLong et
    al., Biometrics 1988, 44:837.
    """
    of_each = placements(stated_cases(labels, *scores))
    count = len(of_each)
    if count < 2:
        raise ValueError(f"expected at least two checkpoints, got {count}")
    if contrasts is None:
        rows = np.column_stack([np.ones(count - 1), -np.eye(count - 1)])
    else:
        rows = np.atleast_2d(np.asarray(contrasts, dtype=np.float64))
        if rows.ndim != 2 or rows.shape[1] != count or not np.isfinite(rows).all():
            raise ValueError(f"expected contrasts of {count} numbers each, got shape {rows.shape}")
    aucs, of_areas = np.array([one.auc for one in of_each]), covariance(of_each)
    if np.isnan(of_areas).any():
        return SeveralDelong(aucs, of_areas, math.nan, 0, math.nan)
    # What is left of a variance by rounding, where the two areas of a contrast vary together.
    nothing = 1e-12 * float(np.max(np.abs(rows) @ np.sqrt(np.diag(of_areas)))) ** 2
    statistic, df = _contrast_statistic(rows @ aucs, rows @ of_areas @ rows.T, nothing)
    from scipy.special import chdtrc

    # The p-value of nothing to compare is that of equal checkpoints.
    p_value = float(chdtrc(df, statistic)) if df else float(statistic == 0)
    return SeveralDelong(aucs, of_areas, statistic, df, p_value)


def _contrast_statistic(
    values: NDArray[np.float64], of_values: NDArray[np.float64], nothing: float
) -> tuple[float, int]:
    """xᵀ S⁻ x and the rank of S, variances up to `nothing` being none; infinite where x has a part that S has not."""
    variances, directions = np.linalg.eigh(of_values)
    real = variances > nothing
    along = directions.T @ values
    df = int(np.count_nonzero(real))
    if np.any(np.abs(along[~real]) > 1e-9):
        return math.inf, df
    return float(np.sum(along[real] ** 2 / variances[real])), df
