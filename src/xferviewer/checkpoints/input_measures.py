"""What is measured of every image on its way into a network, so that one that does not belong there is noticed.

Measured once where the tensor is made (networks.input_measuring); judged against a card (`input_guard`) and, many
together, against the images that the checkpoint learned from (`input_drift`), wherever numbers are shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MEASURES_VERSION = 1
"""Raise it when a measure is computed in another way or place: kept measures of another version are not read."""

THUMBNAIL_SIDE = 8
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

# The numbers of one image in their order; the thumbnail's follow, row by row.
_NAMES = (
    *("rows", "columns", "chroma", "pixel_low", "pixel_high", "not_finite", "black", "white"),
    *("mean", "deviation", *(f"quantile_{100 * level:02.0f}" for level in QUANTILES)),
)
_PLACES = {name: place for place, name in enumerate(_NAMES)}
LENGTH = len(_NAMES) + THUMBNAIL_SIDE**2


@dataclass(frozen=True, slots=True, eq=False)
class InputMeasures:
    """One image as one preprocessing hands it on; modality and body part as its header states them, else empty.

    values  float32 (LENGTH,):

    rows, columns          of the file's image
    chroma                 how far a pixel's colours lie apart, in the mean over pixels, in [0, 1]; 0: grey
    pixel_low, pixel_high  lowest and highest finite pixel, in the file's unit after the modality LUT
    not_finite             share of pixels that are NaN or infinite
    black, white           share of pixels that the window shows at its lower and its upper end
    mean, deviation, quantile_01 … quantile_99
                           of the brightness of what the network sees, in [0, 1], before its mean and std are applied
    thumbnail              that brightness in 8 × 8 fields
    """

    values: NDArray[np.float32]
    modality: str = ""
    body_part: str = ""

    def __post_init__(self) -> None:
        if self.values.shape != (LENGTH,):
            raise ValueError(f"expected {LENGTH} measures, got shape {self.values.shape}")

    def of(self, name: str) -> float:
        """One of the numbers by its name."""
        return float(self.values[_PLACES[name]])

    @property
    def thumbnail(self) -> NDArray[np.float32]:
        """(8, 8) brightness."""
        return self.values[len(_NAMES) :].reshape(THUMBNAIL_SIDE, THUMBNAIL_SIDE)


def measures_from(
    numbers: dict[str, float], thumbnail: NDArray[np.float32], modality: str = "", body_part: str = ""
) -> InputMeasures:
    """From the numbers by name and the thumbnail (8, 8). Raises ValueError for one that is missing or not finite."""
    if set(numbers) != set(_NAMES):
        raise ValueError(f"expected {', '.join(_NAMES)}, got {', '.join(numbers)}")
    values = np.array([*(numbers[name] for name in _NAMES), *thumbnail.ravel()], dtype=np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a measure is not finite")
    return InputMeasures(values, modality, body_part)


def agreement(thumbnail: NDArray[np.float32], layout: NDArray[np.float64]) -> float:
    """Pearson's correlation of two thumbnails (8, 8), in [-1, 1]; 0 where one is of one brightness.

    An image and its negative differ in its sign alone.
    """
    a, b = thumbnail.astype(np.float64).ravel(), layout.ravel()
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.sum(a * b)) / scale if scale > 1e-9 else 0.0
