"""One film, from the seed to stored values and masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xferviewer.studies.phantom.chest import (
    LEFT,
    RIGHT,
    LungSpace,
    ellipsoid,
    great_vessels,
    heart,
    lung_space,
    smoothstep,
    trunk,
)
from xferviewer.studies.phantom.devices import devices
from xferviewer.studies.phantom.findings import Disease, bands, draw_disease
from xferviewer.studies.phantom.patients import Study, generator, plan_study
from xferviewer.studies.phantom.physics import (
    CHEST_STAND,
    PORTABLE,
    PathLengths,
    attenuation,
    detect,
    scattered,
    transmit,
)
from xferviewer.studies.phantom.physique import DETECTOR_SHARE, Physique, Placing, draw_physique, place
from xferviewer.studies.phantom.processing import develop
from xferviewer.studies.phantom.sites import FINDINGS, Photometric, SiteName
from xferviewer.studies.phantom.skeleton import skeleton
from xferviewer.studies.phantom.texture import grain
from xferviewer.studies.phantom.vessels import Perfusion, airways, vessels

if TYPE_CHECKING:
    from xferviewer.studies.phantom.projection import Field, Projection

_TISSUE, _DETECTOR, _SCAPULA, _DEVICES = 30, 31, 32, 33

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A synthetic chest radiograph as the system of its site stores it.

    pixels            (rows, columns) uint16 stored values
    photometric       Photometric Interpretation
    bits_stored       Bits Stored; values lie in [0, 2**bits_stored − 1]
    window            (centre, width) of DICOM PS3.3 C.11.2.1.2 LINEAR, in stored values
    pixel_spacing_mm  distance of pixel centres at the detector, the same for rows and columns
    kvp               tube voltage in kV
    source_mm         distance from the source to the detector in mm
    study             whose film it is and what is in the anatomy
    masks             (rows, columns) bool for each finding: where it is; all False where its severity is 0
    """

    pixels: NDArray[np.uint16]
    photometric: Photometric
    bits_stored: int
    window: tuple[float, float]
    pixel_spacing_mm: float
    kvp: float
    source_mm: float
    study: Study
    masks: dict[str, Mask]

    @property
    def severities(self) -> dict[str, int]:
        """Grade of each finding, 0 absent to 3 severe."""
        return self.study.severities


def render_film(seed: int, site: SiteName, index: int, size: int = 512) -> Film:
    """Film `index` of a site's cohort: the same pixels for the same arguments, whatever else is rendered.

    size   rows and columns, at least 64; the field of view does not change with it

    Raises ValueError for an unknown site, a negative seed or index, or a size below 64.
    """
    if size < 64:
        raise ValueError(f"a film has at least 64 rows and columns, got {size}")
    study = plan_study(seed, site, index)
    disease = draw_disease(study)
    physique = draw_physique(study, disease.elevation, disease.shift)
    placing = place(study, physique, size)
    lengths, masks = chest_lengths(study, disease, physique, placing)
    beam = PORTABLE if study.view == "AP" else CHEST_STAND
    depth = _turn(attenuation(lengths, beam), placing)
    masks = {
        finding: _turn(mask.astype(np.float32), placing) > 0.5 if mask.any() else mask
        for finding, mask in masks.items()
    }
    aperture = _aperture(placing)
    primary = transmit(depth) * aperture
    detector = study.site.detector
    pitch = detector.field_cm / size
    exposure = primary + scattered(primary, depth, detector.scatter, pitch)
    draw = generator(seed, site, _DETECTOR, index)
    counts = detect(exposure, detector, pitch, draw)
    unattenuated = detector.photons * (10.0 * pitch) ** 2
    open_field = aperture > 0.5
    pixels, window = develop(counts, unattenuated, open_field, study.site.processing, pitch)
    return Film(
        pixels=pixels,
        photometric=study.site.processing.photometric,
        bits_stored=study.site.processing.bits,
        window=window,
        pixel_spacing_mm=10.0 * pitch,
        kvp=beam.kvp,
        source_mm=10.0 * placing.projection.source_cm,
        study=study,
        masks=masks,
    )


