"""MIMIC-CXR-JPG 2.0.0 (Johnson et al. 2019): labels of a study by CheXpert's or NegBio's labeller, for its images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xferviewer.errors import UnusableTable
from xferviewer.studies.cohort import CohortRow, Terms
from xferviewer.studies.datasets.chexpert import CHEXPERT_FINDINGS, FINDINGS_CHOICE, FIVE
from xferviewer.studies.datasets.listing import home_of
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import VIEW, Choice, Content, Source, view_is_wanted
from xferviewer.studies.datasets.tables import find_table, rows_of

_LAYOUT = (
    "mimic-cxr-2.0.0-metadata.csv[.gz], -split.csv[.gz], -chexpert.csv[.gz] or -negbio.csv[.gz], "
    "files/p10/p10000032/s50414267/*.jpg"
)
_SPLITS = {"train": "train", "validate": "validation", "test": "test"}


def _detect(folder: Path) -> Path | None:
    homes = (home_of(folder, f"mimic-cxr-2.0.0-metadata.csv{packed}") for packed in ("", ".gz"))
    return next(filter(None, homes), None)


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    findings = FIVE if chosen["findings"] == "five" else CHEXPERT_FINDINGS
    labels = _labels(_table(reading, chosen["labels"]), findings, reading)
    splits = _splits(reading)
    metadata = _table(reading, "metadata")
    for cells in rows_of(metadata, ("dicom_id", "subject_id", "study_id"), reading, ("ViewPosition",)):
        image, subject, study = cells["dicom_id"], cells["subject_id"], cells["study_id"]
        path = f"files/p{subject[:2]}/p{subject}/s{study}/{image}.jpg"
        view = cells["ViewPosition"].upper()
        if not view_is_wanted(view, chosen["view"]):
            reading.step()
        elif not reading.listing.has(path):
            reading.missing(path)
        elif (subject, study) not in labels:
            reading.met("images belong to studies without labels and were left out", path)
        else:
            split = splits.get(image, "")
            reading.add(CohortRow(path, labels[subject, study], patient=subject, study=study, view=view, split=split))
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    return Content("multi-label", findings, "patient", "DX")


def _table(reading: Reading, name: str) -> Path:
    table = find_table(reading.folder, f"mimic-cxr-2.0.0-{name}.csv")
    if table is None:
        raise UnusableTable(
            f"mimic-cxr-2.0.0-{name}.csv is not there.",
            f"It is looked for in {reading.folder}.",
            "Fetch it beside files/.",
        )
    return table


def _labels(table: Path, findings: tuple[str, ...], reading: Reading) -> dict[tuple[str, str], tuple[int | None, ...]]:
    """By (subject, study)."""
    found: dict[tuple[str, str], tuple[int | None, ...]] = {}
    for cells in rows_of(table, ("subject_id", "study_id", *findings), reading):
        key = cells["subject_id"], cells["study_id"]
        values = tuple(reading.label(cells[finding]) for finding in findings)
        if found.setdefault(key, values) != values:
            reading.met("studies are labelled twice and differently; the first row counts", key[1])
    return found


def _splits(reading: Reading) -> dict[str, str]:
    table = find_table(reading.folder, "mimic-cxr-2.0.0-split.csv")
    if table is None:
        reading.say("mimic-cxr-2.0.0-split.csv is not there; the images have no split.")
        return {}
    found = {}
    for cells in rows_of(table, ("dicom_id", "split"), reading):
        if cells["split"] in _SPLITS:
            found[cells["dicom_id"]] = _SPLITS[cells["split"]]
        else:
            reading.met("splits are none of train, validate and test and were left out", cells["split"])
    return found


MIMIC_CXR_JPG = Source(
    key="mimic-cxr-jpg",
    title="MIMIC-CXR-JPG",
    layout=_LAYOUT,
    terms=Terms(
        "PhysioNet Credentialed Health Data Use Agreement: only for credentialed users who signed it; access may not "
        "be shared, nobody may be re-identified, and the data may not be sent to services of third parties. "
        "Cite Johnson et al. 2019.",
        "https://physionet.org/content/mimic-cxr-jpg/2.0.0/",
    ),
    detect=_detect,
    read=_read,
    choices=(Choice("labels", ("chexpert", "negbio"), "whose labeller"), VIEW, FINDINGS_CHOICE),
)
