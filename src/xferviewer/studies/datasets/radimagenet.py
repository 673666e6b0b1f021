"""The ACL and breast data frames of RadImageNet (Mei et al. 2022): slices of MRNet, and BUSI in two classes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from xferviewer.studies.cohort import CohortRow, Terms
from xferviewer.studies.datasets.listing import home_of
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Choice, Content, Source
from xferviewer.studies.datasets.tables import find_table, rows_of

_FOLDS = ("1", "2", "3", "4", "5")
_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_SLICE = re.compile(r"(?P<exam>\d+)_sagittal_(?P<slice>\d+)\.")


@dataclass(frozen=True, slots=True)
class _Frames:
    """One of the two: how its tables are called, and what they say."""

    prefix: str
    column: str
    positive: str
    negative: str
    finding: str
    images: int
    positives: int

    def table(self, part: str, fold: str) -> str:
        return f"{self.prefix}{part}_fold{fold}.csv"


_ACL = _Frames("", "acl_label", "yes", "no", "acl", 1021, 570)
_BREAST = _Frames("breast_", "label", "malignant", "benign", "malignant", 780, 210)


def _read(reading: Reading, chosen: Mapping[str, str], frames: _Frames) -> Content:
    """One fold with its split, or all folds without: then in the order of P1's code, train before val before test."""
    fold = chosen["fold"]
    known: dict[str, int] = {}
    positives = 0
    for part, cells in _rows(reading, fold, frames):
        name, label = cells["filename"], cells[frames.column].lower()
        if label not in (frames.positive, frames.negative):
            reading.met(f"rows say neither {frames.positive} nor {frames.negative} and were left out", name)
            continue
        value = int(label == frames.positive)
        if name in known:
            if known[name] != value:
                reading.met("images are labelled differently in several tables; the first counts", name)
            elif fold != "all":
                reading.met("images stand in several parts of the fold; the first counts", name)
            continue
        known[name] = value
        positives += value
        path = name if reading.listing.has(name) else reading.listing.by_name.get(name.rpartition("/")[2])
        if path is None:
            reading.missing(name)
            continue
        exam = _SLICE.search(name)
        patient = exam["exam"] if exam and frames is _ACL else ""
        view = "sagittal" if frames is _ACL else ""
        split = _SPLITS[part] if fold != "all" else ""
        reading.add(CohortRow(path, (value,), patient=patient, study=patient, view=view, split=split))
    if not reading.rows:
        raise no_images(reading.folder, f"dataframe/{frames.table('train', '1')} and images/")
    reading.expect([("images", len(known), frames.images), (frames.positive, positives, frames.positives)])
    if frames is _ACL and fold == "all":
        reading.say("Several slices are of one exam: a split of images leaks; split by exam.")
    if frames is _BREAST:
        reading.say("No file says whose an image is: every image counts as a patient of its own.")
    group, modality = ("exam", "MR") if frames is _ACL else ("image", "US")
    return Content("binary", (frames.finding,), group, modality)


def _rows(reading: Reading, fold: str, frames: _Frames) -> Iterator[tuple[str, dict[str, str]]]:
    for part in _SPLITS:
        for each in _FOLDS if fold == "all" else (fold,):
            table = find_table(reading.folder / "dataframe", frames.table(part, each))
            if table is None:
                reading.say(f"dataframe/{frames.table(part, each)} is not there.")
                continue
            for cells in rows_of(table, ("filename", frames.column), reading):
                yield part, cells


_FOLD = Choice("fold", ("all", *_FOLDS), "the images of all folds without a split, or one fold with its own")
_TERMS = "RadImageNet's data frames are given for academic research. Cite Mei et al. 2022 and "
_LINK = "https://github.com/BMEII-AI/RadImageNet"


def _detect_acl(folder: Path) -> Path | None:
    return home_of(folder, "dataframe/train_fold1.csv")


def _detect_breast(folder: Path) -> Path | None:
    return home_of(folder, "dataframe/breast_train_fold1.csv")


RADIMAGENET_ACL = Source(
    key="radimagenet-acl",
    title="RadImageNet ACL (slices of MRNet)",
    layout="dataframe/{train,val,test}_fold{1..5}.csv, images/{exam}_sagittal_{slice}.000000.png",
    terms=Terms(
        _TERMS + "Bien et al. 2018; the images are MRNet's, for personal, non-commercial research only.", _LINK
    ),
    detect=_detect_acl,
    read=lambda reading, chosen: _read(reading, chosen, _ACL),
    choices=(_FOLD,),
)
RADIMAGENET_BREAST = Source(
    key="radimagenet-breast",
    title="RadImageNet breast (BUSI in two classes)",
    layout="dataframe/breast_{train,val,test}_fold{1..5}.csv, images/benign (1).png",
    terms=Terms(_TERMS + "Al-Dhabyani et al. 2020.", _LINK),
    detect=_detect_breast,
    read=lambda reading, chosen: _read(reading, chosen, _BREAST),
    choices=(_FOLD,),
)
