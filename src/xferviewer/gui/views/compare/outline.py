"""The outline of a region as lines along the edges of its pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Lines = tuple[NDArray[np.float64], NDArray[np.float64]]
"""x and y of points in pixels; lines lead from each even point to the next odd one."""

NO_LINES: Lines = (np.empty(0), np.empty(0))


def outline_of(marked: NDArray[np.bool_]) -> Lines:
    """Where marked pixels (rows, columns) border on others, and on the edge of the film."""
    framed = np.pad(marked, 1)
    y_of_rows, x_from, x_to = _runs(framed[1:, 1:-1] != framed[:-1, 1:-1])
    x_of_columns, y_from, y_to = _runs((framed[1:-1, 1:] != framed[1:-1, :-1]).T)
    x = np.concatenate([_pairs(x_from, x_to), _pairs(x_of_columns, x_of_columns)])
    y = np.concatenate([_pairs(y_of_rows, y_of_rows), _pairs(y_from, y_to)])
    return x, y


_FINER = 4


def contour_of(values: NDArray[np.float32], level: float) -> Lines:
    """Where a map (rows, columns) crosses a level, along the edges of pixels of a quarter of its own.

    x and y in fractions of the map's width and height.
    """
    rows, columns = values.shape
    finer_rows, finer_columns = ((np.arange(n * _FINER) + 0.5) / _FINER - 0.5 for n in (rows, columns))
    between_rows = _along(values, finer_rows)
    finer = _along(between_rows.T, finer_columns).T
    x, y = outline_of(finer >= max(level, float(np.finfo(np.float32).tiny)))  # zero is no evidence: never outlined
    return x / (columns * _FINER), y / (rows * _FINER)


def _along(values: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Values between rows, linearly; beyond the first and the last those of the edge."""
    places = np.clip(places, 0, len(values) - 1)
    before = places.astype(np.intp)
    after = np.minimum(before + 1, len(values) - 1)
    share = (places - before).astype(np.float32)[:, None]
    mixed: NDArray[np.float32] = values[before] * (1 - share) + values[after] * share
    return mixed


def _runs(edges: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Row, beginning and end of each stretch of True in the rows of `edges`."""
    framed = np.pad(edges, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(framed, axis=1)
    rows, begins = np.nonzero(change == 1)
    _, ends = np.nonzero(change == -1)
    return rows, begins, ends


def _pairs(first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.stack([first, second], axis=1).ravel().astype(np.float64)
