"""Calibration: whether a probability means what it says, for the positive class of one finding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import StatedCases, stated_cases

Binning = Literal["width", "mass"]

_SMALLEST_PROBABILITY = 1e-15  # where the logarithm of a probability is cut off


@dataclass(frozen=True, slots=True, eq=False)
class ReliabilityDiagram:
    """Mean probability against observed rate in the bins that hold a case: arrays of shape (bins with cases,).

    bins              the bin's number, from 0.
    mean_probability  in [0, 1].
    observed          share of cases with the finding, in [0, 1].
    counts            int64; show them with the diagram.
    """

    bins: NDArray[np.intp]
    mean_probability: NDArray[np.float64]
    observed: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def expected_error(self) -> float:
        """The mean distance of the two rates, weighted by cases (ECE); NaN without cases."""
        n = int(self.counts.sum())
        return float(np.sum(np.abs(self.mean_probability - self.observed) * self.counts)) / n if n else math.nan

    @property
    def maximum_error(self) -> float:
        """The greatest distance of the two rates in any bin (MCE); NaN without cases."""
        return float(np.abs(self.mean_probability - self.observed).max()) if self.counts.size else math.nan


def reliability_diagram(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 15, binning: Binning = "width"
) -> ReliabilityDiagram:
    """Sort the cases into bins of probability.

    labels         (n,) of 1, 0, NaN (left out).
    probabilities  (n,) in [0, 1].
    binning        "width": bins of equal width, ((b - 1) / B, b / B], 0 in the first. "mass": bins of equal count, the
                   i-th smallest probability (stable, from 1) in bin ceil(i B / n).

    Raises ValueError for a probability outside [0, 1], for fewer than one bin, and as `stated_cases` does.
    """
    if bins < 1:
        raise ValueError(f"expected at least one bin, got {bins}")
    cases = _probabilities(labels, probabilities)
    p = cases.scores[0]
    if binning == "width":
        number = np.clip(np.ceil(p * bins).astype(np.intp) - 1, 0, bins - 1)
    elif binning == "mass":
        number = np.empty(p.size, dtype=np.intp)
        number[np.argsort(p, kind="stable")] = -(-np.arange(1, p.size + 1) * bins // max(p.size, 1)) - 1
    else:
        raise ValueError(f'the binning is "width" or "mass", not {binning!r}')
    counts = np.bincount(number, minlength=bins)
    filled = np.flatnonzero(counts)
    per_bin = counts[filled]
    return ReliabilityDiagram(
        filled,
        np.bincount(number, weights=p, minlength=bins)[filled] / per_bin,
        np.bincount(number, weights=cases.positive, minlength=bins)[filled] / per_bin,
        per_bin,
    )


def expected_calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 15, binning: Binning = "width"
) -> float:
    """The expected calibration error of the positive class, in [0, 1]; NaN without cases. Biased upward in small sets.

    Arguments and errors as for `reliability_diagram`. Naeini et al., AAAI 2015.
    """
    return reliability_diagram(labels, probabilities, bins, binning).expected_error


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """The mean of (p - y)², in [0, 1]; NaN without cases. Raises ValueError as `reliability_diagram`."""
    cases = _probabilities(labels, probabilities)
    return float(np.mean((cases.scores[0] - cases.positive) ** 2)) if cases.positive.size else math.nan


def negative_log_likelihood(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """The mean of -ln P(label), p cut off at 1e-15 and 1 - 1e-15; NaN without cases. Raises as `brier`."""
    cases = _probabilities(labels, probabilities)
    if not cases.positive.size:
        return math.nan
    p = np.clip(cases.scores[0], _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    return float(-np.mean(np.where(cases.positive, np.log(p), np.log1p(-p))))


def _probabilities(labels: ArrayLike, probabilities: ArrayLike) -> StatedCases:
    cases = stated_cases(labels, probabilities)
    if not np.all((cases.scores >= 0) & (cases.scores <= 1)):
        raise ValueError("a probability lies outside [0, 1]: logits and other scores have no calibration")
    return cases
