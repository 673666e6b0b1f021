"""Hand-over of a threshold: what an operating point that was chosen on one set of cases does on another.

The other set may be another site, or the same cases as another checkpoint scores them, for example its next version: a
threshold is a number on the scale of one checkpoint, and another one's scores may lie elsewhere although its area is
larger.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.bootstrap import stated_patients
from xferviewer.evaluation.cases import StatedCases, check_labels, stated_cases
from xferviewer.evaluation.estimate import Estimate, difference, of_proportion, of_resamples
from xferviewer.evaluation.intervals import IntervalMethod, Proportion
from xferviewer.evaluation.operating_points import (
    Confusion,
    OperatingPoint,
    at_sensitivity,
    at_specificity,
    confusion_at,
    confusion_of,
)
from xferviewer.evaluation.resampled_counts import resampled_counts
from xferviewer.evaluation.roc import RocCurve, roc_curve

ThresholdRule = float | Callable[[RocCurve], OperatingPoint | None]
HandOverRate = Literal["sensitivity", "specificity", "ppv", "npv", "flag rate"]
MatchedRate = Literal["sensitivity", "specificity", "flag rate"]

RATES: tuple[HandOverRate, ...] = get_args(HandOverRate)
MATCHED_RATES: tuple[MatchedRate, ...] = get_args(MatchedRate)


@dataclass(frozen=True, slots=True, eq=False)
class RatesAtThreshold:
    """What a threshold does on a set of cases: the counts, and the rates with their intervals (NaN where undefined)."""

    threshold: float
    confusion: Confusion
    rates: Mapping[HandOverRate, Estimate]


@dataclass(frozen=True, slots=True, eq=False)
class HandOver:
    """One threshold on two sets of cases.

    rule       how it was chosen on the source.
    source     looks better than it is where the rule chose the threshold on these very cases.
    target     the same threshold there.
    change     target - source, by rate; its interval is Newcombe's for other cases, a bootstrap's for the same cases.
    rematched  what the target needs instead to keep one rate of the source: "sensitivity", the highest threshold with
               at least that sensitivity; "specificity", the lowest with at least that specificity; "flag rate", the
               lowest that flags no larger share. A rate that is undefined on either side is absent.
    """

    rule: str
    source: RatesAtThreshold
    target: RatesAtThreshold
    change: Mapping[HandOverRate, Estimate]
    rematched: Mapping[MatchedRate, RatesAtThreshold]


def hand_over(
    source_labels: ArrayLike,
    source_scores: ArrayLike,
    target_labels: ArrayLike,
    target_scores: ArrayLike,
    rule: ThresholdRule,
    *,
    same_cases: bool = False,
    level: float = 0.95,
    method: IntervalMethod = "wilson",
    patients: ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> HandOver:
    """Choose a threshold on the source and look at what it does on the target.

    *_labels, *_scores  (n,) and (m,), as for `roc.auc`; cases without a stated label count nowhere.
    rule                a threshold, or a function of a ROC curve such as `youden` or `partial(at_sensitivity,
                        target=0.95)`.
    same_cases          source and target are the same cases in the same order, scored twice: the change is then paired.
    patients            (n,) whose case it is, for the resamples of the same cases; None draws cases.

    Raises ValueError where the rule finds no threshold because the source lacks a class, where the labels of the same
    cases differ, and as `stated_cases` does.
    """
    name, threshold = _chosen(rule, source_labels, source_scores)
    here = _rates_at(threshold, confusion_at(source_labels, source_scores, threshold), level, method)
    there = _rates_at(threshold, confusion_at(target_labels, target_scores, threshold), level, method)
    change = {rate: difference(there.rates[rate], here.rates[rate]) for rate in RATES}
    if same_cases:
        if not np.array_equal(check_labels(source_labels), check_labels(target_labels), equal_nan=True):
            raise ValueError("the labels of source and target differ, so that these are not the same cases")
        cases = stated_cases(source_labels, source_scores, target_scores)
        drawn = _changes(cases, threshold, stated_patients(source_labels, patients), resamples, seed)
        change = {rate: of_resamples(change[rate].value, drawn[rate], level) for rate in RATES}
    curve = roc_curve(target_labels, target_scores)
    matched = {rate: _matched(curve, rate, here.rates[rate].value) for rate in MATCHED_RATES}
    rematched = {
        rate: _rates_at(point.threshold, point.confusion, level, method) for rate, point in matched.items() if point
    }
    return HandOver(name, here, there, change, rematched)


def _chosen(rule: ThresholdRule, labels: ArrayLike, scores: ArrayLike) -> tuple[str, float]:
    """The name of a rule and its threshold."""
    if not callable(rule):
        return f"threshold {rule:g}", float(rule)
    point = rule(roc_curve(labels, scores))
    if point is None:
        raise ValueError("the source has cases of one class only, so that no threshold can be chosen on it")
    return point.rule, point.threshold


def _rates_at(threshold: float, confusion: Confusion, level: float, method: IntervalMethod) -> RatesAtThreshold:
    proportions: dict[HandOverRate, Proportion] = {
        "sensitivity": confusion.sensitivity,
        "specificity": confusion.specificity,
        "ppv": confusion.ppv,
        "npv": confusion.npv,
        "flag rate": confusion.flag_rate,
    }
    rates = {rate: of_proportion(proportion, level, method) for rate, proportion in proportions.items()}
    return RatesAtThreshold(threshold, confusion, rates)


def _changes(
    cases: StatedCases, threshold: float, owners: NDArray[np.generic] | None, resamples: int, seed: int
) -> dict[HandOverRate, NDArray[np.float64]]:
    """How each rate changes from the first scores to the second in each resample, (resamples,)."""
    called = cases.scores > threshold
    kind = 4 * cases.positive.astype(np.intp) + 2 * called[0] + called[1]
    random = np.random.default_rng(seed)
    drawn = resampled_counts(kind, 8, owners, resamples, random).reshape(resamples, 2, 2, 2)
    # By label and call, of the first scores and of the second.
    before, after = _rates_of(drawn.sum(axis=3)), _rates_of(drawn.sum(axis=2))
    return {rate: after[rate] - before[rate] for rate in RATES}


def _rates_of(counts: NDArray[np.int64]) -> dict[HandOverRate, NDArray[np.float64]]:
    """The rates of counts (resamples, label, call)."""
    (tn, fp), (fn, tp) = counts[:, 0].T, counts[:, 1].T
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "sensitivity": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "ppv": tp / (tp + fp),
            "npv": tn / (tn + fn),
            "flag rate": (tp + fp) / (tp + fp + tn + fn),
        }


def _matched(curve: RocCurve, rate: MatchedRate, value: float) -> OperatingPoint | None:
    """The operating point that keeps a rate; None where it or the curve is undefined."""
    if math.isnan(value):
        return None
    if rate == "sensitivity":
        return at_sensitivity(curve, value)
    if rate == "specificity":
        return at_specificity(curve, value)
    n = curve.n_positive + curve.n_negative
    if not n:
        return None
    called = (curve.true_positives + curve.false_positives) / n
    lowest = int(np.flatnonzero(called <= value)[-1])
    return OperatingPoint(f"flag rate <= {value:g}", float(curve.thresholds[lowest]), confusion_of(curve, lowest))
