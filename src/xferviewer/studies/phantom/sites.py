"""The three sites of the synthetic cohort: who comes, which detector, which processing.

Prevalences are those of published test sets (share of films, in the order of FINDINGS):

- A: ChestX-ray14 test, 25,596 films: 12.8, 4.2, 7.1, 3.6, 18.2 %.
- B: CheXpert valid, 234 films: 34, 29, 14, 19, 29 %.
- C: CheXpert test split of Glocker et al., 38,240 films: 15, 13, 7, 26, 41 %.

VinDr-CXR and PadChest are not among them: their published test sets hold no film labelled with edema, so that no AUC
could be given for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion")

SiteName = Literal["A", "B", "C"]
Photometric = Literal["MONOCHROME1", "MONOCHROME2"]


@dataclass(frozen=True, slots=True)
class Detector:
    """What turns photons into stored values, before any processing.

    field_cm     side of the square field at the detector, in cm
    photons      quanta that a pixel of 1 mm² would count behind no patient
    scatter      scattered over primary signal behind an average chest, after the grid if there is one
    blur_mm      standard deviation of the point spread in mm
    electronic   standard deviation of the read-out noise, in quanta per 1 mm²
    """

    field_cm: float
    photons: float
    scatter: float
    blur_mm: float
    electronic: float


@dataclass(frozen=True, slots=True)
class Processing:
    """The processing curve of a site's system, from log signal to stored values.

    latitude      contrast left to structures larger than `coarse_mm`; below 1, lung and abdomen come together
    coarse_mm     standard deviation of the kernel that parts coarse from fine, in mm
    edge          gain added to details finer than `edge_mm`
    edge_mm       standard deviation of the kernel of the edge enhancement, in mm
    slope         steepness of the sigmoid tone curve; 0 stores the log signal linearly, for the window to choose
    bits          Bits Stored
    photometric   Photometric Interpretation of what is stored
    shutter       whether what the collimator closed is blackened; else it stays as bright as unexposed film
    """

    latitude: float
    coarse_mm: float
    edge: float
    edge_mm: float
    slope: float
    bits: int
    photometric: Photometric
    shutter: bool


@dataclass(frozen=True, slots=True)
class Site:
    """One site: its patients, detector, processing.

    prevalence   share of films with each finding, in the order of FINDINGS
    ap_share     share of films taken AP (the others PA)
    supine_share share of the AP films taken of a patient lying
    mean_age     mean age of patients in years
    manufacturer name written into the files; none that exists
    """

    name: SiteName
    prevalence: tuple[float, ...]
    ap_share: float
    supine_share: float
    mean_age: float
    manufacturer: str
    detector: Detector
    processing: Processing


SITES: dict[SiteName, Site] = {
    "A": Site(
        name="A",
        prevalence=(0.128, 0.042, 0.071, 0.036, 0.182),
        ap_share=0.15,
        supine_share=0.3,
        mean_age=50.0,
        manufacturer="Phantom Imaging A",
        detector=Detector(field_cm=39.5, photons=90_000.0, scatter=0.6, blur_mm=0.30, electronic=4.0),
        processing=Processing(
            latitude=0.7,
            coarse_mm=30.0,
            edge=0.5,
            edge_mm=1.6,
            slope=4.6,
            bits=12,
            photometric="MONOCHROME2",
            shutter=True,
        ),
    ),
    "B": Site(
        name="B",
        prevalence=(0.34, 0.29, 0.14, 0.19, 0.29),
        ap_share=0.45,
        supine_share=0.5,
        mean_age=58.0,
        manufacturer="Phantom Imaging B",
        detector=Detector(field_cm=41.0, photons=60_000.0, scatter=1.0, blur_mm=0.45, electronic=6.0),
        processing=Processing(
            latitude=0.6,
            coarse_mm=22.0,
            edge=0.8,
            edge_mm=2.2,
            slope=0.0,
            bits=14,
            photometric="MONOCHROME1",
            shutter=True,
        ),
    ),
    "C": Site(
        name="C",
        prevalence=(0.15, 0.13, 0.07, 0.26, 0.41),
        ap_share=0.85,
        supine_share=0.6,
        mean_age=63.0,
        manufacturer="Phantom Imaging C",
        detector=Detector(field_cm=42.0, photons=30_000.0, scatter=2.5, blur_mm=0.6, electronic=10.0),
        processing=Processing(
            latitude=0.75,
            coarse_mm=40.0,
            edge=0.25,
            edge_mm=2.5,
            slope=4.2,
            bits=10,
            photometric="MONOCHROME2",
            shutter=False,
        ),
    ),
}
