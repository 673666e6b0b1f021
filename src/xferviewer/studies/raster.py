"""PNG, JPEG, TIFF and their like as an Image."""

from __future__ import annotations

import io
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
import PIL.ImageOps
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from xferviewer.errors import UnreadableImage
from xferviewer.studies.colour_profiles import usable_profile
from xferviewer.studies.content import refuse_missing_frame, unopenable
from xferviewer.studies.dicom_header import be_quiet
from xferviewer.studies.image import Image, ImageFacts
from xferviewer.studies.limits import largest_frame_bytes, too_large
from xferviewer.studies.opening import digest_identity
from xferviewer.studies.voi import FULL_RANGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.studies.opening import OpenedFile

# The formats that are opened (MPO comes with JPEG); Pillow's other readers, much less exercised, stay shut.
FORMATS = [
    plugin.format
    for plugin in (
        PngImagePlugin.PngImageFile,
        JpegImagePlugin.JpegImageFile,
        TiffImagePlugin.TiffImageFile,
        BmpImagePlugin.BmpImageFile,
        GifImagePlugin.GifImageFile,
        WebPImagePlugin.WebPImageFile,
        Jpeg2KImagePlugin.Jpeg2KImageFile,
        PpmImagePlugin.PpmImageFile,
    )
]
_PHOTOMETRIC_TAG = 262  # TIFF 6.0: 0 is WhiteIsZero
_BITS_TAG, _SAMPLE_FORMAT_TAG = 258, 339
_UNSIGNED, _SIGNED = 1, 2
_OPAQUE = 0xFFFF
_PNG_DEPTH = slice(24, 26)  # bit depth and colour type in IHDR, PNG 11.2.2
_GREY_AND_ALPHA_OF_16_BITS, _RGBA_OF_8_BITS = b"\x10\x04", b"\x08\x06"


def read_raster(path: Path, source: OpenedFile, frame: int) -> Image:
    """Read one picture of a file. Raises UnreadableImage.

    8-bit values have their full range as window: a PNG sample of 0 is black and of 255 white by definition.
    """
    with open_raster(path, source) as picture:
        frames = int(getattr(picture, "n_frames", 1))
        refuse_missing_frame(path, frame, frames)
        facts, white_is_zero = raster_facts(picture), _stores_white_as_zero(picture)
        picture.seek(frame)
        if source.head[_PNG_DEPTH] == _GREY_AND_ALPHA_OF_16_BITS and picture.format == "PNG":
            pixels = _grey_of_16_bits_on_black(source)
        else:
            read_as = _numbers_of_tiff(picture)
            pixels = grey_or_rgb(PIL.ImageOps.exif_transpose(picture))
            pixels = pixels if read_as is None or pixels.ndim == 3 else pixels.view(read_as)
        profile = usable_profile(picture.info.get("icc_profile")) if pixels.ndim == 3 else None
        identity = raster_identity(source, frame, frames)
    return Image(
        pixels=pixels,
        unit="",
        windows=(FULL_RANGE,) if pixels.dtype == np.uint8 and pixels.ndim == 2 else (),
        voi_lut=None,
        inverted=white_is_zero and pixels.ndim == 2,
        spacing_mm=None,
        orientation=None,
        identity=identity,
        frame=frame,
        frames=frames,
        facts=facts,
        profile=profile,
    )


@contextmanager
def open_raster(path: Path, source: OpenedFile) -> Iterator[PIL.Image.Image]:
    """A picture whose pixels are not decoded yet. Whatever goes wrong with it is raised as UnreadableImage."""
    be_quiet()
    try:
        source.file.seek(0)
        with PIL.Image.open(source.file, formats=FORMATS) as picture:
            refuse_oversized(path, picture)
            yield picture
    except UnreadableImage:
        raise
    except Exception as error:
        raise undecodable_raster(path, error) from error


def raster_facts(picture: PIL.Image.Image) -> ImageFacts:
    """The little that a picture says about itself."""
    return ImageFacts(file_format=str(picture.format), photometric=picture.mode)


