"""How a header says that its pixels lie: what it leaves open and can mean one thing only, and what makes no sense.

PS3.3 C.7.6.3 (Image Pixel Module) requires every element of it; archives and anonymisers lose some of them, and some
are spelt as nobody's standard spells them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xferviewer.errors import UnreadableImage
from xferviewer.studies.dicom_header import number, photometric_interpretation

if TYPE_CHECKING:
    from pathlib import Path

    from xferviewer.studies.dicom_header import DicomHeader, PixelElement

_FLOAT_BITS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}
_ONE_SAMPLE = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_BYTE = 8


def complete_layout(path: Path, header: DicomHeader, pixels: PixelElement) -> None:
    """Write into the header's data set what it leaves open about its pixels. Raises UnreadableImage.

    Afterwards Photometric Interpretation, Samples per Pixel, Planar Configuration and Bits Allocated are stated, and of
    whole numbers Bits Stored and Pixel Representation too. Nothing is invented that another value could be meant by:
    words of 16 bits whose sign is not stated are refused, as are more bits stored than allocated.
    """
    dataset = header.dataset
    _complete_colour(path, header)
    if pixels.keyword in _FLOAT_BITS:
        dataset.BitsAllocated = _FLOAT_BITS[pixels.keyword]
        return
    allocated = number(dataset, "BitsAllocated")
    stored = number(dataset, "BitsStored") or _stored_by_high_bit(header, allocated)
    if stored > allocated:
        raise _refusal(path, f"Its header says that of {allocated} bits of each value {stored} are used.")
    dataset.BitsStored = stored
    if dataset.get("PixelRepresentation") in (None, ""):
        if stored > _BYTE and dataset.SamplesPerPixel == 1:
            raise _refusal(
                path, "Its header lacks a usable PixelRepresentation: whether values have a sign is not stated."
            )
        dataset.PixelRepresentation = 0


def _complete_colour(path: Path, header: DicomHeader) -> None:
    dataset = header.dataset
    stated, samples = photometric_interpretation(dataset), number(dataset, "SamplesPerPixel")
    if not stated and samples > 1:
        raise _refusal(path, f"Its header lacks a usable PhotometricInterpretation of its {samples} samples a pixel.")
    dataset.PhotometricInterpretation = photometric = stated or "MONOCHROME2"
    samples = samples or (1 if photometric in _ONE_SAMPLE else 3)
    if (samples == 1) != (photometric in _ONE_SAMPLE):
        raise _refusal(path, f"Its header says that {photometric} has {samples} sample(s) a pixel.")
    dataset.SamplesPerPixel = samples
    if dataset.get("PlanarConfiguration") in (None, ""):
        dataset.PlanarConfiguration = 0


def _stored_by_high_bit(header: DicomHeader, allocated: int) -> int:
    """Bits Stored where it is not stated: the highest bit says it, else every bit is a value's."""
    high = number(header.dataset, "HighBit")
    return high + 1 if 0 < high < allocated else allocated


def _refusal(path: Path, why: str) -> UnreadableImage:
    return UnreadableImage(
        f"{path.name} does not say how its pixels are laid out.",
        why,
        "Fetch the file again from where it came from, or have whoever made it correct the header.",
    )
