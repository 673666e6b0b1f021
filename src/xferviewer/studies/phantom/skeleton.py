"""Lengths through bone: ribs, clavicles, scapulae, arms and spine, as tubes with a dense cortex and a lighter core."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xferviewer.studies.phantom.chest import LEFT, RIGHT, half_depth, lateral_wall, smoothstep
from xferviewer.studies.phantom.projection import Field, Projection, add_tubes, axis

if TYPE_CHECKING:
    from xferviewer.studies.phantom.physique import Physique
    from xferviewer.studies.phantom.placing import Placing

Curve = NDArray[np.float64]


def skeleton(physique: Physique, placing: Placing, scapula_offset: float) -> Field:
    """Length in cm of compact bone that each ray meets."""
    projection = placing.projection
    bone = np.zeros((projection.size, projection.size), dtype=np.float32)
    _add_ribs(bone, physique, projection)
    for side in (RIGHT, LEFT):
        _add_clavicle(bone, physique, projection, side)
        _add_shoulder(bone, physique, placing, side, scapula_offset)
    bone += _spine(physique, projection)
    return bone * np.float32(physique.bone)


def _rib(number: int, side: int, physique: Physique) -> Curve:
    """Axis of a rib from its vertebra (at the back) to its cartilage (in front), obliquely down."""
    end = {1: 2.45, 2: 2.40, 3: 2.36, 4: 2.32, 5: 2.28, 6: 2.24, 7: 2.16, 8: 2.05, 9: 1.92, 10: 1.78, 11: 1.45}[number]
    angle = np.linspace(0.16, end, 60)
    start = 0.4 + (number - 1) * 0.1005 * physique.lung_height
    drop = {1: 2.6, 2: 5.0}.get(number, 7.4 + 0.25 * number) + physique.rib_drop * min(number / 4.0, 1.0)
    turn = angle / np.pi
    # Level beside the spine, steeper at the side and in front.
    y = start + drop * (1.6 * turn**1.9) - 0.9 * np.exp(-(((angle - 0.55) / 0.4) ** 2)) * min(number / 3.0, 1.0)
    out = lateral_wall(np.maximum(y, 0.15), physique) + 0.25
    deep = half_depth(np.maximum(y, 0.6), physique) + 0.35
    bulge = np.abs(np.sin(angle)) ** 0.80
    x = np.maximum(out * bulge, 1.9)
    return np.stack([side * x, y, -deep * np.cos(angle)], axis=1)


def _add_ribs(bone: Field, physique: Physique, projection: Projection) -> None:
    points, radii, steps = [], [], []
    scale = physique.half_width / 14.0
    for side in (RIGHT, LEFT):
        for number in range(1, 12):
            curve, along, step = axis(_rib(number, side, physique), 0.22)
            height = (0.47 + 0.13 * np.sin(np.pi * along)) * scale * (0.85 if number in (1, 11) else 1.0)
            # A rib is a ribbon: at the side the beam runs along it and meets it edge on.
            edge_on = np.exp(-((curve[:, 2] / (0.45 * physique.half_depth)) ** 2))
            flat = (1.0 - 0.36 * along) * (1.0 - 0.40 * edge_on)
            points.append(curve)
            radii.append(height * (1.0 - 0.30 * edge_on))
            steps.append(step * flat * np.minimum(1.0, (1.0 - along) * 8.0))
    add_tubes(
        bone, projection, np.concatenate(points), np.concatenate(radii), np.concatenate(steps), wall=0.13, core=0.28
    )


def _add_clavicle(bone: Field, physique: Physique, projection: Projection, side: int) -> None:
    w = physique.half_width
    along = np.linspace(0.0, 1.0, 24)
    x = 1.9 + (w + 1.6) * along
    y = 2.9 - physique.clavicle_slope * along + 0.9 * np.sin(2.0 * np.pi * along) * 0.55
    z = 0.72 * physique.half_depth - 5.5 * along + 1.4 * np.sin(np.pi * along)
    curve, place, step = axis(np.stack([side * x, y, z], axis=1), 0.15)
    radius = 0.62 + 0.30 * np.exp(-place / 0.10) + 0.12 * np.exp(-(1 - place) / 0.15)
    add_tubes(bone, projection, curve, radius, np.full(len(curve), step * 1.25), wall=0.17, core=0.25)


def _add_shoulder(bone: Field, physique: Physique, placing: Placing, side: int, offset: float) -> None:
    """Scapula (lateral border, spine, blade, coracoid) and the upper arm."""
    w, projection = physique.half_width, placing.projection
    glenoid = (w + 2.6 + 0.4 * offset, 2.6)
    lower = (w - 0.4 + offset, 13.0)
    upper = (w - 2.6 + offset, 0.6)
    acromion = (w + 3.6, -0.9)

    def tube(points: list[tuple[float, float, float]], radius: float, flat: float, wall: float, core: float) -> None:
        corners = np.array([(side * x, y, z) for x, y, z in points])
        curve, place, step = axis(corners, 0.22)
        ends = np.minimum(1.0, 6.0 * np.minimum(place, 1.0 - place) + 0.25)
        add_tubes(bone, projection, curve, np.full(len(curve), radius), step * flat * ends, wall=wall, core=core)

    z = -physique.half_depth - 0.8
    tube([(*glenoid, z + 3), (0.5 * (glenoid[0] + lower[0]) - 0.5, 7.6, z + 0.8), (*lower, z)], 0.55, 0.55, 0.15, 0.25)
    tube([(*upper, z), (upper[0] - 0.4, 6.0, z), (*lower, z)], 0.30, 0.45, 0.12, 0.3)
    tube([(upper[0] + 0.3, 3.4, z), (w + 1.0, 1.0, z - 0.8), (*acromion, z + 2)], 0.55, 0.5, 0.13, 0.25)
    tube(
        [(glenoid[0] - 1.2, 1.6, z + 4), (glenoid[0] - 1.6, 0.9, z + 6), (glenoid[0] - 0.9, 1.4, z + 7)],
        0.6,
        0.5,
        0.14,
        0.2,
    )
    _add_blade(bone, projection, side, [glenoid, lower, (lower[0] - 0.6, 11.0), (upper[0] - 0.5, 5.0), upper], z)
    outward = 0.72 - 0.58 * placing.arms_down
    head = (w + 4.7, 3.2)
    tube([(head[0], head[1], -2.0), (head[0] + 0.35, head[1] + 0.5, -2.0)], 2.2, 1.9, 0.12, 0.30)
    shaft = [(head[0] + 0.6, head[1] + 1.4, -2.0), (head[0] + 0.8 + 22.0 * outward, head[1] + 23.0, -2.0)]
    tube(shaft, 1.15, 1.0, 0.38, 0.12)


def _add_blade(bone: Field, projection: Projection, side: int, corners: list[tuple[float, float]], z: float) -> None:
    """The thin plate between the borders of the scapula."""
    from PIL import Image, ImageDraw

    coarse = 4
    points = np.array([(side * x, y, z) for x, y in corners])
    row, column, _ = projection.pixels(points)
    plate = Image.new("L", (projection.size // coarse,) * 2)
    ImageDraw.Draw(plate).polygon([(c / coarse, r / coarse) for r, c in zip(row, column, strict=True)], fill=255)
    plate = plate.resize((projection.size,) * 2, Image.Resampling.BILINEAR)
    bone += np.asarray(plate, dtype=np.float32) * np.float32(0.22 / 255.0)


def _spine(physique: Physique, projection: Projection) -> Field:
    """Vertebral bodies with end plates, pedicles, spinous and transverse processes; shape (n, n)."""
    x, y = projection.plane(-0.55 * physique.half_depth)
    strip = np.abs(x[0]) < 4.5  # nothing of the spine lies further out
    x = x[:, strip]
    spacing = 0.1005 * physique.lung_height
    bend = np.float32(physique.scoliosis) * np.sin(y / np.float32(8.0)).astype(np.float32)
    level = (y + np.float32(0.2)) / np.float32(spacing)
    number = np.floor(level)
    within = level - number  # 0…1 from one disc to the next
    span = np.clip(y / np.float32(30.0), -0.3, 1.0)
    half_width = 1.45 + 0.75 * span
    waist = half_width * (1.0 - 0.10 * np.sin(np.pi * within))
    body = smoothstep(within, 0.04, 0.12) * (1.0 - smoothstep(within, 0.80, 0.88))
    plates = np.exp(-(((within - 0.12) / 0.045) ** 2)) + np.exp(-(((within - 0.80) / 0.045) ** 2))
    across = (x - bend) / waist
    inside = np.maximum(1.0 - np.square(np.square(across)), 0.0)
    depth = 2.6 + 0.8 * span
    rim = np.exp(-(((np.abs(across) - 0.93) / 0.06) ** 2)) * (np.abs(across) < 1.05)
    bone = depth * np.sqrt(inside) * (0.115 * body + 0.05 * plates) + 0.22 * rim * body
    for side in (RIGHT, LEFT):
        px = (x - bend - side * 0.62 * half_width) / np.float32(0.42)
        py = (within - np.float32(0.36)) * np.float32(spacing) / np.float32(0.62)
        ring = np.sqrt(px**2 + py**2)
        bone += 0.22 * np.exp(-(((ring - 0.85) / 0.28) ** 2)) + np.float32(0.06) * (ring < 0.85)
        reach = side * (x - bend)
        stub = np.exp(-((((within - 0.34) * spacing + 0.18 * (reach - 1.5)) / 0.42) ** 2))
        bone += 0.36 * stub * smoothstep(reach, 1.2, 1.7) * (1.0 - smoothstep(reach, 2.7, 3.4))
    sx = (x - bend) / np.float32(0.30)
    sy = (within - 0.78) * np.float32(spacing) / np.float32(0.75)
    bone += 0.45 * np.exp(-(sx**2 + sy**2))
    whole = np.zeros((projection.size, projection.size), dtype=np.float32)
    whole[:, strip] = bone
    return whole
