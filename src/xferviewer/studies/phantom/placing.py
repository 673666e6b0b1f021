"""How the patient stood or lay before the detector: projection, tilt and collimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from xferviewer.studies.phantom.patients import Purpose, generator
from xferviewer.studies.phantom.projection import Projection

if TYPE_CHECKING:
    from xferviewer.studies.phantom.patients import Study
    from xferviewer.studies.phantom.physique import Physique
    from xferviewer.studies.phantom.projection import Field

# Share of the computed square that the detector covers: what a tilted patient brings in from outside is computed too.
DETECTOR_SHARE = 0.92


@dataclass(frozen=True, slots=True)
class Placing:
    """How the patient stood or lay before the detector, and the collimator.

    tilt        in-plane rotation in radians
    collimated  share of the field that the collimator closes at (left, top, right, bottom)
    """

    projection: Projection
    tilt: float
    collimated: tuple[float, float, float, float]
    arms_down: float


def place(study: Study, physique: Physique, size: int) -> Placing:
    """Source, detector and collimator for one study."""
    draw = generator(study.seed, study.site.name, Purpose.PLACING, study.patient.number, study.follow_up, 1)
    portable = study.view == "AP"
    field = study.site.detector.field_cm / DETECTOR_SHARE
    gap = 2.0 if not portable else 4.0
    detector_z = (physique.half_depth + physique.wall + gap) * (-1.0 if portable else 1.0)
    loose = 1.0 if portable else 0.5
    # The beam is centred on the chest; the margin above the apices is what varies.
    chest_middle = 0.55 * physique.lung_height + float(draw.normal(0.0, 1.0 * loose))
    return Placing(
        projection=Projection(
            size=size,
            pitch_cm=field / size,
            top_cm=chest_middle - 0.5 * field + float(draw.normal(1.2, 0.7)),
            centre_cm=(float(draw.normal(0.0, 0.9 * loose)), chest_middle),
            source_cm=float(draw.uniform(100.0, 125.0)) if portable else 180.0,
            detector_z=detector_z,
            rotation=float(draw.normal(0.0, 0.045 * loose)),
        ),
        tilt=float(draw.normal(0.0, 0.028 * loose)),
        collimated=tuple(float(max(0.0, draw.normal(-0.02, 0.012 + 0.018 * loose))) for _ in range(4)),  # type: ignore[arg-type]
        arms_down=float(draw.uniform(0.0, 1.0)) if portable else float(draw.uniform(0.0, 0.35)),
    )


def turn(field: Field, placing: Placing, resampling: Image.Resampling = Image.Resampling.BICUBIC) -> Field:
    """The inner part of the field, as a detector sees it that is turned by the tilt of the patient."""
    size = field.shape[0]
    cos, sin = DETECTOR_SHARE * float(np.cos(placing.tilt)), DETECTOR_SHARE * float(np.sin(placing.tilt))
    middle = 0.5 * size
    matrix = (cos, sin, middle - cos * middle - sin * middle, -sin, cos, middle + sin * middle - cos * middle)
    picture = Image.fromarray(np.ascontiguousarray(field))
    turned = picture.transform((size, size), Image.Transform.AFFINE, matrix, resampling)
    return np.asarray(turned, dtype=np.float32)


def aperture(placing: Placing) -> Field:
    """1 where the collimator is open, falling to 0 over its penumbra."""
    size = placing.projection.size
    left, top, right, bottom = (side * size for side in placing.collimated)
    place_in = np.arange(size, dtype=np.float32) + 0.5
    soft = np.float32(0.004 * size)
    columns = np.clip((place_in - left) / soft + 0.5, 0, 1) * np.clip((size - right - place_in) / soft + 0.5, 0, 1)
    rows = np.clip((place_in - top) / soft + 0.5, 0, 1) * np.clip((size - bottom - place_in) / soft + 0.5, 0, 1)
    return np.asarray(rows[:, None] * columns[None, :], dtype=np.float32)
