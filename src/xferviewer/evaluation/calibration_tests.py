"""Whether probabilities are off as a whole, too extreme or too timid, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.bootstrap import draws, stated_patients
from xferviewer.evaluation.calibration import (
    SMALLEST_PROBABILITY,
    Binning,
    bin_numbers,
    expected_calibration_error,
    probability_cases,
)
from xferviewer.evaluation.estimate import Estimate, of_resamples
from xferviewer.evaluation.intervals import normal_quantile
from xferviewer.evaluation.logistic import LogisticFit, fit_logistic


@dataclass(frozen=True, slots=True)
class CoxRecalibration:
    """logit P(finding) = intercept + slope · logit(p): 0 and 1 where probabilities mean what they say.

    slope         below 1: too extreme (over-confident); above 1: too timid.
    in_the_large  the intercept with the slope held at 1: below 0, probabilities are too high as a whole.
    *_error       standard errors; the intervals are Wald's.

    Undefined values are NaN: all of them with one class, intercept and slope also where the probabilities separate the
    classes perfectly or are all equal.
    """

    intercept: Estimate
    slope: Estimate
    in_the_large: Estimate
    intercept_error: float
    slope_error: float
    in_the_large_error: float


def logits_of(probabilities: ArrayLike) -> NDArray[np.float64]:
    """ln(p / (1 - p)) of the same shape, p cut off at 1e-15 and 1 - 1e-15; NaN stays NaN."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.log(p) - np.log1p(-p)


def cox_recalibration(labels: ArrayLike, probabilities: ArrayLike, level: float = 0.95) -> CoxRecalibration:
    """Intercept and slope of calibration, and calibration in the large.

    labels (n,) of 1, 0, NaN (left out); probabilities (n,) in [0, 1]. Raises ValueError as `brier`. Cox, Biometrika
    1958, 45:562; Miller et al., Med. Decis. Making 1991.
    """
    cases = probability_cases(labels, probabilities)
    x, y = logits_of(cases.scores[0]), cases.positive.astype(np.float64)
    ones = np.ones(x.size)
    line = large = None
    if cases.n_positive and cases.n_negative:
        large = fit_logistic(y, [ones], x)
        if overlap(cases.positive, x):
            line = fit_logistic(y, [ones, x])
    intercept, intercept_error = _coefficient(line, 0, level)
    slope, slope_error = _coefficient(line, 1, level)
    in_the_large, in_the_large_error = _coefficient(large, 0, level)
    return CoxRecalibration(intercept, slope, in_the_large, intercept_error, slope_error, in_the_large_error)


