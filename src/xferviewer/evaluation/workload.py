"""What an operating point and a referral rate mean for the work of a day, at a stated prevalence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xferviewer.evaluation.estimate import Estimate, of_proportion
from xferviewer.evaluation.intervals import IntervalMethod, Proportion
from xferviewer.evaluation.operating_points import Confusion


@dataclass(frozen=True, slots=True)
class Workload:
    """Shares of all cases, in [0, 1]; referred, flagged and cleared add up to 1. NaN when a class is empty.

    referred  given to an expert because the checkpoint is uncertain
    flagged   kept and called positive
    cleared   kept and called negative
    missed    cleared although positive
    """

    prevalence: float
    referred: Estimate
    flagged: Estimate
    cleared: Estimate
    missed: Estimate


def workload(
    kept: Confusion,
    referred: tuple[int, int],
    prevalence: float,
    level: float = 0.95,
    method: IntervalMethod = "wilson",
) -> Workload:
    """The shares where the finding has this prevalence: those of the positives and of the negatives, weighed by it.

    kept        the counts of the cases that are not referred.
    referred    of the referred cases, (positive, negative).
    prevalence  in (0, 1), taken as known. At that of the cohort the shares are the cohort's own.

    The interval of a weighed sum is put together from those of its two proportions (Zou and Donner, Stat. Med. 2008,
    27:1693). Raises ValueError for another prevalence.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"a prevalence lies between 0 and 1, got {prevalence}")
    positives = kept.true_positive + kept.false_negative + referred[0]
    negatives = kept.true_negative + kept.false_positive + referred[1]

    def weighed(of_positives: int, of_negatives: int) -> Estimate:
        parts = (
            (prevalence, of_proportion(Proportion(of_positives, positives), level, method)),
            (1 - prevalence, of_proportion(Proportion(of_negatives, negatives), level, method)),
        )
        value = sum(weight * part.value for weight, part in parts)
        below = math.hypot(*(weight * (part.value - part.lower) for weight, part in parts))
        above = math.hypot(*(weight * (part.upper - part.value) for weight, part in parts))
        return Estimate(value, value - below, value + above, level)

    missed = of_proportion(Proportion(kept.false_negative, positives), level, method)
    return Workload(
        prevalence,
        weighed(*referred),
        weighed(kept.true_positive, kept.false_positive),
        weighed(kept.false_negative, kept.true_negative),
        Estimate(prevalence * missed.value, prevalence * missed.lower, prevalence * missed.upper, level),
    )
