"""The cases that count: labels and scores of one length, without unstated labels; impossible values are refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False)
class StatedCases:
    """The cases of one finding whose label is stated.

    positive    (n,) bool: the finding is present.
    scores      (C, n) float64, one row per checkpoint; higher means disease, and that direction is never turned round.
    n_unstated  how many cases were left out because their label is NaN.
    """

    positive: NDArray[np.bool_]
    scores: NDArray[np.float64]
    n_unstated: int

    @property
    def n_positive(self) -> int:
        """Number of cases with the finding."""
        return int(np.count_nonzero(self.positive))

    @property
    def n_negative(self) -> int:
        """Number of cases without the finding."""
        return self.positive.size - self.n_positive


def check_labels(labels: ArrayLike) -> NDArray[np.float64]:
    """Labels as float64 of the shape given: 1 present, 0 absent, NaN not stated.

    Raises ValueError for any other value: the uncertain mark -1 must be resolved by a named policy first.
    """
    values = np.asarray(labels, dtype=np.float64)
    if np.any(values == -1):
        raise ValueError("labels hold the uncertain mark -1: resolve it by a named policy first")
    if not np.all((values == 0) | (values == 1) | np.isnan(values)):
        raise ValueError("labels must be 1 (present), 0 (absent) or NaN (not stated)")
    return values


def stated_cases(labels: ArrayLike, *scores: ArrayLike) -> StatedCases:
    """Keep the cases whose label is stated.

    labels  (n,) of 1, 0 or NaN.
    scores  (n,) each, one per checkpoint; a score may be anything where the label is NaN.

    Raises ValueError for other labels, for lengths that differ and for a score that is NaN or infinite: a missing
    prediction has no rank, and dropping it silently would compare checkpoints on different cases.
    """
    values = check_labels(labels)
    rows = [np.asarray(row, dtype=np.float64) for row in scores]
    if values.ndim != 1 or any(row.shape != values.shape for row in rows):
        raise ValueError(
            f"expected labels and scores of one length, got {[values.shape, *(row.shape for row in rows)]}"
        )
    stated = ~np.isnan(values)
    kept = np.stack([row[stated] for row in rows]) if rows else np.empty((0, int(stated.sum())))
    if not np.isfinite(kept).all():
        raise ValueError(f"{int(np.count_nonzero(~np.isfinite(kept)))} scores are NaN or infinite")
    return StatedCases(values[stated] == 1, kept, int(values.size - np.count_nonzero(stated)))
