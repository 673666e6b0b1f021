"""What a compressed frame says of itself, before a decoder takes memory for it: its size, and of a JPEG its colour.

A header of 64 by 64 pixels may carry a code stream of 60 000 by 60 000: decoders believe the code stream.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xferviewer.errors import UnreadableImage

if TYPE_CHECKING:
    from pathlib import Path

_J2K_BEGIN = b"\xff\x4f\xff\x51"  # SOC and SIZ, ISO/IEC 15444-1 A.4.1 and A.5.1
_J2K_SIZE = struct.Struct(">HHIIIIIIIIH")  # Lsiz, Rsiz, size, offset, tile size, tile offset, components
_J2K_CODING_STYLE, _J2K_TILE = 0xFF52, 0xFF90  # COD and SOT
_JPEG_BEGIN = b"\xff\xd8"
_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # SOF of ISO/IEC 10918-1 B.1.1.3, of 14495-1 C.1.1
_JPEG_OF_COSINES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: the processes that turn colour to YCbCr
_APPLICATION_SEGMENTS = range(0xE0, 0xF0)
_JFIF, _ADOBE = 0xE0, 0xEE
_ADOBE_TRANSFORM = 11  # its place in the segment, after "Adobe", version and two words of flags
_NOT_TRANSFORMED = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
_RGB = 3
_ALWAYS_DECODED_BYTES = 64 << 20
_LONGEST_BEGINNING = 1 << 16
_TIMES_DECLARED = 4


@dataclass(frozen=True, slots=True)
class CodeStream:
    """The picture that a JPEG, JPEG-LS or JPEG 2000 stream holds.

    rows           0 where a JPEG says it only at its end (DNL, ISO/IEC 10918-1 B.2.5)
    bits           of a sample
    cosines        a JPEG of discrete cosines, the only streams here whose colour a decoder may turn on its own
    colour         of three samples: "RGB" or "YBR_FULL" where a JPEG of cosines says it itself, "RGB" where a decoder
                   of JPEG 2000 undoes the transform of its components; else ""
    """

    rows: int
    columns: int
    samples: int
    bits: int
    cosines: bool = False
    colour: str = ""


def refuse_larger_code_stream(path: Path, stream: CodeStream, declared: int) -> None:
    """Raise UnreadableImage for a frame whose code stream is far larger than the `declared` bytes of its header."""
    unpacked = stream.rows * stream.columns * stream.samples * math.ceil(stream.bits / 8)
    if unpacked > max(_ALWAYS_DECODED_BYTES, _TIMES_DECLARED * declared):
        raise UnreadableImage(
            f"{path.name} was not decoded.",
            f"Its compressed data unpack to {stream.rows} by {stream.columns} pixels, far more than its header "
            "declares.",
            "Fetch the file again from where it came from; leave it out if it comes out the same.",
        )


def refuse_other_picture(path: Path, stream: CodeStream, rows: int, columns: int, samples: int) -> None:
    """Raise UnreadableImage where the header declares another picture than the stream holds.

    Decoders put the values of a picture of as many pixels into whatever shape they are asked for.
    """
    found = (stream.rows or rows, stream.columns, stream.samples)
    if found != (rows, columns, samples):
        raise UnreadableImage(
            f"{path.name} was not decoded.",
            f"Its compressed picture has {found[0]} by {found[1]} pixels of {found[2]} sample(s); its header "
            f"declares {rows} by {columns} of {samples}.",
            "Fetch the file again from where it came from, or have whoever made it correct the header.",
        )


def code_stream(data: bytes) -> CodeStream | None:
    """What the beginning of a JPEG, JPEG-LS or JPEG 2000 stream says; None of another one."""
    try:
        if data.startswith(_JPEG_BEGIN):
            return _jpeg(data)
        begin = data.find(_J2K_BEGIN, 0, _LONGEST_BEGINNING)  # some lie in the boxes of a JP2 file
        if begin >= 0:
            _, _, right, bottom, left, top, *_, samples = _J2K_SIZE.unpack_from(data, begin + 4)
            bits = (data[begin + 4 + _J2K_SIZE.size] & 0x7F) + 1
            colour = "RGB" if samples == _RGB and _transforms_components(data, begin + 2) else ""
            return CodeStream(max(bottom - top, 0), max(right - left, 0), samples, bits, colour=colour)
    except (struct.error, IndexError):  # it ends in its own header: a decoder will say so
        pass
    return None


def _transforms_components(data: bytes, position: int) -> bool:
    """The main header of a JPEG 2000 stream says, in COD, that its first three components were transformed (A.6.1)."""
    while True:
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == _J2K_CODING_STYLE:
            return data[position + 8] == 1
        if marker == _J2K_TILE:
            return False
        position += 2 + length


def with_colour_as_coded(data: bytes) -> bytes:
    """A JPEG without what makes a decoder turn its colour: the samples come out as they were coded.

    Every application segment is left out, and one is put in that says that nothing was transformed.
    """
    kept, position = [data[:2], _NOT_TRANSFORMED], 2
    for marker, start, end in _segments(data):
        if marker not in _APPLICATION_SEGMENTS:
            kept.append(data[start:end])
        position = end
    return b"".join([*kept, data[position:]])


def _segments(data: bytes) -> list[tuple[int, int, int]]:
    """Marker, begin and end of each segment of a JPEG before its frame header (SOF)."""
    found: list[tuple[int, int, int]] = []
    position = 2
    while True:
        start = position
        if data[position] != 0xFF:
            return found
        while data[position + 1] == 0xFF:  # fill bytes
            position += 1
        marker = data[position + 1]
        if marker in _JPEG_FRAMES:
            return found
        position += 2 + int(struct.unpack_from(">H", data, position + 2)[0])
        found.append((marker, start, position))


def _jpeg(data: bytes) -> CodeStream | None:
    segments = _segments(data)
    position = segments[-1][2] if segments else 2
    while data[position] == data[position + 1] == 0xFF:
        position += 1
    marker = data[position + 1]
    if data[position] != 0xFF or marker not in _JPEG_FRAMES:
        return None
    bits, rows, columns, samples = struct.unpack_from(">BHHB", data, position + 4)
    components = [data[position + 10 + 3 * sample : position + 13 + 3 * sample] for sample in range(samples)]
    cosines = marker in _JPEG_OF_COSINES
    colour = _colour(data, segments, components) if cosines and samples == _RGB else ""
    return CodeStream(rows, columns, samples, bits, cosines, colour)


def _colour(data: bytes, segments: list[tuple[int, int, int]], components: list[bytes]) -> str:
    """What a JPEG says of its three components: their names, JFIF's rule, Adobe's mark, or that two are coarser.

    ITU-T T.871 (JFIF) and T.872 6.5.3 (Adobe's mark); DICOM's header counts where none of them speaks, and where
    Adobe's mark says that nothing was transformed.
    """
    if bytes(component[0] for component in components) in (b"RGB", b"rgb"):
        return "RGB"
    if any(marker == _JFIF and b"JFIF\x00" in data[start:end] for marker, start, end in segments):
        return "YBR_FULL"
    for marker, start, end in segments:
        body = data[start:end].lstrip(b"\xff")[3:]
        if marker == _ADOBE and body.startswith(b"Adobe") and len(body) > _ADOBE_TRANSFORM:
            return "YBR_FULL" if body[_ADOBE_TRANSFORM] else ""
    coarser = components[0][1] != components[1][1]
    return "YBR_FULL" if coarser else ""
