"""One frame of a DICOM file as an Image: modality LUT, VOI, polarity, padding, geometry (PS3.3)."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xferviewer.errors import UnreadableImage
from xferviewer.studies import dicom_geometry
from xferviewer.studies.colour_profiles import usable_profile
from xferviewer.studies.content import refuse_missing_frame, unopenable
from xferviewer.studies.dicom_cine import frames_per_second
from xferviewer.studies.dicom_header import (
    DicomHeader,
    damaged_header,
    facts,
    photometric_interpretation,
    read_header,
    refuse_unless_image,
    text,
)
from xferviewer.studies.dicom_luts import ModalityLut, modality_lut, voi_lut, windows
from xferviewer.studies.dicom_overlays import overlay_planes
from xferviewer.studies.dicom_pixels import stored_pixels
from xferviewer.studies.image import Image
from xferviewer.studies.opening import digest_identity
from xferviewer.studies.slides import is_slide, read_slide

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.studies.image import OverlayPlane
    from xferviewer.studies.opening import OpenedFile


def read_dicom(path: Path, source: OpenedFile, frame: int) -> Image:
    """Read one frame. Raises UnreadableImage."""
    try:
        header = read_header(path, source)
        pixel_element = refuse_unless_image(path, header)
        if is_slide(path, source, text(header.dataset, "SOPClassUID")):
            return read_slide(path, frame, facts(header))
        refuse_missing_frame(path, frame, header.frames)
        pixels = stored_pixels(path, source, header, pixel_element, frame)
        overlays = overlay_planes(source, header, pixel_element, frame)
        return _image(header, pixels, frame, dicom_identity(header, source), overlays)
    except UnreadableImage:
        raise
    except OSError as error:
        raise unopenable(path, error) from error
    except Exception:  # noqa: BLE001 - the cause may quote a header value, which may name a patient: it is not carried on
        raise damaged_header(path) from None


def dicom_identity(header: DicomHeader, source: OpenedFile) -> str:
    """The SOP Instance UID, or the digest of the (unpacked) bytes of a file that has none; without the frame."""
    uid = text(header.dataset, "SOPInstanceUID")
    if uid:
        return uid
    return digest_identity(source)


def _image(
    header: DicomHeader, pixels: NDArray[Any], frame: int, identity: str, overlays: tuple[OverlayPlane, ...]
) -> Image:
    colour = pixels.ndim == 3
    signed = pixels.dtype.kind == "i"
    modality = ModalityLut() if colour else modality_lut(header, frame, signed=signed)
    padding, padding_limit = (None, None) if colour else _padding(header, pixels, modality)
    shown = pixels if colour else modality.apply(pixels)
    return Image(
        pixels=shown,
        unit=modality.unit,
        windows=() if colour else windows(header, frame, whole=shown.dtype.kind in "iu"),
        voi_lut=None if colour else voi_lut(header, frame, shown, signed=signed),
        inverted=not colour and _shows_low_values_bright(header),
        spacing_mm=dicom_geometry.spacing_mm(header, frame),
        spacing_source=dicom_geometry.spacing_source(header, frame),
        pixel_aspect=dicom_geometry.pixel_aspect(header),
        frames_per_second=frames_per_second(header),
        orientation=dicom_geometry.orientation(header, frame),
        identity=f"{identity}#{frame}",
        frame=frame,
        frames=header.frames,
        facts=facts(header),
        padding=padding,
        padding_limit=padding_limit,
        profile=_profile(header) if colour else None,
        overlays=overlays,
    )


def _shows_low_values_bright(header: DicomHeader) -> bool:
    """MONOCHROME1 and Presentation LUT Shape INVERSE say the same thing, each for its IODs: together they do not
    cancel out (PS3.3 C.8.11.3.1.2).
    """
    dataset = header.dataset
    monochrome1 = photometric_interpretation(dataset) == "MONOCHROME1"
    return monochrome1 or text(dataset, "PresentationLUTShape") == "INVERSE"


def _profile(header: DicomHeader) -> bytes | None:
    """Of the image, else of its first optical path (PS3.3 C.11.15, C.8.12.5)."""
    dataset = header.dataset
    for place in (dataset, *(dataset.get("OpticalPathSequence") or [])[:1]):
        profile = usable_profile(place.get("ICCProfile"))
        if profile is not None:
            return profile
    return None


_PADDING = {
    "PixelData": ("PixelPaddingValue", "PixelPaddingRangeLimit"),
    "FloatPixelData": ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
    "DoubleFloatPixelData": ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
}


def _padding(header: DicomHeader, stored: NDArray[Any], modality: ModalityLut) -> tuple[float | None, float | None]:
    """Pixel Padding Value and Range Limit (PS3.3 C.7.5.1.1.2, C.7.6.24), which are stored values, in the unit of the
    pixels. A value that no pixel can have is none.
    """
    keywords = _PADDING["PixelData" if header.pixels is None else header.pixels.keyword]
    value, limit = (_stored_value(header.dataset.get(keyword), stored.dtype) for keyword in keywords)
    if value is None:
        return None, None
    mapped = [
        None if end is None else float(modality.apply(np.array([[end]], stored.dtype))[0, 0]) for end in (value, limit)
    ]
    return mapped[0], mapped[1]


def _stored_value(stated: Any, dtype: np.dtype[Any]) -> float | None:
    """A stated value as it stands in the pixels; one of 16 bits may be written with the wrong sign (US for SS)."""
    if isinstance(stated, MutableSequence):
        stated = stated[0] if stated else None
    if stated in (None, "") or not np.isfinite(float(stated)):
        return None
    if dtype.kind == "f":
        return float(stated)
    limits = np.iinfo(dtype)
    candidates = (int(stated), int(stated) - (1 << 16), int(stated) + (1 << 16))
    return next((value for value in candidates if limits.min <= value <= limits.max), None)
