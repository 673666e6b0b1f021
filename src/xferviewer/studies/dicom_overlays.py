"""Overlay planes of a DICOM file: graphics and regions of single bits over the image (PS3.3 C.9.2, PS3.5 8.1.2).

They are drawn on the screen for a person; the pixels, and so every network, know nothing of them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.pixels import get_decoder
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import RLELossless

from xferviewer.studies.image import OverlayPlane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.dicom_header import DicomHeader, PixelElement
    from xferviewer.studies.opening import OpenedFile

_FIRST_GROUP, _LAST_GROUP = 0x6000, 0x60FE  # 601E is the last one of today's standard; older files went on
_KINDS = {"G": "graphics", "R": "region"}
_ROWS, _COLUMNS, _FRAMES, _FIRST_FRAME = 0x10, 0x11, 0x15, 0x51
_DESCRIPTION, _TYPE, _ORIGIN, _BIT_POSITION, _LABEL, _DATA = 0x22, 0x40, 0x50, 0x102, 0x1500, 0x3000


def overlay_planes(
    source: OpenedFile, header: DicomHeader, pixels: PixelElement, frame: int
) -> tuple[OverlayPlane, ...]:
    """The planes that lie over `frame`, in the order of their groups; a damaged one is left out."""
    groups = sorted({tag.group for tag in header.dataset.keys() if _FIRST_GROUP <= tag.group <= _LAST_GROUP})  # noqa: SIM118 - pydicom would convert every element
    planes: list[OverlayPlane | None] = []
    for group in groups:
        with suppress(Exception):  # what a plane says wrongly must not cost the film
            planes.append(_plane(_Group(header.dataset, group), source, header, pixels, frame))
    return tuple(plane for plane in planes if plane is not None)


class _Group:
    """The elements of one group 60xx."""

    def __init__(self, dataset: Any, group: int) -> None:
        self._dataset, self._group = dataset, group

    def value(self, element: int) -> Any:
        found = self._dataset.get((self._group, element))
        return None if found is None or found.value in (None, "") else found.value

    def text(self, element: int) -> str:
        return str(self.value(element) or "").strip(" \x00")

    def number(self, element: int, otherwise: int) -> int:
        value = self.value(element)
        return otherwise if value is None else int(value)

    def words_reversed(self) -> bool:
        """The eight pixels of a byte stand in the other byte of a word: OW in big endian."""
        element = self._dataset[self._group, _DATA]
        return element.VR == "OW" and self._dataset.original_encoding[1] is False


def _plane(
    group: _Group, source: OpenedFile, header: DicomHeader, pixels: PixelElement, frame: int
) -> OverlayPlane | None:
    image_shape = int(header.dataset.Rows), int(header.dataset.Columns)
    if group.value(_DATA) is None:
        bits = _embedded(group.number(_BIT_POSITION, 0), source, header, pixels, frame)
    else:
        frames = group.number(_FRAMES, 0)
        place = frame - (group.number(_FIRST_FRAME, 1) - 1) if frames else 0  # without a number: over every frame
        if frames and not 0 <= place < frames:
            return None
        shape = group.number(_ROWS, image_shape[0]), group.number(_COLUMNS, image_shape[1])
        bits = _separate(group, shape, place)
    if bits is None:
        return None
    row, column = (int(number) for number in group.value(_ORIGIN) or (1, 1))
    return OverlayPlane(
        pixels=_placed(bits, image_shape, row - 1, column - 1),
        kind=_KINDS.get(group.text(_TYPE), "graphics"),
        label=group.text(_LABEL) or group.text(_DESCRIPTION),
    )


def _separate(group: _Group, shape: tuple[int, int], place: int) -> NDArray[np.bool_]:
    """One frame of Overlay Data, whose bits follow each other without padding between rows and frames."""
    data = np.frombuffer(group.value(_DATA), np.uint8)
    if group.words_reversed():
        data = data[: data.size // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
    count = shape[0] * shape[1]
    first = place * count
    needed = data[first // 8 : (first + count + 7) // 8]
    bits = np.unpackbits(needed, bitorder="little")[first % 8 : first % 8 + count]
    return bits.reshape(shape).astype(np.bool_)


def _embedded(
    bit: int, source: OpenedFile, header: DicomHeader, pixels: PixelElement, frame: int
) -> NDArray[np.bool_] | None:
    """The bit of each pixel's word that the pixel itself does not use (retired in 2004).

    Read from uncompressed and run-length coded words, which keep all their bits; other compressions lose them.
    """
    decoder = get_decoder(header.syntax)
    stored = int(header.dataset.BitsStored)
    high = int(header.dataset.get("HighBit", stored - 1))
    is_pixel = high - stored < bit <= high
    if is_pixel or not (decoder.is_native or header.syntax == RLELossless) or header.dataset.SamplesPerPixel != 1:
        return None
    options = as_pixel_options(header.dataset, pixel_keyword=pixels.keyword, pixel_vr=pixels.vr)
    options.update(number_of_frames=header.frames, pixel_representation=0, correct_unused_bits=False)
    source.file.seek(pixels.offset)
    words, _ = decoder.as_array(source.file, index=frame, raw=True, **options)
    return np.asarray((words >> bit) & 1, np.bool_)


def _placed(bits: NDArray[np.bool_], shape: tuple[int, int], top: int, left: int) -> NDArray[np.bool_]:
    """`bits` on an empty plane of the image's shape, their first one at (top, left); what lies outside is cut off."""
    plane = np.zeros(shape, np.bool_)
    bits = bits[max(0, -top) :, max(0, -left) :]
    top, left = max(0, top), max(0, left)
    part = plane[top : top + bits.shape[0], left : left + bits.shape[1]]
    part[...] = bits[: part.shape[0], : part.shape[1]]
    return plane
