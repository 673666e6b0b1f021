"""Where a slice lies in the stack of its series: what a series is scrolled by (PS3.3 C.7.6.2.1.1).

Neither file names nor Instance Numbers are places: exports number files anew, and scanners count slices as they were
taken. The places of one plane grow from head to feet, from right to left and from front to back, whichever way round
rows and columns lie.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pydicom.tag import BaseTag, Tag

_PLANES = ("sagittal", "coronal", "axial")  # by the axis that their normal is nearest to: left, back, head
_TOWARDS = (1.0, 1.0, -1.0)
_ORIENTATION, _POSITION = Tag("ImageOrientationPatient"), Tag("ImagePositionPatient")
_INSTANCE = Tag("InstanceNumber")
_DIGITS = 2  # hundredths of a millimetre: echoes of one slice differ by less, slices by more


@dataclass(frozen=True, slots=True)
class StackPlace:
    """plane: the nearest of three, or ""; slice_mm: along its normal, or None; instance: Instance Number, or None."""

    plane: str = ""
    slice_mm: float | None = None
    instance: int | None = None


def place_in_stack(dataset: Any) -> StackPlace:
    """The place that a header states; what it states wrongly counts as not stated."""
    counted = _numbers(dataset, _INSTANCE, 1)
    instance = int(counted[0]) if counted is not None and abs(counted[0]) < 1 << 31 else None
    cosines = _numbers(dataset, _ORIENTATION, 6)
    corner = _numbers(dataset, _POSITION, 3)
    if cosines is None or corner is None:
        return StackPlace(instance=instance)
    (a, b, c), (d, e, f) = cosines[:3], cosines[3:]
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    length = math.hypot(*normal)
    if not length > 0.5:  # no two directions that stand on each other
        return StackPlace(instance=instance)
    axis = max(range(3), key=lambda each: abs(normal[each]))
    sign = math.copysign(1.0, normal[axis]) * _TOWARDS[axis]
    place = sign * sum(part * whole for part, whole in zip(normal, corner, strict=True)) / length
    return StackPlace(_PLANES[axis], round(place, _DIGITS), instance)


def _numbers(dataset: Any, tag: BaseTag, count: int) -> list[float] | None:
    """So many finite numbers of a decimal string; None where there are not. From its bytes: pydicom takes ten times
    as long, for each of a hundred thousand files.
    """
    try:
        value = dataset.get_item(tag).value
        parts = value.split(b"\\") if isinstance(value, bytes) else [value] if count == 1 else list(value)
        numbers = [float(part) for part in parts]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None
