"""Values of interest: how pixel values become brightness (DICOM PS3.3 C.11.2, PS3.4 N.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Brightness lies on multiples of 2^-24: float32 holds each of them, and one minus each of them, exactly. So a film and
# its negative differ by 1 - y to the bit, whichever of the two was stored.
_STEPS = float(2**24)


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI window, DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3.

    centre, width  in the unit of the pixels; width at least 1 for LINEAR, above 0 otherwise
    function       LINEAR, LINEAR_EXACT or SIGMOID
    explanation    what the file calls it ("LUNG", "NORMAL"), often empty
    """

    centre: float
    width: float
    function: str = "LINEAR"
    explanation: str = ""

    def __post_init__(self) -> None:
        if self.function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
            raise ValueError(f"unknown VOI LUT function {self.function!r}")
        narrowest = 1.0 if self.function == "LINEAR" else 0.0
        if not np.isfinite([self.centre, self.width]).all() or self.width < narrowest or self.width == 0:
            raise ValueError(f"a {self.function} window cannot have centre {self.centre} and width {self.width}")


FULL_RANGE = Window(128, 256, "LINEAR", "full range")
"""Of a picture of 8 bits: 0 is black and 255 is white by definition."""


@dataclass(frozen=True, slots=True, eq=False)
class VoiLut:
    """A VOI look-up table, DICOM PS3.3 C.11.2.1.1.

    first        the pixel value that the first entry stands for; lower pixels take the first entry, higher the last
    values       (entries,) float64 brightness in [0, 1]
    explanation  what the file calls it, often empty
    """

    first: int
    values: NDArray[np.float64]
    explanation: str = ""


def window_brightness(values: NDArray[np.generic], window: Window) -> NDArray[np.float64]:
    """Brightness in [0, 1], float64, same shape: PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.1 and C.11.2.1.3.2."""
    centre, width = window.centre, window.width
    x = values.astype(np.float64)
    if window.function == "SIGMOID":
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / (1.0 + np.exp(-4.0 * (x - centre) / width)))
    if window.function == "LINEAR":
        if width == 1.0:  # the ramp has shrunk to a step; only its two flat sides are left
            return np.where(x <= centre - 0.5, 0.0, 1.0)
        centre, width = centre - 0.5, width - 1.0
    x -= centre
    x /= width
    x += 0.5
    return np.clip(x, 0.0, 1.0, out=x)


def lut_brightness(values: NDArray[np.generic], lut: VoiLut) -> NDArray[np.float64]:
    """Brightness in [0, 1], float64, same shape: PS3.3 C.11.2.1.1."""
    entries = np.clip(values.astype(np.float64) - lut.first, 0, lut.values.size - 1)
    return lut.values[np.rint(entries).astype(np.intp)]


def brightness(values: NDArray[np.generic], voi: Window | VoiLut, *, inverted: bool) -> NDArray[np.float32]:
    """VOI, then polarity: float32 in [0, 1], same shape; NaN becomes black before the polarity.

    Integer pixels go through a table of the values that occur, so a film of 9 megapixels costs one look-up each.
    """
    if values.dtype.kind in "iu" and values.size:
        low, high = int(values.min()), int(values.max())
        if high - low < min(values.size, 1 << 20):
            table = _polarised(_apply(np.arange(low, high + 1), voi), inverted=inverted)
            return np.asarray(table[np.subtract(values, low, dtype=np.intp)])
    return _polarised(_apply(values, voi), inverted=inverted)


def _apply(values: NDArray[np.generic], voi: Window | VoiLut) -> NDArray[np.float64]:
    if isinstance(voi, Window):
        return window_brightness(values, voi)
    return lut_brightness(np.nan_to_num(values) if values.dtype.kind == "f" else values, voi)


def _polarised(bright: NDArray[np.float64], *, inverted: bool) -> NDArray[np.float32]:
    steps = np.rint(np.nan_to_num(bright, nan=0.0) * _STEPS)
    if inverted:
        steps = _STEPS - steps
    return (steps / _STEPS).astype(np.float32)
