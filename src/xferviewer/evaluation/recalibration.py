"""Recalibration: from logits to probabilities that mean what they say, as learned on a calibration split.

Every recalibrator is a non-decreasing function of the logit, so that no case overtakes another: temperature, Platt's
and beta scaling leave areas and curves as they are, isotonic regression makes ties. None turns a direction round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.checkpoints import Checkpoint
from xferviewer.checkpoints.calibration_file import Calibration, unusable_calibration
from xferviewer.evaluation.calibration_tests import overlap
from xferviewer.evaluation.cases import StatedCases, stated_cases
from xferviewer.evaluation.logistic import fit_logistic, sigmoid

RecalibrationMethod = Literal["temperature", "platt", "platt-unsmoothed", "isotonic", "beta"]

_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "temperature": ("temperature",),
    "platt": ("intercept", "slope"),
    "platt-unsmoothed": ("intercept", "slope"),
    "isotonic": ("logits", "probabilities"),
    "beta": ("a", "b", "c"),
}


@dataclass(frozen=True, slots=True)
class Recalibrator:
    """A fitted function from logit x to probability; `checkpoints.fields` writes it as plain data and reads it back.

    temperature  sigmoid(x / temperature), temperature > 0. Guo et al., ICML 2017.
    platt        sigmoid(intercept + slope · x), slope > 0, fitted to the targets (n+ + 1) / (n+ + 2) and 1 / (n- + 2)
                 as Platt 1999 has it; "platt-unsmoothed" is the same fitted to 1 and 0.
    isotonic     straight lines between knots (`logits` ascending, `probabilities` not descending), constant outside.
                 Zadrozny and Elkan, KDD 2002.
    beta         sigmoid(a ln p - b ln(1 - p) + c) with p = sigmoid(x); a and b not negative and not both 0.
                 Kull et al., AISTATS 2017.

    Raises ValueError for other parameters than its method has, or outside their ranges.
    """

    method: RecalibrationMethod
    parameters: dict[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        wanted = _PARAMETERS.get(self.method)
        if wanted is None:
            raise ValueError(f"the method is one of {', '.join(_PARAMETERS)}, not {self.method!r}")
        if set(self.parameters) != set(wanted):
            raise ValueError(f"{self.method} has the parameters {', '.join(wanted)}, not {', '.join(self.parameters)}")
        if not _are_in_range(self.method, [self.parameters[name] for name in wanted]):
            raise ValueError(f"the parameters of {self.method} are out of range")


def _are_in_range(method: str, values: list[tuple[float, ...]]) -> bool:
    if not all(math.isfinite(value) for several in values for value in several):
        return False
    if method == "isotonic":
        logits, probabilities = values
        ascending = all(low < high for low, high in pairwise(logits))
        ascending &= all(low <= high for low, high in pairwise(probabilities))
        return ascending and len(logits) == len(probabilities) > 0 <= probabilities[0] and probabilities[-1] <= 1
    if not all(len(several) == 1 for several in values):
        return False
    if method == "beta":
        (a,), (b,), _ = values
        return min(a, b) >= 0 and max(a, b) > 0
    return values[-1][0] > 0  # the temperature, or Platt's slope


def recalibrate(recalibrator: Recalibrator, logits: ArrayLike) -> NDArray[np.float64]:
    """The calibrated probabilities of logits, of the same shape, float64 in [0, 1]; NaN stays NaN."""
    x = np.asarray(logits, dtype=np.float64)
    values = [recalibrator.parameters[name] for name in _PARAMETERS[recalibrator.method]]
    if recalibrator.method == "isotonic":
        return _between_knots(x, *map(np.array, values))
    with np.errstate(over="ignore"):  # an infinite logit is a probability of 0 or 1
        if recalibrator.method == "temperature":
            return sigmoid(x / values[0][0])
        if recalibrator.method == "beta":
            (a,), (b,), (c,) = values
            # Without a term of weight 0: 0 · inf is not a number.
            terms = [c, a * _log_sigmoid(x) if a else 0.0, -b * _log_sigmoid(-x) if b else 0.0]
            return sigmoid(np.asarray(sum(terms)))
        return sigmoid(values[0][0] + values[1][0] * x)


def _log_sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x)))


def _between_knots(
    x: NDArray[np.float64], knots: NDArray[np.float64], heights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Straight lines between knots. Unlike np.interp's, no rounding lets a point rise above the next knot."""
    if knots.size == 1:
        return np.where(np.isnan(x), np.nan, heights[0])
    x = np.clip(x, knots[0], knots[-1])
    left = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, knots.size - 2)
    low, high = heights[left], heights[left + 1]
    way = (x - knots[left]) / (knots[left + 1] - knots[left])
    return np.where(way == 1, high, np.minimum(low + (high - low) * way, high))


