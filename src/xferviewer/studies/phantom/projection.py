"""From the patient to the film: a diverging beam, and thin bodies summed along it.

Coordinates of the patient are in cm: x to the patient's left (right on the film), y down from the apex of the lungs,
z to the front from the middle of the chest. A path length is the length in cm that a ray runs inside a body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Projection:
    """A point source and a square detector.

    size          rows and columns of the film
    pitch_cm      distance of pixel centres at the detector
    top_cm        y at the upper edge of the film, at the detector
    centre_cm     x and y of the ray that meets the detector at a right angle
    source_cm     distance from the source to the detector
    detector_z    z of the detector: in front of the patient for PA, behind for AP
    rotation      tangent of the patient's rotation about the vertical axis
    """

    size: int
    pitch_cm: float
    top_cm: float
    centre_cm: tuple[float, float]
    source_cm: float
    detector_z: float
    rotation: float

    def magnification(self, z: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """How much larger than life a body at depth z is shown."""
        return self.source_cm / (self.source_cm - np.abs(self.detector_z - np.asarray(z, dtype=np.float64)))

    def plane(self, z: float) -> tuple[Field, Field]:
        """x of the columns, shape (1, size), and y of the rows, shape (size, 1), in the plane at depth z."""
        at_detector = (np.arange(self.size) + 0.5) * self.pitch_cm
        scale = float(self.magnification(z))
        x0, y0 = self.centre_cm
        x = x0 + (at_detector - 0.5 * self.size * self.pitch_cm - x0) / scale - self.rotation * z
        y = y0 + (at_detector + self.top_cm - y0) / scale
        return x.astype(np.float32)[None, :], y.astype(np.float32)[:, None]

    def pixels(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Row, column and magnification of points of shape (…, 3) given as x, y, z."""
        x, y, z = np.moveaxis(points, -1, 0)
        scale = self.magnification(z)
        x0, y0 = self.centre_cm
        column = (x0 + (x + self.rotation * z - x0) * scale) / self.pitch_cm + 0.5 * self.size - 0.5
        row = (y0 + (y - y0) * scale - self.top_cm) / self.pitch_cm - 0.5
        return row, column, scale


def add_tubes(
    field: Field,
    projection: Projection,
    points: NDArray[np.float64],
    radii: NDArray[np.float64],
    steps: NDArray[np.float64],
    *,
    wall: float | None = None,
    core: float = 0.0,
) -> None:
    """Add to `field` the path lengths through tubes given by the points of their axes.

    points   (n, 3), the axes sampled more finely than their radius
    radii    (n,) cm
    steps    (n,) cm of axis that each point stands for; scaled by less than one for flattened tubes
    wall     thickness in cm of a shell that counts fully; what it encloses counts `core`; None for a solid tube

    Discs of unit height strung along an axis add up to a solid tube: the integral of [s² + d² < R²] over s is
    2·sqrt(R² − d²), the chord of a cylinder at distance d from its axis.
    """
    row, column, scale = projection.pixels(points)
    radius = radii * scale / projection.pitch_cm
    reach = np.ceil(radius + 0.5).astype(np.int64)
    size = projection.size
    inside = (row > -reach) & (row < size + reach) & (column > -reach) & (column < size + reach)
    if not inside.any():
        return
    row, column, radius, steps = row[inside], column[inside], radius[inside], steps[inside]
    reach = reach[inside]
    margin = int(reach.max()) + 1
    top, left = int(row.min()) - margin, int(column.min()) - margin
    rows, columns = int(row.max()) + margin + 1 - top, int(column.max()) + margin + 1 - left
    places, weights = [], []
    for half in np.unique(reach):
        chosen = reach == half
        # The points are the last axis: numpy is fast along a long one.
        r, c, big = row[chosen], column[chosen], radius[chosen].astype(np.float32)
        whole_r, whole_c = np.rint(r).astype(np.int64), np.rint(c).astype(np.int64)
        offset = np.arange(-half, half + 1)
        dy = (offset[:, None] - (r - whole_r)).astype(np.float32)
        dx = (offset[:, None] - (c - whole_c)).astype(np.float32)
        distance = np.sqrt((dy * dy)[:, None] + (dx * dx)[None])
        # Finer than the pixels, a disc is shown one pixel wide and counts by its area.
        weight = np.maximum(big, np.float32(0.5)) + np.float32(0.5) - distance
        np.clip(weight, 0.0, 1.0, out=weight)
        if wall is not None:
            inner = big - np.float32(wall / projection.pitch_cm - 0.5)
            weight -= np.float32(1.0 - core) * np.clip(inner - distance, 0.0, 1.0)
        elif half == 1:
            weight *= np.pi * big**2 / weight.sum(axis=(0, 1))
        weight *= steps[chosen].astype(np.float32)
        place = ((offset * columns)[:, None] + offset)[:, :, None] + ((whole_r - top) * columns + whole_c - left)
        places.append(place.ravel())
        weights.append(weight.ravel())
    total = np.bincount(np.concatenate(places), weights=np.concatenate(weights), minlength=rows * columns)
    shown_rows = slice(max(top, 0), min(top + rows, size))
    shown_columns = slice(max(left, 0), min(left + columns, size))
    field[shown_rows, shown_columns] += total.reshape(rows, columns)[
        shown_rows.start - top : shown_rows.stop - top, shown_columns.start - left : shown_columns.stop - left
    ].astype(np.float32)


def axis(points: NDArray[np.float64], spacing: float) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Resample a polyline of shape (n, 3) about every `spacing` cm; returns points, their place 0…1, and the step."""
    lengths = np.concatenate([[0.0], np.cumsum(np.sqrt((np.diff(points, axis=0) ** 2).sum(axis=1)))])
    count = max(int(lengths[-1] / spacing), 2)
    along = (np.arange(count) + 0.5) / count
    resampled = np.stack([np.interp(along * lengths[-1], lengths, points[:, i]) for i in range(3)], axis=1)
    return resampled, along, float(lengths[-1] / count)
