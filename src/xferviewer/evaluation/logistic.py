"""Logistic regression by maximum likelihood, of the one to three coefficients that calibration needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_STEPS = 100
_NO_FURTHER_GAIN = 1e-16  # of the likelihood; the step that promises less is the last one


@dataclass(frozen=True, slots=True, eq=False)
class LogisticFit:
    """Where the likelihood is greatest.

    coefficients  (k,), in the order of the columns.
    covariance    (k, k), the inverse of the observed information.
    nll           the sum of -ln P(target) there.
    """

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    nll: float


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), element by element; NaN stays NaN."""
    # exp of a negative number only, which cannot overflow.
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, small) / (1 + small))


def fit_logistic(
    targets: NDArray[np.float64], columns: Sequence[NDArray[np.float64]], offset: NDArray[np.float64] | float = 0.0
) -> LogisticFit | None:
    """The coefficients b that make P(target) = sigmoid(offset + sum b_j column_j) likeliest.

    targets  (n,) in [0, 1]; a target between 0 and 1 counts as that share of a positive.
    columns  (n,) each, finite; a constant is a column of ones.

    None where no finite maximum was found. Perfect separation is the caller's to exclude: the likelihood then grows
    for ever, and where the climb ends is a matter of rounding. Newton's method; the problem is convex.
    """
    x = np.stack(columns)
    b = np.zeros(len(x))
    score = offset + np.zeros(targets.size)
    nll = _nll(targets, score)
    for _ in range(_MOST_STEPS):
        p = sigmoid(score)
        gradient = np.sum(x * (p - targets), axis=1)
        weighted = x * (p * (1 - p))
        # Sums and not matrix products, whose last digit depends on the number of threads.
        information = np.array([[np.sum(row * other) for other in x] for row in weighted])
        try:
            covariance = np.linalg.inv(information)
        except np.linalg.LinAlgError:
            return None
        step = np.sum(covariance * gradient, axis=1)
        gain = float(np.sum(step * gradient))
        if not np.isfinite(step).all() or gain < 0:
            return None
        for halved in 0.5 ** np.arange(40):
            tried = b - halved * step
            tried_score = offset + np.sum(x * tried[:, np.newaxis], axis=0)
            tried_nll = _nll(targets, tried_score)
            if tried_nll <= nll * (1 + 1e-14):
                break
        b, score, nll = tried, tried_score, tried_nll
        if gain <= _NO_FURTHER_GAIN * (1 + nll):
            return LogisticFit(b, covariance, nll)
    return None


def _nll(targets: NDArray[np.float64], score: NDArray[np.float64]) -> float:
    return float(np.sum(np.logaddexp(0.0, score) - targets * score))
