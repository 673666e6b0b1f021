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


def _runs(edges: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Row, beginning and end of each stretch of True in the rows of `edges`."""
    framed = np.pad(edges, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(framed, axis=1)
    rows, begins = np.nonzero(change == 1)
    _, ends = np.nonzero(change == -1)
    return rows, begins, ends


def _pairs(first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.stack([first, second], axis=1).ravel().astype(np.float64)
