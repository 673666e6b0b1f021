"""Calibration: whether a probability means what it says, for the positive class of one finding.

Every measure also takes whether a decision was right (1 or 0) and its confidence in place of label and probability:
`confidences` makes those of a finding, the greatest probability and whether its class is right those of a multi-class
network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import StatedCases, check_labels, stated_cases
from xferviewer.evaluation.intervals import wilson

Binning = Literal["width", "mass"]

SMALLEST_PROBABILITY = 1e-15  # where the logarithm of a probability, or of 1 - p, is cut off


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

    @property
    def root_mean_square_error(self) -> float:
        """The root of the mean squared distance of the two rates, weighted by cases (RMSCE); NaN without cases."""
        n = int(self.counts.sum())
        squares = (self.mean_probability - self.observed) ** 2
        return math.sqrt(float(np.sum(squares * self.counts)) / n) if n else math.nan

    def observed_interval(self, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Wilson's interval (lower, upper) of the observed rate of each bin, (bins with cases,) each."""
        return wilson(np.rint(self.observed * self.counts), self.counts, level)


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
    cases = probability_cases(labels, probabilities)
    p = cases.scores[0]
    number = bin_numbers(p, bins, binning)
    counts = np.bincount(number, minlength=bins)
    filled = np.flatnonzero(counts)
    per_bin = counts[filled]
    return ReliabilityDiagram(
        filled,
        np.bincount(number, weights=p, minlength=bins)[filled] / per_bin,
        np.bincount(number, weights=cases.positive, minlength=bins)[filled] / per_bin,
        per_bin,
    )


def bin_numbers(p: NDArray[np.float64], bins: int, binning: Binning) -> NDArray[np.intp]:
    """The bin of each probability, (n,) from 0, by the rules of `reliability_diagram`; raises ValueError as it does."""
    if bins < 1:
        raise ValueError(f"expected at least one bin, got {bins}")
    if binning == "width":
        return np.clip(np.ceil(p * bins).astype(np.intp) - 1, 0, bins - 1)
    if binning == "mass":
        number = np.empty(p.size, dtype=np.intp)
        number[np.argsort(p, kind="stable")] = -(-np.arange(1, p.size + 1) * bins // max(p.size, 1)) - 1
        return number
    raise ValueError(f'the binning is "width" or "mass", not {binning!r}')


def confidences(
    labels: ArrayLike, probabilities: ArrayLike, threshold: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whether the call at `threshold` is right, (n,) of 1, 0, NaN (label not stated), and max(p, 1 - p), (n,).

    Positive is called what is strictly above the threshold. Labels and errors as for `brier`.
    """
    probability_cases(labels, probabilities)
    truth, p = check_labels(labels), np.asarray(probabilities, dtype=np.float64)
    return np.where(np.isnan(truth), np.nan, (p > threshold) == (truth == 1)), np.maximum(p, 1 - p)


def expected_calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 15, binning: Binning = "width"
) -> float:
    """The expected calibration error of the positive class, in [0, 1]; NaN without cases. Biased upward in small sets.

    Arguments and errors as for `reliability_diagram`. Naeini et al., AAAI 2015.
    """
    return reliability_diagram(labels, probabilities, bins, binning).expected_error


def classwise_calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 15, binning: Binning = "width"
) -> float:
    """The mean over classes, or findings, of the expected calibration error; NaN where no class has a case.

    labels, probabilities  (n, classes); a multi-class label is 1 in its class and 0 in the others. A class without a
                           stated label does not count.

    Raises ValueError as `reliability_diagram`, and for other shapes. Kull et al., NeurIPS 2019.
    """
    truth, p = check_labels(labels), np.asarray(probabilities, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != p.shape:
        raise ValueError(f"expected labels and probabilities of one shape (n, classes), got {truth.shape}, {p.shape}")
    errors = [expected_calibration_error(y, q, bins, binning) for y, q in zip(truth.T, p.T, strict=True)]
    defined = [error for error in errors if not math.isnan(error)]
    return sum(defined) / len(defined) if defined else math.nan


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """The mean of (p - y)², in [0, 1]; NaN without cases. Raises ValueError as `reliability_diagram`."""
    cases = probability_cases(labels, probabilities)
    return float(np.mean((cases.scores[0] - cases.positive) ** 2)) if cases.positive.size else math.nan


@dataclass(frozen=True, slots=True)
class BrierDecomposition:
    """The Brier score as reliability - resolution + uncertainty + within-bin variance - within-bin covariance.

    The five terms add up exactly; the last two vanish where all probabilities of a bin are equal. NaN without cases.

    reliability            mean squared distance of mean probability and observed rate of the bins: small is good.
    resolution             mean squared distance of the bins' observed rates from the prevalence: large is good.
    uncertainty            prevalence · (1 - prevalence).
    within_bin_variance    of the probabilities.
    within_bin_covariance  twice that of labels and probabilities.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within_bin_variance: float
    within_bin_covariance: float

    @property
    def brier(self) -> float:
        """The sum of the five, in [0, 1]."""
        within = self.within_bin_variance - self.within_bin_covariance
        return self.reliability - self.resolution + self.uncertainty + within

    @property
    def skill(self) -> float:
        """1 - Brier score / uncertainty: 0 for the prevalence as everybody's probability; NaN with one class."""
        return 1 - self.brier / self.uncertainty if self.uncertainty else math.nan


def brier_decomposition(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 10, binning: Binning = "width"
) -> BrierDecomposition:
    """The Brier score in five terms, over the bins of `reliability_diagram`; arguments and errors as there.

    Murphy, J. Appl. Meteorol. 1973, 12:595; the within-bin terms of Stephenson et al., Weather Forecast. 2008, 23:752.
    """
    cases = probability_cases(labels, probabilities)
    p, y, n = cases.scores[0], cases.positive.astype(np.float64), cases.positive.size
    if not n:
        return BrierDecomposition(*(math.nan,) * 5)
    number = bin_numbers(p, bins, binning)
    counts = np.bincount(number, minlength=bins)
    mean_p = np.bincount(number, weights=p, minlength=bins) / np.maximum(counts, 1)
    observed = np.bincount(number, weights=y, minlength=bins) / np.maximum(counts, 1)
    prevalence = cases.n_positive / n
    deviation = p - mean_p[number]
    return BrierDecomposition(
        float(np.sum(counts * (mean_p - observed) ** 2)) / n,
        float(np.sum(counts * (observed - prevalence) ** 2)) / n,
        prevalence * (1 - prevalence),
        float(np.sum(deviation**2)) / n,
        2 * float(np.sum((y - observed[number]) * deviation)) / n,
    )


def negative_log_likelihood(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """The mean of -ln P(label), p cut off at 1e-15 and 1 - 1e-15; NaN without cases. Raises as `brier`."""
    cases = probability_cases(labels, probabilities)
    if not cases.positive.size:
        return math.nan
    p = np.clip(cases.scores[0], SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return float(-np.mean(np.where(cases.positive, np.log(p), np.log1p(-p))))


def probability_cases(labels: ArrayLike, probabilities: ArrayLike) -> StatedCases:
    """`stated_cases` of scores in [0, 1]; raises ValueError for others."""
    cases = stated_cases(labels, probabilities)
    if not np.all((cases.scores >= 0) & (cases.scores <= 1)):
        raise ValueError("a probability lies outside [0, 1]: logits and other scores have no calibration")
    return cases
