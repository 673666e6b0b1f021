"""ROC curves and the area under them. Higher scores mean disease; an area below 0.5 is shown as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.bootstrap import resampled_aucs, stated_patients
from xferviewer.evaluation.cases import StatedCases, stated_cases
from xferviewer.evaluation.estimate import of_resamples
from xferviewer.evaluation.intervals import normal_quantile
from xferviewer.evaluation.sorted_cases import Area, area_under, sort_cases

AucMethod = Literal["delong", "logit", "bootstrap"]


@dataclass(frozen=True, slots=True)
class AucInterval:
    """An area under the ROC curve with its two-sided interval. Undefined values are NaN.

    auc             in [0, 1]; NaN when one class is empty.
    standard_error  of `auc`: DeLong's, or the standard deviation over resamples for "bootstrap"; NaN when a class has
                    fewer than two cases.
    lower, upper    at `level`, within [0, 1].
    n_unstated      cases left out because their label is NaN.
    n_failed        resamples that lost a class and were left out (bootstrap of patients only).
    """

    auc: float
    standard_error: float
    lower: float
    upper: float
    level: float
    method: AucMethod
    n_positive: int
    n_negative: int
    n_unstated: int
    n_failed: int = 0

    @property
    def degenerate(self) -> bool:
        """The estimated variance is zero, as for an AUC of exactly 0 or 1, so that the interval says nothing."""
        return self.standard_error == 0


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """The area under the ROC curve, P(S+ > S-) + P(S+ = S-) / 2, by mid-ranks in O(n log n).

    labels (n,) of 1, 0, NaN (left out); scores (n,), finite. NaN when a class is empty. Raises ValueError as
    `stated_cases` does.
    """
    return _area(stated_cases(labels, scores)).auc


def _area(cases: StatedCases) -> Area:
    return area_under(*sort_cases(cases.positive, cases.scores[0]).block_counts())


def auc_interval(
    labels: ArrayLike,
    scores: ArrayLike,
    level: float = 0.95,
    method: AucMethod = "delong",
    *,
    patients: ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> AucInterval:
    """The area under the ROC curve with a confidence interval.

    labels, scores  as for `auc`.
    method          "delong": A ± z·se, clipped to [0, 1] (DeLong et al. 1988). "logit": the same on the logit scale,
                    better near 1, NaN at 0 and 1. "bootstrap": percentiles (type 7) over `resamples` drawn with
                    `seed`, within each class; with `patients` (n,) whole patients are drawn, within those who have a
                    positive case and those who have none.

    Raises ValueError for an unknown method, another length of `patients`, and as `stated_cases` does.
    """
    cases = stated_cases(labels, scores)
    area = _area(cases)
    if method == "delong":
        return delong_interval(area, level, cases.n_unstated)
    z = normal_quantile(level)
    error, n_failed = math.sqrt(area.variance), 0
    if method == "logit":
        lower, upper = _logit_bounds(area.auc, z * error)
    elif method == "bootstrap":
        owners = stated_patients(labels, patients)
        areas = resampled_aucs(cases, owners, resamples, np.random.default_rng(seed))[0]
        n_failed = resamples - areas.size
        bounds = of_resamples(area.auc, areas, level)
        lower, upper = bounds.lower, bounds.upper
        error = float(areas.std(ddof=1)) if areas.size > 1 else math.nan
    else:
        raise ValueError(f'the method is "delong", "logit" or "bootstrap", not {method!r}')
    return AucInterval(
        area.auc, error, lower, upper, level, method, area.n_positive, area.n_negative, cases.n_unstated, n_failed
    )


def delong_interval(area: Area, level: float = 0.95, n_unstated: int = 0) -> AucInterval:
    """DeLong's interval of an area, clipped to [0, 1]; NaN where its variance is."""
    half = normal_quantile(level) * math.sqrt(area.variance)
    # In this order, because max(0, NaN) is 0.
    lower, upper = max(area.auc - half, 0.0), min(area.auc + half, 1.0)
    return AucInterval(
        area.auc, math.sqrt(area.variance), lower, upper, level, "delong", area.n_positive, area.n_negative, n_unstated
    )


def _logit_bounds(area: float, half_width: float) -> tuple[float, float]:
    if not 0 < area < 1 or math.isnan(half_width):
        return math.nan, math.nan
    centre = math.log(area / (1 - area))
    half = half_width / (area * (1 - area))
    return _expit(centre - half), _expit(centre + half)


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else 1 - 1 / (1 + math.exp(x))


