"""The look-up tables that a DICOM header states: modality LUT (PS3.3 C.11.1) and VOI LUT (PS3.3 C.11.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xferviewer.studies.dicom_header import DicomHeader, text
from xferviewer.studies.voi import VoiLut, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray


_FULL_RANGE_OF_A_BIT = Window(0.5, 1.0, "LINEAR_EXACT", "full range")


@dataclass(frozen=True, slots=True, eq=False)
class ModalityLut:
    """From stored values to values with a unit: slope and intercept, or a table that begins at `first`."""

    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    first: int = 0
    table: NDArray[np.int64] | None = None

    def apply(self, stored: NDArray[Any]) -> NDArray[Any]:
        """C-contiguous, same shape: the smallest integer dtype that holds an integral result, else float32."""
        if self.table is not None:
            entries = np.clip(stored.astype(np.int64) - self.first, 0, self.table.size - 1)
            return _smallest(self.table[entries])
        if stored.dtype.kind not in "iu":
            return np.ascontiguousarray(stored.astype(np.float64) * self.slope + self.intercept, np.float32)
        if self.slope == 1 and self.intercept == 0:
            return np.ascontiguousarray(stored)
        if float(self.slope).is_integer() and float(self.intercept).is_integer() and stored.dtype.itemsize <= 4:
            return _smallest(stored.astype(np.int64) * int(self.slope) + int(self.intercept))
        return np.ascontiguousarray(stored.astype(np.float64) * self.slope + self.intercept, np.float32)


def _smallest(values: NDArray[np.int64]) -> NDArray[Any]:
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for dtype in (np.uint8, np.int16, np.uint16, np.int32, np.uint32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return np.ascontiguousarray(values, dtype)
    return np.ascontiguousarray(values, np.float32)


def modality_lut(header: DicomHeader, frame: int) -> ModalityLut:
    """The file's modality LUT: its table, else its rescale, else the identity."""
    for item in header.dataset.get("ModalityLUTSequence") or []:
        first, data, _bits = _lut(item)
        return ModalityLut(unit=_unit(text(item, "ModalityLUTType")), first=first, table=data)
    place = header.macro_holding("PixelValueTransformationSequence", frame, "RescaleSlope", "RescaleIntercept")
    if "RescaleSlope" not in place:
        return ModalityLut()
    slope, intercept = float(place.RescaleSlope), float(place.RescaleIntercept)
    if not np.isfinite([slope, intercept]).all() or slope == 0:  # would erase the picture; no such rescale is meant
        return ModalityLut()
    return ModalityLut(slope, intercept, _unit(text(place, "RescaleType")) or _unit_of_modality(header))


def _unit(rescale_type: str) -> str:
    return "" if rescale_type == "US" else rescale_type  # US: unspecified, PS3.3 C.11.1.1.2


def _unit_of_modality(header: DicomHeader) -> str:
    """Rescaled CT without a Rescale Type is in Hounsfield units (PS3.3 C.8.2.1); PET names its Units (C.8.9.1)."""
    modality = text(header.dataset, "Modality")
    if modality == "CT":
        return "" if "LOCALIZER" in (header.dataset.get("ImageType") or []) else "HU"
    return text(header.dataset, "Units") if modality == "PT" else ""


def windows(header: DicomHeader, frame: int) -> tuple[Window, ...]:
    """The file's windows in its order; those that PS3.3 C.11.2.1.2 does not allow are left out.

    A mask of single bits that states none has the range of its bit, so that its empty frames are black.
    """
    place = header.macro_holding("FrameVOILUTSequence", frame, "WindowCenter", "WindowWidth")
    if "WindowCenter" not in place:
        return (_FULL_RANGE_OF_A_BIT,) if header.dataset.get("BitsStored") == 1 else ()
    function = text(place, "VOILUTFunction").upper() or "LINEAR"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        function = "LINEAR"
    explanations = [str(word) for word in _several(place.get("WindowCenterWidthExplanation"))]
    stated = []
    for number, (centre, width) in enumerate(
        zip(_several(place.WindowCenter), _several(place.WindowWidth), strict=False)
    ):
        explanation = explanations[number] if number < len(explanations) else ""
        try:
            stated.append(Window(float(centre), float(width), function, explanation))
        except (TypeError, ValueError):
            continue
    return tuple(stated)


def voi_lut(header: DicomHeader, frame: int, *, signed: bool) -> VoiLut | None:
    """The file's first VOI look-up table."""
    for place in header.macro_values("FrameVOILUTSequence", frame):
        for item in place.get("VOILUTSequence") or []:
            first, data, bits = _lut(item)
            if signed and first >= 1 << 15:  # written unsigned where the pixels are signed
                first -= 1 << 16
            highest = max((1 << bits) - 1, int(data.max()))
            return VoiLut(first, data / highest, text(item, "LUTExplanation"))
    return None


def _lut(item: Any) -> tuple[int, NDArray[np.int64], int]:
    """First value mapped, entries, and bits an entry, by LUT Descriptor and LUT Data (PS3.3 C.11.1.1.1)."""
    entries, first, bits = (int(number) for number in item.LUTDescriptor)
    entries = entries or 1 << 16
    data = item.LUTData
    if isinstance(data, bytes):
        width = 1 if len(data) < 2 * entries else 2
        order = "<" if item.original_encoding[1] is not False else ">"
        values = np.frombuffer(data, np.dtype(f"{order}u{width}")).astype(np.int64)
    else:
        values = np.asarray(_several(data), np.int64) & 0xFFFF
    if values.size < 1:
        raise ValueError("a look-up table without entries")
    return first, values[:entries], bits if 1 <= bits <= 16 else 16


def _several(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]
