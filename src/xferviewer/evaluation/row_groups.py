"""Rows that belong together brought to one: images of a study, rows of a table that repeat a name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def per_group(
    values: NDArray[np.float64], group: NDArray[np.intp], n_groups: int, function: np.ufunc
) -> NDArray[np.float64]:
    """(…, groups, K) of (…, n, K): a function such as np.fmax over the rows of each group; every group has a row."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(n_groups))
    result: NDArray[np.float64] = function.reduceat(values[..., order, :], starts, axis=-2)
    return result


def groups_in_order(names: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of one name are a group: the first row of each, (groups,), and the group of each row, (n,).

    Groups come in the order of their first rows.
    """
    first: dict[str, int] = {}
    group = np.empty(len(names), dtype=np.intp)
    for row, name in enumerate(names):
        group[row] = first.setdefault(name, len(first))
    rows = np.unique(group, return_index=True)[1]
    return rows.astype(np.intp), group


def shared_values(values: Sequence[str], group: NDArray[np.intp], n_groups: int) -> tuple[tuple[str, ...], int]:
    """What all rows of each group say, (groups,) text, "" where they differ, and in how many groups they do."""
    distinct, code = np.unique(np.array(values, dtype=np.str_), return_inverse=True)
    lowest, highest = np.full(n_groups, distinct.size), np.full(n_groups, -1)
    np.minimum.at(lowest, group, code)
    np.maximum.at(highest, group, code)
    mixed = lowest != highest
    shared = tuple("" if is_mixed else str(distinct[i]) for is_mixed, i in zip(mixed, lowest, strict=True))
    return shared, int(np.count_nonzero(mixed))
