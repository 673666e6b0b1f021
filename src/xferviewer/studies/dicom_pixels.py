"""Pixel data of one frame, decompressed: greyscale as stored, colour as RGB in 8 bits."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import get_decoder
from pydicom.pixels.utils import as_pixel_options, unpack_bits
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGTransferSyntaxes,
    RLELossless,
)

from xferviewer.errors import UnreadableImage
from xferviewer.studies.code_streams import (
    code_stream,
    refuse_larger_code_stream,
    refuse_other_picture,
    with_colour_as_coded,
)
from xferviewer.studies.dicom_cells import bits_below_value, has_unusual_cells, unusual_cells, values_of
from xferviewer.studies.dicom_colour import UnknownColour, as_grey_or_rgb, refuse_unknown_colour
from xferviewer.studies.dicom_header import number, photometric_interpretation
from xferviewer.studies.dicom_layout import complete_layout
from xferviewer.studies.gdcm_pixels import decode_with_gdcm
from xferviewer.studies.limits import largest_frame_bytes, too_large

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.pixels.decoders.base import Decoder

    from xferviewer.studies.code_streams import CodeStream
    from xferviewer.studies.dicom_header import DicomHeader, PixelElement
    from xferviewer.studies.opening import OpenedFile

# A frame up to this size is worth decoding whatever its compressed length; above, its data must be long enough for it.
_ALWAYS_DECODED_BYTES = 64 << 20
_LARGEST_COMPRESSION = 2000
# In the order of their speed where several decode a syntax; Pillow is the quicker one for 8-bit JPEG alone.
_PLUGINS = ("pyjpegls", "pylibjpeg", "pillow", "pydicom")
_PLUGINS_OF_JPEG_BASELINE = ("pillow", "pylibjpeg")
_RGB = 3
_ITEM = (0xFFFE, 0xE000)
RETIRED_JPEG = (UID("1.2.840.10008.1.2.4.53"), UID("1.2.840.10008.1.2.4.55"))
"""Spectral selection and full progression, which old archives hold and the decoders of JPEG still know."""
_ENCAPSULATED_UNCOMPRESSED = UID("1.2.840.10008.1.2.1.98")  # PS3.5 A.4.11
_DEFLATED_FRAMES = UID("1.2.840.10008.1.2.8.1")  # Deflated Image Frame Compression, PS3.5 A.4.13


def stored_pixels(
    path: Path, source: OpenedFile, header: DicomHeader, pixels: PixelElement, frame: int
) -> NDArray[Any]:
    """(rows, columns) stored greyscale values in native byte order, or (rows, columns, 3) uint8 RGB.

    Raises UnreadableImage when the data are too short, too large, or no decoder understands them.
    """
    try:
        refuse_unknown_colour(header)
        complete_layout(path, header, pixels)
        refuse_impossible_size(path, source.file, header, pixels)
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
        needed = _native_bytes(header, declared)
        too_short = min(pixels.length, header.size - pixels.offset) < needed
        if pixels.length < needed and _is_compressed(header.syntax):
            raise _not_encapsulated(path, header)
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
    if photometric_interpretation(dataset) in ("YBR_FULL_422", "YBR_PARTIAL_422"):
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
        return _run_length_bits(opened.file, header, pixels, frame), header.dataset.PhotometricInterpretation
    source, syntax = opened.file, header.syntax
    source.seek(pixels.offset)
    if syntax in (DeflatedExplicitVRLittleEndian, _ENCAPSULATED_UNCOMPRESSED):
        syntax = ExplicitVRLittleEndian
    if syntax == _DEFLATED_FRAMES:
        return _native_in_memory(_inflated_frame(source, header, pixels, frame), header, pixels, options)
    decoder = _decoder(path, syntax)
    if decoder.is_native and pixels.length is None:  # in fragments, as if it were compressed
        return _native_in_memory(_compressed_frame(source, header, pixels, frame, options), header, pixels, options)
    if decoder.is_native:
        return _native(source, header, pixels, decoder, frame, options)
    if pixels.length is not None:  # unpacked by a program that left the transfer syntax as it was
        return _native(source, header, pixels, get_decoder(ExplicitVRLittleEndian), frame, options)
    return _compressed(path, opened, header, pixels, decoder, frame, options)


def _decoder(path: Path, syntax: UID) -> Decoder:
    try:
        return get_decoder(JPEGExtended12Bit if syntax in RETIRED_JPEG else syntax)
    except NotImplementedError as error:
        raise UnreadableImage(
            f"{path.name} could not be decoded.",
            f"Its transfer syntax ({syntax.name}) is not one that is read here.",
            "Convert it to an uncompressed transfer syntax; of a video, export the pictures.",
        ) from error


def _is_compressed(syntax: UID) -> bool:
    if syntax in (_DEFLATED_FRAMES, *RETIRED_JPEG):
        return True
    try:
        return not get_decoder(syntax).is_native
    except NotImplementedError:
        return False


def _native_in_memory(
    data: bytes, header: DicomHeader, pixels: PixelElement, options: dict[str, Any]
) -> tuple[NDArray[Any], str]:
    """A frame that was unpacked, in little endian."""
    alone = replace(pixels, offset=0, length=len(data))
    options["number_of_frames"] = 1
    return _native(io.BytesIO(data), header, alone, get_decoder(ExplicitVRLittleEndian), 0, options)


def _native(
    file: BinaryIO, header: DicomHeader, pixels: PixelElement, decoder: Decoder, frame: int, options: dict[str, Any]
) -> tuple[NDArray[Any], str]:
    photometric = header.dataset.PhotometricInterpretation
    if has_unusual_cells(header):
        return values_of(unusual_cells(file, header, pixels, frame), header), photometric
    file.seek(pixels.offset)
    if photometric == "YBR_PARTIAL_422":  # laid out as YBR_FULL_422, and of another range
        options["photometric_interpretation"] = "YBR_FULL_422"
        values, _ = decoder.as_array(file, index=frame, raw=True, **options)
        return values, photometric
    below = bits_below_value(header)
    values, properties = decoder.as_array(file, index=frame, correct_unused_bits=not below, **options)
    return values_of(values, header) if below else values, str(properties["photometric_interpretation"])


def _compressed(
    path: Path,
    opened: OpenedFile,
    header: DicomHeader,
    pixels: PixelElement,
    decoder: Decoder,
    frame: int,
    options: dict[str, Any],
) -> tuple[NDArray[Any], str]:
    """A compressed frame, whose own code stream is believed about its bits and, of a JPEG, its colour."""
    data = _compressed_frame(opened.file, header, pixels, frame, options)
    options |= {"number_of_frames": 1, "planar_configuration": 0}  # decoders give colour by pixel, or say otherwise
    options.pop("extended_offsets", None)
    dataset, photometric = header.dataset, header.dataset.PhotometricInterpretation
    stream = code_stream(data)
    if stream is not None:
        refuse_larger_code_stream(path, stream, frame_bytes(header))
        refuse_other_picture(path, stream, int(dataset.Rows), int(dataset.Columns), int(dataset.SamplesPerPixel))
        if decoder.UID in JPEGTransferSyntaxes:
            options |= _bits_of_jpeg(stream, header)
    colour_of_jpeg = stream is not None and stream.cosines and stream.samples == _RGB
    if stream is not None and colour_of_jpeg:
        data, photometric = with_colour_as_coded(data), _colour_of_jpeg(stream, photometric)
        options |= {"photometric_interpretation": "YBR_FULL", "raw": True}
    elif stream is not None and stream.colour:
        options["photometric_interpretation"] = stream.colour
    try:
        values, decoded_as = _decompress(decoder, data, options)
    except Exception:
        if opened.gzipped or "gdcm" not in decoder.available_plugins:  # it reads the file itself
            raise
        return decode_with_gdcm(path, frame)
    return values, photometric if colour_of_jpeg else decoded_as


def _bits_of_jpeg(stream: CodeStream, header: DicomHeader) -> dict[str, int]:
    """Bits allocated and stored of what comes out of a JPEG, where its header states another width."""
    allocated, stored = int(header.dataset.BitsAllocated), int(header.dataset.BitsStored)
    width = 8 if stream.bits <= 8 else 16
    if width == allocated:
        return {}
    return {"bits_allocated": width, "bits_stored": min(stored, width) if width < allocated else stream.bits}


def _colour_of_jpeg(stream: CodeStream, stated: str) -> str:
    """The Photometric Interpretation of the samples of a JPEG: what it says itself, else what the header states."""
    is_ybr_of_jpeg = stated.startswith(("YBR_FULL", "YBR_PARTIAL"))
    if stream.colour == "RGB" or (not stream.colour and stated == "RGB"):
        return "RGB"
    return stated if is_ybr_of_jpeg else "YBR_FULL"


def _decompress(decoder: Decoder, data: bytes, options: dict[str, Any]) -> tuple[NDArray[Any], str]:
    """The first of pydicom's plugins that succeeds. Left to itself pydicom asks gdcm first, in this process."""
    failure: Exception | None = None
    for plugin in _PLUGINS_OF_JPEG_BASELINE if JPEGBaseline8Bit == decoder.UID else _PLUGINS:
        if plugin in decoder.available_plugins:
            try:
                values, properties = decoder.as_array(
                    io.BytesIO(encapsulate([data], has_bot=False)), index=0, decoding_plugin=plugin, **options
                )
            except Exception as error:  # noqa: BLE001 - each plugin raises errors of its own
                failure = error
            else:
                return values, str(properties["photometric_interpretation"])
    raise failure or ValueError("there is no decoder for this transfer syntax")


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


