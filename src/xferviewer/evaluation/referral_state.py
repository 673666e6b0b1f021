"""What is retained of a cohort when cases are referred: counts and rates with their intervals."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.intervals import wilson


@dataclass(frozen=True, slots=True, eq=False)
class RetainedRates:
    """Counts on the retained cases whose label is stated, and rates of them: arrays of one shape, undefined values NaN.

    referred_positive       int64, cases with the finding among the referred.
    true_positive …         int64.
    sensitivity, specificity with Wilson's interval.
    """

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
        referred_positive: NDArray[np.int64],
        retained: tuple[NDArray[np.int64], NDArray[np.int64]],
        called: tuple[NDArray[np.int64], NDArray[np.int64]],
        level: float,
    ) -> RetainedRates:
        """From positives and negatives among the retained, and how many of each are called positive."""
        (positive, negative), (true_positive, false_positive) = retained, called
        true_negative = negative - false_positive
        with np.errstate(invalid="ignore"):
            return cls(
                referred_positive,
                true_positive, false_positive, true_negative, positive - true_positive,
                true_positive / positive, *wilson(true_positive, positive, level),
                true_negative / negative, *wilson(true_negative, negative, level),
            )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class ReferralState(RetainedRates):
    """Every checkpoint at one referral rate and its threshold: arrays of shape (C,).

    n_referred, n_retained  numbers of cases, with those whose label is not stated.
    """

    rate: float
    n_referred: int
    n_retained: int

    @classmethod
    def at(cls, rate: float, n_referred: int, n_retained: int, rates: RetainedRates) -> ReferralState:
        """The rates (C,) with what they belong to."""
        kept = {field.name: getattr(rates, field.name) for field in fields(RetainedRates)}
        return cls(**kept, rate=rate, n_referred=n_referred, n_retained=n_retained)


def ideal_rates(right: int, wrong: int, referred: NDArray[np.int64]) -> NDArray[np.float64]:
    """The best rate that any referral of so many cases could leave, of the shape of `referred`: all are wrong ones.

    right, wrong  for sensitivity the cases with the finding that are called right and missed; for specificity those
                  without it. NaN where nothing is left.
    """
    with np.errstate(invalid="ignore"):
        ideal: NDArray[np.float64] = right / (right + wrong - np.minimum(referred, wrong)).astype(np.float64)
    return ideal
