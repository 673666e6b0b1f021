"""One film, from the seed to stored values and masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from xferviewer.studies.phantom.anatomy import chest_lengths
from xferviewer.studies.phantom.disease import draw_disease
from xferviewer.studies.phantom.patients import Purpose, generator, plan_study
from xferviewer.studies.phantom.physics import CHEST_STAND, PORTABLE, attenuation, detect, scattered, transmit
from xferviewer.studies.phantom.physique import draw_physique
from xferviewer.studies.phantom.placing import aperture, place, turn
from xferviewer.studies.phantom.processing import develop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.phantom.anatomy import Mask
    from xferviewer.studies.phantom.patients import Study
    from xferviewer.studies.phantom.sites import Photometric, SiteName


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
    depth = turn(attenuation(lengths, beam), placing)
    masks = {
        finding: turn(mask.astype(np.float32), placing, Image.Resampling.BILINEAR) > 0.5 if mask.any() else mask
        for finding, mask in masks.items()
    }
    opening = aperture(placing)
    primary = transmit(depth) * opening
    detector = study.site.detector
    pitch = detector.field_cm / size
    exposure = primary + scattered(primary, depth, detector.scatter, pitch)
    draw = generator(seed, site, Purpose.DETECTOR, index)
    counts = detect(exposure, detector, pitch, draw)
    unattenuated = detector.photons * (10.0 * pitch) ** 2
    open_field = opening > 0.5
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
