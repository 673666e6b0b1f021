"""NumPy's files as stacks of images: an .npy array, and the arrays of images in an .npz archive (MRNet, MedMNIST).

Only the header that numpy itself defines is read (numpy.lib.format); arrays of Python objects, which are pickles, are
refused unread.
"""

from __future__ import annotations

import math
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from xferviewer.errors import UnreadableImage
from xferviewer.studies.content import not_an_image, refuse_missing_frame
from xferviewer.studies.image import Image, ImageFacts
from xferviewer.studies.limits import largest_frame_bytes, too_large
from xferviewer.studies.opening import LARGEST_UNPACKED_BYTES, digest_identity
from xferviewer.studies.raster import grey_where_equal
from xferviewer.studies.voi import FULL_RANGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

    from numpy.typing import NDArray

    from xferviewer.studies.opening import OpenedFile

_RGB, _RGBA = 3, 4
_NARROW = 8  # rows of four pixels, more than so many of them, are no image of anything
_FORTRAN_ORDER = 1


@dataclass(frozen=True, slots=True)
class StackedArray:
    """An array as frames: (rows, columns), (frames, rows, columns), and further axes in front; RGB in a last axis of 3.

    member   its name inside an .npz archive; "" for an .npy file
    offset   of its first value, in the file or in the member
    """

    member: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    offset: int

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """(rows, columns), or (rows, columns, 3) for colour; a last axis of 1 is none."""
        if len(self.shape) > 2 and self.shape[-1] == _RGB and self.dtype == np.uint8:
            return self.shape[-3:]
        return self.shape[-3:-1] if len(self.shape) > 3 and self.shape[-1] == 1 else self.shape[-2:]

    @property
    def frame_bytes(self) -> int:
        return math.prod(self.frame_shape) * self.dtype.itemsize

    @property
    def frames(self) -> int:
        return math.prod(self.shape) // max(math.prod(self.frame_shape), 1)


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """The arrays of images of a file, whose frames are counted on from one array to the next."""

    kind: str
    arrays: tuple[StackedArray, ...]

    @property
    def frames(self) -> int:
        return sum(array.frames for array in self.arrays)

    def place_of(self, frame: int) -> tuple[StackedArray, int]:
        """The array that holds a frame, and its number there."""
        for array in self.arrays:
            if frame < array.frames:
                return array, frame
            frame -= array.frames
        raise IndexError(frame)


def read_array(path: Path, source: OpenedFile, frame: int) -> Image:
    """Read one frame. Raises UnreadableImage.

    Values of 8 bits have their full range as window, as in a picture; others are shown from lowest to highest.
    """
    described = describe_array(path, source)
    refuse_missing_frame(path, frame, described.frames)
    array, place = described.place_of(frame)
    try:
        pixels = grey_where_equal(as_pixels(_frame(source, array, place)))
    except Exception as error:  # damaged archives raise errors of zipfile, zlib, lzma and struct
        raise _cut_off(path, source) from error
    return Image(
        pixels=pixels,
        unit="",
        windows=(FULL_RANGE,) if pixels.dtype == np.uint8 and pixels.ndim == 2 else (),
        voi_lut=None,
        inverted=False,
        spacing_mm=None,
        orientation=None,
        identity=array_identity(source, frame, described.frames),
        frame=frame,
        frames=described.frames,
        facts=array_facts(described),
    )


def describe_array(path: Path, source: OpenedFile) -> ArrayFile:
    """Which arrays of images a file holds, from their headers alone. Raises UnreadableImage."""
    try:
        source.file.seek(0)
        if source.head.startswith(npy.MAGIC_PREFIX):
            arrays, kind = [_header("", source.file, source.size)], "NPY"
        else:
            arrays, kind = _members(path, source), "NPZ"
    except _NoImages as error:
        raise _no_images(path, str(error)) from error
    except UnreadableImage:
        raise
    except Exception as error:  # damaged headers raise whatever numpy's parser of them does
        raise _cut_off(path, source) from error
    if not arrays:
        raise _no_images(path, "None of its arrays has rows and columns of numbers.")
    if max(array.frame_bytes for array in arrays) > largest_frame_bytes():
        rows, columns = max(array.frame_shape[:2] for array in arrays)
        raise too_large(path.name, f"frames of {rows} by {columns} values")
    return ArrayFile(kind, tuple(arrays))


