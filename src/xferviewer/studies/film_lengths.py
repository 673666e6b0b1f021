"""Lengths on a film: in millimetres where the file says how large its pixels are, and where that holds; or pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xferviewer.studies.image import Image

_ROUND = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How large a pixel is.

    row, column  distance of the centres of rows and of columns, in `unit`
    unit         "mm", or "px" where the file does not say
    source       where millimetres hold, such as "at the detector"; empty for pixels
    """

    row: float = 1.0
    column: float = 1.0
    unit: str = "px"
    source: str = ""

    @classmethod
    def of(cls, image: Image) -> Calibration:
        """What the file says."""
        if image.spacing_mm is None:
            return cls()
        return cls(*image.spacing_mm, "mm", image.spacing_source)

    def length(self, x: float, y: float) -> float:
        """Of a line over so many columns and rows, in `unit`."""
        return math.hypot(x * self.column, y * self.row)


def round_length(at_most: float) -> tuple[float, str]:
    """The longest of 1, 2, 5, 10, 20 … mm that is at most so long, and how it is written. `at_most` above 0."""
    power = 10.0 ** math.floor(math.log10(at_most) + 1e-9)
    length = max(step for step in _ROUND if step * power <= at_most * (1 + 1e-9)) * power
    return length, f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm"
