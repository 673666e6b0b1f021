"""The branching trees of the lungs: arteries and veins that taper from the hila, and the airways between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.studies.phantom.chest import half_depth, lateral_wall
from xferviewer.studies.phantom.projection import Field, Projection, add_tubes, axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.phantom.physique import Physique

_POINTS = (30, 25, 20, 15, 11, 8)  # along each branch of a generation


@dataclass(frozen=True, slots=True)
class Perfusion:
    """How wide the vessels are: 1 is an upright healthy lung in the middle zone.

    upper, lower   factor on the radii at the apex and at the base
    blurred        share of the finest vessels that drown in interstitial fluid, 0…1
    """

    upper: float = 0.72
    lower: float = 1.12
    blurred: float = 0.0


def grow_tree(
    physique: Physique, side: int, draw: np.random.Generator, root_radius: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points (n, 3), radii (n,) and steps (n,) in cm of one side's tree, branch by branch from the hilum.

    The mean ratio of a daughter's radius to its mother's is 0.78, near the cube root of one half that Murray's law
    gives for two equal daughters (Murray, PNAS 1926, 12:207).
    """
    hilum = np.array([side * 3.2 + physique.shift, physique.hilum - (1.0 if side > 0 else 0.0), -0.5])
    angles = np.linspace(-1.45, 1.40, 12) + draw.normal(0.0, 0.07, 12)
    target_y = hilum[1] + np.sin(angles) * physique.lung_height * np.where(angles < 0, 0.43, 0.56)
    wall = lateral_wall(np.clip(target_y, 0.5, None), physique)
    target_x = side * np.maximum(3.0, np.abs(np.cos(angles)) * wall * 0.95 + 1.5 * np.abs(np.sin(angles)))
    target_z = draw.uniform(-0.75, 0.75, 12) * half_depth(np.clip(target_y, 1.0, None), physique)
    start = hilum + draw.normal(0.0, 0.35, (12, 3)) * (1.0, 1.6, 1.0)
    heading = np.stack([target_x, target_y, target_z], axis=1) - start
    reach = np.sqrt((heading**2).sum(axis=1))
    heading /= reach[:, None]
    length = reach * 0.30
    radius = root_radius * draw.uniform(0.75, 1.1, 12)
    points, radii, steps = [], [], []
    for generation, count in enumerate(_POINTS):
        bend = draw.normal(0.0, 0.20, heading.shape)
        along = (np.arange(count) + 0.5) / count
        curve = (
            start[:, None]
            + (heading[:, None] * along[None, :, None] + bend[:, None] * (along * (along - 1.0))[None, :, None])
            * (length[:, None, None])
        )
        points.append(curve.reshape(-1, 3))
        radii.append((radius[:, None] * (1.0 - 0.22 * along)[None, :]).ravel())
        steps.append(np.repeat(length / count, count))
        tip = start + heading * length[:, None]
        turn = draw.normal(0.0, 1.0, heading.shape)
        turn -= (turn * heading).sum(axis=1, keepdims=True) * heading
        turn /= np.sqrt((turn**2).sum(axis=1, keepdims=True))
        start = np.concatenate([tip, tip, start + heading * (length * draw.uniform(0.3, 0.8, len(length)))[:, None]])
        wide = draw.uniform(0.22, 0.55, (len(turn), 1))
        heading = np.concatenate([heading + wide * turn, heading - wide * turn, heading + (wide + 0.5) * turn[::-1]])
        heading /= np.sqrt((heading**2).sum(axis=1, keepdims=True))
        keep = slice(None) if generation < 2 else slice(0, 2 * len(tip))
        length = np.concatenate([length, length, length * 0.8])[keep] * draw.uniform(0.66, 0.88, len(start[keep]))
        radius = np.concatenate([radius, radius, radius * 0.75])[keep] * draw.uniform(0.68, 0.86, len(start[keep]))
        start, heading = start[keep], heading[keep]
    return np.concatenate(points), np.concatenate(radii), np.concatenate(steps)


def vessels(
    physique: Physique, projection: Projection, draw: np.random.Generator, perfusion: tuple[Perfusion, Perfusion]
) -> Field:
    """Length in cm of blood that each ray meets in the lungs; to be cut off where there is no lung."""
    field = np.zeros((projection.size, projection.size), dtype=np.float32)
    for side, flow in zip((-1, 1), perfusion, strict=True):
        points, radii, steps = grow_tree(physique, side, draw, root_radius=0.47)
        level = np.clip(points[:, 1] / physique.lung_height, 0.0, 1.0)
        radii = radii * (flow.upper + (flow.lower - flow.upper) * level)
        fine = np.clip(1.0 - radii / 0.14, 0.0, 1.0)
        keep = radii > 0.025
        add_tubes(field, projection, points[keep], radii[keep], (steps * (1.0 - flow.blurred * fine))[keep])
        _add_hilum(field, physique, projection, side, draw)
    return field


def _add_hilum(field: Field, physique: Physique, projection: Projection, side: int, draw: np.random.Generator) -> None:
    """The main pulmonary artery of a side and its descending branch."""
    top = physique.hilum - (1.6 if side > 0 else 0.4)
    x = side * np.array([2.2, 3.2, 4.0, 4.7, 5.4]) + physique.shift
    y = top + np.array([-0.2, 0.1, 1.4, 3.2, 5.4]) + draw.normal(0.0, 0.15, 5)
    curve, along, step = axis(np.stack([x, y, np.array([0.5, 0.2, -0.8, -1.6, -2.6])], axis=1), 0.16)
    add_tubes(field, projection, curve, 0.92 - 0.52 * along, np.full(len(curve), step))
    veins = np.array(
        [
            [side * 2.0, physique.hilum + 2.8, 0.0],
            [side * 4.0, physique.hilum + 3.0, -0.5],
            [side * 7.0, physique.hilum + 4.6, -1.5],
        ]
    )
    curve, along, step = axis(veins + np.array([physique.shift, 0.0, 0.0]), 0.14)
    add_tubes(field, projection, curve, 0.52 - 0.30 * along, np.full(len(curve), step))


def airways(physique: Physique, projection: Projection) -> Field:
    """Length in cm of air in the trachea and the main bronchi."""
    field = np.zeros((projection.size, projection.size), dtype=np.float32)
    s, carina = physique.shift, physique.carina
    trachea = np.array([[0.0, -12.0, 0.5], [0.1 + 0.3 * s, 0.0, -0.5], [-0.35 + 0.8 * s, carina, -1.5]])
    right = np.array(
        [[-0.35 + 0.8 * s, carina - 0.3, -1.5], [-1.9 + s, carina + 2.0, -1.8], [-3.3 + s, carina + 4.2, -2.4]]
    )
    left = np.array(
        [[-0.35 + 0.8 * s, carina - 0.3, -1.5], [1.8 + s, carina + 1.9, -1.9], [4.0 + s, carina + 3.4, -2.6]]
    )
    for curve, radius in ((trachea, 0.88), (right, 0.62), (left, 0.56)):
        points, along, step = axis(curve, 0.18)
        add_tubes(field, projection, points, radius * (1.0 - 0.12 * along), np.full(len(points), step))
    return field
