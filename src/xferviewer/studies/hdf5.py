"""HDF5 files as stacks of images: the arrays that hold them, as an `Image` for each frame (PatchCamelyon)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xferviewer.errors import UnreadableImage
from xferviewer.studies.arrays import ArrayFile, StackedArray, array_facts, array_identity, as_pixels
from xferviewer.studies.content import refuse_missing_frame
from xferviewer.studies.hdf5_values import Dataset, UnusableHdf5, arrays_of
from xferviewer.studies.image import Image
from xferviewer.studies.limits import largest_frame_bytes, too_large
from xferviewer.studies.opening import opened
from xferviewer.studies.raster import grey_where_equal
from xferviewer.studies.voi import FULL_RANGE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.studies.opening import OpenedFile

KIND = "HDF5"


def read_hdf5(path: Path, source: OpenedFile, frame: int) -> Image:
    """Read one frame. Raises UnreadableImage.

    Values of 8 bits have their full range as window, as in a picture; others are shown from lowest to highest.
    """
    described, arrays = _described(path, source)
    refuse_missing_frame(path, frame, described.frames)
    array, place = described.place_of(frame)
    try:
        pixels = grey_where_equal(as_pixels(_frame(arrays[array.member], array, place)))
    except UnusableHdf5 as error:
        raise _refusal(path, str(error)) from error
    except Exception as error:  # damaged files raise whatever the library makes of them
        raise _damaged(path) from error
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


def describe_hdf5(path: Path, source: OpenedFile) -> ArrayFile:
    """Which arrays of images a file holds. Raises UnreadableImage."""
    return _described(path, source)[0]


def read_numbers(path: Path, name: str) -> NDArray[Any]:
    """A whole array that is no image: labels. Raises UnreadableImage."""
    with opened(path) as source:
        try:
            found = [array for array in arrays_of(path, source) if array.name == name]
            if not found:
                raise UnusableHdf5(f"It has no array {name}.")
            return found[0].all()
        except UnusableHdf5 as error:
            raise _refusal(path, str(error)) from error
        except Exception as error:
            raise _damaged(path) from error


def _described(path: Path, source: OpenedFile) -> tuple[ArrayFile, dict[str, Dataset]]:
    """The arrays of images: those that are named x or have "image" in their names, where any are; else all."""
    try:
        arrays = arrays_of(path, source)
    except UnusableHdf5 as error:
        raise _refusal(path, str(error)) from error
    except Exception as error:
        raise _damaged(path) from error
    named = [array for array in arrays if array.name == "x" or "image" in array.name.lower()]
    stacked = {array.name: stack for array in named or arrays if (stack := _stacked(array)) is not None}
    if not stacked:
        raise _refusal(path, "None of its arrays has rows and columns of numbers.")
    if max(stack.frame_bytes for stack in stacked.values()) > largest_frame_bytes():
        rows, columns = max(stack.frame_shape[:2] for stack in stacked.values())
        raise too_large(path.name, f"frames of {rows} by {columns} values")
    return ArrayFile(KIND, tuple(stacked.values())), {array.name: array for array in arrays}


def _stacked(array: Dataset) -> StackedArray | None:
    shape = array.shape
    if len(shape) < 2 or 0 in shape or (len(shape) > 2 and shape[-1] == 3 and array.dtype != np.uint8):
        return None
    stack = StackedArray(array.name, shape, array.dtype, fortran_order=False, offset=0)
    return None if 1 in stack.frame_shape[:2] else stack


def _frame(array: Dataset, stack: StackedArray, place: int) -> NDArray[Any]:
    """A frame of a stack: of (frames, …) one row; further axes in front are counted through, the last one fastest."""
    if stack.frames == 1:
        return array.all().reshape(stack.frame_shape)
    of_row = stack.frames // stack.shape[0]
    row, within = divmod(place, of_row)
    frames: NDArray[Any] = array.row(row).reshape(of_row, *stack.frame_shape)
    return np.asarray(frames[within])


def _refusal(path: Path, why: str) -> UnreadableImage:
    return UnreadableImage(
        f"{path.name} cannot be shown.",
        why,
        "Save the images in it as one array of numbers: (images, rows, columns), RGB in a last axis of 3.",
    )


def _damaged(path: Path) -> UnreadableImage:
    return UnreadableImage(
        f"{path.name} could not be read.",
        "It is an HDF5 file that is damaged or cut off.",
        "Fetch the file again from where it came from.",
    )
