"""Lengths through the soft bodies of the chest: trunk, lungs over the diaphragm domes, heart and great vessels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.phantom.physique import Physique
    from xferviewer.studies.phantom.placing import Placing
    from xferviewer.studies.phantom.projection import Field, Projection

RIGHT, LEFT = -1, 1

_DOME_CENTRE = 1.5  # z of the top of the domes: in front of the middle


def smoothstep(value: Field, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class LungSpace:
    """The pleural space of one side, as seen by each ray of the columns that can meet it.

    side      -1 right, +1 left
    columns   the n columns of the film that this is about; the other side has no lung there
    across    0 at the mediastinal wall … 1 at the chest wall; outside the lung beyond that; (rows, n)
    x, y      position in the plane z = 0: lateral distance from the midline (1, n) and y (rows, 1)
    half      half length in cm of the ray inside the chest cavity, (rows, n); it lies around z = 0
    blocked   half length of the ray inside the dome of the diaphragm, (rows, n); it lies around _DOME_CENTRE
    """

    side: int
    columns: slice
    across: Field
    x: Field
    y: Field
    half: Field
    blocked: Field

    def length(self, reach: Field | None = None) -> Field:
        """Length in cm of the ray over the diaphragm and within `reach` of the middle (default: all of the cavity)."""
        half = self.half if reach is None else np.minimum(reach, self.half)
        centre = np.float32(_DOME_CENTRE)
        covered = np.minimum(half, centre + self.blocked) - np.maximum(-half, centre - self.blocked)
        return np.asarray(2.0 * half - np.maximum(covered, 0.0), dtype=np.float32)


def lateral_wall(y: NDArray[np.float64] | Field, physique: Physique) -> NDArray[np.float64]:
    """Distance of the inner chest wall from the midline at the height y."""
    t = np.clip(np.asarray(y, dtype=np.float64) / (0.98 * physique.lung_height), 0.0, 1.35)
    rise = 1.0 - (1.0 - np.minimum(t, 1.0)) ** (3.0 + 0.35 * physique.barrel)
    return 4.6 + (physique.half_width - 4.6) * np.maximum(rise, 0.0) ** 0.55 - 0.9 * np.maximum(t - 1.0, 0.0)


def half_depth(y: NDArray[np.float64] | Field, physique: Physique) -> NDArray[np.float64]:
    """Half depth of the chest cavity at the height y."""
    t = np.clip(np.asarray(y, dtype=np.float64) / physique.lung_height, 0.0, 1.3)
    return physique.half_depth * np.minimum(1.0, 0.10 + 1.35 * np.sqrt(np.minimum(t, 1.0)) - 0.42 * t)


def lung_space(physique: Physique, projection: Projection, side: int) -> LungSpace:
    """The pleural space of one side."""
    x, y = projection.plane(0.0)
    edge = int(np.searchsorted(x[0], side * 0.9))  # the lungs begin 1.1 cm beside the midline
    columns = slice(0, edge) if side == RIGHT else slice(edge, projection.size)
    lateral = x[:, columns] * np.float32(side)
    wall = lateral_wall(y, physique).astype(np.float32)
    fraction = y / np.float32(physique.lung_height)
    medial = (1.1 + 3.3 * np.exp(-np.maximum(fraction, 0.0) * 6.5)).astype(np.float32)
    across = (lateral - medial) / np.maximum(wall - medial, 0.05)
    # Towards the midline the lungs thin out behind the sternum and beside the spine.
    rising = np.clip(across, 0.0, 1.0)
    rising = 0.35 * rising + 0.65 * rising * np.sqrt(rising)
    inside = 4.0 * rising * (1.0 - rising)
    depth = half_depth(y, physique).astype(np.float32) * (y > 0)
    half = depth * np.sqrt(inside * (1.7 - 0.7 * inside) * np.clip(across / 0.30, 0.0, 1.0))
    top = physique.dome(side)
    centre = 0.52 * physique.half_width
    beyond = (lateral - centre) / np.float32(physique.half_width - centre)
    drop = np.where(
        beyond > 0, np.float32(physique.dome_drop) * np.abs(beyond) ** 2.3, 1.5 * np.minimum(np.abs(beyond), 1.5) ** 2
    )
    blocked = np.sqrt(np.maximum(y - np.float32(top) - drop, 0.0) / np.float32(physique.dome_curve))
    return LungSpace(side, columns, across, lateral, y, half, blocked)


def ellipsoid(
    projection: Projection, centre: tuple[float, float, float], axes: tuple[float, float, float], turn: float = 0.0
) -> Field:
    """Length in cm through an ellipsoid whose first axis is turned by `turn` radians from x towards y."""
    x, y = projection.plane(centre[2])
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    columns = _span(x, np.hypot(axes[0] * cos, axes[1] * sin))
    rows = _span(y, np.hypot(axes[0] * sin, axes[1] * cos))
    x, y = x[:, columns], y[rows]
    along, over = x * np.float32(cos) + y * np.float32(sin), y * np.float32(cos) - x * np.float32(sin)
    inside = 1.0 - (along / np.float32(axes[0])) ** 2 - (over / np.float32(axes[1])) ** 2
    length = np.zeros((projection.size, projection.size), dtype=np.float32)
    length[rows, columns] = np.float32(2.0 * axes[2]) * np.sqrt(np.maximum(inside, 0.0))
    return length


def scar(space: LungSpace, physique: Physique) -> Field:
    """Share of the lung along each ray that old pleural thickening takes: the lateral angle alone, nothing behind."""
    height = physique.scars[(space.side + 1) // 2]
    corner = space.y - np.float32(physique.angle(space.side)) + np.float32(height)
    reach = corner + np.float32(3.5 * height) * (np.clip(space.across, 0.0, 1.0) - np.float32(1.0))
    return smoothstep(reach, 0.0, max(height, 0.1)) if height else np.zeros_like(reach)


def _span(positions: Field, reach: float) -> slice:
    """The stretch of increasing positions that lies within `reach` of 0."""
    low, high = np.searchsorted(positions.ravel(), (-reach, reach))
    return slice(int(low), int(high))


def heart(physique: Physique, projection: Projection) -> Field:
    """Length through the heart: left ventricle with apex, right atrium, left atrial appendage."""
    right, left = physique.heart_extent
    turn = np.deg2rad(physique.heart_turn)
    centre_x = 0.5 * (left - right) + 0.12 * right  # its right border stays behind that of the atrium
    reach = left - centre_x
    long_axis = reach / float(np.sqrt(np.cos(turn) ** 2 + (0.66 * np.sin(turn)) ** 2))
    short_axis = 0.66 * long_axis
    below = float(np.sqrt((long_axis * np.sin(turn)) ** 2 + (short_axis * np.cos(turn)) ** 2))
    floor = min(physique.dome(RIGHT) + 2.6, physique.dome(LEFT) + 2.0)
    centre_y = floor - 0.97 * below
    depth = 0.62 * short_axis + 1.3
    ventricle = ellipsoid(projection, (centre_x, centre_y, 2.6), (long_axis, short_axis, depth), turn)
    width, height, lean = 0.75 * right + 0.8, 0.86 * below + 0.8, 0.08
    centre = (float(np.hypot(width * np.cos(lean), height * np.sin(lean))) - right, centre_y - 0.1, 1.5)
    atrium = ellipsoid(projection, centre, (width, height, 3.6), lean)
    # The left border runs straight from the pulmonary trunk to the apex.
    slope = np.arctan2(0.95 * below, 0.55 * left)
    border = ellipsoid(
        projection, (0.36 * left, centre_y - 0.42 * below, 1.5), (0.95 * below, 0.34 * left, 3.4), float(slope)
    )
    return np.maximum(np.maximum(ventricle, atrium), border)


def great_vessels(physique: Physique, projection: Projection) -> tuple[Field, Field]:
    """Lengths of what lies in front (cava, aorta up to the arch, pulmonary trunk) and behind (descending aorta)."""
    s, u, arch = physique.shift, physique.unfolding, physique.arch
    low = physique.lung_height
    core = ellipsoid(projection, (s * 0.6, 0.30 * low, 0.5), (2.75 + 0.4 * physique.fat, 0.62 * low, 4.5))
    cava = ellipsoid(projection, (-1.2 + 0.8 * s, 0.36 * low, 1.0), (1.75, 0.34 * low, 1.6))
    ascending = ellipsoid(projection, (-1.1 - 0.5 * u + 0.8 * s, 0.40 * low, 3.0), (2.0 + 0.3 * u, 0.22 * low, 2.0))
    knob = ellipsoid(projection, (1.9 + 0.6 * u + 0.5 * s, arch + 0.4, -1.0), (1.75 + 0.45 * u, 1.8 + 0.45 * u, 3.6))
    trunk = ellipsoid(projection, (1.9 + 0.8 * s, arch + 4.0, 2.0), (1.9, 2.1, 2.2), 0.5)
    subclavian = ellipsoid(projection, (1.7 + 0.5 * s, arch - 3.0, -0.5), (1.5, 4.2, 2.2), 0.06)
    front = np.maximum.reduce([core, cava, ascending, knob, trunk, subclavian])
    x, y = projection.plane(-5.0)
    bend = np.float32(1.6 + 1.1 * u) + np.float32(0.6 * u) * np.sin((y - np.float32(arch)) / np.float32(3.6))
    radius = np.float32(1.25 + 0.25 * u)
    inside = radius**2 - (x - bend) ** 2
    descending = 2.0 * np.sqrt(np.maximum(inside, 0.0)) * smoothstep(y, arch - 0.5, arch + 1.0)
    return front, descending


def trunk(physique: Physique, placing: Placing) -> Field:
    """Length through the whole body: neck, shoulders, chest and abdomen, arms, breasts."""
    projection = placing.projection
    x, y = projection.plane(0.0)
    chest = lateral_wall(np.maximum(y, 0.0), physique).astype(np.float32) + np.float32(physique.wall)
    chest = np.maximum(chest, np.float32(physique.half_width - 0.5 + physique.wall))
    neck, shoulder = 5.6 + 1.2 * physique.fat, physique.half_width + 5.2
    slope = smoothstep(y, -8.0 - 1.0 * physique.fat, 0.2)
    axilla = smoothstep(y, 3.0, 11.5)
    width = neck + (shoulder - neck) * slope
    width = width * (1.0 - axilla) + chest * axilla
    width = width + np.float32(1.2 * physique.fat) * smoothstep(y, 18.0, 30.0)
    inner = half_depth(np.maximum(y, 0.8), physique).astype(np.float32)
    shoulders = 5.8 + (1.7 + 0.5 * physique.fat) * smoothstep(y, -6.0, 0.5)
    depth = np.maximum(inner + np.float32(1.5 + 1.3 * physique.fat), shoulders)
    depth = depth + (0.4 + 1.5 * physique.fat) * smoothstep(y, 0.5 * physique.lung_height, 1.2 * physique.lung_height)
    across = np.minimum((x / width) ** 2, 1.0)
    length = 2.0 * depth * np.sqrt((1.0 - across) * (1.0 + 0.75 * across))
    for side in (RIGHT, LEFT):
        arm = _arm(physique, placing, side)
        length = np.sqrt(np.maximum(length, arm) ** 2 + 0.35 * np.minimum(length, arm) ** 2)
        if physique.breast:
            length += _breast(physique, projection, side)
        else:
            length += ellipsoid(projection, (side * 8.5, 8.0, 7.0), (7.5, 4.6, 0.9), side * -0.45)  # pectoral muscle
    return np.asarray(length, dtype=np.float32)


def _arm(physique: Physique, placing: Placing, side: int) -> Field:
    x, y = placing.projection.plane(0.0)
    radius = np.float32(4.0 + 1.2 * physique.fat)
    lateral = x * np.float32(side)
    outward = np.float32(0.72 - 0.58 * placing.arms_down)
    start = np.float32(physique.half_width + 2.6 + 1.6 * placing.arms_down)
    lean = np.float32(np.hypot(1.0, outward))
    along = ((lateral - start) * outward + (y - 3.5)) / lean
    across = ((lateral - start) - outward * (y - 3.5)) / lean
    distance = across**2 + np.minimum(along, 0.0) ** 2  # a cylinder with a round end at the shoulder
    return np.asarray(2.0 * np.sqrt(np.maximum(radius**2 - distance, 0.0)), dtype=np.float32)


def _breast(physique: Physique, projection: Projection, side: int) -> Field:
    """Rounded and well bounded below, fading into the chest above."""
    x, y = projection.plane(physique.half_depth + 1.5)
    size = np.float32(5.0 + 0.5 * physique.breast)
    middle = np.float32(physique.breast_level * physique.lung_height)
    dx = (x * np.float32(side) - np.float32(0.60 * physique.half_width)) / (size * np.float32(1.12))
    dy = (y - middle) / np.where(y > middle, size * np.float32(0.86), size * np.float32(1.7))
    inside = np.maximum(1.0 - dx**2 - dy**2, 0.0)
    rounded = smoothstep(y, float(middle) - 4.0, float(middle) + 2.0)
    return np.asarray(physique.breast * (inside + rounded * (np.sqrt(inside) - inside)), dtype=np.float32)
