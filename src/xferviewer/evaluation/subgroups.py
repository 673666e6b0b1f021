"""What a checkpoint does in a subgroup at the threshold of everybody: every metric with its interval."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.calibration import probability_cases
from xferviewer.evaluation.calibration_tests import calibration_error_interval
from xferviewer.evaluation.cases import check_labels
from xferviewer.evaluation.estimate import Estimate, of_mean, of_proportion
from xferviewer.evaluation.intervals import IntervalMethod, Proportion
from xferviewer.evaluation.metrics import FEW_CASES
from xferviewer.evaluation.operating_points import Confusion, confusion_at
from xferviewer.evaluation.roc import auc_interval

SubgroupMetric = Literal[
    "auc",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "accuracy",
    "balanced accuracy",
    "flag rate",
    "brier",
    "debiased ece",
]
SUBGROUP_METRICS: tuple[SubgroupMetric, ...] = get_args(SubgroupMetric)

_PROPORTIONS: Mapping[SubgroupMetric, Callable[[Confusion], Proportion]] = {
    "sensitivity": lambda confusion: confusion.sensitivity,
    "specificity": lambda confusion: confusion.specificity,
    "ppv": lambda confusion: confusion.ppv,
    "npv": lambda confusion: confusion.npv,
    "accuracy": lambda confusion: confusion.accuracy,
    "flag rate": lambda confusion: confusion.flag_rate,
}


@dataclass(frozen=True, slots=True, eq=False)
class Subgroup:
    """One checkpoint on one finding among some of the cases.

    n_cases    with those whose label is not stated.
    confusion  at the threshold.
    estimates  by metric: "auc" with DeLong's interval, rates with Wilson's (or another one asked for), "balanced
               accuracy" put together from two of them, "brier" with the normal one, "debiased ece" (15 bins of equal
               width) with the bootstrap's: the plain error grows as a group gets smaller. Undefined values are NaN;
               the last two are absent unless the scores are probabilities.
    """

    n_cases: int
    n_positive: int
    n_negative: int
    confusion: Confusion
    estimates: Mapping[SubgroupMetric, Estimate]

    @property
    def few(self) -> bool:
        """Fewer than 20 positives or 20 negatives: too few to compare by."""
        return min(self.n_positive, self.n_negative) < FEW_CASES


@dataclass(frozen=True, slots=True)
class SubgroupSettings:
    """How the numbers of subgroups are taken.

    threshold      that of everybody: positive is called what is strictly above it.
    probabilities  the scores are, so that they have a Brier score and a calibration error.
    method         of the intervals of rates.
    resamples      of the calibration error, drawn with `seed`; 0 leaves it NaN.
    """

    threshold: float
    probabilities: bool = True
    level: float = 0.95
    method: IntervalMethod = "wilson"
    resamples: int = 1000
    seed: int = 0


def subgroups(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: Mapping[str, NDArray[np.bool_]],
    settings: SubgroupSettings,
    patients: ArrayLike | None = None,
) -> dict[str, Subgroup]:
    """The numbers of each group, in the order of `groups`.

    labels, scores  (n,) as for `roc.auc`.
    groups          (n,) bool by name, of `groups.group_cases` or `subgroup_metrics.crossed_groups`; they may overlap
                    and need not hold all cases.
    patients        (n,) whose case it is, for the intervals by resampling; None draws cases.

    Raises ValueError as `stated_cases` does, and for `probabilities` outside [0, 1].
    """
    truth, values = check_labels(labels), np.asarray(scores, dtype=np.float64)
    owners = None if patients is None else np.asarray(patients)
    return {
        name: subgroup(truth[member], values[member], settings, None if owners is None else owners[member])
        for name, member in groups.items()
    }


def subgroup(
    labels: ArrayLike, scores: ArrayLike, settings: SubgroupSettings, patients: ArrayLike | None = None
) -> Subgroup:
    """The numbers of one group, whose cases are given; arguments and errors as for `subgroups`."""
    level, method = settings.level, settings.method
    confusion = confusion_at(labels, scores, settings.threshold)
    area = auc_interval(labels, scores, level)
    estimates: dict[SubgroupMetric, Estimate] = {
        "auc": Estimate(area.auc, area.lower, area.upper, level),
        **rates_of(confusion, level, method),
    }
    if settings.probabilities:
        cases = probability_cases(labels, scores)
        estimates["brier"] = of_mean((cases.scores[0] - cases.positive) ** 2, level)
        estimates["debiased ece"] = calibration_error_interval(
            labels, scores, level=level, patients=patients, resamples=settings.resamples, seed=settings.seed
        ).debiased
    return Subgroup(np.size(labels), area.n_positive, area.n_negative, confusion, estimates)


def rates_of(
    confusion: Confusion,
    level: float = 0.95,
    method: IntervalMethod = "wilson",
    metrics: Collection[SubgroupMetric] = SUBGROUP_METRICS,
) -> dict[SubgroupMetric, Estimate]:
    """What of a subgroup's metrics the counts at a threshold tell, of those that are asked for."""
    rates: dict[SubgroupMetric, Estimate] = {
        metric: of_proportion(proportion(confusion), level, method)
        for metric, proportion in _PROPORTIONS.items()
        if metric in metrics
    }
    if "balanced accuracy" in metrics:
        bounds = confusion.balanced_accuracy_interval(level, method)
        rates["balanced accuracy"] = Estimate(confusion.balanced_accuracy, *bounds, level)
    return {metric: rates[metric] for metric in SUBGROUP_METRICS if metric in rates}
