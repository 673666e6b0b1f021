"""Several classes that exclude each other: one probability for each, summing to 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.calibration import expected_calibration_error, negative_log_likelihood
from xferviewer.evaluation.confusion_matrix import ConfusionMatrix, confusion_matrix, mean_of_defined
from xferviewer.evaluation.roc import auc, average_precision

_SUM_TOLERANCE = 1e-3  # probabilities come rounded to four digits


@dataclass(frozen=True, slots=True, eq=False)
class MulticlassMetrics:
    """What a checkpoint's probabilities of K classes are worth. Undefined values are NaN; (K,) arrays are by class.

    confusion          of the most probable class; the first of equal ones.
    auc_per_class      each class against all others; NaN for a class without cases.
    auc_macro          their mean, over the classes that have one.
    auc_hand_till      the mean over pairs of classes of how well each tells itself from the other (Hand and Till,
                       Machine Learning 2001, 45:171): unlike `auc_macro` it does not depend on how common they are.
    average_precision  (K,) each class against all others.
    nll                mean of -ln P(true class), P cut off at 1e-15.
    brier              mean over cases of the sum over classes of (p - o)², in [0, 2].
    ece_top_label      calibration error of the highest probability against being right.
    ece_classwise      mean over classes of the calibration error of each class's probability (Kull et al., NeurIPS
                       2019).
    n_unstated         cases left out because their label is NaN.
    """

    confusion: ConfusionMatrix
    auc_per_class: NDArray[np.float64]
    auc_macro: float
    auc_hand_till: float
    average_precision: NDArray[np.float64]
    nll: float
    brier: float
    ece_top_label: float
    ece_classwise: float
    n_unstated: int


def multiclass_metrics(labels: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> MulticlassMetrics:
    """Every number of a checkpoint of several classes.

    labels         (n,) the class of each case, from 0; NaN where it is not stated.
    probabilities  (n, K) in [0, 1], each row summing to 1 within a thousandth; anything where the label is NaN.
    bins           of the calibration errors, of equal width.

    Raises ValueError for other shapes or values.
    """
    true, p, n_unstated = _stated(labels, probabilities)
    k = p.shape[1]
    is_class = true[:, np.newaxis] == np.arange(k)
    said = p.argmax(axis=1)
    areas = np.array([auc(is_class[:, c], p[:, c]) for c in range(k)])
    return MulticlassMetrics(
        confusion=confusion_matrix(true, said, k),
        auc_per_class=areas,
        auc_macro=mean_of_defined(areas),
        auc_hand_till=hand_till(true, p),
        average_precision=np.array([average_precision(is_class[:, c], p[:, c]) for c in range(k)]),
        nll=negative_log_likelihood(np.ones(true.size), p[is_class]),
        brier=float(np.mean(np.sum((p - is_class) ** 2, axis=1))) if true.size else math.nan,
        ece_top_label=expected_calibration_error(said == true, p.max(axis=1, initial=0), bins),
        ece_classwise=mean_of_defined(
            np.array([expected_calibration_error(is_class[:, c], p[:, c], bins) for c in range(k)])
        ),
        n_unstated=n_unstated,
    )


def hand_till(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Hand and Till's area of several classes; arguments and errors as for `multiclass_metrics`.

    Over the pairs of classes that both have cases; NaN without one.
    """
    true, p, _ = _stated(labels, probabilities)
    areas = []
    for i, j in combinations(range(p.shape[1]), 2):
        of_pair = (true == i) | (true == j)
        areas += [auc(true[of_pair] == one, p[of_pair, one]) for one in (i, j)]
    return mean_of_defined(np.array(areas))


def _stated(labels: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    values, p = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 1 or p.ndim != 2 or len(p) != values.size or p.shape[1] < 2:
        raise ValueError(f"expected labels (n,) and probabilities (n, K) with K >= 2, got {values.shape} and {p.shape}")
    stated = ~np.isnan(values)
    values, p = values[stated], p[stated]
    if not np.all((values >= 0) & (values < p.shape[1]) & (values == np.floor(values))):
        raise ValueError(f"labels are whole numbers from 0 to {p.shape[1] - 1}, or NaN (not stated)")
    if not np.all((p >= 0) & (p <= 1)) or np.any(np.abs(p.sum(axis=1) - 1) > _SUM_TOLERANCE):
        raise ValueError("probabilities of classes that exclude each other lie in [0, 1] and sum to 1")
    return values, p, int(np.count_nonzero(~stated))
