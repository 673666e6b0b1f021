"""What a call changes: likelihood ratios, and predictive values at a prevalence that is stated.

A predictive value read off a cohort is that of the cohort's prevalence, and an enriched test set flatters it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xferviewer.evaluation.estimate import Estimate
from xferviewer.evaluation.intervals import Proportion, normal_quantile
from xferviewer.evaluation.operating_points import Confusion


@dataclass(frozen=True, slots=True)
class LikelihoodRatios:
    """By how much a call multiplies the odds of the finding, in [0, inf]; NaN when a class is empty.

    positive  sensitivity / (1 - specificity), of a positive call; NaN when nobody is called positive.
    negative  (1 - sensitivity) / specificity, of a negative call; NaN when everybody is.
    """

    positive: Estimate
    negative: Estimate


@dataclass(frozen=True, slots=True)
class PredictiveValues:
    """PPV and NPV at `prevalence`, in [0, 1]; NaN as the likelihood ratio of the call is."""

    prevalence: float
    ppv: Estimate
    npv: Estimate


def likelihood_ratios(confusion: Confusion, level: float = 0.95) -> LikelihoodRatios:
    """Both likelihood ratios with their intervals on the logarithmic scale.

    Simel et al., J. Clin. Epidemiol. 1991, 44:763. Where a count that divides is 0, or the variance is, the interval is
    that of the counts with z²/2 added to each (Mercaldo et al., Stat. Med. 2007, 26:2170), stretched to the ratio.
    """
    se, sp = confusion.sensitivity, confusion.specificity
    missed = Proportion(confusion.false_negative, se.trials)
    alarmed = Proportion(confusion.false_positive, sp.trials)
    return LikelihoodRatios(_ratio(se, alarmed, level), _ratio(missed, sp, level))


def predictive_values(confusion: Confusion, prevalence: float, level: float = 0.95) -> PredictiveValues:
    """PPV and NPV where the finding has another prevalence than in the cohort.

    prevalence in (0, 1), taken as known. By Bayes' theorem from the likelihood ratios, whose bounds are carried over:
    this is the logit interval of Mercaldo et al. Raises ValueError for another prevalence.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"a prevalence lies between 0 and 1, got {prevalence}")
    ratios = likelihood_ratios(confusion, level)
    odds = prevalence / (1 - prevalence)
    up, down = ratios.positive, ratios.negative
    ppv, ppv_lower, ppv_upper = (_probability(odds * ratio) for ratio in (up.value, up.lower, up.upper))
    npv, npv_upper, npv_lower = (1 - _probability(odds * ratio) for ratio in (down.value, down.lower, down.upper))
    return PredictiveValues(
        prevalence, Estimate(ppv, ppv_lower, ppv_upper, level), Estimate(npv, npv_lower, npv_upper, level)
    )


def _ratio(above: Proportion, below: Proportion, level: float) -> Estimate:
    a, m, b, n = above.successes, above.trials, below.successes, below.trials
    if not m or not n or a == b == 0:
        return Estimate(math.nan, math.nan, math.nan, level)
    value = (a / m) / (b / n) if b else math.inf
    z = normal_quantile(level)
    if a and b and (a < m or b < n):
        return Estimate(value, *_log_bounds(a, m, b, n, z), level)
    more = z * z / 2
    lower, upper = _log_bounds(a + more, m + 2 * more, b + more, n + 2 * more, z)
    return Estimate(value, min(lower, value), max(upper, value), level)


def _log_bounds(a: float, m: float, b: float, n: float, z: float) -> tuple[float, float]:
    ratio = (a / m) / (b / n)
    factor = math.exp(z * math.sqrt(1 / a - 1 / m + 1 / b - 1 / n))
    return ratio / factor, ratio * factor


def _probability(odds: float) -> float:
    return 1.0 if odds == math.inf else odds / (1 + odds)
