"""The second decoder, gdcm, in a process of its own: on damaged data it is known to end the process that it runs in."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xferviewer.processes import own_command

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUBCOMMAND = "decode-with-gdcm"  # of the command line: it calls `main`
_SECONDS = 60.0


def decode_with_gdcm(path: Path, frame: int) -> tuple[NDArray[Any], str]:
    """(rows, columns[, samples]) stored values of one frame and their photometric interpretation.

    Raises ValueError when gdcm cannot decode the file, crashes on it, or takes longer than a minute.
    """
    command = own_command(SUBCOMMAND, str(path), str(frame))
    no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows, a child of a window would open a console
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True, creationflags=no_window)
    except (subprocess.SubprocessError, OSError) as error:
        raise ValueError("gdcm could not decode the file") from error
    photometric, _, values = done.stdout.partition(b"\n")
    return np.load(io.BytesIO(values), allow_pickle=False), photometric.decode("ascii")


def main(arguments: list[str]) -> int:
    """The child: decode frame `arguments[1]` of file `arguments[0]` to stdout, as a line of text and an .npy."""
    path, frame = arguments
    try:
        values, photometric = _decode(Path(path), int(frame))
    except ValueError:
        return 1
    answer = io.BytesIO()  # numpy asks a buffered file for its position, and a pipe has none
    np.save(answer, values, allow_pickle=False)
    sys.stdout.buffer.write(photometric.encode("ascii") + b"\n" + answer.getvalue())
    return 0


def _decode(path: Path, frame: int) -> tuple[NDArray[Any], str]:
    import gdcm

    for quieten in (gdcm.Trace.WarningOff, gdcm.Trace.ErrorOff, gdcm.Trace.DebugOff):
        quieten()
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise ValueError("gdcm cannot read the file")
    image = reader.GetImage()
    layout = image.GetPixelFormat()
    samples, bits = int(layout.GetSamplesPerPixel()), int(layout.GetBitsAllocated())
    columns, rows = int(image.GetDimension(0)), int(image.GetDimension(1))
    frames = int(image.GetDimension(2)) if image.GetNumberOfDimensions() > 2 else 1
    decoded = image.GetBuffer()
    if decoded is None:
        raise ValueError("gdcm cannot decode the pixels")
    buffer = decoded.encode("utf-8", "surrogateescape")  # the binding hands bytes over as text
    values = np.frombuffer(buffer, np.dtype(f"{'i' if layout.GetPixelRepresentation() else 'u'}{bits // 8}"))
    if frame >= frames or values.size < frames * rows * columns * samples:
        raise ValueError("gdcm decoded fewer pixels than the header declares")
    first = frame * rows * columns * samples
    values = values[first : first + rows * columns * samples]
    if samples == 1:
        values = values.reshape(rows, columns)
    elif image.GetPlanarConfiguration():
        values = np.moveaxis(values.reshape(samples, rows, columns), 0, -1)
    else:
        values = values.reshape(rows, columns, samples)
    return values, str(image.GetPhotometricInterpretation().GetString()).strip()
