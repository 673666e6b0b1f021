"""What a file holds, told from its first bytes and never from its name."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from xferviewer.errors import UnreadableImage

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES = 348  # the header of NIfTI-1, whose last four bytes tell it; longer than the DICOM preamble (PS3.10 7.1)

_RASTER_SIGNATURES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    b"II*\x00",  # TIFF, little endian
    b"MM\x00*",  # TIFF, big endian
    b"II+\x00",  # BigTIFF
    b"MM\x00+",
    b"BM",
    b"GIF8",
    b"\x00\x00\x00\x0cjP  ",  # JP2
    b"\xff\x4f\xff\x51",  # JPEG 2000 code stream
)


_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SLIDE_SIGNATURE = b"ZISRAWFILE"  # Zeiss CZI; other makers' slides are TIFF, JPEG or DICOM to begin with
_ARRAY_SIGNATURES = (b"\x93NUMPY", b"PK\x03\x04")  # .npy; a ZIP archive, which .npz is and much else


class Content(Enum):
    DICOM = "DICOM"
    RASTER = "raster image"
    ARRAY = "NumPy array"
    NIFTI = "NIfTI volume"
    HDF5 = "HDF5 file"
    SLIDE = "whole slide"
    OTHER = "other"


def content_of(head: bytes) -> Content:
    """What the first HEAD_BYTES bytes of a file announce."""
    if head[128:132] == b"DICM":
        return Content.DICOM
    if head.startswith(_RASTER_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return Content.RASTER
    if head[:1] == b"P" and head[1:2] in b"2356" and head[2:3] in b" \t\r\n" and len(head) > 2:  # PGM and PPM
        return Content.RASTER
    if head.startswith(_SLIDE_SIGNATURE):
        return Content.SLIDE
    if head.startswith(_ARRAY_SIGNATURES):
        return Content.ARRAY
    if head.startswith(_HDF5_SIGNATURE):
        return Content.HDF5
    if head[344:348] in (b"n+1\x00", b"ni1\x00") or head[4:8] in (b"n+2\x00", b"ni2\x00"):
        return Content.NIFTI
    return Content.DICOM if _begins_a_data_set(head) else Content.OTHER


def _begins_a_data_set(head: bytes) -> bool:
    """True for a DICOM file without preamble: it begins with an element of group 0002 or 0008, in either byte order."""
    little = head[:2] in (b"\x02\x00", b"\x08\x00") and head[3:4] in (b"\x00", b"\x01", b"\x10")
    big = head[:2] in (b"\x00\x02", b"\x00\x08") and head[2:3] in (b"\x00", b"\x01", b"\x10")
    return len(head) >= 8 and (little or big)


def unopenable(path: Path, error: OSError) -> UnreadableImage:
    """The refusal of a file that the operating system does not hand over."""
    return UnreadableImage(
        f"{path.name} could not be opened.",
        f"The system says: {error.strerror or 'it could not be read'}.",
        "Check that the file is still there and that you may read it.",
    )


def damaged(path: Path) -> UnreadableImage:
    """The refusal of a file whose damage nobody foresaw."""
    return UnreadableImage(
        f"{path.name} could not be read.",
        "Its content is damaged in a way that its reader does not understand.",
        "Fetch the file again from where it came from.",
    )


def not_an_image(path: Path, head: bytes) -> UnreadableImage:
    """The refusal of a file whose content is neither DICOM nor a picture."""
    if not head:
        why = "The file is empty."
    elif b"\x00" not in head and all(byte >= 9 for byte in head):
        why = "It holds text, not pixels."
    else:
        why = "Its content is neither DICOM nor a picture format that is read here."
    return UnreadableImage(
        f"{path.name} is not an image.", why, "Choose DICOM, PNG, JPEG, TIFF, NumPy, HDF5, NIfTI or slide files."
    )


def refuse_missing_frame(path: Path, frame: int, frames: int) -> None:
    """Raise UnreadableImage for a frame that the file does not have."""
    if not 0 <= frame < frames:
        raise UnreadableImage(
            f"{path.name} has no frame {frame}.",
            f"It holds {frames} frame(s), counted from 0.",
            "Choose one of them.",
        )