def raster_identity(source: OpenedFile, frame: int, frames: int) -> str:
    """The digest "sha256:HEX" of the file's (unpacked) bytes, with the frame where there are several."""
    return digest_identity(source) + (f"#{frame}" if frames > 1 else "")


def refuse_oversized(path: Path, picture: PIL.Image.Image) -> None:
    """Raise UnreadableImage before decoding what would not fit the limit of a frame."""
    if picture.width * picture.height * 4 > largest_frame_bytes():
        raise too_large(path.name, f"{picture.height} by {picture.width} pixels")


def undecodable_raster(path: Path, error: Exception) -> UnreadableImage:
    """The refusal of a picture that Pillow cannot open or decode."""
    if isinstance(error, PIL.Image.DecompressionBombError):
        why = "It declares more pixels than are decoded in safety."
    elif isinstance(error, OSError) and error.errno is not None:
        return unopenable(path, error)
    else:
        why = "Its data are damaged or cut off, or of a kind that is not read here."
    return UnreadableImage(f"{path.name} could not be decoded.", why, "Save it again as PNG or TIFF, or leave it out.")


def _stores_white_as_zero(picture: PIL.Image.Image) -> bool:
    """True for a TIFF of more than 8 bits in WhiteIsZero; Pillow itself turns those of 8 bits round."""
    tags = getattr(picture, "tag_v2", {})
    return picture.mode not in ("1", "L") and tags.get(_PHOTOMETRIC_TAG) == 0


def _grey_of_16_bits_on_black(source: OpenedFile) -> NDArray[np.uint16]:
    """(rows, columns) of a PNG of grey and transparency, of which Pillow would keep the upper 8 bits.

    Such a pixel has four bytes, like one of RGBA of 8 bits, and rows are filtered by bytes: under that name Pillow
    hands over all of them.
    """
    source.file.seek(0)
    data = source.file.read()
    header = data[12:24] + _RGBA_OF_8_BITS + data[26:29]
    renamed = data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]
    with PIL.Image.open(io.BytesIO(renamed), formats=["PNG"]) as picture:
        words = np.array(PIL.ImageOps.exif_transpose(picture)).view(">u2").astype(np.uint16)
    grey, alpha = words[..., 0], words[..., 1]
    if (alpha == _OPAQUE).all():
        return np.ascontiguousarray(grey)
    return np.asarray(np.rint(grey * (alpha / _OPAQUE)), np.uint16)


def _numbers_of_tiff(picture: PIL.Image.Image) -> type[np.generic] | None:
    """What a grey TIFF's values are where Pillow takes them for others: 32 bits for signed, 8 bits for unsigned."""
    tags = getattr(picture, "tag_v2", {})
    sample_format, bits = tags.get(_SAMPLE_FORMAT_TAG, (_UNSIGNED,)), tags.get(_BITS_TAG, (1,))
    if picture.mode == "I" and tuple(bits) == (32,) and tuple(sample_format) == (_UNSIGNED,):
        return np.uint32
    if picture.mode == "L" and tuple(bits) == (8,) and tuple(sample_format) == (_SIGNED,):
        return np.int8
    return None


def grey_or_rgb(picture: PIL.Image.Image) -> NDArray[Any]:
    """(rows, columns) uint8, uint16, int32 or float32, or (rows, columns, 3) uint8.

    Transparency is laid on black, the ground of a film. 16-bit modes are taken as they are: Pillow's own conversion
    to 8 bits would clip them. Equal colour channels are one grey channel.
    """
    if picture.mode in ("1", "L"):
        return np.array(picture.convert("L"))
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.array(picture)
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        ground = PIL.Image.new("RGBA", layered.size, "black")
        picture = PIL.Image.alpha_composite(ground, layered)
    return grey_where_equal(np.array(picture.convert("RGB")))


def grey_where_equal(colour: NDArray[Any]) -> NDArray[Any]:
    """One grey channel, contiguous, where the three channels of (rows, columns, 3) are equal; all else as it is."""
    if colour.ndim < 3:
        return colour
    if (colour[..., 0] == colour[..., 1]).all() and (colour[..., 0] == colour[..., 2]).all():
        return np.ascontiguousarray(colour[..., 0])
    return colour
