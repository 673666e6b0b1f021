"""The header of a DICOM file, read up to its pixel data: what it says about the image, and where the pixels lie."""

from __future__ import annotations

import errno
import logging
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from xferviewer.errors import UnreadableImage
from xferviewer.studies.ages import years
from xferviewer.studies.content import unopenable
from xferviewer.studies.image import ImageFacts
from xferviewer.studies.stack_order import place_in_stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xferviewer.studies.opening import OpenedFile

_PIXEL_KEYWORDS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
_LONG_HEADER_VRS = ("OB", "OW", "OF", "OD", "OL", "OV", "UN")
_TEXT_VRS = ("AS", "CS", "DA", "LO", "PN", "SH", "UI")
_ESCAPE = b"\x1b"  # begins another character set, PS3.5 section 6.1.2.3
_UNDEFINED_LENGTH = 0xFFFFFFFF
_NUMBER_OF_FRAMES = Tag("NumberOfFrames")
_LIBRARIES = r"(pydicom|openjpeg|libjpeg|rle|jpeg_ls|PIL|xferviewer\.studies)(\.|$)"

for _library in ("pydicom", "openjpeg", "libjpeg", "rle", "PIL"):  # their messages may quote a header, too
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Where the pixel data of a file lie.

    length  bytes as the element states them; None for encapsulated (compressed) data, whose length is not stated
    offset  first byte of the value in the opened (unpacked) file
    """

    keyword: str
    vr: str
    length: int | None
    offset: int


@dataclass(frozen=True, slots=True, eq=False)
class DicomHeader:
    """All elements before the pixel data, and the pixel data's place (None when the object has none).

    size  bytes of the opened (unpacked) file
    """

    dataset: Any
    syntax: UID
    pixels: PixelElement | None
    size: int

    @property
    def frames(self) -> int:
        return max(1, int(self.dataset.NumberOfFrames or 1)) if _NUMBER_OF_FRAMES in self.dataset else 1

    def macro_values(self, sequence: str, frame: int) -> Iterator[Any]:
        """Where an attribute of `frame` may stand, the most particular first: the macro `sequence` in the frame's own
        functional group, in the shared one, and the data set itself (PS3.3 C.7.6.16).
        """
        per_frame = self.dataset.get("PerFrameFunctionalGroupsSequence") or []
        groups = [per_frame[frame]] if frame < len(per_frame) else []
        groups += (self.dataset.get("SharedFunctionalGroupsSequence") or [])[:1]
        for group in groups:
            yield from (group.get(sequence) or [])[:1]
        yield self.dataset

    def macro_holding(self, sequence: str, frame: int, *keywords: str) -> Any:
        """The first place that states all `keywords`; an empty data set where none does."""
        for place in self.macro_values(sequence, frame):
            if all(place.get(keyword) not in (None, "") for keyword in keywords):
                return place
        return Dataset()


def be_quiet() -> None:
    """Keep what pydicom and the decoders say about odd files off the screen and out of every log.

    Such messages quote header values, which may name a patient. The filter is put in front of the process's filters
    and stays: entering `warnings.catch_warnings` for each file would race with the other threads that read.
    """
    if not warnings.filters or getattr(warnings.filters[0][3], "pattern", "") != _LIBRARIES:
        warnings.filterwarnings("ignore", module=_LIBRARIES)


def read_header(path: Path, source: OpenedFile, only: list[BaseTag] | None = None) -> DicomHeader:
    """Read a data set up to its pixel data, with or without preamble, meta information and a stated transfer syntax.

    `only` lists the elements wanted, which is quicker; None wants all. Raises UnreadableImage for a damaged file.
    """
    be_quiet()
    found: list[tuple[int, str | None, int]] = []

    def at_pixel_data(tag: int, vr: str | None, length: int) -> bool:
        if int(tag) in _PIXEL_KEYWORDS:
            found.append((int(tag), vr, length))
        return bool(found)

    try:
        source.file.seek(0)
        dataset = read_partial(source.file, stop_when=at_pixel_data, force=True, specific_tags=only)
        syntax = DeflatedExplicitVRLittleEndian if source.deflated else _transfer_syntax(dataset)
        pixels = _pixel_element(found[0], source.file.tell()) if found else None
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # a length that leads outside of any file
            raise damaged_header(path) from None
        raise unopenable(path, error) from error
    except Exception:  # noqa: BLE001 - the cause may quote a header value, which may name a patient: it is not carried on
        raise damaged_header(path) from None
    return DicomHeader(dataset, syntax, pixels, source.size)


def _pixel_element(found: tuple[int, str | None, int], position: int) -> PixelElement:
    tag, vr, length = found
    header_bytes = 12 if vr in _LONG_HEADER_VRS else 8
    return PixelElement(
        keyword=_PIXEL_KEYWORDS[tag],
        vr=vr or "OW",
        length=None if length == _UNDEFINED_LENGTH else length,
        offset=position + header_bytes,
    )


def _transfer_syntax(dataset: Any) -> UID:
    stated = dataset.file_meta.get("TransferSyntaxUID")
    if stated:
        return UID(stated)
    implicit, little_endian = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian


def damaged_header(path: Path) -> UnreadableImage:
    """The refusal of a DICOM file whose elements make no sense."""
    return UnreadableImage(
        f"{path.name} could not be read.",
        "It looks like DICOM, but an element of its header is damaged or cut off.",
        "Fetch the file again from where it came from.",
    )


def refuse_unless_image(path: Path, header: DicomHeader) -> PixelElement:
    """The pixel data of a DICOM image.

    Raises UnreadableImage for an object without pixels: a report, a plan, a directory, a cut-off header.
    """
    dataset = header.dataset
    storage = text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID")
    if storage == MediaStorageDirectoryStorage or _tag("DirectoryRecordSequence") in dataset:
        raise UnreadableImage(
            f"{path.name} is a directory of DICOM files, not an image.",
            "A DICOMDIR lists files and holds no pixels itself.",
            "Open it in the window or index it: that opens the files that it lists, if they are there.",
        )
    if header.pixels is None:
        name = UID(storage).name
        name = name if name != storage else "DICOM object of no known class"
        raise UnreadableImage(
            f"{path.name} holds no pixels.",
            f"It is a {name} without pixel data, or it was cut off before them.",
            "Open an image of the same study instead, or fetch the file again if it should be one.",
        )
    missing = [word for word in ("Rows", "Columns", "BitsAllocated") if not number(dataset, word)]
    if header.pixels.keyword != "PixelData" and "BitsAllocated" in missing:
        missing.remove("BitsAllocated")
    if missing:
        raise UnreadableImage(
            f"{path.name} does not say how its pixels are laid out.",
            f"Its header lacks a usable {' and '.join(missing)}.",
            "Fetch the file again from where it came from.",
        )
    return header.pixels


@cache
def _tag(keyword: str) -> BaseTag:
    """The tag of a keyword of ours: pydicom would look it up and build it anew for each element of each file."""
    return Tag(keyword)


def number(dataset: Any, keyword: str) -> int:
    """The element's whole number; 0 when absent, empty or no number."""
    try:
        unconverted = dataset.get_item(_tag(keyword))
        if isinstance(unconverted, RawDataElement) and unconverted.VR == "US" and len(unconverted.value) == 2:
            return int.from_bytes(unconverted.value, "little" if unconverted.is_little_endian else "big")
        return int(dataset.get(keyword) or 0)
    except (KeyError, TypeError, ValueError):
        return 0


