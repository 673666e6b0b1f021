"""Referral by the distance to a score, live: an operating point drags the cases that it refers along with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.referral_state import ReferralState, RetainedRates
from xferviewer.evaluation.roc import AucInterval, RocCurve, delong_interval
from xferviewer.evaluation.score_order import LeftOut, ScoreOrder
from xferviewer.evaluation.uncertainty import n_referred


class MarginSweep:
    """One finding and C checkpoints; each refers the cases whose scores lie nearest to its centre.

    orders   (C,) the cases of each checkpoint by score.
    centres  (C,) a score, or None for the threshold that is asked about.

    The cases are those that `ReferralSweep` refers for the uncertainty -|score - centre|, and every number has the same
    bits, at a cost that grows with the logarithm of the number of cases.
    """

    def __init__(
        self, orders: Sequence[ScoreOrder], centres: Sequence[float | None] | None = None, level: float = 0.95
    ) -> None:
        self.level = level
        self._orders = orders
        self._centres = centres or [None] * len(orders)
        self.n_cases = orders[0].scores.size if orders else 0

    def at(self, rate: float, thresholds: ArrayLike) -> ReferralState:
        """The counts and rates when `rate` of the cases are referred; one threshold, or one per checkpoint."""
        k = n_referred(self.n_cases, rate)
        limits = self._limits(thresholds)
        rates = self._rates([(c, limit, k) for c, limit in enumerate(limits)])
        return ReferralState.at(rate, k, self.n_cases - k, rates)

    def along(self, rates: Sequence[float], threshold: float, checkpoint: int = 0) -> RetainedRates:
        """The counts and rates of one checkpoint at many referral rates, (R,)."""
        return self._rates([(checkpoint, threshold, n_referred(self.n_cases, rate)) for rate in rates])

    def _rates(self, asked: Sequence[tuple[int, float, int]]) -> RetainedRates:
        """Of checkpoints, their thresholds and numbers of referred cases."""
        counts = np.zeros((5, len(asked)), dtype=np.int64)
        for i, (c, limit, k) in enumerate(asked):
            order, left_out = self._orders[c], self._left_out(c, limit, k)
            first = order.place_above(limit)
            positive, negative = order.counts_of(left_out)
            called_positive, called_negative = order.counts_of(left_out, first)
            counts[:, i] = (
                positive,
                order.n_positive - positive,
                order.n_negative - negative,
                order.n_positive - order.n_positive_before(first) - called_positive,
                order.n_negative - order.n_negative_before(first) - called_negative,
            )
        return RetainedRates.of_counts(counts[0], (counts[1], counts[2]), (counts[3], counts[4]), self.level)

    def retained_auc(self, rate: float, thresholds: ArrayLike) -> tuple[AucInterval, ...]:
        """The AUC of each checkpoint on its retained cases, with DeLong's interval, (C,)."""
        k = n_referred(self.n_cases, rate)
        limits = self._limits(thresholds)
        return tuple(
            delong_interval(order.area_without(self._left_out(c, limits[c], k)), self.level)
            for c, order in enumerate(self._orders)
        )

    def referred(self, rate: float, checkpoint: int = 0, *, thresholds: ArrayLike) -> NDArray[np.intp]:
        """The indices of the referred cases of one checkpoint, the most uncertain first: a worklist."""
        order, limit = self._orders[checkpoint], self._limits(thresholds)[checkpoint]
        places = order.places_of(self._left_out(checkpoint, limit, n_referred(self.n_cases, rate)))
        cases = order.order[places].astype(np.intp)
        return cases[np.lexsort((cases, np.abs(order.scores[places] - self._centre(checkpoint, limit))))]

    def retained_curve(
        self, rate: float, along: NDArray[np.float64], checkpoint: int = 0, *, thresholds: ArrayLike
    ) -> RocCurve:
        """The ROC curve of the retained cases of one checkpoint at the thresholds `along`, for drawing."""
        order, limit = self._orders[checkpoint], self._limits(thresholds)[checkpoint]
        left_out = self._left_out(checkpoint, limit, n_referred(self.n_cases, rate))
        positive, negative = order.counts_of(left_out)
        called = order.called_without(left_out, along)
        return RocCurve(along, *called, order.n_positive - positive, order.n_negative - negative)

    def _limits(self, thresholds: ArrayLike) -> list[float]:
        return [float(t) for t in np.broadcast_to(np.asarray(thresholds, dtype=np.float64), len(self._orders))]

    def _centre(self, checkpoint: int, limit: float) -> float:
        centre = self._centres[checkpoint]
        return limit if centre is None else centre

    def _left_out(self, checkpoint: int, limit: float, k: int) -> LeftOut:
        return self._orders[checkpoint].next_to(self._centre(checkpoint, limit), k)
