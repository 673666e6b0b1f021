"""Sensitivity at a fixed specificity, and the reverse, with bootstrap intervals.

The threshold is chosen anew in every resample, so that the interval holds the doubt about where it lies. An interval of
the sensitivity at a threshold that was chosen on the same cases leaves that doubt out, and is too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.bootstrap import draws, stated_patients
from xferviewer.evaluation.cases import stated_cases
from xferviewer.evaluation.estimate import Estimate, of_resamples
from xferviewer.evaluation.operating_points import at_sensitivity, at_specificity
from xferviewer.evaluation.roc import roc_curve
from xferviewer.evaluation.sorted_cases import sort_cases

FixedRate = Literal["sensitivity", "specificity"]


@dataclass(frozen=True, slots=True)
class RateAtFixedRate:
    """The one rate where the other one is held. NaN when a class is empty.

    fixed, target  which rate is held, and at least at what.
    rate           the other one, with percentiles (type 7) over the resamples.
    threshold      on all cases; positive is called what is strictly above it.
    n_failed       resamples that lost a class and were left out (of patients only).
    """

    fixed: FixedRate
    target: float
    rate: Estimate
    threshold: float
    n_failed: int
    resamples: int
    seed: int


def rate_at_fixed_rate(
    labels: ArrayLike,
    scores: ArrayLike,
    fixed: FixedRate,
    target: float,
    *,
    level: float = 0.95,
    patients: ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> RateAtFixedRate:
    """The specificity where the sensitivity is at least `target` (fixed "sensitivity"), or the reverse.

    labels, scores  (n,) as for `roc.auc`; the threshold is that of `at_sensitivity`, or `at_specificity`.
    patients        (n,): whole patients are drawn, within those who have a positive case and those who have none; None
                    draws cases within their class.

    Raises ValueError for a target outside [0, 1], another `fixed`, and as `stated_cases` does.
    """
    if fixed not in ("sensitivity", "specificity"):
        raise ValueError(f'fixed is "sensitivity" or "specificity", not {fixed!r}')
    curve, cases = roc_curve(labels, scores), stated_cases(labels, scores)
    point = at_sensitivity(curve, target) if fixed == "sensitivity" else at_specificity(curve, target)
    if point is None:
        undefined = Estimate(math.nan, math.nan, math.nan, level)
        return RateAtFixedRate(fixed, target, undefined, math.nan, 0, resamples, seed)
    free = point.confusion.specificity if fixed == "sensitivity" else point.confusion.sensitivity
    # In runs of one class neither rate is lost: between two of its scores one of them changes without the other.
    by_score = sort_cases(cases.positive, cases.scores[0]).in_runs()
    starts = np.concatenate(([0], by_score.block_ends[:-1] + 1))
    rates = np.empty(resamples)
    drawn = draws(cases.positive, stated_patients(labels, patients), resamples, np.random.default_rng(seed))
    for i, times in enumerate(drawn):
        weights = times[by_score.order]
        positives = np.add.reduceat(np.where(by_score.positive, weights, 0), starts)[::-1]
        negatives = np.add.reduceat(np.where(by_score.positive, 0, weights), starts)[::-1]
        rates[i] = _free_rate(positives, negatives, fixed, target)
    n_failed = int(np.count_nonzero(np.isnan(rates)))
    return RateAtFixedRate(
        fixed, target, of_resamples(free.value, rates, level), point.threshold, n_failed, resamples, seed
    )


def _free_rate(positives: NDArray[np.int64], negatives: NDArray[np.int64], fixed: FixedRate, target: float) -> float:
    """The rate that is not held, from the cases of each block, the highest score first; NaN without a class."""
    n_positive, n_negative = int(positives.sum()), int(negatives.sum())
    if not n_positive or not n_negative:
        return math.nan
    true_positives = np.concatenate(([0], np.cumsum(positives)))
    true_negatives = n_negative - np.concatenate(([0], np.cumsum(negatives)))
    if fixed == "sensitivity":
        return float(true_negatives[np.argmax(true_positives / n_positive >= target)] / n_negative)
    reached = np.count_nonzero(true_negatives / n_negative >= target)
    return float(true_positives[reached - 1] / n_positive)
