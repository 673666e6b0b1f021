"""VinDr-CXR (Nguyen et al. 2022) from PhysioNet and from Kaggle: three readers of a film, and their boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from xferviewer.studies.cohort import CohortRow, RegionRow, Terms
from xferviewer.studies.datasets.listing import home_of
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Choice, Content, Source
from xferviewer.studies.datasets.tables import find_table, header_of, rows_of
from xferviewer.studies.regions import folded

_LAYOUT = "train/*.dicom, test/*.dicom and annotations/image_labels_train.csv (PhysioNet), or train.csv (Kaggle)"
_FINDINGS = (
    "Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Clavicle fracture", "Consolidation", "Edema",
    "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity", "Lung cavity", "Lung cyst", "Mediastinal shift",
    "Nodule/Mass", "Pleural effusion", "Pleural thickening", "Pneumothorax", "Pulmonary fibrosis", "Rib fracture",
    "Other lesion", "COPD", "Lung tumor", "Pneumonia", "Tuberculosis", "Other diseases", "No finding",
)  # fmt: skip
# Releases spell them differently, and one writes Other disease.
_SPELLED = {folded(name): name for name in _FINDINGS} | {"otherdisease": "Other diseases"}
_NO_FINDING = "No finding"
_TEST_SHARES = {"Atelectasis": "2.9", "Cardiomegaly": "10.3", "Consolidation": "3.2", "Edema": "0",
                "Pleural effusion": "3.7"}  # fmt: skip
_FILMS = {"train": 15_000, "test": 3_000}
_KAGGLE = ("image_id", "class_name", "class_id", "rad_id", "x_min", "y_min", "x_max", "y_max")
_Votes = dict[str, dict[str, set[str]]]  # by image and reader, the findings that the reader saw


def _detect(folder: Path) -> Path | None:
    home = home_of(folder, "annotations/image_labels_train.csv") or home_of(folder, "annotations/image_labels_test.csv")
    if home is not None:
        return home
    home = home_of(folder, "train.csv")
    return home if home and set(_KAGGLE) <= set(header_of(home / "train.csv")) else None


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    if (reading.folder / "annotations").is_dir():
        findings = _read_physionet(reading, chosen["readers"])
    else:
        findings = _read_kaggle(reading, chosen["readers"])
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    test = [row for row in reading.rows if row.split == "test"]
    if len(test) == _FILMS["test"] and set(_TEST_SHARES) <= set(findings):
        reading.expect_shares("test", test, {findings.index(name): share for name, share in _TEST_SHARES.items()})
    reading.say("No patient is stated: every film counts as a patient of its own.")
    return Content("multi-label", findings, "image", "DX")


def _read_physionet(reading: Reading, readers: str) -> tuple[str, ...]:
    folder = reading.folder / "annotations"
    tables = {split: find_table(folder, f"image_labels_{split}.csv") for split in ("train", "test")}
    columns = {split: _finding_columns(table) for split, table in tables.items() if table}
    findings = tuple(dict.fromkeys(name for names in columns.values() for name in names.values()))
    for split, table in tables.items():
        if table is None:
            continue
        votes: _Votes = {}
        for cells in rows_of(table, ("image_id", *columns[split]), reading, ("rad_id",)):
            by_reader = votes.setdefault(cells["image_id"], {})
            if cells["rad_id"] in by_reader:
                reading.met("readers saw a film twice; what they saw first counts", cells["image_id"])
                continue
            seen = {name for column, name in columns[split].items() if reading.label(cells[column]) == 1}
            by_reader[cells["rad_id"]] = seen
        _take(votes, split, findings, set(columns[split].values()), readers, reading)
        reading.expect([(f"films of {split}", len(votes), _FILMS[split])])
        boxes = find_table(folder, f"annotations_{split}.csv")
        if boxes is not None:
            _boxes(boxes, split, reading)
    return findings


def _finding_columns(table: Path) -> dict[str, str]:
    """The columns that hold findings, each with the finding as it is spelled here."""
    names = (name for name in header_of(table) if folded(name) not in ("imageid", "radid", ""))
    return {name: _SPELLED.get(folded(name), name) for name in names}


def _read_kaggle(reading: Reading, readers: str) -> tuple[str, ...]:
    table = find_table(reading.folder, "train.csv")
    if table is None:
        raise no_images(reading.folder, _LAYOUT)
    votes: _Votes = {}
    named: dict[str, None] = {}
    for cells in rows_of(table, ("image_id", "class_name", "class_id", "rad_id"), reading):
        name = _SPELLED.get(folded(cells["class_name"]), cells["class_name"])
        if not name or (cells["class_id"] == "14") != (name == _NO_FINDING):
            reading.met("rows have a class whose name and number contradict each other", cells["image_id"])
            continue
        named[name] = None
        votes.setdefault(cells["image_id"], {}).setdefault(cells["rad_id"], set()).add(name)
    findings = (*sorted(set(named) - {_NO_FINDING}), _NO_FINDING)
    _take(votes, "train", findings, set(findings), readers, reading)
    reading.expect([("films of train", len(votes), _FILMS["train"])])
    _boxes(table, "train", reading)
    if any(name.endswith((".dicom", ".dcm")) for name in reading.listing.names("test")):
        reading.say("The films of test have no labels in this release and were left out.")
    return findings


def _take(
    votes: _Votes, split: str, findings: tuple[str, ...], asked: set[str], readers: str, reading: Reading
) -> None:
    """A row for each film. A finding is present when more than half of its readers, or any, saw it."""
    contradicting = 0
    for image, by_reader in votes.items():
        path = _film(image, split, reading)
        if path is None:
            reading.missing(f"{split}/{image}")
            continue
        saw = [sum(name in seen for seen in by_reader.values()) for name in findings]
        contradicting += any(0 < times < len(by_reader) for times in saw)
        least = 1 if readers == "any" else len(by_reader) // 2 + 1
        values = tuple(
            int(times >= least) if name in asked else None for name, times in zip(findings, saw, strict=True)
        )
        reading.add(CohortRow(path, values, split=split))
    if contradicting:
        reading.say(f"{contradicting:,} films of {split} were read differently by their readers; {readers} counts.")


def _film(image: str, split: str, reading: Reading) -> str | None:
    endings = (".dicom", ".dcm", ".png", ".jpg", ".jpeg")
    return next((path for ending in endings if reading.listing.has(path := f"{split}/{image}{ending}")), None)


def _boxes(table: Path, split: str, reading: Reading) -> None:
    """Boxes of all readers; a row without corners says that its reader saw nothing to mark."""
    for cells in rows_of(table, ("image_id", "class_name", "x_min", "y_min", "x_max", "y_max"), reading):
        name = _SPELLED.get(folded(cells["class_name"]), cells["class_name"])
        if name == _NO_FINDING or not cells["x_min"]:
            continue
        path = _film(cells["image_id"], split, reading)
        try:
            left, top, right, bottom = _corners(cells)
        except ValueError:
            reading.met(f"rows of {table.name} are no boxes and were left out", cells["image_id"])
            continue
        if path is None or not reading.named(path):
            reading.met("boxes belong to images that were not imported and were left out", cells["image_id"])
        else:
            reading.regions.append(RegionRow(path, name, (left, top, right - left, bottom - top)))


def _corners(cells: Mapping[str, str]) -> Iterable[float]:
    left, top, right, bottom = (float(cells[name]) for name in ("x_min", "y_min", "x_max", "y_max"))
    if not (0 <= left < right < 1e6 and 0 <= top < bottom < 1e6):
        raise ValueError(cells)
    return left, top, right, bottom


VINDR_CXR = Source(
    key="vindr-cxr",
    title="VinDr-CXR",
    layout=_LAYOUT,
    terms=Terms(
        "PhysioNet Credentialed Health Data Use Agreement (or the rules of the Kaggle competition, non-commercial): "
        "access may not be shared, nobody may be re-identified. Cite Nguyen et al. 2022.",
        "https://physionet.org/content/vindr-cxr/1.0.0/",
    ),
    detect=_detect,
    read=_read,
    choices=(Choice("readers", ("majority", "any"), "present when most of a film's readers saw it, or any of them"),),
)