def overlap(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> bool:
    """No threshold separates the classes, in either direction, so that a slope has a finite likeliest value.

    Both classes must have a case. Albert and Anderson, Biometrika 1984, 71:1.
    """
    present, absent = scores[positive], scores[~positive]
    return bool(absent.max() > present.min() and present.max() > absent.min())


def _coefficient(fit: LogisticFit | None, index: int, level: float) -> tuple[Estimate, float]:
    """A coefficient with Wald's interval, and its standard error."""
    if fit is None:
        return Estimate(math.nan, math.nan, math.nan, level), math.nan
    value, error = float(fit.coefficients[index]), math.sqrt(float(fit.covariance[index, index]))
    half = normal_quantile(level) * error
    return Estimate(value, value - half, value + half, level), error


@dataclass(frozen=True, slots=True)
class HosmerLemeshow:
    """The test that observed and expected positives agree in groups of probability.

    df       the number of groups less 2. NaN p-value where that is 0 or less.
    p_value  small where they do not agree. It says nothing of how far they are apart, and with many cases it is always
             small: read it beside the reliability diagram.
    """

    chi_squared: float
    df: int
    p_value: float


def hosmer_lemeshow(labels: ArrayLike, probabilities: ArrayLike, groups: int = 10) -> HosmerLemeshow:
    """Hosmer and Lemeshow's test in `groups` cut at the quantiles (type 7) of the probabilities, closed on the right.

    Groups without a case, where quantiles coincide, do not count. Arguments and errors as for `brier`, ValueError also
    for fewer than one group. Hosmer and Lemeshow, Commun. Stat. 1980, A9:1043.
    """
    if groups < 1:
        raise ValueError(f"expected at least one group, got {groups}")
    cases = probability_cases(labels, probabilities)
    p = cases.scores[0]
    if not p.size:
        return HosmerLemeshow(math.nan, 0, math.nan)
    edges = np.unique(np.quantile(p, np.arange(groups + 1) / groups))
    number = np.maximum(np.searchsorted(edges, p, side="left") - 1, 0)
    counts = np.bincount(number)
    filled = counts > 0
    n = counts[filled]
    expected = np.bincount(number, weights=p)[filled]
    observed = np.bincount(number, weights=cases.positive)[filled]
    variance, squares = expected * (1 - expected / n), (observed - expected) ** 2
    # A group of certain probabilities has no variance: it agrees exactly, or cannot be explained at all.
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(squares == 0, 0.0, squares / variance)
    chi_squared, df = float(np.sum(terms)), int(n.size) - 2
    from scipy.special import chdtrc

    return HosmerLemeshow(chi_squared, df, float(chdtrc(df, chi_squared)) if df > 0 else math.nan)


@dataclass(frozen=True, slots=True)
class CalibrationErrorInterval:
    """The expected calibration error with what resampling says of it. NaN without cases.

    error      as `expected_calibration_error` has it.
    debiased   2·error less the mean of the resamples, with the basic interval, 2·error less their percentiles; none is
               below 0.
    by_chance  what the error would be, mean and percentiles, if the probabilities meant what they say: with labels
               drawn from them. An error up to its upper bound is no evidence of miscalibration: `debiased` then starts
               at 0.

    A finite sample never hits its probabilities exactly, so the error is too large in every sample, and once more in
    every resample of it. Percentiles would add that bias twice, and exclude 0 even for a checkpoint without any error.
    """

    error: float
    debiased: Estimate
    by_chance: Estimate
    resamples: int
    seed: int


def calibration_error_interval(
    labels: ArrayLike,
    probabilities: ArrayLike,
    bins: int = 15,
    binning: Binning = "width",
    *,
    level: float = 0.95,
    patients: ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> CalibrationErrorInterval:
    """The expected calibration error with its bootstrap interval.

    labels, probabilities, bins, binning  as for `reliability_diagram`; bins of equal mass are those of the sample.
    patients  (n,): whole patients are drawn; None draws cases. Not within their class, because calibration depends on
              the prevalence. Labels by chance are drawn for each case alone.

    Raises ValueError as `reliability_diagram`. Davison and Hinkley, Bootstrap Methods, 1997, eq. 5.6 (the interval);
    Bröcker and Smith, Weather Forecast. 2007, 22:651 (labels by chance).
    """
    error = expected_calibration_error(labels, probabilities, bins, binning)
    cases = probability_cases(labels, probabilities)
    p, n = cases.scores[0], cases.positive.size
    drawn, by_chance = np.empty((2, resamples if n else 0))
    number, owners = bin_numbers(p, bins, binning), stated_patients(labels, patients)
    excess, one_stratum = p - cases.positive, np.ones(n, dtype=bool)
    random = np.random.default_rng(seed)
    if n:
        for i, times in enumerate(draws(one_stratum, owners, resamples, random)):
            drawn[i] = np.sum(np.abs(np.bincount(number, weights=times * excess))) / times.sum()
            by_chance[i] = np.sum(np.abs(np.bincount(number, weights=p - (random.random(n) < p)))) / n
    mean, mean_by_chance = (float(errors.mean()) if errors.size else math.nan for errors in (drawn, by_chance))
    again, chance = of_resamples(mean, drawn, level), of_resamples(mean_by_chance, by_chance, level)
    value, lower, upper = (max(2 * error - bound, 0.0) for bound in (again.value, again.upper, again.lower))
    if error <= chance.upper:
        lower = 0.0
    return CalibrationErrorInterval(error, Estimate(value, lower, upper, level), chance, resamples, seed)
