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


_LARGEST_SIGNED = (1 << 15) - 1
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


def modality_lut(header: DicomHeader, frame: int, *, signed: bool) -> ModalityLut:
    """The file's modality LUT: its table, else its rescale, else the identity. `signed` says whether stored values are.

    Of a rescale one half may be missing, which then changes nothing. Raises ValueError for a table that makes no sense:
    without it values would have another unit than the file says.
    """
    for item in header.dataset.get("ModalityLUTSequence") or []:
        first, data, _bits = _lut(item)
        first = _as_signed(first) if signed else first
        return ModalityLut(unit=_unit(text(item, "ModalityLUTType")), first=first, table=data)
    sequence, keywords = "PixelValueTransformationSequence", ("RescaleSlope", "RescaleIntercept")
    place = header.macro_holding(sequence, frame, *keywords)
    for keyword in keywords:
        place = place if len(place) else header.macro_holding(sequence, frame, keyword)
    if not len(place):
        return ModalityLut()
    slope, intercept = (
        otherwise if place.get(keyword) in (None, "") else float(place[keyword].value)
        for keyword, otherwise in zip(keywords, (1.0, 0.0), strict=True)
    )
    if not np.isfinite([slope, intercept]).all() or slope == 0:  # would erase the picture; no such rescale is meant
        return ModalityLut()
    rescale_type = text(place, "RescaleType")
    return ModalityLut(slope, intercept, _unit(rescale_type) if rescale_type else _unit_of_modality(header))


def _unit(rescale_type: str) -> str:
    return "" if rescale_type == "US" else rescale_type  # US: unspecified, PS3.3 C.11.1.1.2


def _unit_of_modality(header: DicomHeader) -> str:
    """Rescaled CT without a Rescale Type is in Hounsfield units (PS3.3 C.8.2.1); PET names its Units (C.8.9.1)."""
    modality = text(header.dataset, "Modality")
    if modality == "CT":
        return "" if "LOCALIZER" in (header.dataset.get("ImageType") or []) else "HU"
    return text(header.dataset, "Units") if modality == "PT" else ""


def windows(header: DicomHeader, frame: int, *, whole: bool) -> tuple[Window, ...]:
    """The file's windows in its order; those that PS3.3 C.11.2.1.2 does not allow are left out.

    Of pixels that are no whole numbers (`whole`) a LINEAR window narrower than 1, which is not allowed either, is taken
    for LINEAR_EXACT: makers of maps and of PET write it, and mean the range that it spans.

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
            narrow = function == "LINEAR" and not whole and 0 < float(width) < 1
            stated.append(Window(float(centre), float(width), "LINEAR_EXACT" if narrow else function, explanation))
        except (TypeError, ValueError):
            continue
    return tuple(stated)


def voi_lut(header: DicomHeader, frame: int, values: NDArray[Any], *, signed: bool) -> VoiLut | None:
    """The file's first VOI look-up table that makes sense, of `values` made of `signed` stored ones or others."""
    for place in header.macro_values("FrameVOILUTSequence", frame):
        for item in place.get("VOILUTSequence") or []:
            try:
                first, data, bits = _lut(item)
            except (AttributeError, TypeError, ValueError):
                continue
            highest = max((1 << bits) - 1, int(data.max()))
            if first > _LARGEST_SIGNED and (signed or values.min() < 0):
                first = _as_signed(first)
            return VoiLut(first, data / highest, text(item, "LUTExplanation"))
    return None


def _as_signed(first: int) -> int:
    """The first value of a table that maps signed values, where it was written unsigned (US for SS)."""
    return first - (1 << 16) if first > _LARGEST_SIGNED else first


def _lut(item: Any) -> tuple[int, NDArray[np.int64], int]:
    """First value mapped, entries, and bits an entry, by LUT Descriptor and LUT Data (PS3.3 C.11.1.1.1).

    Raises an error of several kinds for a table that has fewer entries than it states, or none.
    """
    entries, first, bits = (int(number) for number in item.LUTDescriptor)
    entries = entries & 0xFFFF or 1 << 16  # read as signed where the values that it maps are
    values = _entries(item, entries)
    if values.size < entries:
        raise ValueError("a look-up table with fewer entries than it states")
    return first, values[:entries], bits if 1 <= bits <= 16 else 16


def _entries(item: Any, entries: int) -> NDArray[np.int64]:
    """LUT Data as numbers: words, or, where those would be too few, bytes that were packed two to a word."""
    data = item.LUTData
    little_endian = item.original_encoding[1] is not False
    if not isinstance(data, bytes):
        words = np.asarray(_several(data), np.int64) & 0xFFFF
        if words.size >= entries:
            return words
        return words.astype("<u2").view(np.uint8).astype(np.int64)
    if len(data) >= 2 * entries:
        return np.frombuffer(data[: 2 * entries], "<u2" if little_endian else ">u2").astype(np.int64)
    values = np.frombuffer(data, np.uint8)
    if not little_endian and item["LUTData"].VR == "OW":
        values = values[: values.size // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
    return values.astype(np.int64)


def _several(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]
