"""What the five findings do to a chest: they move tissue, fluid and air; the physics then shows it.

Each finding is drawn once per study as a frozen description in cm, and applied to the lengths through the lungs.
Severity 1 is mild, 2 moderate, 3 severe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.studies.phantom.chest import LEFT, RIGHT, LungSpace, smoothstep
from xferviewer.studies.phantom.patients import Purpose, Study, generator
from xferviewer.studies.phantom.projection import Field, Projection, add_tubes, axis
from xferviewer.studies.phantom.texture import grain
from xferviewer.studies.phantom.vessels import Perfusion, grow_tree

if TYPE_CHECKING:
    from xferviewer.studies.phantom.physique import Physique


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
        surface = np.float32(lowest) - np.float32(self.climb) * np.clip(space.across, 0, 1) ** 4
        whole = space.length()
        reach = np.sqrt(np.clip((surface - space.y) / np.float32(self.film), 0.0, 1.0)) * space.half
        fluid = whole - space.length(reach)
        if self.layer:
            depth = np.float32(self.layer) * (
                0.45 + 0.55 * smoothstep(space.y, 0.2 * physique.lung_height, physique.lung_height)
            )
            fluid = np.maximum(fluid, np.minimum(depth, 0.55 * whole))
        return fluid


@dataclass(frozen=True, slots=True)
class Consolidation:
    """Alveoli filled in one region of a lung, with a fuzzy border.

    centre    lateral distance and y, in shares of half width and lung height
    extent    half axes in cm of the region on the film; `depth` its length along the ray
    filled    share of the air that is replaced
    fissure   y that the region does not cross downwards (share of lung height), or None
    """

    side: int
    centre: tuple[float, float]
    extent: tuple[float, float]
    depth: float
    filled: float
    fissure: float | None
    bronchogram: bool
    seed: tuple[int, ...]

    def filling(self, space: LungSpace, lung: Field, physique: Physique, projection: Projection) -> Field:
        """Length in cm of alveoli turned to soft tissue along each ray."""
        draw = np.random.default_rng(self.seed)
        dx = (space.x - np.float32(self.centre[0] * physique.half_width)) / np.float32(self.extent[0])
        dy = (space.y - np.float32(self.centre[1] * physique.lung_height)) / np.float32(self.extent[1])
        border = 1.0 - dx**2 - dy**2 + 0.30 * grain(draw, projection.size, (8, 17, 37), 0.65)
        share = smoothstep(border, -0.25, 1.05)
        if self.fissure is not None:
            line = self.fissure * physique.lung_height
            share = share * (1.0 - smoothstep(space.y, line - 0.15, line + 0.15))
        filling = share * np.minimum(lung, self.depth) * np.float32(self.filled)
        filling *= 1.0 + 0.05 * grain(draw, projection.size, (60, 110))
        if self.bronchogram:
            air = np.zeros_like(filling)
            points, radii, steps = grow_tree(physique, self.side, draw, root_radius=0.33)
            wide = radii > 0.10
            add_tubes(air, projection, points[wide], radii[wide], steps[wide])
            filling -= np.minimum(0.7 * air, 0.5 * filling)
        return np.asarray(np.clip(filling, 0.0, lung), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Edema:
    """Fluid in the interstitium and, when severe, in the alveoli of both lungs.

    haze       share of the lung turned to water around the hila
    patches    contrast of alveolar patches inside the haze
    septa      number of visible septal (Kerley B) lines a side
    perfusion  of the two lungs: upper vessels widened, fine ones drowned
    """

    haze: float
    patches: float
    septa: int
    perfusion: Perfusion
    seed: tuple[int, ...]

    def share(self, space: LungSpace, physique: Physique, size: int) -> Field:
        """Share of the lung along each ray that fluid has replaced."""
        draw = np.random.default_rng((*self.seed, space.side + 1))
        dx = (space.x - np.float32(0.36 * physique.half_width)) / np.float32(0.50 * physique.half_width)
        dy = (space.y - np.float32(0.56 * physique.lung_height)) / np.float32(0.42 * physique.lung_height)
        wings = np.exp(-(dx**2) - dy**2)
        patches = grain(draw, size, (11, 23, 47, 95), 0.7)
        return np.clip(np.float32(self.haze) * (wings + 0.22) * (1.0 + self.patches * patches), 0.0, 0.9)

    def septal_lines(self, physique: Physique, projection: Projection, side: int) -> Field:
        """Length in cm of thickened septa at the lateral base, seen edge on."""
        field = np.zeros((projection.size, projection.size), dtype=np.float32)
        draw = np.random.default_rng((*self.seed, 7, side + 1))
        for _ in range(self.septa):
            y = physique.dome(side) + float(draw.uniform(-6.0, 2.8))
            outer = physique.half_width - 0.25
            inner = outer - float(draw.uniform(1.2, 2.4))
            tilt = float(draw.uniform(-0.15, 0.35))
            ends = np.array([[side * outer, y, 0.0], [side * inner, y + tilt, 0.0]])
            curve, _along, step = axis(ends, 0.05)
            add_tubes(field, projection, curve, np.full(len(curve), 0.055), np.full(len(curve), step * 7.0))
        return field


@dataclass(frozen=True, slots=True)
class Band:
    """A plate of collapsed lung seen edge on: its ends (lateral, y below the dome's top) and its thickness in cm."""

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
    """Lung without air: plates, a hazy base, or a collapsed lobe."""

    bands: tuple[Band, ...]
    collapse: Collapse | None
    base_side: int
    base_share: float


@dataclass(frozen=True, slots=True)
class Disease:
    """All that is wrong in one study, and what it does to the diaphragm (right, left) and the mediastinum."""

    effusions: tuple[Effusion, ...]
    consolidation: Consolidation | None
    edema: Edema | None
    atelectasis: Atelectasis | None
    elevation: tuple[float, float]
    shift: float


def draw_disease(study: Study) -> Disease:
    """What the severities of a study mean in this chest."""
    film = (study.seed, ord(study.site.name), study.index)
    effusions = _draw_effusions(study, generator(study.seed, study.site.name, Purpose.EFFUSION, study.index))
    atelectasis, elevation, pull = _draw_atelectasis(
        study, generator(study.seed, study.site.name, Purpose.ATELECTASIS, study.index)
    )
    push = sum(-0.22 * max(effusion.level - 6.5, 0.0) * effusion.side for effusion in effusions)
    return Disease(
        effusions=effusions,
        consolidation=_draw_consolidation(study, (*film, Purpose.CONSOLIDATION)),
        edema=_draw_edema(study, (*film, Purpose.EDEMA)),
        atelectasis=atelectasis,
        elevation=elevation,
        shift=float(np.clip(pull + push, -2.2, 2.2)),
    )


def _draw_effusions(study: Study, draw: np.random.Generator) -> tuple[Effusion, ...]:
    severity = study.severities["Effusion"]
    if severity == 0:
        return ()
    first = RIGHT if draw.random() < 0.55 else LEFT
    both = draw.random() < (0.6 if study.severities["Edema"] else 0.3)
    grades = [(first, severity)] + ([(-first, int(draw.integers(1, severity + 1)))] if both else [])
    effusions = []
    for side, grade in grades:
        low, high = {1: (-0.2, 0.7), 2: (1.8, 4.6), 3: (7.5, 13.0)}[grade]
        layer = 0.0
        level, climb = float(draw.uniform(low, high)), float(draw.uniform(0.5, 1.3) + 0.7 * grade)
        if study.supine:  # most of the fluid runs behind the lung
            level = max(level - {1: 0.3, 2: 2.4, 3: 7.0}[grade], -0.5)
            layer = float(draw.uniform(0.7, 1.2)) * {1: 1.1, 2: 2.5, 3: 4.6}[grade]
        effusions.append(Effusion(side, level, climb, 0.3 + 0.6 * grade, layer))
    return tuple(effusions)


def _draw_consolidation(study: Study, seed: tuple[int, ...]) -> Consolidation | None:
    severity = study.severities["Consolidation"]
    if severity == 0:
        return None
    draw = np.random.default_rng(seed)
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
    radius = {1: 2.6, 2: 3.9, 3: 5.6}[severity] * float(draw.uniform(0.85, 1.2))
    return Consolidation(
        side=side,
        centre=(centre[0] + float(draw.normal(0, 0.05)), centre[1] + float(draw.normal(0, 0.04))),
        extent=(radius * float(draw.uniform(0.85, 1.15)), radius * float(draw.uniform(0.85, 1.15))),
        depth={1: 4.0, 2: 7.0, 3: 10.0}[severity],
        filled={1: 0.58, 2: 0.76, 3: 0.88}[severity] * float(draw.uniform(0.9, 1.08)),
        fissure=fissure if severity > 1 else None,
        bronchogram=severity > 1,
        seed=(*seed, 1),
    )


def _draw_edema(study: Study, seed: tuple[int, ...]) -> Edema | None:
    severity = study.severities["Edema"]
    if severity == 0:
        return None
    draw = np.random.default_rng(seed)
    upper, lower = {1: (0.95, 1.05), 2: (1.15, 1.05), 3: (1.25, 1.05)}[severity]
    return Edema(
        haze={1: 0.085, 2: 0.17, 3: 0.32}[severity] * float(draw.uniform(0.85, 1.2)),
        patches={1: 0.08, 2: 0.15, 3: 0.24}[severity],
        septa={1: 2, 2: 9, 3: 8}[severity],
        perfusion=Perfusion(upper, lower, blurred={1: 0.25, 2: 0.5, 3: 0.75}[severity]),
        seed=(*seed, 1),
    )


def _draw_atelectasis(study: Study, draw: np.random.Generator) -> tuple[Atelectasis | None, tuple[float, float], float]:
    severity = study.severities["Atelectasis"]
    if severity == 0:
        return None, (0.0, 0.0), 0.0
    side = RIGHT if draw.random() < 0.5 else LEFT
    bands = []
    for number in range(int(draw.integers(1, 3)) + (severity == 2)):
        on = side if number == 0 or draw.random() < 0.75 else -side
        middle, half = float(draw.uniform(6.0, 9.5)), float(draw.uniform(1.6, 3.4))
        y, slope = float(draw.uniform(-4.2, -0.6)), float(draw.normal(0.12, 0.22))
        bands.append(
            Band(
                side=on,
                start=(middle - half, y - slope * half),
                end=(middle + half, y + slope * half),
                thickness=float(draw.uniform(0.20, 0.42)),
                depth=float(draw.uniform(0.9, 1.7)) * (1.0 if severity == 1 else 1.7),
            )
        )
    rise = float({1: draw.uniform(0.3, 1.0), 2: draw.uniform(1.1, 2.2), 3: draw.uniform(1.4, 2.8)}[severity])
    collapse = None
    if severity == 3:
        lobe = "upper" if side == RIGHT and draw.random() < 0.45 else "lower"
        collapse = Collapse(
            side,
            lobe,
            spread=float(draw.uniform(2.6, 4.6)),
            depth=float(draw.uniform(5.0, 8.5)) + (4.0 if lobe == "upper" else 0.0),
        )
        rise *= 1.0 if lobe == "lower" else 0.5
        bands = bands[:1]
    pull = side * {1: 0.05, 2: 0.35, 3: 1.3}[severity]
    base_share = 0.0 if severity == 1 else float(draw.uniform(0.14, 0.28))
    elevation = (rise, 0.0) if side == RIGHT else (0.0, rise)
    return Atelectasis(tuple(bands), collapse, side, base_share), elevation, pull


def bands(atelectasis: Atelectasis, physique: Physique, projection: Projection) -> Field:
    """Length in cm through the plates of collapsed lung."""
    field = np.zeros((projection.size, projection.size), dtype=np.float32)
    for band in atelectasis.bands:
        dome = physique.dome(band.side)
        (x0, y0), (x1, y1) = band.start, band.end
        middle = (0.5 * (x0 + x1), 0.5 * (y0 + y1) - 0.25)
        ends = np.array([(band.side * x, dome + y, -2.0) for x, y in (band.start, middle, band.end)])
        curve, along, step = axis(ends, 0.06)
        radius = 0.5 * band.thickness * (1.0 - 0.5 * np.abs(2.0 * along - 1.0) ** 2)
        add_tubes(field, projection, curve, radius, step * band.depth / (2.0 * radius))
    return field
