"""What several checkpoints show at one referral rate and their thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.intervals import wilson


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

    @classmethod
    def of_counts(
        cls,
        rate: float,
        n_referred: int,
        n_retained: int,
        referred_positive: NDArray[np.int64],
        retained: tuple[NDArray[np.int64], NDArray[np.int64]],
        called: tuple[NDArray[np.int64], NDArray[np.int64]],
        level: float,
    ) -> ReferralState:
        """From (C,) positives and negatives among the retained, and how many of each are called positive."""
        (positive, negative), (true_positive, false_positive) = retained, called
        true_negative = negative - false_positive
        with np.errstate(invalid="ignore"):
            return cls(
                rate, n_referred, n_retained, referred_positive,
                true_positive, false_positive, true_negative, positive - true_positive,
                true_positive / positive, *wilson(true_positive, positive, level),
                true_negative / negative, *wilson(true_negative, negative, level),
            )  # fmt: skip
