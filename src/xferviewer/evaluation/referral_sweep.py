"""Referral, live: every count and rate of several checkpoints at any referral rate and threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import check_labels
from xferviewer.evaluation.intervals import wilson
from xferviewer.evaluation.roc import AucInterval, delong_interval
from xferviewer.evaluation.sorted_cases import area_under, sort_cases
from xferviewer.evaluation.uncertainty import n_referred, referral_order


@dataclass(frozen=True, slots=True, eq=False)
class ReferralState:
    """Every checkpoint at one referral rate and its threshold: arrays of shape (C,), undefined values NaN.

    n_referred, n_retained  numbers of cases, with those whose label is not stated.
    referred_positive       cases with the finding among the referred.
    true_positive …         int64 counts on the retained cases whose label is stated.
    sensitivity, specificity with Wilson's interval, on the retained cases.
    """

    rate: float
    n_referred: int
    n_retained: int
    referred_positive: NDArray[np.int64]
    true_positive: NDArray[np.int64]
    false_positive: NDArray[np.int64]
    true_negative: NDArray[np.int64]
    false_negative: NDArray[np.int64]
    sensitivity: NDArray[np.float64]
    sensitivity_lower: NDArray[np.float64]
    sensitivity_upper: NDArray[np.float64]
    specificity: NDArray[np.float64]
    specificity_lower: NDArray[np.float64]
    specificity_upper: NDArray[np.float64]


class ReferralSweep:
    """One finding and C checkpoints, laid out once so that a slider step costs little.

    Each checkpoint's cases are kept in the order of referral; the retained ones are then the tail of an array, and a
    count is one pass over a tail of bytes, about 30 µs for 100,000 cases. Nothing depends on an earlier step.

    labels     (n,) of 1, 0, NaN; unstated cases are referred like others and counted nowhere else.
    scores     (C, n), finite.
    uncertain  (n,) for one order that all checkpoints share, or (C, n) for one of each.

    Raises ValueError for other shapes, labels or scores.
    """

    def __init__(self, labels: ArrayLike, scores: ArrayLike, uncertain: ArrayLike, level: float = 0.95) -> None:
        truth = check_labels(labels)
        rows = np.atleast_2d(np.asarray(scores, dtype=np.float64))
        unsure = np.atleast_2d(np.asarray(uncertain, dtype=np.float64))
        if rows.shape[1:] != truth.shape or unsure.shape not in ((1, truth.size), rows.shape):
            raise ValueError("expected labels (n,), scores (C, n) and uncertainty (n,) or (C, n)")
        if not np.isfinite(rows).all():
            raise ValueError("a score is NaN or infinite")
        self.level = level
        self.n_cases = truth.size
        # In the order of referral, one row per checkpoint.
        orders = np.array([referral_order(row) for row in unsure], dtype=np.intp).reshape(unsure.shape)
        self._orders: NDArray[np.intp] = np.broadcast_to(orders, rows.shape)
        self._scores = np.take_along_axis(rows, self._orders, axis=1)
        self._positive, self._negative = truth[self._orders] == 1, truth[self._orders] == 0
        self._positive_before = _running_total(self._positive)
        self._negative_before = _running_total(self._negative)
        self._by_score = [
            sort_cases(positive, row, positive | negative).in_runs()
            for row, positive, negative in zip(self._scores, self._positive, self._negative, strict=True)
        ]
        self._retained_aucs: dict[int, tuple[AucInterval, ...]] = {}

    def at(self, rate: float, thresholds: ArrayLike) -> ReferralState:
        """The counts and rates when `rate` of the cases are referred; one threshold, or one per checkpoint."""
        k = n_referred(self.n_cases, rate)
        limits = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), len(self._scores))
        true_positive, false_positive = np.zeros((2, len(self._scores)), dtype=np.int64)
        for c, limit in enumerate(limits):
            called = self._scores[c, k:] > limit
            true_positive[c] = np.count_nonzero(called & self._positive[c, k:])
            false_positive[c] = np.count_nonzero(called & self._negative[c, k:])
        referred_positive = self._positive_before[:, k]
        positive = self._positive_before[:, -1] - referred_positive
        negative = self._negative_before[:, -1] - self._negative_before[:, k]
        true_negative = negative - false_positive
        bounds_se = wilson(true_positive, positive, self.level)
        bounds_sp = wilson(true_negative, negative, self.level)
        with np.errstate(invalid="ignore"):
            return ReferralState(
                rate, k, self.n_cases - k, referred_positive,
                true_positive, false_positive, true_negative, positive - true_positive,
                true_positive / positive, *bounds_se, true_negative / negative, *bounds_sp,
            )  # fmt: skip

    def retained_auc(self, rate: float) -> tuple[AucInterval, ...]:
        """The AUC of each checkpoint on its retained cases, with DeLong's interval, (C,). Kept for the rates seen."""
        k = n_referred(self.n_cases, rate)
        if k not in self._retained_aucs:
            self._retained_aucs[k] = tuple(
                delong_interval(area_under(*by_score.block_counts(k)), self.level) for by_score in self._by_score
            )
        return self._retained_aucs[k]

    def referred(self, rate: float, checkpoint: int = 0) -> NDArray[np.intp]:
        """The indices of the referred cases of one checkpoint, the most uncertain first: a worklist."""
        order: NDArray[np.intp] = self._orders[checkpoint]
        return order[: n_referred(self.n_cases, rate)]


def _running_total(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(C, n + 1): how many flags are set among the first k."""
    totals = np.zeros((flags.shape[0], flags.shape[1] + 1), dtype=np.int64)
    np.cumsum(flags, axis=1, out=totals[:, 1:])
    return totals
