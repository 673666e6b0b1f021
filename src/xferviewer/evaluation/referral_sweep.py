"""Referral, live: every count and rate of several checkpoints at any referral rate and threshold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import check_labels
from xferviewer.evaluation.referral_state import ReferralState, RetainedRates
from xferviewer.evaluation.roc import AucInterval, RocCurve, delong_interval
from xferviewer.evaluation.sorted_cases import area_under, sort_cases
from xferviewer.evaluation.uncertainty import n_referred, referral_order


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
        self._between: dict[int, tuple[NDArray[np.float64], NDArray[np.intp]]] = {}

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
        rates = RetainedRates.of_counts(
            referred_positive, (positive, negative), (true_positive, false_positive), self.level
        )
        return ReferralState.at(rate, k, self.n_cases - k, rates)

    def along(self, rates: Sequence[float], threshold: float, checkpoint: int = 0) -> RetainedRates:
        """The counts and rates of one checkpoint at many referral rates, (R,)."""
        ks = [n_referred(self.n_cases, rate) for rate in rates]
        called = self._scores[checkpoint] > threshold
        counts = []
        for flags in (self._positive[checkpoint], self._negative[checkpoint]):
            before, called_before = _running_total(np.stack((flags, flags & called)))
            counts.append((before[ks], before[-1] - before[ks], called_before[-1] - called_before[ks]))
        (referred, positive, true_positive), (_, negative, false_positive) = counts
        return RetainedRates.of_counts(referred, (positive, negative), (true_positive, false_positive), self.level)

    # A sweep by margin refers by its thresholds, this one does not: it takes them so that both are asked alike.

    def retained_auc(self, rate: float, thresholds: ArrayLike | None = None) -> tuple[AucInterval, ...]:  # noqa: ARG002
        """The AUC of each checkpoint on its retained cases, with DeLong's interval, (C,). Kept for the rates seen."""
        k = n_referred(self.n_cases, rate)
        if k not in self._retained_aucs:
            self._retained_aucs[k] = tuple(
                delong_interval(area_under(*by_score.block_counts(k)), self.level) for by_score in self._by_score
            )
        return self._retained_aucs[k]

    def knows_all(self, rates: Sequence[float]) -> bool:
        """The areas of all these rates have been counted."""
        return all(n_referred(self.n_cases, rate) in self._retained_aucs for rate in rates)

    def retained_aucs(self, rates: Sequence[float]) -> Iterator[None]:
        """Count the areas of all these rates beforehand, one checkpoint at a time: a step each time it yields.

        From the highest rate down each adds a few cases to those before; all together cost as much as a few alone.
        """
        limits = sorted({n_referred(self.n_cases, rate) for rate in rates}, reverse=True)
        found: list[list[AucInterval]] = []
        for by_score, positive, negative in zip(self._by_score, self._positive, self._negative, strict=True):
            block = np.empty(self.n_cases, dtype=np.intp)
            lengths = np.diff(by_score.block_ends, prepend=-1)
            block[by_score.order] = np.repeat(np.arange(lengths.size), lengths)
            of_positives, of_negatives = np.zeros((2, lengths.size), dtype=np.int64)
            found.append([])
            stop = self.n_cases
            for k in limits:
                places = np.arange(k, stop)
                of_positives += np.bincount(block[places[positive[k:stop]]], minlength=lengths.size)
                of_negatives += np.bincount(block[places[negative[k:stop]]], minlength=lengths.size)
                found[-1].append(delong_interval(area_under(of_positives, of_negatives), self.level))
                stop = k
            yield
        for row, k in enumerate(limits):
            self._retained_aucs[k] = tuple(areas[row] for areas in found)

    def referred(
        self,
        rate: float,
        checkpoint: int = 0,
        *,
        thresholds: ArrayLike | None = None,  # noqa: ARG002
    ) -> NDArray[np.intp]:
        """The indices of the referred cases of one checkpoint, the most uncertain first: a worklist."""
        order: NDArray[np.intp] = self._orders[checkpoint]
        return order[: n_referred(self.n_cases, rate)]

    def retained_curve(
        self,
        rate: float,
        along: NDArray[np.float64],
        checkpoint: int = 0,
        *,
        thresholds: ArrayLike | None = None,  # noqa: ARG002
    ) -> RocCurve:
        """The ROC curve of the retained cases of one checkpoint at the thresholds `along` (descending), for drawing."""
        kept = self._between.get(checkpoint)
        if kept is None or kept[0] is not along:
            # Below which of the thresholds a case lies, with its class: sorted once, counted at every step.
            between = np.searchsorted(along[::-1], self._scores[checkpoint])
            codes = 3 * between + np.where(self._positive[checkpoint], 2, self._negative[checkpoint])
            self._between[checkpoint] = kept = along, codes
        k = n_referred(self.n_cases, rate)
        counts = np.bincount(kept[1][k:], minlength=3 * along.size + 3).reshape(-1, 3)
        # Strictly above the i-th smallest threshold lie those with more than i thresholds below them.
        above = (counts[::-1].cumsum(axis=0)[::-1][1:])[::-1]
        n_negative, n_positive = int(counts[:, 1].sum()), int(counts[:, 2].sum())
        return RocCurve(along, above[:, 2], above[:, 1], n_positive, n_negative)


def _running_total(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(C, n + 1): how many flags are set among the first k."""
    totals = np.zeros((flags.shape[0], flags.shape[1] + 1), dtype=np.int64)
    np.cumsum(flags, axis=1, out=totals[:, 1:])
    return totals
