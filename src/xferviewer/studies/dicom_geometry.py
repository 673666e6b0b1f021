"""Distances and directions that a DICOM header states (PS3.3 C.7.6.1.1.1, C.7.6.2, C.8.11.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from xferviewer.studies.dicom_header import DicomHeader


_PROJECTIONS = ("CR", "DX", "IO", "MG", "PX", "RF", "RG", "XA")


def spacing_mm(header: DicomHeader, frame: int) -> tuple[float, float] | None:
    """(row, column) distance of pixel centres: Pixel Spacing, else that at the detector or of the scanned film."""
    return _spacing(header, frame)[0]


def spacing_source(header: DicomHeader, frame: int) -> str:
    """Where those distances hold: "in the patient", "at the detector", "on the scanned film", or "as the file says".

    A projection is larger on the detector than the patient is. Its Pixel Spacing is corrected for that only where it
    says so or differs from the Imager Pixel Spacing (PS3.3 10.7.1.3); alone it may be either.
    """
    spacing, keyword = _spacing(header, frame)
    if spacing is None:
        return ""
    if keyword == "ImagerPixelSpacing":
        return "at the detector"
    if keyword == "NominalScannedPixelSpacing":
        return "on the scanned film"
    if header.dataset.get("Modality") not in _PROJECTIONS:
        return "in the patient"
    at_detector = _numbers(header.dataset.get("ImagerPixelSpacing"), 2)
    if header.dataset.get("PixelSpacingCalibrationType") or (at_detector and tuple(at_detector) != spacing):
        return "in the patient"
    return "at the detector" if at_detector else "as the file says"


def _spacing(header: DicomHeader, frame: int) -> tuple[tuple[float, float] | None, str]:
    """The first usable distances, and the keyword that states them."""
    measured = header.macro_holding("PixelMeasuresSequence", frame, "PixelSpacing").get("PixelSpacing")
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        numbers = _numbers(measured if keyword == "PixelSpacing" else header.dataset.get(keyword), 2)
        if numbers is not None and min(numbers) > 0:
            return (numbers[0], numbers[1]), keyword
    return None, ""


def pixel_aspect(header: DicomHeader) -> float:
    """Height of a pixel over its width: Pixel Aspect Ratio (PS3.3 C.7.6.3.1.7), vertical to horizontal; else 1."""
    numbers = _numbers(header.dataset.get("PixelAspectRatio"), 2)
    return numbers[0] / numbers[1] if numbers is not None and min(numbers) > 0 else 1.0


def orientation(header: DicomHeader, frame: int) -> tuple[str, str] | None:
    """Letters of the directions in which the rows and the columns run: as stated, else from the image plane."""
    stated = header.dataset.get("PatientOrientation")
    if stated is not None and not isinstance(stated, str) and len(stated) == 2 and all(stated):
        return str(stated[0]), str(stated[1])
    plane = header.macro_holding("PlaneOrientationSequence", frame, "ImageOrientationPatient")
    cosines = _numbers(plane.get("ImageOrientationPatient"), 6)
    if cosines is None:
        return None
    row, column = _letters(cosines[:3]), _letters(cosines[3:])
    return (row, column) if row and column else None


def _letters(direction: list[float]) -> str:
    """The patient's axes nearest to a direction, the largest part first, oblique parts below 1/10 000 left out."""
    names = ("LR", "PA", "HF")  # +x to the left, +y to the back, +z to the head (PS3.3 C.7.6.2.1.1)
    largest_first = sorted(range(3), key=lambda axis: -abs(direction[axis]))
    return "".join(names[axis][direction[axis] < 0] for axis in largest_first if abs(direction[axis]) > 1e-4)


def _numbers(value: Any, count: int) -> list[float] | None:
    if value is None or isinstance(value, str) or not hasattr(value, "__len__") or len(value) != count:
        return None
    try:
        numbers = [float(number) for number in value]
    except (TypeError, ValueError):
        return None
    return numbers if np.isfinite(numbers).all() else None
