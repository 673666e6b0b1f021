"""The second decoder, for what pydicom's decoders leave out: JPEG Extended with samples of 12 bits.

gdcm ends the whole process on some input (single bits in RLE), so it is asked for nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gdcm
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

for _quieten in (gdcm.Trace.WarningOff, gdcm.Trace.ErrorOff, gdcm.Trace.DebugOff):
    _quieten()  # what it would print on stderr may quote a header


def decode_with_gdcm(path: Path, frame: int) -> tuple[NDArray[Any], str]:
    """(rows, columns[, samples]) stored values of one frame and their photometric interpretation.

    Raises ValueError when gdcm cannot decode the file either.
    """
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise ValueError("gdcm cannot read the file")
    image = reader.GetImage()
    layout = image.GetPixelFormat()
    samples, bits = int(layout.GetSamplesPerPixel()), int(layout.GetBitsAllocated())
    columns, rows = int(image.GetDimension(0)), int(image.GetDimension(1))
    frames = int(image.GetDimension(2)) if image.GetNumberOfDimensions() > 2 else 1
    buffer = image.GetBuffer().encode("utf-8", "surrogateescape")  # the binding hands bytes over as text
    values = np.frombuffer(buffer, np.dtype(f"{'i' if layout.GetPixelRepresentation() else 'u'}{bits // 8}"))
    if frame >= frames or values.size < frames * rows * columns * samples:
        raise ValueError("gdcm decoded fewer pixels than the header declares")
    first = frame * rows * columns * samples
    values = values[first : first + rows * columns * samples]
    if samples > 1 and image.GetPlanarConfiguration():
        values = np.moveaxis(values.reshape(samples, rows, columns), 0, -1)
    elif samples > 1:
        values = values.reshape(rows, columns, samples)
    else:
        values = values.reshape(rows, columns)
    return values, str(image.GetPhotometricInterpretation().GetString()).strip()
