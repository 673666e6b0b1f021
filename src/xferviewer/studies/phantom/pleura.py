"""Pleural effusion: fluid between lung and chest wall, by gravity below upright and behind lying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.studies.phantom.chest import LEFT, RIGHT, smoothstep
from xferviewer.studies.phantom.patients import Purpose, generator

if TYPE_CHECKING:
    from xferviewer.studies.phantom.chest import LungSpace
    from xferviewer.studies.phantom.patients import Study
    from xferviewer.studies.phantom.physique import Physique
    from xferviewer.studies.phantom.projection import Field


@dataclass(frozen=True, slots=True)
class Effusion:
    """Fluid in one pleural space.

    level      height of the surface at its lowest over the costophrenic angle; upright
    climb      how far the meniscus climbs at the chest wall
    film       height over which the fluid thins out between lung and chest wall above its surface
    layer      thickness of the layer behind the lung of a patient lying
    """

    side: int
    level: float
    climb: float
    film: float
    layer: float

    def fluid(self, space: LungSpace, physique: Physique) -> Field:
        """Length in cm of fluid along each ray."""
        lowest = physique.angle(self.side) - self.level
        surface = np.float32(lowest) - np.float32(self.climb) * np.square(np.square(np.clip(space.across, 0, 1)))
        whole = space.length()
        reach = np.sqrt(np.clip((surface - space.y) / np.float32(self.film), 0.0, 1.0)) * space.half
        fluid = whole - space.length(reach)
        if self.layer:
            depth = np.float32(self.layer) * (
                0.45 + 0.55 * smoothstep(space.y, 0.2 * physique.lung_height, physique.lung_height)
            )
            fluid = np.maximum(fluid, np.minimum(depth, 0.55 * whole))
        return fluid


def draw_effusions(study: Study) -> tuple[Effusion, ...]:
    """The effusions of a study: none, one side or both."""
    draw = generator(study.seed, study.site.name, Purpose.EFFUSION, study.index)
    severity = study.severities["Effusion"]
    if severity == 0:
        return ()
    first = RIGHT if draw.random() < 0.55 else LEFT
    both = draw.random() < (0.6 if study.severities["Edema"] else 0.3)
    grades = [(first, severity)] + ([(-first, int(draw.integers(1, severity + 1)))] if both else [])
    effusions = []
    for side, grade in grades:
        low, high = {1: (-1.6, 0.0), 2: (1.4, 4.4), 3: (7.5, 13.0)}[grade]
        layer = 0.0
        level, climb = float(draw.uniform(low, high)), float(draw.uniform(0.5, 1.3) + 0.7 * grade)
        if study.supine:  # most of the fluid runs behind the lung
            level = max(level - {1: 0.3, 2: 2.4, 3: 7.0}[grade], -0.5)
            layer = float(draw.uniform(0.7, 1.2)) * {1: 1.1, 2: 2.5, 3: 4.6}[grade]
        effusions.append(Effusion(side, level, climb, 0.3 + 0.6 * grade, layer))
    return tuple(effusions)
