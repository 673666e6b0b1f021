"""A slice of a NIfTI-1 or NIfTI-2 volume as an Image, turned as readers look at it where the file says how it lies.

nibabel reads header and values (https://nifti.nimh.nih.gov/nifti-1, nifti-2). Frames are the slices along the third
axis as it is stored, then those of the next volume. Free text of the header is not read: it may name a patient.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xferviewer.errors import UnreadableImage
from xferviewer.studies.content import refuse_missing_frame
from xferviewer.studies.image import Image, ImageFacts
from xferviewer.studies.limits import largest_frame_bytes, too_large
from xferviewer.studies.opening import digest_identity
from xferviewer.studies.voi import Window

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.studies.opening import OpenedFile

_MILLIMETRES = {"meter": 1000.0, "mm": 1.0, "micron": 0.001}
_TOWARDS = {"R": "L", "L": "L", "A": "P", "P": "P", "S": "I", "I": "I"}
"""Where the rows (or columns) of a picture run to: left, back and feet, so that a reader faces the patient."""

_HORIZONTAL_FIRST = "LRAPSI"
_DICOM_LETTER = {"L": "L", "R": "R", "A": "A", "P": "P", "S": "H", "I": "F"}


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """What a header says.

    shape        of the three axes as stored, and the number of volumes; 1 where there is no such axis
    orientation  letters of where the three axes run to ("R", "A", "S"); None when the file does not say
    transposed   the first axis runs downwards in the picture, the second to the right; not the reverse
    spacing_mm   (row, column) distance of pixel centres; None when the file does not say in which unit it measures
    image        nibabel's, whose values are read slice by slice
    """

    shape: tuple[int, int, int, int]
    orientation: tuple[str, str, str] | None
    transposed: bool
    spacing_mm: tuple[float, float] | None
    file_format: str
    image: Any

    @property
    def frames(self) -> int:
        return self.shape[2] * self.shape[3]

    @property
    def rows_and_columns(self) -> tuple[int, int]:
        return (self.shape[0], self.shape[1]) if self.transposed else (self.shape[1], self.shape[0])


def read_nifti(path: Path, source: OpenedFile, frame: int) -> Image:
    """Read one slice. Raises UnreadableImage.

    The window is the display range of the header (cal_min, cal_max) where it states one. A volume that does not say how
    it lies is shown as stored, the second axis downwards, and bears no letters.
    """
    volume = describe_nifti(path, source)
    refuse_missing_frame(path, frame, volume.frames)
    try:
        pixels, letters = _turned(volume, _values(volume, frame))
    except Exception as error:
        raise _damaged(path) from error
    return Image(
        pixels=pixels,
        unit="",
        windows=() if pixels.ndim == 3 else _windows(volume),
        voi_lut=None,
        inverted=False,
        spacing_mm=volume.spacing_mm,
        spacing_source="in the patient" if volume.spacing_mm is not None else "",
        orientation=letters,
        identity=nifti_identity(source, frame, volume.frames),
        frame=frame,
        frames=volume.frames,
        facts=nifti_facts(volume),
    )


def describe_nifti(path: Path, source: OpenedFile) -> Volume:
    """What the header says. Raises UnreadableImage for one that is damaged, and for a file without its values."""
    import nibabel

    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL + 1)  # it tells the screen what it finds odd

    two = source.head[4:6] in (b"n+", b"ni")
    if (source.head[4:6] if two else source.head[344:346]) == b"ni":
        raise UnreadableImage(
            f"{path.name} holds no pixels.",
            "It is the header of a NIfTI pair; the values lie in a file of their own (.img).",
            "Save the pair as one .nii file, as nibabel, FSL and ITK do, and open that.",
        )
    try:
        source.file.seek(0)
        image: Any = (nibabel.Nifti2Image if two else nibabel.Nifti1Image).from_stream(source.file)
        header = image.header
        shape = tuple(int(side) for side in image.shape)
        needed = int(image.dataobj.offset) + math.prod(shape) * int(header.get_data_dtype().itemsize)
        orientation, spacing = _orientation(image), _spacing(header)
    except Exception as error:
        raise _damaged(path) from error
    if len(shape) < 2 or min(shape) < 1 or min(shape[:2]) < 2 or header.get_data_dtype().kind not in "uifV":
        raise UnreadableImage(
            f"{path.name} cannot be shown.",
            "It holds no slices of numbers.",
            "Save it as a volume of real numbers with at least two axes.",
        )
    if needed > source.size:
        raise _damaged(path)
    if shape[0] * shape[1] * 16 > largest_frame_bytes():
        raise too_large(path.name, f"slices of {shape[0]} by {shape[1]} voxels")
    first, second, slices = (*shape, 1)[:3]
    transposed = orientation is not None and _is_transposed(orientation)
    if spacing is not None and not transposed:
        spacing = spacing[1], spacing[0]
    file_format = "NIfTI-2" if two else "NIfTI-1"
    return Volume((first, second, slices, math.prod(shape[3:])), orientation, transposed, spacing, file_format, image)


def nifti_identity(source: OpenedFile, frame: int, frames: int) -> str:
    """The digest of the (unpacked) file, with the frame where there are several."""
    return digest_identity(source) + (f"#{frame}" if frames > 1 else "")


def nifti_facts(volume: Volume) -> ImageFacts:
    """Format and colour: the header says nothing else that is read."""
    colour = volume.image.header.get_data_dtype().kind == "V"
    return ImageFacts(file_format=volume.file_format, photometric="RGB" if colour else "MONOCHROME2")


def _values(volume: Volume, frame: int) -> NDArray[Any]:
    """(first axis, second axis) after scaling, or (first, second, 3) uint8; integers where nothing scales them."""
    header = volume.image.header
    number, place = divmod(frame, volume.shape[2])
    index: tuple[Any, ...] = (slice(None), slice(None))
    if len(volume.image.shape) > 2:
        index += (place,)
    if len(volume.image.shape) > 3:
        index += tuple(int(each) for each in np.unravel_index(number, volume.image.shape[3:], order="F"))
    values: NDArray[Any] = np.asarray(volume.image.dataobj[index])
    if values.dtype.names:
        return np.stack([values[name] for name in ("R", "G", "B")], axis=-1)
    slope, intercept = volume.image.dataobj.slope, volume.image.dataobj.inter  # the header forgets them
    whole = header.get_data_dtype().kind in "ui" and float(slope).is_integer() and float(intercept).is_integer()
    if whole and values.dtype.kind == "f" and np.abs(values).max() < 2**31:
        return np.asarray(np.rint(values), dtype=np.int32)
    return np.asarray(values, dtype=np.float32 if values.dtype.kind == "f" else values.dtype)


def _turned(volume: Volume, values: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, str] | None]:
    """(rows, columns[, 3]) as a reader faces the patient, and where the rows and the columns run to."""
    letters = volume.orientation
    along = (0, 1) if volume.transposed else (1, 0)  # which stored axis runs downwards, which to the right
    pixels = values if volume.transposed else values.swapaxes(0, 1)
    if letters is None:
        return _plain(pixels), None
    for axis, stored in enumerate(along):
        if _TOWARDS[letters[stored]] != letters[stored]:
            pixels = np.flip(pixels, axis)
    down, right = (_DICOM_LETTER[_TOWARDS[letters[stored]]] for stored in along)
    return _plain(pixels), (right, down)


def _plain(pixels: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("="))


def _orientation(image: Any) -> tuple[str, str, str] | None:
    from nibabel import orientations

    untyped: Any = orientations
    header = image.header
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        return None
    first, second, third = untyped.aff2axcodes(image.affine)
    return None if None in (first, second, third) else (str(first), str(second), str(third))


def _is_transposed(orientation: tuple[str, str, str]) -> bool:
    """Left to right is shown across rather than down, and back to front rather than feet to head."""
    return _HORIZONTAL_FIRST.index(orientation[0]) > _HORIZONTAL_FIRST.index(orientation[1])


def _spacing(header: Any) -> tuple[float, float] | None:
    """Millimetres between voxels along the first and the second axis as stored."""
    scale = _MILLIMETRES.get(header.get_xyzt_units()[0])
    first, second = (float(zoom) for zoom in header.get_zooms()[:2])
    if scale is None or not (math.isfinite(first * second) and min(first, second) > 0):
        return None
    return first * scale, second * scale


def _windows(volume: Volume) -> tuple[Window, ...]:
    low, high = float(volume.image.header["cal_min"]), float(volume.image.header["cal_max"])
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return ()
    return (Window((low + high) / 2, high - low, "LINEAR_EXACT", "display range of the file"),)


def _damaged(path: Path) -> UnreadableImage:
    return UnreadableImage(
        f"{path.name} could not be read.",
        "It is a NIfTI file that is damaged or cut off.",
        "Fetch the file again from where it came from.",
    )
