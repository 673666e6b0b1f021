"""Any tree of DICOM files with a table of labels: joined by SOP Instance UID, path or study, as in the window."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from xferviewer.errors import UnreadableImage
from xferviewer.studies.catalogue import Catalogue, ImageRow
from xferviewer.studies.cohort import CohortRow, Terms
from xferviewer.studies.content import Content as FileContent
from xferviewer.studies.datasets.csv_table import TABLE, TASK, chosen_table, masks_beside, split_of, tables_in, task_of
from xferviewer.studies.datasets.listing import Listing
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Content, Source
from xferviewer.studies.indexing import index
from xferviewer.studies.label_table import LabelRow
from xferviewer.studies.labels import join_labels
from xferviewer.studies.opening import opened
from xferviewer.studies.region_files import is_mask_beside_its_image

_LAYOUT = "DICOM files at any depth and a CSV with SOP Instance UIDs, paths or studies and columns of labels"
_LOOKED_AT = 20


def _detect(folder: Path) -> Path | None:
    if not tables_in(folder):
        return None
    files = (path for path in Listing(folder).below() if not path.lower().endswith((".csv", ".tsv", ".txt")))
    return folder if any(_is_dicom(folder / path) for path in islice(files, _LOOKED_AT)) else None


def _is_dicom(path: Path) -> bool:
    try:
        with opened(path) as source:
            return source.content == FileContent.DICOM
    except UnreadableImage:
        return False


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    table = chosen_table(reading, chosen["table"])
    with tempfile.TemporaryDirectory() as scratch, Catalogue(Path(scratch) / "catalogue.sqlite") as catalogue:
        index(reading.folder, catalogue, None, reading.is_cancelled)
        reading.finish()
        for refused in catalogue.refused(reading.folder):
            path = Path(refused.path)
            if path.suffix.lower() not in (".csv", ".tsv") and not is_mask_beside_its_image(path):
                reading.met("files are no images that can be read and were left out", Path(refused.path).name)
        report = join_labels(table, catalogue, reading.folder)
        images = catalogue.all_images(reading.folder)
        labels = {finding: catalogue.labels(finding) for finding in table.findings}
    if report.unmatched_rows:
        reading.say(f"{report.unmatched_rows:,} rows of {table.path.name} found no image, such as "
                    f"{', '.join(key for _, key in report.unmatched[:3])}.")  # fmt: skip
    if report.contradictions:
        reading.say(f"{report.contradictions:,} rows contradict others or the files themselves, which count.")
    modalities = set()
    for image in images:
        values = tuple(labels[finding].get(image.id) for finding in table.findings)
        if all(value is None for value in values):
            reading.met("images have no row in the table and were left out", Path(image.path).name)
            continue
        modalities.add(image.modality)
        _add(image, values, reading)
    task, findings = task_of(reading, table, chosen["task"])
    masks_beside(reading)
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    group = "patient" if any(row.patient for row in reading.rows) else "image"
    return Content(task, findings, group, modalities.pop() if len(modalities) == 1 else "")


def _add(image: ImageRow, values: tuple[int | None, ...], reading: Reading) -> None:
    """A row for each frame of a file."""
    if image.frames > 1:
        reading.met("files hold several frames, each with the labels of its file", Path(image.path).name)
    split = split_of(LabelRow(0, (), split=image.split), reading)
    for frame in range(image.frames):
        reading.add(CohortRow(
            image=Path(image.path).relative_to(reading.folder).as_posix(), values=values, frame=frame,
            patient=image.patient_id, study=image.study_uid, site=image.site, view=image.view, sex=image.sex,
            age=reading.age("" if image.age is None else f"{image.age:g}"), split=split,
        ))  # fmt: skip


DICOM_TREE = Source(
    key="dicom-tree",
    title="DICOM tree with a table of labels",
    layout=_LAYOUT,
    terms=Terms(),
    detect=_detect,
    read=_read,
    choices=(TABLE, TASK),
    anywhere=True,
)
