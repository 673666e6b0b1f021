"""Referral: give the most uncertain cases to an expert and look at what the checkpoint keeps, or at both together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import check_labels
from xferviewer.evaluation.collaborative import collaborative_auc
from xferviewer.evaluation.referral_state import ReferralState, ideal_rates
from xferviewer.evaluation.referral_sweep import ReferralSweep
from xferviewer.evaluation.roc import AucInterval
from xferviewer.evaluation.sorted_cases import area_under, sort_cases
from xferviewer.evaluation.uncertainty import n_referred, referral_order, uncertainty

OracleDefinition = Literal["single", "cumulative", "collaborative"]


@dataclass(frozen=True, slots=True, eq=False)
class RetainedCurve:
    """One checkpoint and one finding over referral rates: arrays of shape (rates,), undefined values NaN.

    states                  the counts and rates with Wilson's intervals, one for each rate (C = 1 in each).
    auc                     with DeLong's interval, on the retained cases.
    random_*                what referring cases by lot is expected to leave: the rates of the whole set, and the share
                            of its positives referred.
    ideal_sensitivity, ideal_specificity  the best that any referral of so many cases could leave: every referral a
                            missed case, or a false alarm.
    """

    rates: NDArray[np.float64]
    threshold: float
    states: tuple[ReferralState, ...]
    auc: tuple[AucInterval, ...]
    random_auc: float
    random_sensitivity: float
    random_specificity: float
    random_referred_positive: NDArray[np.float64]
    ideal_sensitivity: NDArray[np.float64]
    ideal_specificity: NDArray[np.float64]


def retained_curve(
    labels: ArrayLike,
    scores: ArrayLike,
    uncertain: ArrayLike,
    rates: Sequence[float],
    threshold: float,
    level: float = 0.95,
) -> RetainedCurve:
    """What remains to one checkpoint when the most uncertain share of the cases goes to an expert.

    labels (n,) of 1, 0, NaN; scores (n,), finite; uncertain (n,), larger = referred sooner; rates in [0, 1];
    threshold: positive is called what is strictly above it. Raises ValueError as `ReferralSweep` does.
    """
    return retained_curve_of(ReferralSweep(labels, scores, uncertain, level), rates, threshold)


def retained_curve_of(sweep: ReferralSweep, rates: Sequence[float], threshold: float) -> RetainedCurve:
    """`retained_curve` of the one checkpoint of a sweep that was laid out before."""
    for _ in sweep.retained_aucs(rates):
        pass  # all rates at once cost as much as a few
    states = tuple(sweep.at(rate, threshold) for rate in rates)
    whole = sweep.at(0.0, threshold)
    tp, fp, tn, fn = (
        int(count[0])
        for count in (whole.true_positive, whole.false_positive, whole.true_negative, whole.false_negative)
    )
    referred = np.array([state.n_referred for state in states])
    return RetainedCurve(
        np.asarray(rates, dtype=np.float64),
        threshold,
        states,
        tuple(sweep.retained_auc(rate)[0] for rate in rates),
        sweep.retained_auc(0.0)[0].auc,
        float(whole.sensitivity[0]),
        float(whole.specificity[0]),
        referred * ((tp + fn) / max(sweep.n_cases, 1)),
        ideal_rates(tp, fn, referred),
        ideal_rates(tn, fp, referred),
    )


def oracle_auc(
    labels: ArrayLike, probabilities: ArrayLike, rates: Sequence[float], definition: OracleDefinition = "single"
) -> NDArray[np.float64]:
    """The mean AUC over findings when an oracle answers the referred cases, (rates,) float64 in [0, 1].

    labels, probabilities  (n, findings); labels 1, 0 or NaN (left out of that finding's AUC).
    definition             "single": at each rate anew, the cases of the smallest mean |p - 0.5| get their labels.
                           "cumulative": as Krones (arXiv 2605.08819) published it, where each rate refers further cases
                           on top of those before, so that a column stands for more than it says (`oracle_referrals`).
                           "collaborative": per finding and threshold (`collaborative_auc`, Kivlichan et al. 2021).

    The mean is over the findings with an AUC; NaN when there is none. Raises ValueError for other labels, shapes or
    rates, for a probability that is NaN or outside [0, 1], and for another definition.
    """
    return mean_of_defined(oracle_auc_per_finding(labels, probabilities, rates, definition))


def mean_of_defined(areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rates,) of (rates, findings): the mean over the findings that have an area; NaN where none has."""
    defined = ~np.isnan(areas)
    return np.where(
        defined.any(axis=1), np.where(defined, areas, 0).sum(axis=1) / np.maximum(defined.sum(axis=1), 1), np.nan
    )


def oracle_auc_per_finding(
    labels: ArrayLike, probabilities: ArrayLike, rates: Sequence[float], definition: OracleDefinition = "single"
) -> NDArray[np.float64]:
    """`oracle_auc` of each finding, (rates, findings) float64; NaN for a finding with one class."""
    return oracle_aucs(labels, probabilities, rates, [definition])[definition]


def oracle_aucs(
    labels: ArrayLike, probabilities: ArrayLike, rates: Sequence[float], definitions: Sequence[OracleDefinition]
) -> dict[OracleDefinition, NDArray[np.float64]]:
    """`oracle_auc_per_finding` by several definitions, which share what can be shared."""
    truth, p = check_labels(labels), np.asarray(probabilities, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != p.shape:
        raise ValueError(f"expected labels and probabilities of one shape (n, findings), got {truth.shape}, {p.shape}")
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError("a probability is NaN or outside [0, 1]")
    findings: list[_AnsweredCases] = []
    areas: dict[OracleDefinition, NDArray[np.float64]] = {}
    for definition in definitions:
        if definition == "collaborative":
            columns = [collaborative_auc(truth[:, k], p[:, k], rates) for k in range(p.shape[1])]
            areas[definition] = np.stack(columns, axis=1)
            continue
        findings = findings or [_AnsweredCases(truth[:, k], p[:, k]) for k in range(p.shape[1])]
        areas[definition] = np.array(
            [[finding.auc(answered) for finding in findings] for answered in _answered(truth, p, rates, definition)]
        ).reshape(len(rates), p.shape[1])
    return areas


def _answered(
    truth: NDArray[np.float64], p: NDArray[np.float64], rates: Sequence[float], definition: OracleDefinition
) -> Iterator[NDArray[np.bool_]]:
    """Which cases, (n,), the oracle has answered at each rate."""
    if definition not in ("single", "cumulative"):
        raise ValueError(f'the definition is "single", "cumulative" or "collaborative", not {definition!r}')
    order = referral_order(uncertainty(p))
    # What the oracle says; where the label is unknown it only takes the case out of the queue.
    told = np.where(np.isnan(truth), 0.0, truth)
    current, answered = p.copy(), np.zeros(len(p), dtype=bool)
    for rate in rates:
        if definition == "single":
            answered = np.zeros(len(p), dtype=bool)
        else:
            order = referral_order(uncertainty(current))
        referred = order[: n_referred(len(p), rate)]
        current[referred] = told[referred]
        answered[referred] = True
        yield answered


class _AnsweredCases:
    """The cases of one finding, sorted once, for areas in which some of them have their label as their probability."""

    def __init__(self, labels: NDArray[np.float64], probabilities: NDArray[np.float64]) -> None:
        stated = ~np.isnan(labels)
        self._stated = stated
        self._positive = labels[stated] == 1
        by_score = sort_cases(self._positive, probabilities[stated])
        if by_score.distinct.size and by_score.distinct[0] > 0 and by_score.distinct[-1] < 1:
            by_score = by_score.in_runs()  # an answer ties with nothing
        # Blocks 1 … b by ascending probability. What the oracle says is the first or last of these, or one beyond.
        distinct, ends = by_score.distinct, by_score.block_ends
        lengths = np.diff(ends, prepend=-1)
        self._block = np.empty(by_score.order.size, dtype=np.intp)
        self._block[by_score.order] = np.repeat(np.arange(1, distinct.size + 1), lengths)
        self._lowest = 1 if distinct.size and distinct[0] == 0 else 0
        self._highest = distinct.size if distinct.size and distinct[-1] == 1 else distinct.size + 1

    def auc(self, answered: NDArray[np.bool_]) -> float:
        """The area when the marked cases, (n,), are answered: whole pairs are counted, so that it is exact."""
        told = np.where(self._positive, self._highest, self._lowest)
        block = np.where(answered[self._stated], told, self._block)
        counts = np.bincount(2 * block + self._positive, minlength=2 * (self._highest + 1))
        return area_under(counts[1::2], counts[::2]).auc


def oracle_referrals(n: int, rates: Sequence[float], definition: OracleDefinition = "single") -> NDArray[np.int64]:
    """How many of n cases the oracle has answered at each rate, (rates,); the sum so far for "cumulative"."""
    each = np.array([n_referred(n, rate) for rate in rates], dtype=np.int64)
    return np.minimum(np.cumsum(each), n) if definition == "cumulative" else each