def facts(header: DicomHeader) -> ImageFacts:
    """What the header says about patient, study and image; a value that makes no sense counts as not stated."""
    place = place_in_stack(header.dataset)
    return ImageFacts(
        patient_id=text(header.dataset, "PatientID"),
        study_uid=text(header.dataset, "StudyInstanceUID"),
        series_uid=text(header.dataset, "SeriesInstanceUID"),
        sop_uid=text(header.dataset, "SOPInstanceUID"),
        modality=text(header.dataset, "Modality"),
        sex=text(header.dataset, "PatientSex"),
        age=years(text(header.dataset, "PatientAge")),
        view=text(header.dataset, "ViewPosition"),
        study_date=iso_date(text(header.dataset, "StudyDate")),
        body_part=text(header.dataset, "BodyPartExamined"),
        manufacturer=text(header.dataset, "Manufacturer"),
        transfer_syntax=header.syntax.name,
        photometric=photometric_interpretation(header.dataset),
        file_format="DICOM",
        plane=place.plane,
        slice_mm=place.slice_mm,
        instance=place.instance,
    )


INDEXED = [
    Tag(keyword)
    for keyword in (
    "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality", "PatientSex",
    "PatientAge", "ViewPosition", "StudyDate", "BodyPartExamined", "Manufacturer", "PhotometricInterpretation",
    "DirectoryRecordSequence", "NumberOfFrames", "SamplesPerPixel", "Rows", "Columns", "BitsAllocated",
    "ImageOrientationPatient", "ImagePositionPatient", "InstanceNumber",
    )
]  # fmt: skip


def text(dataset: Any, keyword: str) -> str:
    """The element's value without padding; "" when absent, empty or damaged; the first of several."""
    try:
        unconverted = dataset.get_item(_tag(keyword))
        if isinstance(unconverted, RawDataElement) and _is_plain(unconverted):
            return str(unconverted.value.partition(b"\\")[0], "ascii").strip(" \x00")
        value = dataset.get(keyword)
        if isinstance(value, pydicom.multival.MultiValue):
            value = value[0] if value else ""
        return str("" if value is None else value).strip(" \x00")
    except Exception:  # noqa: BLE001 - a damaged element is one that says nothing, whatever pydicom raises for it
        return ""


def _is_plain(element: RawDataElement) -> bool:
    """Its bytes are its characters. pydicom converts and checks each value, which would take a third of an index."""
    value = element.value
    return element.VR in _TEXT_VRS and isinstance(value, bytes) and value.isascii() and _ESCAPE not in value


def photometric_interpretation(dataset: Any) -> str:
    """The Photometric Interpretation as the standard spells it, where only case and blanks differ; else as stated."""
    stated = text(dataset, "PhotometricInterpretation")
    return stated if stated in _STANDARD else _SPELT.get(_letters(stated), stated)


def _letters(word: str) -> str:
    return "".join(letter for letter in word.upper() if letter.isalnum())


_STANDARD = (
    "MONOCHROME2", "MONOCHROME1", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_ICT",
    "YBR_RCT",
)  # fmt: skip
_SPELT = {_letters(name): name for name in _STANDARD}


def iso_date(date: str) -> str:
    """20040119 or 2004.01.19 as 2004-01-19; anything else as it is."""
    digits = date.replace(".", "")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 and digits.isdigit() else date
