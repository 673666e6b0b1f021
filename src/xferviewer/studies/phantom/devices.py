"""What lies on the film beside the patient: the side marker, and at the bedside wires, electrodes and catheters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xferviewer.studies.phantom.placing import DETECTOR_SHARE
from xferviewer.studies.phantom.projection import add_tubes, axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.phantom.patients import Study
    from xferviewer.studies.phantom.physique import Physique
    from xferviewer.studies.phantom.projection import Field, Projection


def devices(study: Study, physique: Physique, projection: Projection, draw: np.random.Generator) -> Field:
    """Length in cm of metal that each ray meets; plastic lines count with the little metal that marks them."""
    metal = np.zeros((projection.size, projection.size), dtype=np.float32)
    _add_marker(metal, projection, draw)
    if study.view == "AP" and draw.random() < (0.75 if study.supine else 0.45):
        for _ in range(int(draw.integers(2, 5))):
            _add_lead(metal, physique, projection, draw)
    sick = sum(study.severities.values())
    if study.view == "AP" and draw.random() < 0.15 + 0.08 * min(sick, 5):
        _add_central_line(metal, physique, projection, draw)
    if study.supine and draw.random() < 0.10 + 0.07 * min(sick, 5):
        _add_tube(metal, physique, projection, draw)
    return metal


def _add(metal: Field, projection: Projection, points: NDArray[np.float64], radius: float, share: float) -> None:
    curve, _, step = axis(points, 0.05)
    add_tubes(metal, projection, curve, np.full(len(curve), radius), np.full(len(curve), step * share))


def _smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A polyline rounded by three passes of Chaikin's corner cutting (CGIP 1974, 3:346)."""
    for _ in range(3):
        cut = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], axis=1)
        points = np.concatenate([points[:1], cut.reshape(-1, 3), points[-1:]])
    return points


def _add_marker(metal: Field, projection: Projection, draw: np.random.Generator) -> None:
    """An L of lead on the cassette at the patient's left shoulder."""
    half = 0.5 * projection.size * projection.pitch_cm * DETECTOR_SHARE
    middle = projection.top_cm + 0.5 * projection.size * projection.pitch_cm
    x, y = half - float(draw.uniform(2.2, 5.0)), middle - half + float(draw.uniform(1.5, 4.0))
    z = projection.detector_z
    tilt = float(draw.normal(0.0, 0.12))
    letter = np.array([[0.0, -0.7, 0.0], [0.0, 0.7, 0.0], [0.75, 0.7, 0.0]])
    turned = letter @ np.array([[np.cos(tilt), np.sin(tilt), 0.0], [-np.sin(tilt), np.cos(tilt), 0.0], [0.0, 0.0, 1.0]])
    _add(metal, projection, turned + np.array([x - projection.rotation * z, y, z]), 0.13, 3.0)


def _add_lead(metal: Field, physique: Physique, projection: Projection, draw: np.random.Generator) -> None:
    """An electrode on the skin and the wire that leads off the film."""
    front = physique.half_depth + 1.5
    x = float(draw.uniform(-0.95, 0.95)) * physique.half_width
    y = float(draw.uniform(0.0, 1.0)) * physique.lung_height
    side = 1.0 if draw.random() < 0.5 else -1.0
    route = np.array(
        [
            [x, y, front],
            [x + side * 3.0, y + float(draw.uniform(-4.0, 4.0)), front],
            [x + side * 8.0, y + float(draw.uniform(-8.0, 6.0)), front],
            [side * 27.0, y + float(draw.uniform(-12.0, 14.0)), front],
        ]
    )
    _add(metal, projection, _smooth(route), 0.045, 0.20)
    ring = np.linspace(0.0, 2.0 * np.pi, 16)
    circle = np.stack([x + 0.32 * np.cos(ring), y + 0.32 * np.sin(ring), np.full(16, front)], axis=1)
    _add(metal, projection, circle, 0.13, 0.10)


def _add_central_line(metal: Field, physique: Physique, projection: Projection, draw: np.random.Generator) -> None:
    """A catheter through the right jugular or subclavian vein into the superior vena cava."""
    s, tip = physique.shift, 0.36 * physique.lung_height + float(draw.normal(0.0, 1.0))
    entry = (
        [[-4.0, -9.0, 2.0], [-3.2, -3.0, 1.5]]
        if draw.random() < 0.5
        else [[-12.0, 4.0, 6.0], [-9.0, 0.6, 4.0], [-5.0, 1.0, 2.0]]
    )
    route = np.array([*entry, [-2.6 + s, 2.5, 1.0], [-2.2 + s, 0.5 * tip, 1.0], [-2.2 + s, tip, 1.0]])
    _add(metal, projection, _smooth(route), 0.10, 0.07)


def _add_tube(metal: Field, physique: Physique, projection: Projection, draw: np.random.Generator) -> None:
    """A gastric tube: down the oesophagus and under the left dome."""
    bottom = physique.dome(1) + float(draw.uniform(2.5, 5.0))
    route = np.array(
        [
            [0.3, -12.0, -2.0],
            [0.2, 4.0, -3.0],
            [0.3 + 0.6 * physique.shift, 0.6 * physique.lung_height, -3.5],
            [1.2, physique.dome(1) + 0.5, -2.0],
            [5.0, bottom, 1.0],
            [7.0, bottom - 1.0, 2.0],
        ]
    )
    _add(metal, projection, _smooth(route), 0.16, 0.06)
