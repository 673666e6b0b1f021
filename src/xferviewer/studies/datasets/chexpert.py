"""CheXpert (Irvin et al. 2019): 14 observations with uncertain marks, several views of a study."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from xferviewer.studies.cohort import CohortRow, Terms
from xferviewer.studies.datasets.listing import home_of
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import VIEW, Choice, Content, Source, view_is_wanted
from xferviewer.studies.datasets.tables import find_table, header_of, rows_of

CHEXPERT_FINDINGS = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
    "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip
FIVE = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
FINDINGS_CHOICE = Choice("findings", ("all", "five"), "all 14, or the five of the CheXpert competition")

_LAYOUT = "CheXpert-v1.0-small/ or CheXpert-v1.0/ with train.csv, valid.csv, train/ and valid/"
_TABLES = {"train": "train.csv", "validation": "valid.csv", "test": "test.csv"}
_COLUMNS = ("Sex", "Age", "Frontal/Lateral", "AP/PA")
_PATIENT, _STUDY = re.compile(r"patient(\d+)"), re.compile(r"study\d+")
_ROWS = {"train": 223_414, "validation": 234}
_VALID_PATIENTS, _VALID_FRONTAL = 200, 202
_VALID_FRONTAL_POSITIVES = {
    "Atelectasis": 75, "Cardiomegaly": 66, "Consolidation": 32, "Edema": 42, "Pleural Effusion": 64,
}  # fmt: skip


def _detect(folder: Path) -> Path | None:
    homes = (home_of(folder, name) for name in ("train.csv", "valid.csv"))
    return next((home for home in homes if home and _is_chexpert(home)), None)


def _is_chexpert(home: Path) -> bool:
    table = find_table(home, "train.csv", "valid.csv")
    return table is not None and {"Path", "Frontal/Lateral", "AP/PA"} <= set(header_of(table))


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    findings = FIVE if chosen["findings"] == "five" else CHEXPERT_FINDINGS
    for split, name in _TABLES.items():
        table = find_table(reading.folder, name)
        if table is not None:
            _read_part(table, split, findings, chosen["view"], reading)
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    return Content("multi-label", findings, "patient", "DX")


def _read_part(table: Path, split: str, findings: tuple[str, ...], wanted: str, reading: Reading) -> None:
    rows, patients, frontal = 0, set(), 0
    positives = dict.fromkeys(_VALID_FRONTAL_POSITIVES, 0)
    for cells in rows_of(table, ("Path", *findings), reading, _COLUMNS):
        path = _below(cells["Path"], reading.folder)
        patient, study = _PATIENT.search(path), _STUDY.search(path)
        if patient is None:
            reading.met("paths name no patient and were left out", path)
            continue
        rows += 1
        patients.add(patient[1])
        values = tuple(reading.label(cells[finding]) for finding in findings)
        view = _view(cells, path)
        if view_is_wanted(view, "frontal"):
            frontal += 1
            for finding, value in zip(findings, values, strict=True):
                if finding in positives:
                    positives[finding] += value == 1
        if not reading.listing.has(path):
            reading.missing(path)
        elif view_is_wanted(view, wanted):
            reading.add(CohortRow(
                image=path, values=values, patient=patient[0], study=f"{patient[0]}/{study[0]}" if study else "",
                view=view, sex=reading.sex(cells["Sex"]), age=reading.age(cells["Age"]), split=split,
            ))  # fmt: skip
    if split in _ROWS:
        reading.expect([(f"rows of {table.name}", rows, _ROWS[split])])
    if split == "validation":
        counts = [
            (f"{finding} in valid, frontal", n, _VALID_FRONTAL_POSITIVES[finding]) for finding, n in positives.items()
        ]
        reading.expect([
            ("patients in valid", len(patients), _VALID_PATIENTS), ("frontal views in valid", frontal, _VALID_FRONTAL),
            *counts,
        ])  # fmt: skip


def _below(cell: str, folder: Path) -> str:
    """A path below the folder of the tables; the archive's own name at its front is left out, whatever it was."""
    parts = PurePosixPath(cell.replace("\\", "/")).parts
    return "/".join(parts[1:] if parts and (parts[0].startswith("CheXpert") or parts[0] == folder.name) else parts)


def _view(cells: Mapping[str, str], path: str) -> str:
    """PA, AP or LATERAL; FRONTAL where a frontal view does not say which. test.csv says it in the file's name only."""
    kind = cells["Frontal/Lateral"].lower() or path.rpartition("/")[2].lower()
    if "lateral" in kind:
        return "LATERAL"
    return cells["AP/PA"].upper() or ("FRONTAL" if "frontal" in kind else "")


CHEXPERT = Source(
    key="chexpert",
    title="CheXpert",
    layout=_LAYOUT,
    terms=Terms(
        "Stanford University's research use agreement: for personal, non-commercial research only; no copy may be "
        "given to others, nobody may be re-identified, and it is not for clinical care. Cite Irvin et al. 2019.",
        "https://stanfordmlgroup.github.io/competitions/chexpert/",
    ),
    detect=_detect,
    read=_read,
    choices=(VIEW, FINDINGS_CHOICE),
)
