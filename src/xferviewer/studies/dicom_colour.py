"""Colour as a DICOM file stores it, as RGB in 8 bits (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.pixels import convert_color_space

from xferviewer.studies.dicom_header import photometric_interpretation
from xferviewer.studies.palette_segments import expanded_segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.dicom_header import DicomHeader

_GREY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT")
_BYTE = 8
# Inverse of the equations of C.7.6.3.1.2 for YBR_PARTIAL_422 (ITU-R BT.601: black is 16, white 235).
_LUMINANCE, _RED_OF_CR, _GREEN_OF_CB, _GREEN_OF_CR, _BLUE_OF_CB = 1.1644, 1.5960, -0.3917, -0.8129, 2.0172


class UnknownColour(ValueError):
    """A Photometric Interpretation or a palette that is not read; the message is a sentence."""


def refuse_unknown_colour(header: DicomHeader) -> None:
    """Raise UnknownColour for what would be shown in wrong colours: HSV, ARGB and CMYK, retired in 1998, and others."""
    photometric = photometric_interpretation(header.dataset)
    if photometric and photometric not in (*_GREY, *_COLOUR):
        raise UnknownColour(f"Its Photometric Interpretation is {photometric}, which is not read here.")


def as_grey_or_rgb(values: NDArray[Any], photometric: str, header: DicomHeader) -> NDArray[Any]:
    """(rows, columns) greyscale as it is; colour and palettes as (rows, columns, 3) uint8 RGB.

    `photometric` is what the decoder made of it: decoders of JPEG 2000 undo YBR_ICT and YBR_RCT themselves.
    """
    if photometric == "PALETTE COLOR":
        first, table = _palette(header)
        return table[np.clip(values.astype(np.int64) - first, 0, len(table) - 1)]
    if values.ndim == 2:
        return values
    if photometric.startswith("YBR_FULL"):
        values = convert_color_space(values, photometric, "RGB")
    elif photometric.startswith("YBR_PARTIAL"):
        values = _from_partial_range(values)
    return _eight_bit(values[..., :3], int(header.dataset.get("BitsStored") or 8))


def _palette(header: DicomHeader) -> tuple[int, NDArray[np.uint8]]:
    """The stored value that the first entry stands for, and (entries, 3) RGB (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6)."""
    dataset = header.dataset
    if not dataset.get("RedPaletteColorLookupTableDescriptor"):
        raise UnknownColour("Its colours stand in a palette, which is missing.")
    entries, first, bits = (int(number) for number in dataset.RedPaletteColorLookupTableDescriptor)
    entries = entries & 0xFFFF or 1 << 16  # read as signed where the pixels are
    little_endian = dataset.original_encoding[1] is not False
    if int(dataset.get("PixelRepresentation") or 0) and first >= 1 << 15:  # written unsigned where pixels are signed
        first -= 1 << 16
    if "RedPaletteColorLookupTableData" in dataset:
        channels = [
            _entries(dataset[f"{colour}PaletteColorLookupTableData"], entries, little_endian)
            for colour in ("Red", "Green", "Blue")
        ]
    else:
        channels = [
            _expanded(dataset[f"Segmented{colour}PaletteColorLookupTableData"], entries, bits, little_endian)
            for colour in ("Red", "Green", "Blue")
        ]
    table = np.stack(channels, axis=-1)
    # A palette of 8 bits in words of 16 is common, and says 16 all the same.
    return first, _eight_bit(table, (bits if 8 < bits <= 16 else 16) if int(table.max()) > 255 else 8)


def _entries(element: Any, entries: int, little_endian: bool) -> NDArray[np.uint16]:
    data = bytes(element.value)
    if len(data) >= 2 * entries:
        return np.frombuffer(data, "<u2" if little_endian else ">u2")[:entries].astype(np.uint16)
    values = np.frombuffer(data, np.uint8)  # two to a word
    if not little_endian and element.VR == "OW":
        values = values[: values.size // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
    if values.size < entries:
        raise UnknownColour("Its palette has fewer entries than it states.")
    return values[:entries].astype(np.uint16)


def _expanded(element: Any, entries: int, bits: int, little_endian: bool) -> NDArray[np.uint16]:
    width, order = 1 if bits == _BYTE else 2, "<" if little_endian else ">"
    data = bytes(element.value)
    try:
        return expanded_segments(np.frombuffer(data[: len(data) // width * width], f"{order}u{width}"), entries)
    except ValueError as error:
        raise UnknownColour(str(error)) from error


def _from_partial_range(values: NDArray[Any]) -> NDArray[np.uint8]:
    y, cb, cr = (values[..., channel].astype(np.float64) for channel in range(3))
    y, cb, cr = _LUMINANCE * (y - 16), cb - 128, cr - 128
    rgb = np.stack([y + _RED_OF_CR * cr, y + _GREEN_OF_CB * cb + _GREEN_OF_CR * cr, y + _BLUE_OF_CB * cb], axis=-1)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def _eight_bit(colour: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """The most significant 8 of `bits` bits, of which a value of 8 bits has no more."""
    below = 0 if colour.dtype.itemsize == 1 else max(0, bits - 8)
    return np.ascontiguousarray(colour >> below).astype(np.uint8)
