"""Several findings of the same cases at one threshold: what is right of all of them together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import check_labels
from xferviewer.evaluation.confusion_matrix import mean_of_defined


@dataclass(frozen=True, slots=True, eq=False)
class MultilabelMetrics:
    """K findings of n cases at `threshold`. Undefined values are NaN and left out of the means; (K,) are by finding.

    accuracy             (K,) share of the stated labels that are decided rightly.
    mean_accuracy        their mean.
    subset_accuracy      share of cases with every finding right, among those whose labels are all stated.
    false_negative_rate  (K,) share of the positives that are missed (under-diagnosis).
    fnr_mean             their mean over the findings that have a positive case; `n_with_positives` of them.
    disparity            highest less lowest accuracy of a finding.
    f1_micro             2 TP / (2 TP + FP + FN) of all findings' counts together.
    """

    threshold: float
    accuracy: NDArray[np.float64]
    mean_accuracy: float
    subset_accuracy: float
    false_negative_rate: NDArray[np.float64]
    fnr_mean: float
    n_with_positives: int
    disparity: float
    f1_micro: float

    @property
    def hamming_loss(self) -> float:
        """The mean share of findings decided wrongly: 1 - `mean_accuracy`."""
        return 1 - self.mean_accuracy


def multilabel_metrics(labels: ArrayLike, scores: ArrayLike, threshold: float = 0.5) -> MultilabelMetrics:
    """What is right when every finding counts as present whose score lies strictly above the threshold.

    labels  (n, K) of 1, 0, NaN (left out of that finding).
    scores  (n, K); anything where the label is NaN.

    Raises ValueError for other labels, other shapes, and a score that is NaN or infinite where a label is stated.
    """
    truth, values = _matrices(labels, scores)
    stated = ~np.isnan(truth)
    positive = truth == 1
    called = values > threshold
    right = stated & (called == positive)
    accuracy = _shares(right, stated)
    missed = _shares(positive & ~called, positive)
    whole = stated.all(axis=1)
    true_positive = int(np.count_nonzero(positive & called))
    wrong = int(np.count_nonzero(stated & ~right))
    defined = accuracy[~np.isnan(accuracy)]
    return MultilabelMetrics(
        threshold=threshold,
        accuracy=accuracy,
        mean_accuracy=mean_of_defined(accuracy),
        subset_accuracy=float(np.mean(right[whole].all(axis=1))) if whole.any() and truth.shape[1] else math.nan,
        false_negative_rate=missed,
        fnr_mean=mean_of_defined(missed),
        n_with_positives=int(np.count_nonzero(positive.any(axis=0))),
        disparity=float(np.ptp(defined)) if defined.size else math.nan,
        f1_micro=2 * true_positive / (2 * true_positive + wrong) if true_positive + wrong else math.nan,
    )


def random_guess_accuracy(labels: ArrayLike) -> NDArray[np.float64]:
    """The accuracy of each finding, (K,), for one who knows its prevalence and calls every case absent: 1 - prevalence.

    labels  (n, K) of 1, 0, NaN (left out). NaN for a finding without stated labels.

    What a published mean accuracy has to be compared with: the findings of a screening set are rare.
    """
    truth = check_labels(labels)
    if truth.ndim != 2:
        raise ValueError(f"expected labels (n, K), got shape {truth.shape}")
    return _shares(truth == 0, ~np.isnan(truth))


def published_calibration_error(labels: ArrayLike, probabilities: ArrayLike, threshold: float = 0.5) -> float:
    """The "calibration error" of Krones (arXiv 2605.08819), as published. It is not a calibration error.

    Its confidence is |p - 0.5|, at most one half, and is compared with the accuracy at `threshold`: the number is about
    the accuracy less 0.42 and rises with it. For tables to be set beside the published ones, and for nothing else;
    `expected_calibration_error` is the default.

    labels, probabilities  (n, K), as for `multilabel_metrics`; probabilities in [0, 1].

    The 15 bins begin at 0, 1/30, … 14/30, each taken as 1/15 wide and a case put into the first that holds it: the
    first bin is [0, 1/15), the others are 1/30 wide. Mean over the findings with a stated label. Raises ValueError as
    `multilabel_metrics` and for a probability outside [0, 1].
    """
    truth, p = _matrices(labels, probabilities)
    stated = ~np.isnan(truth)
    if not np.all((p[stated] >= 0) & (p[stated] <= 1)):
        raise ValueError("a probability lies outside [0, 1]")
    ends = np.linspace(0, 0.5, 16)[:-1] + 1 / 15
    errors = np.full(truth.shape[1], np.nan)
    for k, of in enumerate(stated.T):
        n = int(np.count_nonzero(of))
        if n:
            confidence, right = np.abs(p[of, k] - 0.5), (p[of, k] > threshold) == (truth[of, k] == 1)
            number = np.searchsorted(ends, confidence, side="right")
            gaps = np.bincount(number, weights=confidence) - np.bincount(number, weights=right)
            errors[k] = float(np.sum(np.abs(gaps))) / n
    return mean_of_defined(errors)


def _matrices(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    truth, values = check_labels(labels), np.asarray(scores, dtype=np.float64)
    if truth.ndim != 2 or truth.shape != values.shape:
        raise ValueError(f"expected labels and scores (n, K), got {truth.shape} and {values.shape}")
    if n_missing := int(np.count_nonzero(~np.isfinite(values) & ~np.isnan(truth))):
        raise ValueError(f"{n_missing} scores are NaN or infinite")
    return truth, values


def _shares(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        shares: NDArray[np.float64] = part.sum(axis=0) / whole.sum(axis=0)
    return shares
