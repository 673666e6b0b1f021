"""Pixel data of one frame, decompressed: greyscale as stored, colour as RGB in 8 bits."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder
from pydicom.pixels.utils import as_pixel_options, unpack_bits
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from xferviewer.errors import UnreadableImage
from xferviewer.studies.code_streams import refuse_larger_code_stream
from xferviewer.studies.dicom_cells import bits_below_value, has_unusual_cells, unusual_cells, values_of
from xferviewer.studies.dicom_colour import UnknownColour, as_grey_or_rgb, refuse_unknown_colour
from xferviewer.studies.dicom_header import number, text
from xferviewer.studies.gdcm_pixels import decode_with_gdcm
from xferviewer.studies.limits import largest_frame_bytes, too_large

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.pixels.decoders.base import Decoder

    from xferviewer.studies.dicom_header import DicomHeader, PixelElement
    from xferviewer.studies.opening import OpenedFile

# A frame up to this size is worth decoding whatever its compressed length; above, its data must be long enough for it.
_ALWAYS_DECODED_BYTES = 64 << 20
_LARGEST_COMPRESSION = 2000
# In the order of their speed where several decode a syntax; Pillow is the quicker one for 8-bit JPEG alone.
_PLUGINS = ("pyjpegls", "pylibjpeg", "pillow", "pydicom")
_PLUGINS_OF_JPEG_BASELINE = ("pillow", "pylibjpeg")
_ITEM = (0xFFFE, 0xE000)
_DEFLATED_FRAMES = UID("1.2.840.10008.1.2.8.1")  # Deflated Image Frame Compression, PS3.5 A.4.13


def stored_pixels(
    path: Path, source: OpenedFile, header: DicomHeader, pixels: PixelElement, frame: int
) -> NDArray[Any]:
    """(rows, columns) stored greyscale values in native byte order, or (rows, columns, 3) uint8 RGB.

    Raises UnreadableImage when the data are too short, too large, or no decoder understands them.
    """
    refuse_impossible_size(path, source.file, header, pixels)
    try:
        refuse_unknown_colour(header)
        values, photometric = _decode(path, source, header, pixels, frame)
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        return as_grey_or_rgb(values, photometric, header)
    except (KeyboardInterrupt, SystemExit, UnreadableImage):
        raise
    except UnknownColour as error:
        raise UnreadableImage(
            f"{path.name} could not be decoded.", str(error), "Convert it to RGB or MONOCHROME2."
        ) from error
    except BaseException as error:  # pylibjpeg-rle is written in Rust, whose PanicException is no Exception
        raise _undecodable(path, header) from error


def frame_bytes(header: DicomHeader) -> int:
    """Size of one decoded frame as the header declares it, in bytes."""
    dataset = header.dataset
    bits = number(dataset, "BitsAllocated") or 64
    samples = number(dataset, "SamplesPerPixel") or 1
    return (number(dataset, "Rows") * number(dataset, "Columns") * samples * bits + 7) // 8


def refuse_impossible_size(path: Path, file: BinaryIO, header: DicomHeader, pixels: PixelElement) -> None:
    """Raise UnreadableImage, without decoding, for a frame over the limit or far over what the file can hold."""
    declared = frame_bytes(header)
    if declared > largest_frame_bytes():
        raise too_large(path.name, _size(header))
    if pixels.length is None:
        too_short = declared > max(_ALWAYS_DECODED_BYTES, header.size * _LARGEST_COMPRESSION)
        too_short = too_short or not _holds_its_fragments(file, header, pixels)
    else:
        too_short = min(pixels.length, header.size - pixels.offset) < _native_bytes(header, declared)
    if too_short:
        raise UnreadableImage(
            f"{path.name} is cut off.",
            f"Its header declares {header.frames} frame(s) of {_size(header)}, and the file holds fewer bytes.",
            "Fetch the file again from where it came from.",
        )


def _size(header: DicomHeader) -> str:
    return f"{number(header.dataset, 'Rows')} by {number(header.dataset, 'Columns')} pixels"


def _holds_its_fragments(file: BinaryIO, header: DicomHeader, pixels: PixelElement) -> bool:
    """False when the file ends inside a fragment of its encapsulated pixel data (PS3.5 A.4).

    Some decoders would fill the missing part of the picture with zeros and say nothing.
    """
    position = pixels.offset
    while position + 8 <= header.size:
        file.seek(position)
        group, element, length = struct.unpack("<HHL", file.read(8))
        if (group, element) != _ITEM:
            return True
        position += 8 + length
    return position <= header.size


def _native_bytes(header: DicomHeader, declared: int) -> int:
    """Bytes of all uncompressed frames; with chrominance of every second pixel only, two samples a pixel."""
    dataset = header.dataset
    if text(dataset, "PhotometricInterpretation") in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        declared = declared // 3 * 2
    bits = number(dataset, "BitsAllocated") or 8
    if bits % 8:  # frames follow each other without padding
        cells = number(dataset, "Rows") * number(dataset, "Columns") * header.frames
        return (cells * (number(dataset, "SamplesPerPixel") or 1) * bits + 7) // 8
    return declared * header.frames


def _decode(
    path: Path, opened: OpenedFile, header: DicomHeader, pixels: PixelElement, frame: int
) -> tuple[NDArray[Any], str]:
    """pydicom with its plugins and gdcm, and what these leave out: frames of single bits, deflated frames."""
    options = as_pixel_options(header.dataset, pixel_keyword=pixels.keyword, pixel_vr=pixels.vr)
    options["number_of_frames"] = header.frames
    if header.syntax == RLELossless and header.dataset.BitsAllocated == 1:
        return _run_length_bits(opened.file, header, pixels, frame), str(header.dataset.PhotometricInterpretation)
    source, syntax = opened.file, header.syntax
    source.seek(pixels.offset)
    if syntax == _DEFLATED_FRAMES:
        source, syntax, frame = io.BytesIO(_inflated_frame(source, header, pixels, frame)), ExplicitVRLittleEndian, 0
        options["number_of_frames"] = 1
    if syntax == DeflatedExplicitVRLittleEndian:
        syntax = ExplicitVRLittleEndian
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise UnreadableImage(
            f"{path.name} could not be decoded.",
            f"Its transfer syntax ({syntax.name}) is not one that is read here.",
            "Convert it to an uncompressed transfer syntax; of a video, export the pictures.",
        ) from error
    if decoder.is_native:
        return _native(source, header, pixels, decoder, frame, options)
    refuse_larger_code_stream(path, source, header.frames, frame, frame_bytes(header))
    return _decompress(None if opened.gzipped else path, decoder, source, frame, options)


def _native(
    file: BinaryIO, header: DicomHeader, pixels: PixelElement, decoder: Decoder, frame: int, options: dict[str, Any]
) -> tuple[NDArray[Any], str]:
    photometric = str(header.dataset.get("PhotometricInterpretation") or "MONOCHROME2").strip(" \x00")
    if has_unusual_cells(header):
        return values_of(unusual_cells(file, header, pixels, frame), header), photometric
    if photometric == "YBR_PARTIAL_422":  # laid out as YBR_FULL_422, and of another range
        options["photometric_interpretation"] = "YBR_FULL_422"
        values, _ = decoder.as_array(file, index=frame, raw=True, **options)
        return values, photometric
    below = bits_below_value(header)
    values, properties = decoder.as_array(file, index=frame, correct_unused_bits=not below, **options)
    return values_of(values, header) if below else values, str(properties["photometric_interpretation"])


def _decompress(
    path: Path | None, decoder: Decoder, source: BinaryIO, frame: int, options: dict[str, Any]
) -> tuple[NDArray[Any], str]:
    """The first of pydicom's plugins that succeeds, but gdcm last and in a process of its own.

    Left to itself pydicom asks gdcm first, in this process. `path` is None where gdcm would not understand the file.
    """
    failure: Exception | None = None
    for plugin in _PLUGINS_OF_JPEG_BASELINE if JPEGBaseline8Bit == decoder.UID else _PLUGINS:
        if plugin in decoder.available_plugins:
            try:
                values, properties = decoder.as_array(source, index=frame, decoding_plugin=plugin, **options)
            except Exception as error:  # noqa: BLE001 - each plugin raises errors of its own
                failure = error
            else:
                return values, str(properties["photometric_interpretation"])
    if path is None or "gdcm" not in decoder.available_plugins:
        raise failure or ValueError("there is no decoder for this transfer syntax")
    return decode_with_gdcm(path, frame)


def _run_length_bits(file: BinaryIO, header: DicomHeader, pixels: PixelElement, frame: int) -> NDArray[np.uint8]:
    """A frame of single bits, packed eight to a byte before it was compressed (PS3.5 8.1.1, G.2).

    pydicom's decoders expect a byte a pixel and gdcm aborts the process, so the bytes are decoded as if they were
    the pixels, and unpacked.
    """
    rows, columns = int(header.dataset.Rows), int(header.dataset.Columns)
    options = as_pixel_options(header.dataset, pixel_keyword=pixels.keyword, pixel_vr=pixels.vr)
    options.update(rows=1, columns=(rows * columns + 7) // 8, bits_allocated=8, bits_stored=8)
    options["number_of_frames"] = header.frames
    file.seek(pixels.offset)
    packed, _ = get_decoder(RLELossless).as_array(file, index=frame, **options)
    bits: NDArray[np.uint8] = unpack_bits(packed.tobytes())
    return bits[: rows * columns].reshape(rows, columns)


def _inflated_frame(file: BinaryIO, header: DicomHeader, pixels: PixelElement, frame: int) -> bytes:
    file.seek(pixels.offset)
    compressed = get_frame(file, frame, number_of_frames=header.frames)
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(compressed, frame_bytes(header) + 1)


def _undecodable(path: Path, header: DicomHeader) -> UnreadableImage:
    return UnreadableImage(
        f"{path.name} could not be decoded.",
        f"Its pixel data ({header.syntax.name}) are damaged, or no decoder here understands them.",
        "Fetch the file again, or convert it to an uncompressed transfer syntax.",
    )