def recalibrators_of(checkpoint: Checkpoint, calibration: Calibration) -> tuple[Recalibrator | None, ...]:
    """The recalibrator of each finding of a checkpoint, in the order of its logits; None for one without.

    Raises UnusableCheckpoint where the numbers in the file are no recalibrators of this version.
    """
    made: list[Recalibrator | None] = []
    for finding in checkpoint.findings:
        stored = calibration.findings.get(finding)
        if stored is None:
            made.append(None)
            continue
        try:
            made.append(Recalibrator(cast("RecalibrationMethod", stored.method), stored.parameters))
        except ValueError as error:
            raise unusable_calibration(checkpoint, f"{finding}: {error}.") from error
    return tuple(made)


def fit(method: RecalibrationMethod, labels: ArrayLike, logits: ArrayLike) -> Recalibrator:
    """Learn a recalibrator of one finding from cases that the checkpoint was not trained on.

    labels (n,) of 1, 0, NaN (left out); logits (n,), finite where the label is stated.

    Raises ValueError, in words for the user, where there is nothing to learn: one class only, or one score for all
    cases. Then for all but isotonic regression, which gives a constant at worst: where the scores do not rise with the
    finding, because a recalibrator never turns a direction round; and where they separate the classes perfectly, so
    that no fit is the likeliest. Smoothed targets (platt) have one even then; isotonic regression then says 0 and 1.
    A temperature has none already where every logit has the sign of its label.
    """
    cases = stated_cases(labels, logits)
    if not cases.n_positive or not cases.n_negative:
        raise ValueError(
            f"{cases.n_positive} positive and {cases.n_negative} negative cases are too few: both classes are needed"
        )
    if np.ptp(cases.scores[0]) == 0:
        raise ValueError("every case has the same score")
    if method not in _FITS:
        raise ValueError(f"the method is one of {', '.join(_FITS)}, not {method!r}")
    return Recalibrator(method, _FITS[method](cases))


def fit_multiclass_temperature(classes: ArrayLike, logits: ArrayLike) -> Recalibrator:
    """The temperature of a softmax; `scores.scores_from_logits` divides all logits of a case by it.

    classes (n,) whole numbers, the column of the true class; logits (n, classes), finite. Raises ValueError as `fit`
    does for a temperature, and for other shapes. Guo et al., ICML 2017.
    """
    x, truth = np.asarray(logits, dtype=np.float64), np.asarray(classes, dtype=np.intp)
    if x.ndim != 2 or truth.shape != x.shape[:1] or not truth.size or not np.isfinite(x).all():
        raise ValueError("expected classes (n,) and finite logits (n, classes)")
    if np.any((truth < 0) | (truth >= x.shape[1])):
        raise ValueError(f"a class is none of the {x.shape[1]} columns")
    return Recalibrator("temperature", {"temperature": (_temperature(truth, x),)})


def _temperature(classes: NDArray[np.intp], logits: NDArray[np.float64]) -> float:
    """Where the likelihood of softmax(logits / T) is greatest: it is convex in 1 / T, and its slope there is 0."""
    from scipy.optimize import brentq

    own = logits[np.arange(classes.size), classes]
    lead = logits - logits.max(axis=1, keepdims=True)
    if np.all(own == logits.max(axis=1)):
        raise ValueError("every case scores highest for what it is, so that no temperature is low enough")

    def slope(inverse: float) -> float:
        raised = np.exp(inverse * lead)
        expected = np.sum(raised * logits, axis=1) / raised.sum(axis=1)
        return float(np.sum(expected - own))

    if slope(0.0) >= 0:
        raise ValueError("the scores do not rise with the finding, and a temperature cannot turn them round")
    above = 1.0
    while slope(above) < 0:
        above *= 2
    return 1 / float(brentq(slope, 0.0, above, xtol=1e-14, rtol=1e-14))


