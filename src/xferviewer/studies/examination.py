"""Looking at one file for the catalogue: its header only, never its pixels."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from xferviewer.errors import UnreadableImage
from xferviewer.studies.catalogue_writing import FileStamp, ImageEntry, Refusal
from xferviewer.studies.content import Content, damaged, not_an_image, unopenable
from xferviewer.studies.opening import opened
from xferviewer.studies.region_files import is_mask_beside_its_image
from xferviewer.studies.slides import describe_slide, is_slide

if TYPE_CHECKING:
    from xferviewer.studies.image import ImageFacts
    from xferviewer.studies.opening import OpenedFile


def stamp_of(path: str) -> FileStamp:
    """Size and time of a file; both 0 where it cannot even be asked for them (a broken link)."""
    try:
        status = os.stat(path)  # noqa: PTH116 - this runs once for each of 100,000 files
    except OSError:
        return FileStamp(path, 0, 0)
    return FileStamp(path, status.st_size, status.st_mtime_ns)


def examine(stamp: FileStamp) -> ImageEntry | Refusal:
    """What the catalogue keeps of a file. Raises nothing for whatever the file holds.

    A picture's bytes are hashed for its identity; of a DICOM file the header is read up to the pixel data.
    """
    path = Path(stamp.path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for ever
            raise UnreadableImage(
                f"{path.name} is not a file.", "It is a device, a pipe or a socket.", "Leave it out of the folder."
            )
        if is_mask_beside_its_image(path):
            raise UnreadableImage(
                f"{path.name} is a mask, not an image.",
                "It lies beside the image that it belongs to.",
                "Open the images; to look at the mask itself, copy it to another place.",
            )
        with opened(path) as source:
            match source.content:
                case Content.DICOM:
                    return _examine_dicom(stamp, path, source)
                case Content.SLIDE:
                    return _examine_slide(stamp, path)
                case Content.RASTER if is_slide(path, source):
                    return _examine_slide(stamp, path)
                case Content.RASTER:
                    return _examine_raster(stamp, path, source)
                case Content.ARRAY:
                    return _examine_array(stamp, path, source)
                case Content.HDF5:
                    return _examine_hdf5(stamp, path, source)
                case Content.NIFTI:
                    return _examine_nifti(stamp, path, source)
                case Content.OTHER:
                    raise not_an_image(path, source.head)
    except UnreadableImage as refusal:
        return Refusal(stamp, refusal)
    except OSError as error:
        return Refusal(stamp, unopenable(path, error))
    except Exception:  # noqa: BLE001 - one file must not end the index; the cause may quote what names a patient
        return Refusal(stamp, damaged(path))


def _examine_dicom(stamp: FileStamp, path: Path, source: OpenedFile) -> ImageEntry:
    from xferviewer.studies.dicom import dicom_identity
    from xferviewer.studies.dicom_header import (
        INDEXED,
        damaged_header,
        facts,
        number,
        read_header,
        refuse_unless_image,
        text,
    )
    from xferviewer.studies.dicom_pixels import refuse_impossible_size

    header = read_header(path, source, INDEXED)
    if is_slide(path, source, text(header.dataset, "SOPClassUID")):
        return _examine_slide(stamp, path, facts(header))
    try:
        refuse_impossible_size(path, source.file, header, refuse_unless_image(path, header))
        return ImageEntry(
            stamp=stamp,
            identity=f"{dicom_identity(header, source)}#0",
            frames=header.frames,
            rows=number(header.dataset, "Rows"),
            columns=number(header.dataset, "Columns"),
            facts=facts(header),
        )
    except UnreadableImage:
        raise
    except Exception:  # noqa: BLE001 - the cause may quote a header value, which may name a patient
        raise damaged_header(path) from None


def _examine_slide(stamp: FileStamp, path: Path, facts: ImageFacts | None = None) -> ImageEntry:
    slide = describe_slide(path, facts)
    return ImageEntry(stamp, slide.identity, 1, slide.rows, slide.columns, slide.facts)


def _examine_raster(stamp: FileStamp, path: Path, source: OpenedFile) -> ImageEntry:
    from xferviewer.studies.raster import open_raster, raster_facts, raster_identity

    with open_raster(path, source) as picture:
        frames = int(getattr(picture, "n_frames", 1))
        rows, columns = picture.height, picture.width
        if picture.getexif().get(_ORIENTATION, 1) >= _FIRST_TRANSPOSED:
            rows, columns = columns, rows
        facts = raster_facts(picture)
    return ImageEntry(stamp, raster_identity(source, 0, frames), frames, rows, columns, facts)


def _examine_array(stamp: FileStamp, path: Path, source: OpenedFile) -> ImageEntry:
    from xferviewer.studies.arrays import array_facts, array_identity, describe_array

    described = describe_array(path, source)
    rows, columns = described.arrays[0].frame_shape[:2]
    identity = array_identity(source, 0, described.frames)
    return ImageEntry(stamp, identity, described.frames, rows, columns, array_facts(described))


def _examine_hdf5(stamp: FileStamp, path: Path, source: OpenedFile) -> ImageEntry:
    from xferviewer.studies.arrays import array_facts, array_identity
    from xferviewer.studies.hdf5 import describe_hdf5

    described = describe_hdf5(path, source)
    rows, columns = described.arrays[0].frame_shape[:2]
    identity = array_identity(source, 0, described.frames)
    return ImageEntry(stamp, identity, described.frames, rows, columns, array_facts(described))


def _examine_nifti(stamp: FileStamp, path: Path, source: OpenedFile) -> ImageEntry:
    from xferviewer.studies.nifti import describe_nifti, nifti_facts, nifti_identity

    volume = describe_nifti(path, source)
    rows, columns = volume.rows_and_columns
    identity = nifti_identity(source, 0, volume.frames)
    return ImageEntry(stamp, identity, volume.frames, rows, columns, nifti_facts(volume))


_ORIENTATION, _FIRST_TRANSPOSED = 0x0112, 5  # EXIF 2.3, table 4: from 5 on, rows are columns
