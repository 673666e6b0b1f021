"""The oracle-collaborative AUC: the area under the curve of a checkpoint together with an expert of limited time.

Kivlichan et al., WOAH 2021, as computed in google/uncertainty-baselines (toxic_comments/metrics.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import stated_cases


def collaborative_auc(
    labels: ArrayLike, probabilities: ArrayLike, rates: Sequence[float], n_thresholds: int = 200, n_bins: int = 15
) -> NDArray[np.float64]:
    """The ROC area of one finding when, at each threshold, the cases nearest to it are answered by an expert.

    labels (n,) of 1, 0, NaN (left out); probabilities (n,) in [0, 1]; rates: share of the n stated cases that the
    expert answers. Returns (rates,) float64; NaN when a class is empty.

    Cases are taken from `n_bins` equal bins of |p - t|, the nearest bins first; of the bin in which the budget ends,
    all cases are corrected in proportion. Scores are float32 as in the source, and the first and the last threshold,
    just outside [0, 1], are not corrected. Raises ValueError as `stated_cases` does.
    """
    cases = stated_cases(labels, probabilities)
    m, n = cases.n_positive, cases.n_negative
    if not m or not n:
        return np.full(len(rates), np.nan)
    inner = np.arange(1, n_thresholds - 1) / (n_thresholds - 1)
    thresholds = np.concatenate(([-1e-7], inner, [1 + 1e-7])).astype(np.float32)
    scores = cases.scores[0].astype(np.float32)
    called, positive_counts = _histograms(np.sort(scores[cases.positive]), thresholds, n_bins)
    false_called, negative_counts = _histograms(np.sort(scores[~cases.positive]), thresholds, n_bins)
    in_bin = positive_counts[0] + positive_counts[1] + negative_counts[0] + negative_counts[1]
    missed, alarms = positive_counts[0], negative_counts[1]
    areas = np.empty(len(rates))
    for row, rate in enumerate(rates):
        budget = math.floor(np.float32(m + n) * np.float32(rate))
        answered = _share_answered(in_bin, budget)
        answered[[0, -1]] = 0
        true_positive = called + (missed * answered).sum(axis=1)
        false_positive = false_called - (alarms * answered).sum(axis=1)
        x, y = false_positive / n, true_positive / m
        areas[row] = np.sum((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2)
    return areas


def _histograms(
    ascending: NDArray[np.float32], thresholds: NDArray[np.float32], n_bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each threshold: how many scores lie strictly above it, and how many on each side in each bin of |p - t|.

    Returns (T,) and (2, T, bins). The bin of a score is floor(|p - t| · bins) in float32, at most bins - 1; it rises
    with the distance, so that a binary search in the sorted scores finds each bin's edge without visiting every case.
    """
    n = ascending.size
    split = np.searchsorted(ascending, thresholds, side="right")
    bins = np.arange(1, n_bins)

    def bin_of(index: NDArray[np.intp]) -> NDArray[np.float32]:
        distance: NDArray[np.float32] = np.abs(ascending[np.clip(index, 0, n - 1)] - thresholds[:, np.newaxis])
        number: NDArray[np.float32] = np.floor(distance * np.float32(n_bins))
        return number

    # Above the threshold: the first index whose bin is at least b. Below it: the first whose bin is less than b.
    low, high = np.repeat(split[:, np.newaxis], n_bins - 1, axis=1), np.full((thresholds.size, n_bins - 1), n)
    upper_edges = _first_index(low, high, lambda index: bin_of(index) >= bins)
    lower_edges = _first_index(np.zeros_like(low), low, lambda index: bin_of(index) < bins)
    column = split[:, np.newaxis]
    above = np.diff(np.hstack((column, upper_edges, np.full_like(column, n))), axis=1)
    below = -np.diff(np.hstack((column, lower_edges, np.zeros_like(column))), axis=1)
    return (n - split).astype(np.float64), np.stack((below, above)).astype(np.float64)


def _first_index(
    low: NDArray[np.intp], high: NDArray[np.intp], is_true: Callable[[NDArray[np.intp]], NDArray[np.bool_]]
) -> NDArray[np.intp]:
    """The first index in [low, high) at which a condition that stays true holds, else high; for all places at once."""
    low, high = low.copy(), high.copy()
    while np.any(low < high):
        open_ = low < high
        middle = (low + high) // 2
        holds = is_true(middle)
        high = np.where(open_ & holds, middle, high)
        low = np.where(open_ & ~holds, middle + 1, low)
    return low


def _share_answered(in_bin: NDArray[np.float64], budget: int) -> NDArray[np.float64]:
    """(T, bins): the share of each bin that a budget of cases pays for, the nearest bins first."""
    before = np.cumsum(in_bin, axis=1) - in_bin
    return np.clip((budget - before) / np.maximum(in_bin, 1), 0, 1)
