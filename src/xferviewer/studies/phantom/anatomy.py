"""The chest of one study put together: which material each ray meets, and where each finding lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xferviewer.studies.phantom.chest import (
    LEFT,
    RIGHT,
    ellipsoid,
    great_vessels,
    heart,
    lung_space,
    scar,
    smoothstep,
    trunk,
)
from xferviewer.studies.phantom.devices import devices
from xferviewer.studies.phantom.patients import Purpose, generator
from xferviewer.studies.phantom.physics import PathLengths
from xferviewer.studies.phantom.sites import FINDINGS
from xferviewer.studies.phantom.skeleton import skeleton
from xferviewer.studies.phantom.texture import grain
from xferviewer.studies.phantom.vessels import Perfusion, airways, vessels

if TYPE_CHECKING:
    from xferviewer.studies.phantom.chest import LungSpace
    from xferviewer.studies.phantom.disease import Disease
    from xferviewer.studies.phantom.patients import Study
    from xferviewer.studies.phantom.physique import Physique
    from xferviewer.studies.phantom.placing import Placing
    from xferviewer.studies.phantom.projection import Field, Projection

Mask = NDArray[np.bool_]

# Length in cm of changed tissue from which on a ray counts as inside the finding.
_VISIBLE = {"Atelectasis": 0.25, "Cardiomegaly": 0.5, "Consolidation": 0.6, "Edema": 0.6, "Effusion": 0.5}


def chest_lengths(
    study: Study, disease: Disease, physique: Physique, placing: Placing
) -> tuple[PathLengths, dict[str, Mask]]:
    """Lengths in cm through each material before the film is turned, and where each finding lies."""
    projection = placing.projection
    draw = generator(study.seed, study.site.name, Purpose.TISSUE, study.patient.number)
    body = trunk(physique, placing) * (1.0 + 0.006 * grain(draw, projection.size, (24, 83), 0.8))
    cardiac = heart(physique, projection)
    front, behind = great_vessels(physique, projection)
    front = np.maximum(cardiac, front)
    lungs = np.zeros_like(body)
    found = {finding: np.zeros_like(body) for finding in FINDINGS}
    for side in (RIGHT, LEFT):
        space = lung_space(physique, projection, side)
        columns = space.columns
        replaced = {finding: field[:, columns] for finding, field in found.items()}
        lungs[:, columns] = _one_lung(
            space, disease, physique, projection, front[:, columns], behind[:, columns], replaced
        )
    healthy = Perfusion(0.95, 1.05) if study.supine else Perfusion()
    perfusion = disease.edema.perfusion if disease.edema else healthy
    tree = vessels(physique, projection, draw, (perfusion, perfusion))
    lungs *= 1.0 - 0.016 * grain(draw, projection.size, (31, 71, 150), 0.85)
    lungs -= np.minimum(tree * np.clip(lungs / 2.5, 0.0, 1.0), lungs)
    bone = skeleton(physique, placing, _scapula_offset(study))
    air = airways(physique, projection) + _bowel_gas(physique, projection, draw, not study.supine)
    body = np.maximum(body, lungs + bone + 1.0 * (lungs > 0.5))
    air = np.minimum(air, np.maximum(body - lungs - bone, 0.0))
    soft = np.maximum(body - lungs - bone - air, 0.0)
    found["Cardiomegaly"] = cardiac if study.severities["Cardiomegaly"] else found["Cardiomegaly"]
    masks = {finding: field > _VISIBLE[finding] for finding, field in found.items()}
    placed = generator(study.seed, study.site.name, Purpose.DEVICES, study.index)
    metal = devices(study, physique, projection, placed)
    return PathLengths(soft=soft, bone=bone, lung=lungs, air=air, metal=metal), masks


def _one_lung(
    space: LungSpace,
    disease: Disease,
    physique: Physique,
    projection: Projection,
    front: Field,
    behind: Field,
    found: dict[str, Field],
) -> Field:
    """Length of aerated lung of one side; adds what the findings replaced to `found`."""
    whole = space.length()
    fluid = np.zeros_like(whole)
    for effusion in disease.effusions:
        if effusion.side == space.side:
            fluid = effusion.fluid(space, physique)
    # What lies in front is over the dome: it takes nothing from the lung that reaches down behind it.
    middle = front * np.clip(1.0 - space.blocked / 3.0, 0.0, 1.0) + behind
    whole = whole * (1.0 - scar(space, physique))
    lung = np.maximum(whole - fluid - middle, 0.0)
    found["Effusion"] += np.minimum(fluid, np.maximum(whole - middle, 0.0))
    consolidation, edema, atelectasis = disease.consolidation, disease.edema, disease.atelectasis
    if consolidation and consolidation.side == space.side:
        filling = consolidation.filling(space, lung, physique, projection)
        found["Consolidation"] += filling
        lung = lung - filling
    if edema:
        filling = edema.share(space, physique, projection.size) * lung
        septa = edema.septal_lines(physique, projection, space.side)[:, space.columns]
        filling = np.minimum(filling + septa, lung)
        found["Edema"] += filling
        lung = lung - filling
    if atelectasis:
        filling = atelectasis.filling(space, lung, physique, projection)
        found["Atelectasis"] += filling
        lung = lung - filling
    return np.asarray(lung, dtype=np.float32)


def _scapula_offset(study: Study) -> float:
    """How far the shoulder blades are turned off the lungs: rolled forward for PA, not for AP; cm."""
    draw = generator(study.seed, study.site.name, Purpose.SCAPULA, study.index)
    return float(draw.normal(0.8, 0.8)) if study.view == "PA" else float(draw.normal(-2.4, 0.9))


def _bowel_gas(physique: Physique, projection: Projection, draw: np.random.Generator, upright: bool) -> Field:
    """The gastric bubble under the left dome, and some gas in the colon."""
    dome = physique.dome(LEFT)
    width = float(draw.uniform(1.4, 3.4))
    air = ellipsoid(
        projection,
        (float(draw.uniform(5.0, 8.0)), dome + 2.6 + float(draw.uniform(0.0, 1.5)), 1.0),
        (width, float(draw.uniform(1.0, 1.8)), float(draw.uniform(1.2, 3.2))),
        float(draw.uniform(-0.4, 0.2)),
    )
    if upright:
        _, y = projection.plane(1.0)
        level = dome + 2.6 + float(draw.uniform(0.6, 2.2))
        air = air * (1.0 - smoothstep(y, level - 0.12, level + 0.12))
    for _ in range(int(draw.integers(0, 4))):
        centre = (float(draw.uniform(-9.0, 11.0)), dome + float(draw.uniform(5.5, 11.0)), 3.0)
        radius = float(draw.uniform(0.6, 1.5))
        air = np.maximum(
            air, ellipsoid(projection, centre, (radius * 1.3, radius, 0.6 * radius), float(draw.uniform(-1, 1)))
        )
    return air
