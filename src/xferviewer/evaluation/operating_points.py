"""Operating points: what a threshold does, and which threshold meets a wish.

A case is called positive when its score lies strictly above the threshold, everywhere in this application.
Choose a threshold on one set of cases and apply it to another: on the set that chose it, it looks better than it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import stated_cases
from xferviewer.evaluation.intervals import IntervalMethod, Proportion
from xferviewer.evaluation.roc import RocCurve


@dataclass(frozen=True, slots=True)
class Confusion:
    """The four counts of one finding at one threshold."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int

    @property
    def sensitivity(self) -> Proportion:
        """True positives of all positives (recall, true-positive rate)."""
        return Proportion(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> Proportion:
        """True negatives of all negatives."""
        return Proportion(self.true_negative, self.true_negative + self.false_positive)

    @property
    def ppv(self) -> Proportion:
        """True positives of all cases called positive (precision)."""
        return Proportion(self.true_positive, self.true_positive + self.false_positive)

    @property
    def npv(self) -> Proportion:
        """True negatives of all cases called negative."""
        return Proportion(self.true_negative, self.true_negative + self.false_negative)

    @property
    def accuracy(self) -> Proportion:
        """Right calls of all cases."""
        right = self.true_positive + self.true_negative
        return Proportion(right, right + self.false_positive + self.false_negative)

    @property
    def flag_rate(self) -> Proportion:
        """Cases called positive of all: the work that a threshold makes."""
        called = self.true_positive + self.false_positive
        return Proportion(called, called + self.true_negative + self.false_negative)

    @property
    def balanced_accuracy(self) -> float:
        """The mean of sensitivity and specificity, in [0, 1]; NaN when a class is empty."""
        return (self.sensitivity.value + self.specificity.value) / 2

    def balanced_accuracy_interval(self, level: float = 0.95, method: IntervalMethod = "wilson") -> tuple[float, float]:
        """The interval of the balanced accuracy, put together from those of the two rates.

        Zou and Donner, Stat. Med. 2008, 27:1693.
        """
        (se_lower, se_upper), (sp_lower, sp_upper) = (
            rate.interval(level, method) for rate in (self.sensitivity, self.specificity)
        )
        middle, se, sp = self.balanced_accuracy, self.sensitivity.value, self.specificity.value
        below, above = math.hypot(se - se_lower, sp - sp_lower), math.hypot(se_upper - se, sp_upper - sp)
        return middle - below / 2, middle + above / 2

    @property
    def mcc(self) -> float:
        """Matthews' correlation of calls and truth, in [-1, 1]; NaN when all calls, or all truths, are one class.

        Matthews, Biochim. Biophys. Acta 1975, 405:442.
        """
        tp, fp, tn, fn = self.true_positive, self.false_positive, self.true_negative, self.false_negative
        margins = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        return (tp * tn - fp * fn) / math.sqrt(margins) if margins else math.nan

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN), in [0, 1]; NaN when there is neither a positive nor a positive call."""
        return _f1_of_overlap(self._overlap.value)

    def f1_interval(self, level: float = 0.95, method: IntervalMethod = "wilson") -> tuple[float, float]:
        """The interval of F1: F1 = 2 J / (1 + J) rises with J = TP / (TP + FP + FN), whose bounds are carried over."""
        lower, upper = self._overlap.interval(level, method)
        return _f1_of_overlap(lower), _f1_of_overlap(upper)

    @property
    def _overlap(self) -> Proportion:
        return Proportion(self.true_positive, self.true_positive + self.false_positive + self.false_negative)


def _f1_of_overlap(overlap: float) -> float:
    return 2 * overlap / (1 + overlap)


def confusion_at(labels: ArrayLike, scores: ArrayLike, threshold: float) -> Confusion:
    """Count calls and truths at a threshold, calling positive what is strictly above it.

    labels (n,) of 1, 0, NaN (left out); scores (n,), finite. Raises ValueError as `stated_cases` does.
    """
    cases = stated_cases(labels, scores)
    called = cases.scores[0] > threshold
    true_positive = int(np.count_nonzero(called & cases.positive))
    false_positive = int(np.count_nonzero(called)) - true_positive
    return Confusion(true_positive, false_positive, cases.n_negative - false_positive, cases.n_positive - true_positive)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold that a rule chose from a ROC curve.

    rule       how it was chosen, for the screen: "Youden", "sensitivity >= 0.95", ….
    threshold  call positive what is strictly above it; +inf and -inf stand for "nobody" and "everybody".
    confusion  the counts there, on the cases of the curve.
    ties       the other thresholds that meet the rule as well, descending; `threshold` is the one of them with the
               highest sensitivity.
    """

    rule: str
    threshold: float
    confusion: Confusion
    ties: tuple[float, ...] = ()


