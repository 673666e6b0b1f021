"""From lengths through materials to what a detector counts: attenuation, scatter, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.studies.phantom.texture import enlarge, shrink

if TYPE_CHECKING:
    from xferviewer.studies.phantom.projection import Field
    from xferviewer.studies.phantom.sites import Detector


@dataclass(frozen=True, slots=True)
class Beam:
    """Linear attenuation in 1/cm, averaged over the spectrum that has passed a chest.

    Values are mass attenuation coefficients of water, cortical bone (1.92 g/cm³), lung (0.26 g/cm³ inflated) and iron
    at the effective energy, from NIST's tables (Hubbell and Seltzer, NISTIR 5632).
    """

    kvp: float
    soft: float
    bone: float
    lung: float
    metal: float


CHEST_STAND = Beam(kvp=120.0, soft=0.198, bone=0.54, lung=0.0515, metal=7.5)  # about 66 keV effective
PORTABLE = Beam(kvp=90.0, soft=0.213, bone=0.67, lung=0.0555, metal=11.4)  # about 56 keV effective


@dataclass(frozen=True, slots=True, eq=False)
class PathLengths:
    """Length in cm that each ray runs in each material: (rows, columns) float32. Air attenuates nothing."""

    soft: Field
    bone: Field
    lung: Field
    air: Field
    metal: Field


def attenuation(lengths: PathLengths, beam: Beam) -> Field:
    """Optical depth Σ µ·t: the exponent of the Beer–Lambert law."""
    return np.asarray(
        np.float32(beam.soft) * lengths.soft
        + np.float32(beam.bone) * lengths.bone
        + np.float32(beam.lung) * lengths.lung
        + np.float32(beam.metal) * lengths.metal,
        dtype=np.float32,
    )


def transmit(depth: Field) -> Field:
    """Share of the photons that pass an optical depth without any interaction: exp(−Σ µ·t)."""
    return np.exp(-depth)


def scattered(primary: Field, depth: Field, ratio: float, pitch_cm: float) -> Field:
    """Scatter at the detector: what tissue takes from the beam, spread over 4 cm; nothing comes from open air.

    `ratio` is scattered over primary signal behind an optical depth of 4, about a mediastinum.
    """
    from scipy.ndimage import gaussian_filter

    coarse = shrink(primary * np.clip(depth * np.float32(0.25), 0.0, 1.2), max(primary.shape[0] // 16, 8))
    spread = gaussian_filter(coarse, 4.0 / (pitch_cm * primary.shape[0] / coarse.shape[0]), mode="nearest")
    return np.float32(ratio) * enlarge(spread, primary.shape[0])


def detect(exposure: Field, detector: Detector, pitch_cm: float, draw: np.random.Generator) -> Field:
    """Counts of the detector for a relative `exposure` (1 behind no patient), with noise and blur.

    Quantum noise is drawn with the Poisson variance as a normal deviate, which counts above some tens allow; it is
    blurred with the signal, as light is that spreads in a scintillator. Read-out noise is added after.
    """
    from scipy.ndimage import gaussian_filter

    area = (10.0 * pitch_cm) ** 2
    counts = exposure * np.float32(detector.photons * area)
    counts += np.sqrt(counts) * draw.standard_normal(counts.shape, dtype=np.float32)
    counts = gaussian_filter(counts, 0.1 * detector.blur_mm / pitch_cm, truncate=3.0, mode="nearest")
    counts += np.float32(detector.electronic * area**0.5) * draw.standard_normal(counts.shape, dtype=np.float32)
    return np.asarray(np.maximum(counts, 1.0), dtype=np.float32)
