"""Uncompressed pixel cells in layouts that pydicom leaves out: any number of bits, the value anywhere among them.

PS3.5 8.1.1 and annex D of its older editions: cells follow each other without gaps, the least significant bit first;
a value of Bits Stored ends at High Bit, and what is above or below it belongs to somebody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from pydicom.uid import ExplicitVRBigEndian

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.dicom_header import DicomHeader, PixelElement

_USUAL_CELLS = (8, 16, 32, 64)
_WIDEST = 64


def has_unusual_cells(header: DicomHeader) -> bool:
    """True where a cell is no number that a computer reads at once: 4, 12, 24 … bits.

    Single bits, too: pydicom reads a byte too few of frames that begin and end within one.
    """
    return int(header.dataset.get("BitsAllocated") or 8) not in _USUAL_CELLS


def bits_below_value(header: DicomHeader) -> int:
    """How many bits of each cell lie below the value; 0 in today's standard, where High Bit is Bits Stored less one."""
    allocated = int(header.dataset.get("BitsAllocated") or 0)
    stored = int(header.dataset.get("BitsStored") or allocated)
    below = int(header.dataset.get("HighBit", stored - 1)) + 1 - stored
    return below if 0 < below <= allocated - stored else 0


def unusual_cells(file: BinaryIO, header: DicomHeader, pixels: PixelElement, frame: int) -> NDArray[Any]:
    """(rows, columns[, samples]) cells of one frame, unsigned. Raises ValueError for what was never defined."""
    dataset = header.dataset
    bits, samples = int(dataset.BitsAllocated), int(dataset.get("SamplesPerPixel") or 1)
    big_endian = header.syntax == ExplicitVRBigEndian
    if not 0 < bits < _WIDEST or samples != 1 or (big_endian and bits > 1):
        raise ValueError("cells of this many bits are read in little endian, one a pixel")
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    first = frame * rows * columns * bits
    start, end = first // 16 * 2, (first + rows * columns * bits + 15) // 16 * 2  # whole words
    file.seek(pixels.offset + start)
    data = np.frombuffer(file.read(end - start), np.uint8)
    if big_endian and pixels.vr == "OW":
        data = data[: data.size // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
    flat = np.unpackbits(data, bitorder="little")[first - 8 * start :][: rows * columns * bits]
    if bits == 1:
        return flat.reshape(rows, columns)
    width = next(usual for usual in _USUAL_CELLS if usual >= bits)
    padded = np.zeros((rows * columns, width), np.uint8)
    padded[:, :bits] = flat.reshape(-1, bits)
    return np.packbits(padded, axis=1, bitorder="little").view(f"<u{width // 8}").reshape(rows, columns)


def values_of(cells: NDArray[Any], header: DicomHeader) -> NDArray[Any]:
    """Bits Stored of each cell as a number, signed where Pixel Representation says so; same shape and width."""
    dataset = header.dataset
    width = 8 * cells.dtype.itemsize
    stored = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    signed = int(dataset.get("PixelRepresentation") or 0) == 1
    unsigned = cells.view(cells.dtype.str.replace("i", "u"))
    left = width - stored - bits_below_value(header)
    moved = unsigned << unsigned.dtype.type(left)
    moved = moved.view(cells.dtype.str.replace("u", "i")) if signed else moved
    return np.asarray(moved >> moved.dtype.type(width - stored))
