"""What a line, an angle and a region on a film measure, in the film's units, with the calibration named."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xferviewer.gui.film_lengths import Calibration
from xferviewer.studies.film_notes import Measurement
from xferviewer.studies.image import Image


def words_of(measurement: Measurement, image: Image) -> str:
    """What stands beside a measurement, in lines."""
    calibration = Calibration.of(image)
    if measurement.kind == "ruler":
        (x0, y0), (x1, y1) = measurement.points
        return calibration.words(calibration.length(x1 - x0, y1 - y0))
    if measurement.kind == "angle":
        return f"{angle(measurement, calibration):.1f}°"
    return _region_words(measurement, image, calibration)


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


def _region_words(measurement: Measurement, image: Image, calibration: Calibration) -> str:
    (x0, y0), (x1, y1) = measurement.points
    area = math.pi / 4 * abs(x1 - x0) * calibration.column * abs(y1 - y0) * calibration.row
    size = f"{area:.1f} {calibration.unit}² {calibration.source}".strip()
    values = region(measurement, image)
    if not len(values):
        return size
    if image.is_colour:
        red, green, blue = values.mean(axis=0)
        return f"mean R {red:.0f} G {green:.0f} B {blue:.0f}\nn {len(values)} px\n{size}"
    numbers = values.astype(np.float64)
    spread = f" SD {numbers.std(ddof=1):.1f}" if len(values) > 1 else ""
    unit = image.unit or "stored values"
    return (
        f"mean {numbers.mean():.1f}{spread} {unit}\n{numbers.min():g} to {numbers.max():g}\nn {len(values)} px\n{size}"
    )
