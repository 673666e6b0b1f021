"""MRNet (Bien et al. 2018): knee MRI in three planes, each series an .npy stack, three labels of an exam."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xferviewer.errors import UnreadableImage
from xferviewer.studies.arrays import describe_array
from xferviewer.studies.cohort import CohortRow, Terms
from xferviewer.studies.datasets.listing import home_of
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Choice, Content, Source
from xferviewer.studies.datasets.tables import cells_of, find_table
from xferviewer.studies.opening import opened

_LAYOUT = "{train,valid}/{axial,coronal,sagittal}/0000.npy, {train,valid}-{abnormal,acl,meniscus}.csv without a header"
_FINDINGS = ("abnormal", "acl", "meniscus")
_PLANES = ("axial", "coronal", "sagittal")
_SPLITS = {"train": "train", "valid": "validation"}
_EXAMS = {"train": 1130, "valid": 120}
_DIGITS = 4


def _detect(folder: Path) -> Path | None:
    return home_of(folder, "train-acl.csv", "train") or home_of(folder, "valid-acl.csv", "valid")


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    planes = _PLANES if chosen["plane"] == "all" else (chosen["plane"],)
    for part, split in _SPLITS.items():
        labels = {finding: _labels(part, finding, reading) for finding in _FINDINGS}
        exams = sorted(set().union(*labels.values()))
        if not exams:
            continue
        reading.expect([(f"exams of {part}", len(exams), _EXAMS[part])])
        for exam in exams:
            values = tuple(labels[finding].get(exam) for finding in _FINDINGS)
            for plane in planes:
                path = f"{part}/{plane}/{exam}.npy"
                for frame in _frames(path, chosen["slices"], reading):
                    reading.add(CohortRow(path, values, frame, patient=exam, study=exam, view=plane, split=split))
        for plane in planes:
            unlabelled = {name.removesuffix(".npy") for name in reading.listing.names(f"{part}/{plane}")} - set(exams)
            for name in sorted(unlabelled):
                reading.met("series have no labels and were left out", f"{part}/{plane}/{name}")
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    return Content("multi-label", _FINDINGS, "exam", "MR")


def _labels(part: str, finding: str, reading: Reading) -> dict[str, int | None]:
    """By exam. The tables have no header: their first line is an exam like the others."""
    table = find_table(reading.folder, f"{part}-{finding}.csv")
    if table is None:
        reading.say(f"{part}-{finding}.csv is not there.")
        return {}
    found: dict[str, int | None] = {}
    for cells in cells_of(table, reading):
        if not any(cell.strip() for cell in cells):
            continue
        exam = cells[0].strip()
        if len(cells) < 2 or not exam.isdecimal():
            reading.met(f"lines of {table.name} are no exam and label and were left out", ",".join(cells)[:40])
            continue
        if len(exam) < _DIGITS:
            reading.met("exams lost their leading zeros, which were put back", exam)
        value = reading.label(cells[1])
        if found.setdefault(exam.zfill(_DIGITS), value) != value:
            reading.met("exams are labelled twice and differently; the first line counts", exam)
    return found


def _frames(path: str, slices: str, reading: Reading) -> range:
    """The slices of a series that are wanted; none where it cannot be read, which is noted."""
    if not reading.listing.has(path):
        reading.met("series are not there and were left out", path)
        return range(0)
    try:
        with opened(reading.folder / path) as source:
            frames = describe_array(reading.folder / path, source).frames
    except UnreadableImage as error:
        reading.met("series cannot be read and were left out", f"{path} ({error.why})")
        return range(0)
    return range(frames // 2, frames // 2 + 1) if slices == "middle" else range(frames)


MRNET = Source(
    key="mrnet",
    title="MRNet (knee MRI)",
    layout=_LAYOUT,
    terms=Terms(
        "Stanford University's research use agreement: for personal, non-commercial research only; no copy may be "
        "given to others, nobody may be re-identified. Cite Bien et al. 2018.",
        "https://stanfordmlgroup.github.io/competitions/mrnet/",
    ),
    detect=_detect,
    read=_read,
    choices=(
        Choice("plane", ("all", *_PLANES), "which series"),
        Choice("slices", ("all", "middle"), "every slice an image with its exam's labels, or the middle one"),
    ),
)