def youden(curve: RocCurve) -> OperatingPoint | None:
    """The point of the greatest sensitivity + specificity - 1; None when the curve lacks a class."""
    # In whole numbers, so that equal points tie.
    gain = curve.true_positives * curve.n_negative - curve.false_positives * curve.n_positive
    return _best(curve, "Youden", gain)


def closest_to_corner(curve: RocCurve) -> OperatingPoint | None:
    """The point nearest to sensitivity 1 and specificity 1; None when the curve lacks a class."""
    missed = (curve.n_positive - curve.true_positives) / max(curve.n_positive, 1)
    return _best(curve, "closest to (0, 1)", -(missed**2 + (curve.false_positives / max(curve.n_negative, 1)) ** 2))


def cost_weighted(curve: RocCurve, cost_ratio: float, prevalence: float) -> OperatingPoint | None:
    """The point of the greatest sensitivity + r · specificity, r = (1 - prevalence) / (cost_ratio · prevalence).

    cost_ratio is the cost of a missed case over that of a false alarm (above 0); prevalence in (0, 1) is that of the
    place of use. pROC's "best.weights". Raises ValueError outside those ranges; None when the curve lacks a class.
    """
    if cost_ratio <= 0 or not 0 < prevalence < 1:
        raise ValueError("expected a cost ratio above 0 and a prevalence between 0 and 1")
    r = (1 - prevalence) / (cost_ratio * prevalence)
    gain = curve.true_positives / max(curve.n_positive, 1) - r * curve.false_positives / max(curve.n_negative, 1)
    return _best(curve, f"cost ratio {cost_ratio:g} at prevalence {prevalence:g}", gain)


def at_sensitivity(curve: RocCurve, target: float) -> OperatingPoint | None:
    """The highest threshold whose sensitivity is at least `target` in [0, 1]; None when the curve lacks a class."""
    return _first(curve, f"sensitivity >= {target:g}", target, lambda rates: rates.true_positive_rate, from_top=True)


def at_specificity(curve: RocCurve, target: float) -> OperatingPoint | None:
    """The lowest threshold whose specificity is at least `target` in [0, 1]; None when the curve lacks a class."""

    def specificity(rates: RocCurve) -> NDArray[np.float64]:
        # As a fraction of whole numbers: 1 - rate would miss a target that is met exactly.
        return (rates.n_negative - rates.false_positives) / rates.n_negative

    return _first(curve, f"specificity >= {target:g}", target, specificity, from_top=False)


def _best(curve: RocCurve, rule: str, gain: NDArray[np.float64] | NDArray[np.int64]) -> OperatingPoint | None:
    if not curve.n_positive or not curve.n_negative:
        return None
    tied = np.flatnonzero(gain == gain.max())
    chosen = int(tied[np.argmax(curve.true_positives[tied])])
    others = tuple(float(curve.thresholds[i]) for i in tied if i != chosen)
    return OperatingPoint(rule, float(curve.thresholds[chosen]), confusion_of(curve, chosen), others)


def _first(
    curve: RocCurve, rule: str, target: float, rate: Callable[[RocCurve], NDArray[np.float64]], *, from_top: bool
) -> OperatingPoint | None:
    if not 0 <= target <= 1:
        raise ValueError(f"a sensitivity or specificity lies in [0, 1], got {target}")
    if not curve.n_positive or not curve.n_negative:
        return None
    reached = np.flatnonzero(rate(curve) >= target)
    chosen = int(reached[0] if from_top else reached[-1])
    return OperatingPoint(rule, float(curve.thresholds[chosen]), confusion_of(curve, chosen))


def confusion_of(curve: RocCurve, point: int) -> Confusion:
    """The four counts at one point of a curve, by its index."""
    true_positive, false_positive = int(curve.true_positives[point]), int(curve.false_positives[point])
    return Confusion(true_positive, false_positive, curve.n_negative - false_positive, curve.n_positive - true_positive)
