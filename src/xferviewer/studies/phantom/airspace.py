"""Consolidation and edema: fluid in the alveoli of one region, and in the interstitium of both lungs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.studies.phantom.chest import LEFT, RIGHT, smoothstep
from xferviewer.studies.phantom.patients import Purpose, generator
from xferviewer.studies.phantom.projection import add_tubes, axis
from xferviewer.studies.phantom.texture import grain
from xferviewer.studies.phantom.vessels import Perfusion, grow_tree

if TYPE_CHECKING:
    from xferviewer.studies.phantom.chest import LungSpace
    from xferviewer.studies.phantom.patients import Study
    from xferviewer.studies.phantom.physique import Physique
    from xferviewer.studies.phantom.projection import Field, Projection


@dataclass(frozen=True, slots=True)
class Consolidation:
    """Alveoli filled in one region of a lung, with a fuzzy border.

    centre    lateral distance and y, in shares of half width and lung height
    extent    half axes in cm of the region on the film; `depth` its length along the ray
    filled    share of the air that is replaced
    fissure   y that the region does not cross downwards (share of lung height), or None
    seed      of its border and grain
    """

    side: int
    centre: tuple[float, float]
    extent: tuple[float, float]
    depth: float
    filled: float
    fissure: float | None
    bronchogram: bool
    seed: int

    def filling(self, space: LungSpace, lung: Field, physique: Physique, projection: Projection) -> Field:
        """Length in cm of alveoli turned to soft tissue along each ray."""
        draw = np.random.default_rng(self.seed)
        dx = (space.x - np.float32(self.centre[0] * physique.half_width)) / np.float32(self.extent[0])
        dy = (space.y - np.float32(self.centre[1] * physique.lung_height)) / np.float32(self.extent[1])
        border = 1.0 - dx**2 - dy**2 + 0.30 * grain(draw, projection.size, (8, 17, 37), 0.65)[:, space.columns]
        share = smoothstep(border, -0.25, 1.05)
        if self.fissure is not None:
            line = self.fissure * physique.lung_height
            share = share * (1.0 - smoothstep(space.y, line - 0.15, line + 0.15))
        filling = share * np.minimum(lung, self.depth) * np.float32(self.filled)
        filling *= 1.0 + 0.05 * grain(draw, projection.size, (60, 110))[:, space.columns]
        if self.bronchogram:
            air = np.zeros((projection.size, projection.size), dtype=np.float32)
            points, radii, steps = grow_tree(physique, self.side, draw, root_radius=0.33)
            wide = radii > 0.10
            add_tubes(air, projection, points[wide], radii[wide], steps[wide])
            filling -= np.minimum(0.7 * air[:, space.columns], 0.5 * filling)
        return np.asarray(np.clip(filling, 0.0, lung), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Edema:
    """Fluid in the interstitium and, when severe, in the alveoli of both lungs.

    haze       share of the lung turned to water around the hila
    patches    contrast of alveolar patches inside the haze
    septa      number of visible septal (Kerley B) lines a side
    perfusion  of the two lungs: upper vessels widened, fine ones drowned
    seed       of its patches and septa
    """

    haze: float
    patches: float
    septa: int
    perfusion: Perfusion
    seed: int

    def share(self, space: LungSpace, physique: Physique, size: int) -> Field:
        """Share of the lung along each ray that fluid has replaced."""
        draw = np.random.default_rng([self.seed, space.side + 1])
        dx = (space.x - np.float32(0.36 * physique.half_width)) / np.float32(0.50 * physique.half_width)
        dy = (space.y - np.float32(0.56 * physique.lung_height)) / np.float32(0.42 * physique.lung_height)
        wings = np.exp(-(dx**2) - dy**2)
        patches = grain(draw, size, (11, 23, 47, 95), 0.7)[:, space.columns]
        return np.clip(np.float32(self.haze) * (wings + 0.22) * (1.0 + self.patches * patches), 0.0, 0.9)

    def septal_lines(self, physique: Physique, projection: Projection, side: int) -> Field:
        """Length in cm of thickened septa at the lateral base, seen edge on."""
        field = np.zeros((projection.size, projection.size), dtype=np.float32)
        draw = np.random.default_rng([self.seed, side + 2])
        for _ in range(self.septa):
            y = physique.dome(side) + float(draw.uniform(-6.0, 2.8))
            outer = physique.half_width - 0.25
            inner = outer - float(draw.uniform(1.2, 2.4))
            tilt = float(draw.uniform(-0.15, 0.35))
            ends = np.array([[side * outer, y, 0.0], [side * inner, y + tilt, 0.0]])
            curve, _along, step = axis(ends, 0.05)
            add_tubes(field, projection, curve, np.full(len(curve), 0.055), np.full(len(curve), step * 7.0))
        return field


def draw_consolidation(study: Study) -> Consolidation | None:
    """The consolidation of a study; None when it has none."""
    severity = study.severities["Consolidation"]
    if severity == 0:
        return None
    draw = generator(study.seed, study.site.name, Purpose.CONSOLIDATION, study.index)
    # Lobe: centre in shares of half width and lung height; the right upper lobe ends at the minor fissure.
    lobes: list[tuple[int, tuple[float, float], float | None]] = [
        (RIGHT, (0.45, 0.30), 0.47),
        (RIGHT, (0.42, 0.68), None),
        (RIGHT, (0.55, 0.80), None),
        (LEFT, (0.45, 0.30), None),
        (LEFT, (0.55, 0.62), None),
        (LEFT, (0.58, 0.80), None),
    ]
    side, centre, fissure = lobes[int(draw.integers(len(lobes)))]
    radius = {1: 2.9, 2: 4.3, 3: 6.2}[severity] * float(draw.uniform(0.85, 1.2))
    return Consolidation(
        side=side,
        centre=(centre[0] + float(draw.normal(0, 0.05)), centre[1] + float(draw.normal(0, 0.04))),
        extent=(radius * float(draw.uniform(0.85, 1.15)), radius * float(draw.uniform(0.85, 1.15))),
        depth={1: 4.5, 2: 8.0, 3: 12.0}[severity],
        filled={1: 0.64, 2: 0.80, 3: 0.90}[severity] * float(draw.uniform(0.9, 1.08)),
        fissure=fissure if severity > 1 else None,
        bronchogram=severity > 1,
        seed=int(draw.integers(2**63)),
    )


def draw_edema(study: Study) -> Edema | None:
    """The edema of a study; None when it has none."""
    severity = study.severities["Edema"]
    if severity == 0:
        return None
    draw = generator(study.seed, study.site.name, Purpose.EDEMA, study.index)
    upper, lower = {1: (0.95, 1.05), 2: (1.15, 1.05), 3: (1.25, 1.05)}[severity]
    return Edema(
        haze={1: 0.085, 2: 0.17, 3: 0.32}[severity] * float(draw.uniform(0.85, 1.2)),
        patches={1: 0.08, 2: 0.15, 3: 0.24}[severity],
        septa={1: 2, 2: 9, 3: 8}[severity],
        perfusion=Perfusion(upper, lower, blurred={1: 0.25, 2: 0.5, 3: 0.75}[severity]),
        seed=int(draw.integers(2**63)),
    )
