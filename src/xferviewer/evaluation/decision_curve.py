"""Decision curves: what acting on a probability above a threshold is worth, against acting on everybody or nobody.

A threshold t says that t / (1 - t) needless actions are worth one that was needed. Acted on is p >= t, as Vickers and
Elkin define it (Med. Decis. Making 2006, 26:565); everywhere else of this application positive is strictly above the
threshold, which differs for cases whose probability equals it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.bootstrap import stated_patients
from xferviewer.evaluation.calibration import probability_cases
from xferviewer.evaluation.resampled_counts import resampled_counts

THRESHOLDS = tuple(k / 100 for k in range(1, 100))  # 0.01 … 0.99


@dataclass(frozen=True, slots=True, eq=False)
class DecisionCurve:
    """Net benefit over thresholds: arrays of shape (thresholds,), in true positives per case; NaN without cases.

    thresholds   in (0, 1), in the order given.
    net_benefit  TP / n - FP / n · t / (1 - t).
    treat_all    that of acting on everybody; acting on nobody has 0.
    prevalence   share of cases with the finding, or the one that was stated.
    """

    thresholds: NDArray[np.float64]
    net_benefit: NDArray[np.float64]
    treat_all: NDArray[np.float64]
    prevalence: float
    n_positive: int
    n_negative: int

    @property
    def interventions_avoided(self) -> NDArray[np.float64]:
        """Needless actions avoided per 100 cases against acting on everybody, at no fewer needed ones."""
        return (self.net_benefit - self.treat_all) / _odds(self.thresholds) * 100


@dataclass(frozen=True, slots=True, eq=False)
class NetBenefitBand:
    """Percentiles (type 7) of the net benefit at each threshold over the resamples: pointwise, not for all at once."""

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    level: float
    resamples: int
    seed: int


def decision_curve(
    labels: ArrayLike, probabilities: ArrayLike, thresholds: ArrayLike = THRESHOLDS, prevalence: float | None = None
) -> DecisionCurve:
    """The decision curve of one checkpoint, in O(n log n) for all thresholds.

    labels         (n,) of 1, 0, NaN (left out).
    probabilities  (n,) in [0, 1]. They have to be calibrated: where 0.3 is said and 0.1 would be right, a threshold of
                   0.2 is another decision.
    prevalence     in (0, 1), of the place of use where the cases were picked by their label; None takes that of the
                   cases. Vickers et al., BMC Med. Inform. Decis. Mak. 2008, 8:53.

    Raises ValueError for thresholds or a prevalence outside (0, 1), and as `brier`.
    """
    cases, limits = probability_cases(labels, probabilities), _checked(thresholds)
    present, absent = np.sort(cases.scores[0][cases.positive]), np.sort(cases.scores[0][~cases.positive])
    m, n = present.size, absent.size
    acted = m - np.searchsorted(present, limits), n - np.searchsorted(absent, limits)
    everybody = np.full(limits.size, m), np.full(limits.size, n)
    return DecisionCurve(
        limits,
        _net_benefit(*acted, m, n, limits, prevalence),
        _net_benefit(*everybody, m, n, limits, prevalence),
        (m / (m + n) if m + n else math.nan) if prevalence is None else prevalence,
        m,
        n,
    )


def net_benefit_band(
    labels: ArrayLike,
    probabilities: ArrayLike,
    thresholds: ArrayLike = THRESHOLDS,
    prevalence: float | None = None,
    *,
    level: float = 0.95,
    patients: ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> NetBenefitBand:
    """How far the net benefit of `decision_curve` may be off; arguments and errors as there.

    patients  (n,): whole patients are drawn; None draws cases. The prevalence varies with them unless it is stated.
    """
    cases, limits = probability_cases(labels, probabilities), _checked(thresholds)
    order, k = np.argsort(limits, kind="stable"), limits.size
    # How many of the thresholds a case is acted on at, apart by class.
    reached = np.searchsorted(limits[order], cases.scores[0], side="right")
    drawn = resampled_counts(
        reached + np.where(cases.positive, 0, k + 1),
        2 * (k + 1),
        stated_patients(labels, patients),
        resamples,
        np.random.default_rng(seed),
    ).reshape(resamples, 2, k + 1)
    acted = np.empty((resamples, 2, k), dtype=np.int64)
    acted[:, :, order] = np.cumsum(drawn[:, :, :0:-1], axis=2)[:, :, ::-1]
    m, n = drawn.sum(axis=2).T[:, :, np.newaxis]
    benefit = _net_benefit(acted[:, 0], acted[:, 1], m, n, limits, prevalence)
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        lower, upper = np.quantile(benefit, [tail, 1 - tail], axis=0)
    return NetBenefitBand(lower, upper, level, resamples, seed)


def _checked(thresholds: ArrayLike) -> NDArray[np.float64]:
    limits = np.asarray(thresholds, dtype=np.float64)
    if limits.ndim != 1 or not np.all((limits > 0) & (limits < 1)):
        raise ValueError("the thresholds of a decision curve lie between 0 and 1")
    return limits


def _odds(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    return thresholds / (1 - thresholds)


def _net_benefit(
    true_positive: NDArray[np.int64],
    false_positive: NDArray[np.int64],
    n_positive: ArrayLike,
    n_negative: ArrayLike,
    thresholds: NDArray[np.float64],
    prevalence: float | None,
) -> NDArray[np.float64]:
    if prevalence is not None and not 0 < prevalence < 1:
        raise ValueError(f"a prevalence lies between 0 and 1, got {prevalence}")
    m, n = np.asarray(n_positive), np.asarray(n_negative)
    with np.errstate(divide="ignore", invalid="ignore"):
        if prevalence is None:
            return np.asarray((true_positive - false_positive * _odds(thresholds)) / (m + n))
        needed, needless = true_positive / m * prevalence, false_positive / n * (1 - prevalence)
        return np.asarray(needed - needless * _odds(thresholds))
