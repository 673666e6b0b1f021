"""Precision over recall: how many of the called cases have the finding, as more of those that have it are called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.roc import RocCurve


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionRecallCurve:
    """The points of an exact precision-recall curve, or of one that was thinned for drawing.

    thresholds         (k,) float64, descending, from the first that calls anybody to -inf.
    true_positives     (k,) int64: positives with a score above the threshold.
    called             (k,) int64: cases with a score above the threshold.
    average_precision  the sum of (R_i - R_{i-1}) P_i of the exact curve, to which steps belong: no straight line joins
                       two points (Davis and Goadrich, ICML 2006). NaN without positives.
    """

    thresholds: NDArray[np.float64]
    true_positives: NDArray[np.int64]
    called: NDArray[np.int64]
    n_positive: int
    n_negative: int
    average_precision: float

    @property
    def recall(self) -> NDArray[np.float64]:
        """Sensitivity, (k,) in [0, 1]; NaN without positives."""
        return self.true_positives / self.n_positive if self.n_positive else np.full(self.thresholds.size, np.nan)

    @property
    def precision(self) -> NDArray[np.float64]:
        """PPV, (k,) in [0, 1]."""
        return self.true_positives / self.called

    @property
    def baseline(self) -> float:
        """The prevalence: what scores by lot have for precision; NaN without cases."""
        n = self.n_positive + self.n_negative
        return self.n_positive / n if n else float("nan")


def precision_recall(curve: RocCurve) -> PrecisionRecallCurve:
    """The precision-recall curve of the same calls as an exact ROC curve, not a thinned one."""
    called = curve.true_positives + curve.false_positives
    return PrecisionRecallCurve(
        curve.thresholds[1:],
        curve.true_positives[1:],
        called[1:],
        curve.n_positive,
        curve.n_negative,
        curve.average_precision,
    )


def thin(curve: PrecisionRecallCurve, points: int = 2000) -> PrecisionRecallCurve:
    """The curve for drawing, with `points` points at most (from 8): each column of it keeps its extremes.

    Of the points in one of points / 4 stretches of recall, the first, the last, the highest and the lowest stay: at as
    many pixels the drawing is the same.
    """
    if points < 8:
        raise ValueError(f"expected at least 8 points, got {points}")
    k = curve.thresholds.size
    if k <= points or not curve.n_positive:
        kept = np.arange(k)
    else:
        columns = points // 4
        column = np.minimum((curve.recall * columns).astype(np.intp), columns - 1)
        order = np.lexsort((curve.precision, column))
        starts = np.flatnonzero(np.diff(column, prepend=-1))
        ends = np.append(starts[1:], k) - 1
        # Sorted by column and then by precision, a column holds the same places as before.
        kept = np.unique(np.concatenate((starts, ends, order[starts], order[ends])))
    return PrecisionRecallCurve(
        curve.thresholds[kept],
        curve.true_positives[kept],
        curve.called[kept],
        curve.n_positive,
        curve.n_negative,
        curve.average_precision,
    )
