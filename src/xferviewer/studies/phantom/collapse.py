"""Atelectasis: lung without air, as plates, a hazy base or a collapsed lobe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.studies.phantom.chest import LEFT, RIGHT, smoothstep
from xferviewer.studies.phantom.patients import Purpose, generator
from xferviewer.studies.phantom.projection import add_tubes, axis

if TYPE_CHECKING:
    from xferviewer.studies.phantom.chest import LungSpace
    from xferviewer.studies.phantom.patients import Study
    from xferviewer.studies.phantom.physique import Physique
    from xferviewer.studies.phantom.projection import Field, Projection


@dataclass(frozen=True, slots=True)
class Band:
    """A plate of collapsed lung seen edge on.

    start, end   its ends: lateral distance, and y from the top of the dome, in cm
    thickness    on the film, in cm
    depth        along the ray, in cm
    """

    side: int
    start: tuple[float, float]
    end: tuple[float, float]
    thickness: float
    depth: float


@dataclass(frozen=True, slots=True)
class Collapse:
    """Loss of volume of a lobe.

    lobe     upper or lower
    spread   how far the collapsed lobe reaches from the mediastinum at its far end, in cm
    depth    its length along the ray in cm
    """

    side: int
    lobe: str
    spread: float
    depth: float

    def filling(self, space: LungSpace, lung: Field, physique: Physique) -> Field:
        """Length in cm of collapsed lung along each ray."""
        if self.lobe == "lower":
            top, bottom = physique.hilum + 0.8, physique.dome(self.side)
            edge = 2.0 + np.float32(self.spread) * np.clip((space.y - top) / np.float32(bottom - top), 0.0, 1.3)
            bow = np.float32(0.5) * np.sin((space.y - np.float32(top)) * np.float32(0.35))
            share = (1.0 - smoothstep(space.x - edge - bow, -0.35, 0.45)) * smoothstep(space.y, top - 0.8, top + 1.6)
        else:
            edge = physique.hilum - 0.6 - np.float32(0.42) * np.maximum(space.x - 2.5, 0.0)
            edge = edge - np.float32(0.05) * np.maximum(space.x - 2.5, 0.0) ** 2 + np.float32(0.4 * self.spread)
            share = 1.0 - smoothstep(space.y - edge, -0.45, 0.5)
        share = share * np.clip(1.0 - 0.25 * space.blocked, 0.0, 1.0)
        return np.asarray(0.92 * share * np.minimum(lung, self.depth), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Atelectasis:
    """Lung without air: plates, a hazy base, or a collapsed lobe, and the pull of the lost volume.

    base_share   share of the lung at the base of `side` that has lost its air
    elevation    rise of the (right, left) dome in cm
    pull         shift of the mediastinum to the patient's left in cm
    """

    side: int
    bands: tuple[Band, ...]
    collapse: Collapse | None
    base_share: float
    elevation: tuple[float, float]
    pull: float

    def filling(self, space: LungSpace, lung: Field, physique: Physique, projection: Projection) -> Field:
        """Length in cm of airless lung along each ray through one side."""
        plates = np.zeros((projection.size, projection.size), dtype=np.float32)
        for band in self.bands:
            if band.side == space.side:
                _add_band(plates, band, physique, projection)
        filling = np.minimum(plates[:, space.columns], 0.9 * lung)
        if self.side != space.side:
            return np.asarray(filling, dtype=np.float32)
        if self.collapse:
            filling = np.maximum(filling, self.collapse.filling(space, lung, physique))
        if self.base_share:
            dome = physique.dome(space.side)
            filling = np.maximum(filling, self.base_share * smoothstep(space.y, dome - 5.0, dome + 0.5) * lung)
        return np.asarray(filling, dtype=np.float32)


def _add_band(field: Field, band: Band, physique: Physique, projection: Projection) -> None:
    (x0, y0), (x1, y1) = band.start, band.end
    middle = (0.5 * (x0 + x1), 0.5 * (y0 + y1) - 0.25)
    ends = np.array([(band.side * x, physique.dome(band.side) + y, -2.0) for x, y in (band.start, middle, band.end)])
    curve, along, step = axis(ends, 0.06)
    radius = 0.5 * band.thickness * (1.0 - 0.5 * np.abs(2.0 * along - 1.0) ** 2)
    add_tubes(field, projection, curve, radius, step * band.depth / (2.0 * radius))


def draw_atelectasis(study: Study) -> Atelectasis | None:
    """The atelectasis of a study; None when it has none."""
    severity = study.severities["Atelectasis"]
    if severity == 0:
        return None
    draw = generator(study.seed, study.site.name, Purpose.ATELECTASIS, study.index)
    side = RIGHT if draw.random() < 0.5 else LEFT
    collapse = _draw_collapse(side, draw) if severity == 3 else None
    rise = float({1: draw.uniform(0.3, 1.0), 2: draw.uniform(1.1, 2.2), 3: draw.uniform(1.4, 2.8)}[severity])
    if collapse and collapse.lobe == "upper":
        rise *= 0.5
    return Atelectasis(
        side=side,
        bands=_draw_bands(side, severity, draw),
        collapse=collapse,
        base_share=0.0 if severity == 1 else float(draw.uniform(0.18, 0.32)),
        elevation=(rise, 0.0) if side == RIGHT else (0.0, rise),
        pull=side * {1: 0.05, 2: 0.35, 3: 1.3}[severity],
    )


def _draw_collapse(side: int, draw: np.random.Generator) -> Collapse:
    lobe = "upper" if side == RIGHT and draw.random() < 0.45 else "lower"
    depth = float(draw.uniform(5.0, 8.5)) + (4.0 if lobe == "upper" else 0.0)
    return Collapse(side, lobe, spread=float(draw.uniform(2.6, 4.6)), depth=depth)


def _draw_bands(side: int, severity: int, draw: np.random.Generator) -> tuple[Band, ...]:
    """One or two plates above the domes, one more when moderate; a collapsed lobe goes with one."""
    count = {1: int(draw.integers(1, 3)), 2: int(draw.integers(2, 4)), 3: 1}[severity]
    bands = []
    for number in range(count):
        middle, half = float(draw.uniform(6.0, 9.5)), float(draw.uniform(1.6, 3.4))
        y, slope = float(draw.uniform(-4.2, -0.6)), float(draw.normal(0.12, 0.22))
        bands.append(
            Band(
                side=side if number == 0 or draw.random() < 0.75 else -side,
                start=(middle - half, y - slope * half),
                end=(middle + half, y + slope * half),
                thickness=float(draw.uniform(0.22, 0.46)),
                depth=float(draw.uniform(0.9, 1.7)) * (1.0 if severity == 1 else 2.1),
            )
        )
    return tuple(bands)
