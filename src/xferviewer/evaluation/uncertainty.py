"""How unsure a checkpoint is of a case, and which cases that sends to an expert first.

Uncertainty is larger for cases that are referred sooner; ties are referred in the order of the cases.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

UncertaintyMeasure = Literal["distance", "entropy", "margin"]


def uncertainty(
    probabilities: ArrayLike, measure: UncertaintyMeasure = "distance", thresholds: ArrayLike | None = None
) -> NDArray[np.float64]:
    """How unsure a checkpoint is of each case, (n,) float64: the larger, the sooner referred.

    probabilities  (n,) of one finding or (n, findings) in [0, 1]; per case the mean over findings is taken, without
                   those that are NaN (not trained).
    measure        "distance": 0.5 - |p - 0.5|, in [0, 0.5]; the order of Krones, arXiv 2605.08819.
                   "entropy": of the Bernoulli distribution, in [0, 1] bit.
                   "margin": -|p - threshold|, the distance to the operating point, in [-1, 0]; needs `thresholds`, one
                   number or one per finding.

    Raises ValueError for a probability outside [0, 1], for a case without any probability, and for "margin" without
    thresholds.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    p = p[:, np.newaxis] if p.ndim == 1 else p
    if p.ndim != 2 or np.any((p < 0) | (p > 1)):
        raise ValueError("expected probabilities in [0, 1] of shape (n,) or (n, findings)")
    if np.isnan(p).all(axis=1).any():
        raise ValueError("a case has no probability at all")
    if measure == "distance":
        values = 0.5 - np.abs(p - 0.5)
    elif measure == "entropy":
        q = 1 - p
        with np.errstate(divide="ignore", invalid="ignore"):
            values = -(np.where(p > 0, p * np.log2(p), p) + np.where(q > 0, q * np.log2(q), q))
    elif measure == "margin":
        if thresholds is None:
            raise ValueError("a margin is the distance to thresholds, and none were given")
        values = -np.abs(p - np.asarray(thresholds, dtype=np.float64))
    else:
        raise ValueError(f'the measure is "distance", "entropy" or "margin", not {measure!r}')
    per_case: NDArray[np.float64] = np.nanmean(values, axis=1)
    return per_case


def referral_order(uncertain: ArrayLike) -> NDArray[np.intp]:
    """Case indices, the most uncertain first, ties in the order of the cases. Raises ValueError for a NaN."""
    values = np.asarray(uncertain, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("an uncertainty is NaN")
    return np.argsort(-values, kind="stable")


def n_referred(n: int, rate: float) -> int:
    """floor(n · rate) cases; a product that misses a whole number by a rounding error counts as that number.

    Raises ValueError unless 0 <= rate <= 1.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"a referral rate lies in [0, 1], got {rate}")
    return min(n, math.floor(n * rate + 1e-9))
