"""P-values adjusted for their number."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Adjustment = Literal["holm", "bonferroni", "hochberg", "hommel", "bh", "by"]


def adjust(p_values: ArrayLike, method: Adjustment = "holm") -> NDArray[np.float64]:
    """P-values adjusted for their number, (n,) float64 in the order given.

    method  keeping the chance of any false finding: "bonferroni", "holm" (1979), and for tests that are independent or
            positively dependent "hochberg" (1988) and "hommel" (1988); keeping the share of false findings: "bh"
            (Benjamini and Hochberg 1995), and under any dependence "by" (Benjamini and Yekutieli 2001).

    A NaN is left out of the count and stays NaN, as in R's p.adjust. Raises ValueError for another method and for a
    value outside [0, 1].
    """
    given = np.asarray(p_values, dtype=np.float64)
    if np.any((given < 0) | (given > 1)):
        raise ValueError("a p-value lies outside [0, 1]")
    defined = np.flatnonzero(~np.isnan(given))
    adjusted = np.full(given.shape, np.nan)
    order = defined[np.argsort(given[defined], kind="stable")]
    adjusted[order] = np.minimum(1, _adjusted(given[order], method))
    return adjusted


def _adjusted(ascending: NDArray[np.float64], method: Adjustment) -> NDArray[np.float64]:
    n = ascending.size
    rank = np.arange(1, n + 1)
    if method == "bonferroni":
        return ascending * n
    if method == "holm":
        return np.maximum.accumulate(ascending * (n + 1 - rank))
    if method == "hochberg":
        return _from_the_last(ascending * (n + 1 - rank))
    if method == "bh":
        return _from_the_last(ascending * n / rank)
    if method == "by":
        return _from_the_last(ascending * n / rank * np.sum(1 / rank))
    if method == "hommel":
        return _hommel(ascending)
    raise ValueError(f'the method is "holm", "bonferroni", "hochberg", "hommel", "bh" or "by", not {method!r}')


def _from_the_last(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum.accumulate(values[::-1])[::-1]


def _hommel(ascending: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hommel's adjustment by Wright's rule (Biometrics 1992, 48:1005).

    The closed test asks Simes' question of every set of hypotheses that a hypothesis is in; the worst of the sets of
    size m is the hypothesis with the m - 1 largest. One that is among those itself has a worse set of fewer.
    """
    n = ascending.size
    adjusted = ascending.copy()
    for m in range(n, 1, -1):
        largest = ascending[n - m + 1 :]
        simes = float(np.min(m * largest / np.arange(2, m + 1)))
        adjusted = np.maximum(adjusted, np.minimum(m * ascending, simes))
    return adjusted