def _fit_temperature(cases: StatedCases) -> dict[str, tuple[float, ...]]:
    x = cases.scores[0]
    return {"temperature": (_temperature(cases.positive.astype(np.intp), np.column_stack((np.zeros(x.size), x))),)}


def _fit_platt(cases: StatedCases, *, smoothed: bool) -> dict[str, tuple[float, ...]]:
    x, targets = cases.scores[0], cases.positive.astype(np.float64)
    if smoothed:
        present, absent = (cases.n_positive + 1) / (cases.n_positive + 2), 1 / (cases.n_negative + 2)
        targets = np.where(cases.positive, present, absent)
    else:
        _refuse_separation(cases)
    line = fit_logistic(targets, [np.ones(x.size), x])
    if line is None or line.coefficients[1] <= 0:
        raise ValueError(_FALLING)
    intercept, slope = line.coefficients.tolist()
    return {"intercept": (intercept,), "slope": (slope,)}


def _fit_isotonic(cases: StatedCases) -> dict[str, tuple[float, ...]]:
    """Pool adjacent violators; cases of equal score are pooled first. Barlow et al., 1972."""
    from scipy.optimize import isotonic_regression

    distinct, which = np.unique(cases.scores[0], return_inverse=True)
    n = np.bincount(which)
    positive = np.bincount(which, weights=cases.positive)
    starts = isotonic_regression(positive / n, weights=n).blocks[:-1]
    heights = np.add.reduceat(positive, starts) / np.add.reduceat(n, starts)
    ends = np.append(starts[1:], distinct.size) - 1
    # The two ends of each block are knots; a block of one score is one knot.
    at = np.stack((starts, ends), axis=1)
    keep = np.stack((np.ones(starts.size, dtype=bool), starts < ends), axis=1)
    knots, levels = distinct[at[keep]], np.repeat(heights, 2).reshape(-1, 2)[keep]
    return {"logits": tuple(knots.tolist()), "probabilities": tuple(levels.tolist())}


def _fit_beta(cases: StatedCases) -> dict[str, tuple[float, ...]]:
    """The likeliest a, b >= 0 and c: inside that range, or else on its edge, where one of the two is 0."""
    _refuse_separation(cases)
    x, y = cases.scores[0], cases.positive.astype(np.float64)
    log_p, minus_log_q, ones = _log_sigmoid(x), -_log_sigmoid(-x), np.ones(x.size)
    inside = fit_logistic(y, [log_p, minus_log_q, ones])
    if inside is not None and min(inside.coefficients[:2]) >= 0 < max(inside.coefficients[:2]):
        a, b, c = inside.coefficients.tolist()
        return {"a": (a,), "b": (b,), "c": (c,)}
    zero: dict[str, tuple[float, ...]] = {"a": (0.0,), "b": (0.0,)}
    edges = []
    for name, column in (("a", log_p), ("b", minus_log_q)):
        edge = fit_logistic(y, [column, ones]) if overlap(cases.positive, column) else None
        if edge is not None and edge.coefficients[0] > 0:
            weight, c = edge.coefficients.tolist()
            edges.append((edge.nll, zero | {"c": (c,), name: (weight,)}))
    if not edges:
        raise ValueError(_FALLING)
    return min(edges, key=lambda edge: edge[0])[1]


_FALLING = "the scores do not rise with the finding, and recalibration never turns a direction round"

_FITS: Mapping[str, Callable[[StatedCases], dict[str, tuple[float, ...]]]] = {
    "temperature": _fit_temperature,
    "platt": partial(_fit_platt, smoothed=True),
    "platt-unsmoothed": partial(_fit_platt, smoothed=False),
    "isotonic": _fit_isotonic,
    "beta": _fit_beta,
}


def _refuse_separation(cases: StatedCases) -> None:
    x = cases.scores[0]
    if x[cases.positive].min() >= x[~cases.positive].max():
        raise ValueError(
            "the scores separate the classes perfectly, so that no fit is the likeliest: take platt or isotonic"
        )