def _compressed_frame(
    file: BinaryIO, header: DicomHeader, pixels: PixelElement, frame: int, options: dict[str, Any]
) -> bytes:
    """The fragments of one frame, put together."""
    file.seek(pixels.offset)
    extended = options.get("extended_offsets")
    data: bytes = get_frame(file, frame, number_of_frames=header.frames, extended_offsets=extended)
    return data


def _inflated_frame(file: BinaryIO, header: DicomHeader, pixels: PixelElement, frame: int) -> bytes:
    file.seek(pixels.offset)
    compressed = get_frame(file, frame, number_of_frames=header.frames)
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(compressed, frame_bytes(header) + 1)


def _not_encapsulated(path: Path, header: DicomHeader) -> UnreadableImage:
    return UnreadableImage(
        f"{path.name} could not be decoded.",
        f"Its transfer syntax says {header.syntax.name}, its pixel data are not packed as that takes.",
        "Fetch the file again from where it came from, or have whoever made it write it anew.",
    )


def _undecodable(path: Path, header: DicomHeader) -> UnreadableImage:
    return UnreadableImage(
        f"{path.name} could not be decoded.",
        f"Its pixel data ({header.syntax.name}) are damaged, or no decoder here understands them.",
        "Fetch the file again, or convert it to an uncompressed transfer syntax.",
    )
