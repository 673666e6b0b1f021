"""Subgroups: the cases that share a value of a column, such as the site or the sex."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MANY_NUMBERS = 12  # a column with more distinct numbers than this is cut into bands
MANY_WORDS = 50  # a column with more distinct words than this tells cases apart rather than groups


def group_cases(values: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """The cases of each group, (n,) bool by the group's name, in the order of the names; "" belongs to no group.

    A column of more than 12 distinct numbers, such as the age, is cut at its quartiles (type 7) into bands like
    "[47, 61)". Raises ValueError for more than 50 distinct words.
    """
    column = np.array(values, dtype=np.str_)
    distinct = [value for value in np.unique(column).tolist() if value]
    numbers = {value: number for value in distinct if (number := _number(value)) is not None}
    if len(numbers) > MANY_NUMBERS and len(numbers) >= len(distinct) - 1:  # one word may stand for "not stated"
        return _bands(column, numbers)
    if len(distinct) > MANY_WORDS:
        raise ValueError(f"{len(distinct)} different values")
    if len(numbers) == len(distinct):
        distinct.sort(key=float)
    return {value: column == value for value in distinct}


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _bands(column: NDArray[np.str_], numbers: dict[str, float]) -> dict[str, NDArray[np.bool_]]:
    amounts = np.array([numbers.get(value, np.nan) for value in column.tolist()])
    edges = np.unique(np.nanquantile(amounts, [0, 0.25, 0.5, 0.75, 1]))
    groups = {}
    for i, (low, high) in enumerate(pairwise(edges)):
        if i == edges.size - 2:
            groups[f"[{low:g}, {high:g}]"] = (amounts >= low) & (amounts <= high)
        else:
            groups[f"[{low:g}, {high:g})"] = (amounts >= low) & (amounts < high)
    for word in sorted(set(column[np.isnan(amounts)].tolist()) - {""}):
        groups[word] = column == word
    return groups
