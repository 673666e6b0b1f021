"""Which images a command works on: those of a folder, of a table, or of a catalogue."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xferviewer.errors import UnusableFolder, UnusableTable
from xferviewer.studies.catalogue import Catalogue, ImageRow, RefusedRow
from xferviewer.studies.catalogue_writing import ImageEntry
from xferviewer.studies.cohort import CohortTable
from xferviewer.studies.cohort_folder import is_cohort_folder, read_cohort
from xferviewer.studies.examination import stamp_of
from xferviewer.studies.examiners import examine_in_order
from xferviewer.studies.images import frame_identity
from xferviewer.studies.indexing import index
from xferviewer.studies.label_table import read_labels


@dataclass(frozen=True, slots=True)
class SelectedImage:
    """One frame of one file.

    name            how the answer names it: the path relative to the folder, as the table has it, or as catalogued;
                    with "#frame" where the file holds several
    study, patient  as the file or a label table states them, else ""
    identity        equal to `read_image(path, frame).identity`; "" where nobody has looked into the file yet
    """

    name: str
    path: Path
    frame: int
    study: str = ""
    patient: str = ""
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """The images, and the files of a folder that are not."""

    images: tuple[SelectedImage, ...]
    refused: tuple[RefusedRow, ...] = ()


def select_images(source: Path) -> Selection:
    """The images of a folder, or of one image file; of a CSV with a path column, relative to the CSV; of a catalogue;
    or the images and frames of a cohort folder.

    Raises UnusableFolder where there is nothing of that name, UnusableTable for a CSV without paths, UnusableCatalogue.
    """
    if not source.exists():
        raise UnusableFolder(f"{source} cannot be read.", "There is nothing of this name.", "Check the name.")
    if is_cohort_folder(source):
        return _of_cohort(read_cohort(source))
    if source.is_dir():
        return _indexed(source, source)
    if source.suffix.lower() in (".csv", ".tsv"):
        return _tabled(source)
    if source.suffix.lower() in (".sqlite", ".db"):
        with Catalogue(source) as catalogue:
            return Selection(tuple(frame for row in catalogue.all_images() for frame in _frames(row, row.path)))
    return _indexed(source, source.parent)


def _indexed(source: Path, base: Path) -> Selection:
    with tempfile.TemporaryDirectory() as scratch, Catalogue(Path(scratch) / "catalogue.sqlite") as catalogue:
        index(source, catalogue)
        base = base.absolute()
        frames = [
            frame
            for row in catalogue.all_images()
            for frame in _frames(row, Path(row.path).relative_to(base).as_posix())
        ]
        return Selection(tuple(frames), tuple(catalogue.refused()))


def _of_cohort(cohort: CohortTable) -> Selection:
    stacks = {image for image, frame in zip(cohort.images, cohort.frames, strict=True) if frame}
    rows = zip(cohort.images, cohort.frames, cohort.studies, cohort.patients, strict=True)
    return Selection(
        tuple(
            SelectedImage(f"{image}#{frame}" if image in stacks else image, cohort.path(row), frame, study, patient)
            for row, (image, frame, study, patient) in enumerate(rows)
        )
    )


def _tabled(table: Path) -> Selection:
    rows: Sequence[SelectedImage] = [
        SelectedImage(row.path, table.parent / row.path, 0, row.study_uid, row.patient_id)
        for row in read_labels(table).rows
        if row.path
    ]
    if not rows:
        raise UnusableTable(
            f"{table.name} names no images.",
            "It has no column path, file or image, or it is empty.",
            "Add a column path with the images' paths, relative to the table.",
        )
    return Selection(tuple(rows))


def _frames(row: ImageRow, name: str) -> list[SelectedImage]:
    numbered = row.frames > 1
    return [
        SelectedImage(
            f"{name}#{frame}" if numbered else name,
            Path(row.path),
            frame,
            row.study_uid,
            row.patient_id,
            frame_identity(row.identity, frame),
        )
        for frame in range(row.frames)
    ]


def identified(images: Sequence[SelectedImage]) -> list[SelectedImage]:
    """The same images, with identity, study and patient also of those whose files nobody has looked into.

    Only headers are read, or bytes hashed. What cannot be read stays without an identity.
    """
    unknown = [image for image in images if not image.identity]
    examined = zip(unknown, examine_in_order(stamp_of(str(image.path)) for image in unknown), strict=True)
    found = {image: entry for image, entry in examined if isinstance(entry, ImageEntry)}
    return [_completed(image, found[image]) if image in found else image for image in images]


def _completed(image: SelectedImage, entry: ImageEntry) -> SelectedImage:
    return replace(
        image,
        identity=frame_identity(entry.identity, image.frame),
        study=image.study or entry.facts.study_uid,
        patient=image.patient or entry.facts.patient_id,
    )