def array_identity(source: OpenedFile, frame: int, frames: int) -> str:
    """The digest of the file, with the frame where there are several."""
    return digest_identity(source) + (f"#{frame}" if frames > 1 else "")


def array_facts(described: ArrayFile) -> ImageFacts:
    """Such files say nothing of a patient."""
    colour = len(described.arrays[0].frame_shape) == 3
    return ImageFacts(file_format=described.kind, photometric="RGB" if colour else "MONOCHROME2")


class _NoImages(Exception):
    """An array that cannot be shown; the message is a sentence."""


def _members(path: Path, source: OpenedFile) -> list[StackedArray]:
    """The arrays of images: those that have "image" in their names, where any has; else all that have two axes."""
    with zipfile.ZipFile(source.file) as archive:
        infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        if not infos:
            raise not_an_image(path, source.head)
        named = [info for info in infos if "image" in info.filename.lower()]
        arrays = []
        for info in named or infos:
            with archive.open(info) as member:
                try:
                    arrays.append(_header(info.filename, member, info.file_size))
                except _NoImages:
                    if named:
                        raise
    return arrays


def _header(member: str, file: IO[bytes], size: int) -> StackedArray:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = read(file)
    if dtype.hasobject:
        raise _NoImages("It holds Python objects, which are not read because reading them would run code.")
    if len(shape) > 2 and shape[-1] == _RGB and dtype.kind in "fui" and dtype != np.uint8:
        raise _NoImages("Colour is read from numbers of 8 bits only.")
    if len(shape) > 2 and shape[-1] == _RGBA and dtype == np.uint8 and shape[-2] > _NARROW:
        raise _NoImages("It has four values a pixel (RGBA); colour is read as RGB.")
    if dtype.kind not in "buif" or len(shape) < 2 or 0 in shape or 1 in _sides(shape, dtype):
        raise _NoImages("It holds no rows and columns of numbers.")
    array = StackedArray(member, shape, dtype, fortran_order and len(shape) > _FORTRAN_ORDER, file.tell())
    if size - array.offset < math.prod(shape) * dtype.itemsize:
        raise EOFError("fewer values than the header declares")
    return array


def _sides(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    return StackedArray("", shape, dtype, fortran_order=False, offset=0).frame_shape[:2]


def _frame(source: OpenedFile, array: StackedArray, place: int) -> NDArray[Any]:
    with _values(source, array) as file:
        if array.fortran_order:  # a frame's values lie all over the file
            total = math.prod(array.shape) * array.dtype.itemsize
            if total > LARGEST_UNPACKED_BYTES:
                raise ValueError("the array is too large to be turned round")
            file.seek(array.offset)
            whole = np.frombuffer(file.read(total), array.dtype).reshape(array.shape, order="F")
            frames: NDArray[Any] = whole.reshape(-1, *array.frame_shape)
            return np.asarray(frames[place])
        file.seek(array.offset + place * array.frame_bytes)
        return np.frombuffer(file.read(array.frame_bytes), array.dtype).reshape(array.frame_shape)


@contextmanager
def _values(source: OpenedFile, array: StackedArray) -> Iterator[IO[bytes]]:
    if not array.member:
        yield source.file
        return
    with zipfile.ZipFile(source.file) as archive, archive.open(array.member) as member:
        yield member


def as_pixels(values: NDArray[Any]) -> NDArray[Any]:
    """Native order, C-contiguous; bits as 0 and 255, which is black and white."""
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "f":
        return np.ascontiguousarray(values, dtype=np.float32)
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))


def _no_images(path: Path, why: str) -> UnreadableImage:
    return UnreadableImage(
        f"{path.name} cannot be shown.",
        why,
        "Save the images as one array of numbers: (rows, columns) or (images, rows, columns), RGB in a last axis of 3.",
    )


def _cut_off(path: Path, source: OpenedFile) -> UnreadableImage:
    kind = "NumPy array" if source.head.startswith(npy.MAGIC_PREFIX) else "ZIP archive"
    return UnreadableImage(
        f"{path.name} could not be read.",
        f"It is a {kind} that is damaged or cut off.",
        "Fetch the file again from where it came from.",
    )
