"""Saliency maps of different input crops brought to one geometry: that of the film, or of the part that both saw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Part = tuple[float, float, float, float]
"""A part of a film: (top, left, bottom, right) in fractions of its rows and columns."""

WHOLE: Part = (0.0, 0.0, 1.0, 1.0)


def on_film(values: NDArray[np.float32], part: Part, rows: int, columns: int) -> NDArray[np.float32]:
    """A map (map rows, map columns) of `part` of a film at the film's pixels (rows, columns), float32.

    Bilinear between the centres of the map's pixels. Zero where the network saw nothing: there it found no evidence.
    """
    return resampled(values, part, WHOLE, rows, columns)


def resampled(values: NDArray[np.float32], part: Part, wanted: Part, rows: int, columns: int) -> NDArray[np.float32]:
    """A map of `part` at the centres of a grid (rows, columns) over the part `wanted`; zero outside of `part`."""
    upper, down = _between(values.shape[0], part[0], part[2], wanted[0], wanted[2], rows)
    left, right = _between(values.shape[1], part[1], part[3], wanted[1], wanted[3], columns)
    tall = values[upper[0]] * down[:, :1] + values[upper[1]] * down[:, 1:]
    return np.ascontiguousarray(tall[:, left[0]] * right[:, 0] + tall[:, left[1]] * right[:, 1])


def seen_by_both(a: Part, b: Part) -> Part:
    """The part of the film that lies in both parts. Raises ValueError where there is none."""
    top, left, bottom, right = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    if top >= bottom or left >= right:
        raise ValueError("the two parts of the film have nothing in common")
    return top, left, bottom, right


def on_common_grid(
    a: NDArray[np.float32], part_a: Part, b: NDArray[np.float32], part_b: Part
) -> tuple[NDArray[np.float32], NDArray[np.float32], Part]:
    """Two maps of one film on one grid, and the part of the film under it.

    The grid covers what both networks saw, as finely as the finer of the two maps; what one of them did not see says
    nothing of how far they agree. Maps of one part and one size are returned as they are.
    """
    if part_a == part_b and a.shape == b.shape:
        return a, b, part_a
    common = seen_by_both(part_a, part_b)
    rows, columns = (
        max(
            round(values.shape[axis] * (common[axis + 2] - common[axis]) / (part[axis + 2] - part[axis]))
            for values, part in ((a, part_a), (b, part_b))
        )
        for axis in (0, 1)
    )
    rows, columns = max(rows, 1), max(columns, 1)
    return resampled(a, part_a, common, rows, columns), resampled(b, part_b, common, rows, columns), common


def _between(
    size: int, first: float, last: float, wanted_first: float, wanted_last: float, count: int
) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], NDArray[np.float32]]:
    """For each place of the grid the two neighbours along one axis of the map, and their weights (count, 2)."""
    step = (wanted_last - wanted_first) / count
    at = (wanted_first + (np.arange(count) + 0.5) * step - first) * (size / (last - first)) - 0.5
    at = np.where(np.abs(at - np.rint(at)) < 1e-9 * size, np.rint(at), at)  # the map's own grid gives its own values
    inside = (at >= -0.5) & (at < size - 0.5 + 1e-9 * size)
    clipped = np.clip(at, 0, size - 1)
    lower = np.minimum(np.floor(clipped).astype(np.intp), size - 1)
    upper = np.minimum(lower + 1, size - 1)
    share = clipped - lower
    weights = np.stack([1 - share, share], axis=1) * inside[:, np.newaxis]
    return (lower, upper), weights.astype(np.float32)
