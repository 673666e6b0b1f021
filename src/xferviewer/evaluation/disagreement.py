"""On which cases checkpoints disagree, told on a scale that they share.

Probabilities of two checkpoints do not compare: 0.3 may be alarming for the one and nothing for the other. What does is
the sensitivity at which a case would be called. Only the order of a checkpoint's scores counts for it, so that no
temperature, nor another calibration that keeps cases apart, changes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import check_labels


@dataclass(frozen=True, slots=True, eq=False)
class Disagreement:
    """C checkpoints on n cases of one finding.

    sensitivity   the one at which calls are compared.
    positions     (C, n) in [0, 1]: the share of the positives whose score lies strictly above that of the case. A case
                  is called at a sensitivity exactly when its position lies below it: this is what `at_sensitivity`
                  calls, whose threshold is the highest that reaches the sensitivity. Equal scores of a checkpoint have
                  equal positions and are called together; 1 is the position of all cases below the last positive.
    called        (C, n) bool, at `sensitivity`.
    disagreement  (n,) in [0, 1]: the greatest position of the case less the smallest.
    differs       (n,) bool: some checkpoints call the case and others do not.
    order         (n,) case indices: those whose calls differ first, the largest disagreement first, ties in the order
                  of the cases.
    """

    sensitivity: float
    positions: NDArray[np.float64]
    called: NDArray[np.bool_]
    disagreement: NDArray[np.float64]
    differs: NDArray[np.bool_]
    order: NDArray[np.intp]


def disagreement(labels: ArrayLike, scores: ArrayLike, sensitivity: float) -> Disagreement:
    """Put the scores of checkpoints on a common scale and find the cases on which they part, in O(C n log n).

    labels       (n,) of 1, 0, NaN; cases whose label is not stated have a position too, and only no part in the scale.
    scores       (C, n), finite, of the same cases in the same order.
    sensitivity  in [0, 1], the one that the checkpoints are used at.

    Raises ValueError for other shapes or values, and where no case is positive: the scale is theirs.
    """
    truth, rows = check_labels(labels), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 1 or rows.ndim != 2 or not len(rows) or rows.shape[1:] != truth.shape:
        raise ValueError(f"expected labels (n,) and scores (C, n), got {truth.shape} and {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError(f"{int(np.count_nonzero(~np.isfinite(rows)))} scores are NaN or infinite")
    if not 0 <= sensitivity <= 1:
        raise ValueError(f"a sensitivity lies in [0, 1], got {sensitivity}")
    of_positives = np.sort(rows[:, truth == 1], axis=1)
    m = of_positives.shape[1]
    if not m:
        raise ValueError("no case is positive, so that there is no sensitivity to compare at")
    above = np.stack([m - np.searchsorted(known, row, "right") for known, row in zip(of_positives, rows, strict=True)])
    positions = above / m
    called = positions < sensitivity
    differs = called.any(axis=0) & ~called.all(axis=0)
    # In whole positives, so that equal disagreements tie.
    apart = np.ptp(above, axis=0)
    order = np.lexsort((-apart, ~differs))
    return Disagreement(sensitivity, positions, called, apart / m, differs, order)