def hanley_mcneil(area: float, n_positive: int, n_negative: int) -> float:
    """The standard error of an area known without its scores, as from a publication; NaN when a class is empty.

    It supposes exponentially distributed scores (Hanley and McNeil, Radiology 1982, 143:29): where scores are at hand,
    DeLong's of `auc_interval` supposes nothing. Raises ValueError for an area outside [0, 1].
    """
    if not 0 <= area <= 1:
        raise ValueError(f"an area lies in [0, 1], got {area}")
    if not n_positive or not n_negative:
        return math.nan
    two_positives, two_negatives = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area)
    variance += (n_positive - 1) * (two_positives - area**2) + (n_negative - 1) * (two_negatives - area**2)
    return math.sqrt(max(variance, 0.0) / (n_positive * n_negative))


def separated_auc_bound(n_positive: int, n_negative: int, level: float = 0.95) -> float:
    """How low the true area may be when the AUC observed is exactly 1 (mirror it for 0); NaN when a class is empty.

    DeLong's interval is [1, 1] there. This is the lower Clopper-Pearson bound of k successes in k trials, k being the
    size of the smaller class: the greatest number of disjoint, hence independent, pairs that all were ranked rightly.
    """
    k = min(n_positive, n_negative)
    return ((1 - level) / 2) ** (1 / k) if k else math.nan


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """The points of an empirical ROC curve, from (0, 0) to (1, 1): one for each way in which p > t can turn out.

    thresholds       (k,) float64, descending: +inf, the midpoints between consecutive distinct scores, -inf.
    true_positives   (k,) int64: positives with a score above the threshold.
    false_positives  (k,) int64: negatives with a score above the threshold.
    """

    thresholds: NDArray[np.float64]
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    n_positive: int
    n_negative: int

    @property
    def true_positive_rate(self) -> NDArray[np.float64]:
        """Sensitivity, (k,) in [0, 1]; NaN without positives."""
        return self.true_positives / self.n_positive if self.n_positive else np.full(self.thresholds.size, np.nan)

    @property
    def false_positive_rate(self) -> NDArray[np.float64]:
        """1 - specificity, (k,) in [0, 1]; NaN without negatives."""
        return self.false_positives / self.n_negative if self.n_negative else np.full(self.thresholds.size, np.nan)

    @property
    def average_precision(self) -> float:
        """The sum of (R_i - R_{i-1}) P_i over the points, of the exact curve (not of a thinned one)."""
        if not self.n_positive:
            return math.nan
        called = self.true_positives[1:] + self.false_positives[1:]
        return float(np.sum(np.diff(self.true_positives) / self.n_positive * (self.true_positives[1:] / called)))


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> RocCurve:
    """The exact ROC curve with every threshold at which it changes; labels and scores as for `auc`."""
    cases = stated_cases(labels, scores)
    by_score = sort_cases(cases.positive, cases.scores[0])
    positives, negatives = by_score.block_counts()
    distinct = by_score.distinct[::-1]
    above, below = distinct[:-1], distinct[1:]
    middle = above / 2 + below / 2
    # Between neighbouring floats there is no middle: the lower one still separates them, because p > t is strict.
    middle = np.where((below <= middle) & (middle < above), middle, below)
    thresholds = np.concatenate(([np.inf], middle, [-np.inf][: distinct.size]))
    return RocCurve(
        thresholds,
        np.concatenate(([0], np.cumsum(positives[::-1]))),
        np.concatenate(([0], np.cumsum(negatives[::-1]))),
        cases.n_positive,
        cases.n_negative,
    )


def thin(curve: RocCurve, points: int = 2000) -> RocCurve:
    """The curve for drawing: without the points that lie on a straight line, and with about `points` of them at most.

    Where more corners remain, those left out lie within steps that add up to at most 4 / points over both axes.
    """
    steps_right, steps_up = np.diff(curve.false_positives), np.diff(curve.true_positives)
    turns = steps_right[:-1] * steps_up[1:] != steps_up[:-1] * steps_right[1:]
    keep = np.concatenate(([True], turns, [True])) if curve.thresholds.size > 1 else np.ones(1, dtype=bool)
    kept = np.flatnonzero(keep)
    if kept.size > points:
        way = curve.true_positives[kept] / max(curve.n_positive, 1)
        way += curve.false_positives[kept] / max(curve.n_negative, 1)
        stretch = np.floor(way * (points / 2))
        kept = kept[np.concatenate(([True], stretch[1:-1] != stretch[:-2], [True]))]
    return RocCurve(
        curve.thresholds[kept],
        curve.true_positives[kept],
        curve.false_positives[kept],
        curve.n_positive,
        curve.n_negative,
    )


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """The sum of (R_i - R_{i-1}) P_i over the distinct scores, without interpolation; NaN without positives."""
    return roc_curve(labels, scores).average_precision