def chest_lengths(
    study: Study, disease: Disease, physique: Physique, placing: Placing
) -> tuple[PathLengths, dict[str, Mask]]:
    """Lengths in cm through each material before the film is turned, and where each finding lies."""
    projection = placing.projection
    draw = generator(study.seed, study.site.name, _TISSUE, study.patient.number)
    body = trunk(physique, placing) * (1.0 + 0.006 * grain(draw, projection.size, (24, 61, 139), 0.8))
    cardiac = heart(physique, projection)
    front, behind = great_vessels(physique, projection)
    front = np.maximum(cardiac, front)
    lungs = np.zeros_like(body)
    found = {finding: np.zeros_like(body) for finding in FINDINGS}
    for side in (RIGHT, LEFT):
        space = lung_space(physique, projection, side)
        lungs += _one_lung(space, disease, physique, projection, front, behind, found)
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
    placed = generator(study.seed, study.site.name, _DEVICES, study.index)
    metal = devices(study, physique, projection, placed)
    return PathLengths(soft=soft, bone=bone, lung=lungs, air=air, metal=metal), masks


# Length in cm of changed tissue from which on a ray counts as inside the finding.
_VISIBLE = {"Atelectasis": 0.25, "Cardiomegaly": 0.5, "Consolidation": 0.6, "Edema": 0.45, "Effusion": 0.5}


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
    lung = np.maximum(whole - fluid - middle, 0.0)
    found["Effusion"] += np.minimum(fluid, np.maximum(whole - middle, 0.0))
    consolidation, edema, atelectasis = disease.consolidation, disease.edema, disease.atelectasis
    if consolidation and consolidation.side == space.side:
        filling = consolidation.filling(space, lung, physique, projection)
        found["Consolidation"] += filling
        lung = lung - filling
    if edema:
        filling = edema.share(space, physique, projection.size) * lung
        filling = np.minimum(filling + edema.septal_lines(physique, projection, space.side), lung)
        found["Edema"] += filling
        lung = lung - filling
    if atelectasis:
        filling = np.minimum(bands(atelectasis, physique, projection), 0.9 * lung)
        if atelectasis.collapse and atelectasis.collapse.side == space.side:
            filling = np.maximum(filling, atelectasis.collapse.filling(space, lung, physique))
        if atelectasis.base_share and atelectasis.base_side == space.side:
            dome = physique.dome(space.side)
            filling = np.maximum(filling, atelectasis.base_share * smoothstep(space.y, dome - 5.0, dome + 0.5) * lung)
        found["Atelectasis"] += filling
        lung = lung - filling
    return np.asarray(lung, dtype=np.float32)


def _scapula_offset(study: Study) -> float:
    """How far the shoulder blades are turned off the lungs: rolled forward for PA, not for AP; cm."""
    draw = generator(study.seed, study.site.name, _SCAPULA, study.index)
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
    for _ in range(int(draw.integers(0, 5))):
        centre = (float(draw.uniform(-9.0, 11.0)), dome + float(draw.uniform(5.5, 11.0)), 3.0)
        radius = float(draw.uniform(0.6, 1.5))
        air = np.maximum(air, ellipsoid(projection, centre, (radius * 1.3, radius, radius), float(draw.uniform(-1, 1))))
    return air


def _turn(field: Field, placing: Placing) -> Field:
    """The inner part of the field, as a detector sees it that is turned by the tilt of the patient."""
    size = field.shape[0]
    cos, sin = DETECTOR_SHARE * float(np.cos(placing.tilt)), DETECTOR_SHARE * float(np.sin(placing.tilt))
    middle = 0.5 * size
    matrix = (cos, sin, middle - cos * middle - sin * middle, -sin, cos, middle + sin * middle - cos * middle)
    picture = Image.fromarray(np.ascontiguousarray(field))
    turned = picture.transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    return np.asarray(turned, dtype=np.float32)


def _aperture(placing: Placing) -> Field:
    """1 where the collimator is open, falling to 0 over its penumbra."""
    size = placing.projection.size
    left, top, right, bottom = (side * size for side in placing.collimated)
    place_in = np.arange(size, dtype=np.float32) + 0.5
    soft = np.float32(0.004 * size)
    columns = np.clip((place_in - left) / soft + 0.5, 0, 1) * np.clip((size - right - place_in) / soft + 0.5, 0, 1)
    rows = np.clip((place_in - top) / soft + 0.5, 0, 1) * np.clip((size - bottom - place_in) / soft + 0.5, 0, 1)
    return np.asarray(rows[:, None] * columns[None, :], dtype=np.float32)
