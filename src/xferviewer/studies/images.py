"""Images: what DICOM, PNG, JPEG, TIFF, NumPy, HDF5 and NIfTI files show, as pixels; the one way to present them.

`present` is the only pipeline from pixels to brightness. The screen at its default window and the preprocessing of
every network start from its array, so that what a person sees is what a network gets.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.errors import UnreadableImage
from xferviewer.studies.content import Content, damaged, not_an_image, unopenable
from xferviewer.studies.image import Image, ImageFacts
from xferviewer.studies.opening import opened
from xferviewer.studies.slides import is_slide, read_slide
from xferviewer.studies.voi import VoiLut, Window, brightness

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Image", "ImageFacts", "VoiLut", "Window", "frame_identity", "present", "read_image"]


def read_image(path: Path | str, frame: int = 0) -> Image:
    """Read one frame of a file of images; its format is told by its content, never by its name.

    A picture whose three colour channels are equal everywhere is read as greyscale, which it is.
    Only the wanted frame is decoded. Raises UnreadableImage, which never carries the patient's name.
    """
    path = Path(path)
    try:
        return _read(path, frame)
    except UnreadableImage:
        raise
    except OSError as error:
        raise unopenable(path, error) from error
    except Exception:  # noqa: BLE001 - whatever reads it need not foresee all damage; the cause may name a patient
        raise damaged(path) from None


def _read(path: Path, frame: int) -> Image:
    with opened(path) as source:
        match source.content:
            case Content.DICOM:
                from xferviewer.studies.dicom import read_dicom

                return read_dicom(path, source, frame)
            case Content.SLIDE:
                return read_slide(path, frame)
            case Content.RASTER if is_slide(path, source):
                return read_slide(path, frame)
            case Content.RASTER:
                from xferviewer.studies.raster import read_raster

                return read_raster(path, source, frame)
            case Content.ARRAY:
                from xferviewer.studies.arrays import read_array

                return read_array(path, source, frame)
            case Content.HDF5:
                from xferviewer.studies.hdf5 import read_hdf5

                return read_hdf5(path, source, frame)
            case Content.NIFTI:
                from xferviewer.studies.nifti import read_nifti

                return read_nifti(path, source, frame)
            case Content.OTHER:
                raise not_an_image(path, source.head)


def frame_identity(identity: str, frame: int) -> str:
    """The identity of another frame of the same file: the part after "#" replaced; a single picture has none."""
    name, mark, _ = identity.rpartition("#")
    return f"{name}#{frame}" if mark else identity


def present(image: Image, window: Window | None = None) -> NDArray[np.float32]:
    """The brightness of each pixel, float32 in [0, 1]: greyscale (rows, columns), colour (rows, columns, 3).

    Greyscale goes through the given window, else the file's VOI LUT, else its default window; then, and only then,
    through the polarity (PS3.4 N.2). Colour is its values over 255; a window does not apply to it. Values lie on
    multiples of 2^-24, so that a film and its negative add up to exactly 1.
    """
    if image.is_colour:
        return brightness(image.pixels, Window(128, 256), inverted=False)
    voi = window or image.voi_lut or image.default_window()
    return brightness(image.pixels, voi, inverted=image.inverted)
