"""What a line, an angle and a region on a film measure, in the film's units, with the calibration named."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xferviewer.studies.film_lengths import Calibration
from xferviewer.studies.film_notes import Measurement
from xferviewer.studies.image import Image

_COLOURS = ("red", "green", "blue")
_MOST_EXACT = 2.0**53  # whole numbers up to here are those that the file holds


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number that a measurement gives.

    name         "length", "angle", "area", "mean", "standard deviation", "minimum", "maximum", "pixels"; of colour the
                 means are "mean red" and so on
    unit         "mm", "px", "°", "mm²", "px²", "pixels", or that of the film's values: "HU", "stored values"
    calibration  where millimetres hold, such as "at the detector"; empty for what has no part in them
    """

    name: str
    value: float
    unit: str
    calibration: str = ""


def quantities(measurement: Measurement, image: Image) -> list[Quantity]:
    """All that a measurement gives on this image, which it was drawn on."""
    calibration = Calibration.of(image)
    (x0, y0), (x1, y1) = measurement.points[:2]
    if measurement.kind == "ruler":
        length = calibration.length(x1 - x0, y1 - y0)
        return [Quantity("length", length, calibration.unit, calibration.source)]
    if measurement.kind == "angle":
        plane = calibration if image.spacing_mm is not None else Calibration(row=image.pixel_aspect)
        return [Quantity("angle", angle(measurement, plane), "°", calibration.source)]
    area = math.pi / 4 * abs(x1 - x0) * calibration.column * abs(y1 - y0) * calibration.row
    of_values = _of_values(region(measurement, image), image.unit or "stored values")
    return [*of_values, Quantity("area", area, f"{calibration.unit}²", calibration.source)]


def words_of(measurement: Measurement, image: Image) -> str:
    """What stands beside a measurement, in lines."""
    found = {each.name: each for each in quantities(measurement, image)}
    if measurement.kind == "angle":
        return f"{found['angle'].value:.1f}°"
    size = found["length" if measurement.kind == "ruler" else "area"]
    lines = [f"{size.value:.1f} {size.unit} {size.calibration}".strip()]
    if "pixels" in found:
        lines.insert(0, f"n {found['pixels'].value:.0f} px")
    if "mean red" in found:
        red, green, blue = (found[f"mean {name}"].value for name in _COLOURS)
        lines.insert(0, f"mean R {red:.0f} G {green:.0f} B {blue:.0f}")
    if "mean" in found:
        spread = f" SD {found['standard deviation'].value:.1f}" if "standard deviation" in found else ""
        lines.insert(0, f"{value_text(found['minimum'].value)} to {value_text(found['maximum'].value)}")
        lines.insert(0, f"mean {found['mean'].value:.1f}{spread} {found['mean'].unit}")
    return "\n".join(lines)


def value_text(value: float) -> str:
    """A pixel's value: whole numbers to the last digit, others with six."""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < _MOST_EXACT else f"{value:g}"


def angle(measurement: Measurement, calibration: Calibration) -> float:
    """Degrees from 0 to 180 at the vertex, the second point, in the film's plane: its pixels may not be square."""
    (x0, y0), (x1, y1), (x2, y2) = measurement.points
    one = ((x0 - x1) * calibration.column, (y0 - y1) * calibration.row)
    other = ((x2 - x1) * calibration.column, (y2 - y1) * calibration.row)
    cross, dot = one[0] * other[1] - one[1] * other[0], one[0] * other[0] + one[1] * other[1]
    return math.degrees(math.atan2(abs(cross), dot))


def region(measurement: Measurement, image: Image) -> NDArray[Any]:
    """The pixels (n,), of colour (n, 3), whose centres lie in the ellipse or on its edge, inside the film."""
    (x0, y0), (x1, y1) = measurement.points
    left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    rows, columns = image.pixels.shape[:2]
    first_row, first_column = max(math.floor(top), 0), max(math.floor(left), 0)
    last_row, last_column = min(math.ceil(bottom), rows), min(math.ceil(right), columns)
    if right <= left or bottom <= top or last_row <= first_row or last_column <= first_column:
        return image.pixels[:0, 0]
    y = (np.arange(first_row, last_row) + 0.5 - (top + bottom) / 2) / ((bottom - top) / 2)
    x = (np.arange(first_column, last_column) + 0.5 - (left + right) / 2) / ((right - left) / 2)
    inside = y[:, None] ** 2 + x[None, :] ** 2 <= 1
    return np.asarray(image.pixels[first_row:last_row, first_column:last_column][inside])


def _of_values(values: NDArray[Any], unit: str) -> list[Quantity]:
    """Of the pixels (n,) or (n, 3) of a region; nothing where there are none. The deviation is that of a sample."""
    if not len(values):
        return []
    count = Quantity("pixels", len(values), "pixels")
    numbers = values.astype(np.float64)
    if values.ndim == 2:
        means = zip(_COLOURS, numbers.mean(axis=0), strict=True)
        return [*(Quantity(f"mean {name}", float(mean), unit) for name, mean in means), count]
    spread = [Quantity("standard deviation", float(numbers.std(ddof=1)), unit)] if len(numbers) > 1 else []
    return [
        Quantity("mean", float(numbers.mean()), unit),
        *spread,
        Quantity("minimum", float(numbers.min()), unit),
        Quantity("maximum", float(numbers.max()), unit),
        count,
    ]
