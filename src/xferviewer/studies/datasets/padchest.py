"""PadChest (Bustos et al. 2020): lists of labels from Spanish reports, 16-bit PNG, six projections."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from xferviewer.studies.cohort import CohortRow, Terms
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import VIEW, Choice, Content, Source, view_is_wanted
from xferviewer.studies.datasets.tables import find_table, rows_of

_LAYOUT = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv[.gz], {ImageDir}/{ImageID}"
_TABLE = "PADCHEST_chest_x_ray_images_labels_160K*.csv"
_REQUIRED = ("ImageID", "ImageDir", "PatientID", "Labels")
_OPTIONAL = (
    "StudyDate_DICOM", "StudyID", "PatientBirth", "PatientSex_DICOM", "Projection", "MethodProjection",
)  # fmt: skip
_PLACES = ("{dir}/{name}", "images/{dir}/{name}", "{name}", "images/{name}")
# P2's five: which of PadChest's labels make them. Words match whole labels, or with * any label that holds them.
_FIVE = {
    "Atelectasis": ("*atelectasis",), "Cardiomegaly": ("cardiomegaly",), "Consolidation": ("consolidation",),
    "Edema": ("edema", "pulmonary edema"), "Pleural Effusion": ("pleural effusion",),
}  # fmt: skip
_NO_FINDINGS = ("", "unchanged", "exclude", "suboptimal study")
_MANUAL = "Manual review of DICOM fields"
_SUBSET_IMAGES, _SUBSET_PATIENTS = 1861, 1754
_SUBSET_SHARES = {0: "5.7", 1: "8.7", 2: ".7", 4: "2.8"}  # per cent; edema, which it has by another name, is 0 there


def _detect(folder: Path) -> Path | None:
    if find_table(folder, _TABLE):
        return folder
    return next((folder / name for name in _folders(folder) if find_table(folder / name, _TABLE)), None)


def _folders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    table = find_table(reading.folder, _TABLE)
    if table is None:
        raise no_images(reading.folder, _LAYOUT)
    kept: list[tuple[dict[str, str], str, tuple[str, ...]]] = []
    subset = 0
    for cells in rows_of(table, _REQUIRED, reading, _OPTIONAL):
        reading.step()
        in_subset = _is_in_subset(cells)
        subset += in_subset
        labels = _labels(cells, reading)
        if labels is None or (chosen["subset"] == "p2" and not in_subset):
            continue
        if not view_is_wanted(cells["Projection"].upper(), chosen["view"]):
            continue
        path = _path(cells, reading)
        if path is None:
            reading.missing(f"{cells['ImageDir']}/{cells['ImageID']}")
        else:
            kept.append((cells, path, labels))
    if chosen["subset"] == "p2":
        reading.expect([("images of the subset", subset, _SUBSET_IMAGES)])
    patients = _patients((cells["PatientID"] for cells, _, _ in kept), reading)
    findings = tuple(_FIVE) if chosen["findings"] == "five" else _all_findings(labels for _, _, labels in kept)
    for cells, path, labels in kept:
        values = _five(labels) if chosen["findings"] == "five" else tuple(int(name in labels) for name in findings)
        reading.add(CohortRow(
            image=path, values=values, patient=patients[cells["PatientID"]], study=cells["StudyID"],
            view=cells["Projection"].upper(), sex=reading.sex(cells["PatientSex_DICOM"]), age=_age(cells, reading),
        ))  # fmt: skip
    if not reading.rows or not findings:
        raise no_images(reading.folder, _LAYOUT)
    if chosen["subset"] == "p2" and chosen["findings"] == "five" and len(reading.rows) == _SUBSET_IMAGES:
        reading.expect([("patients of the subset", len(set(patients.values())), _SUBSET_PATIENTS)])
        reading.expect_shares("the subset", reading.rows, _SUBSET_SHARES)
    _say_edema(kept, chosen, reading)
    return Content("multi-label", findings, "patient", "DX")


def _is_in_subset(cells: Mapping[str, str]) -> bool:
    """P2's 1,861 images."""
    return cells["ImageDir"] == "0" and cells["Projection"] in ("PA", "AP") and cells["MethodProjection"] == _MANUAL


def _labels(cells: Mapping[str, str], reading: Reading) -> tuple[str, ...] | None:
    """The labels of a row, which are a list as Python writes it; None where they cannot be used, which is noted."""
    if cells["Labels"].lower() in ("", "nan"):
        reading.met("rows have no labels and were left out", cells["ImageID"])
        return None
    try:
        labels = ast.literal_eval(cells["Labels"])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        labels = None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        reading.met("rows have labels that are no list of texts and were left out", cells["ImageID"])
        return None
    return tuple(" ".join(label.lower().split()) for label in labels)


def _path(cells: Mapping[str, str], reading: Reading) -> str | None:
    places = (place.format(dir=cells["ImageDir"], name=cells["ImageID"]) for place in _PLACES)
    return next((path for path in places if reading.listing.has(path)), None)


def _five(labels: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(int(any(_is_meant(label, words) for label in labels)) for words in _FIVE.values())


def _is_meant(label: str, words: tuple[str, ...]) -> bool:
    return any(word[1:] in label if word.startswith("*") else word == label for word in words)


def _all_findings(labels: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Every label but those that say nothing of the lungs, the most frequent first."""
    counted = Counter(label for each in labels for label in set(each))
    names = [label for label in counted if label not in _NO_FINDINGS]
    return tuple(sorted(names, key=lambda label: (-counted[label], label)))


def _say_edema(
    kept: list[tuple[dict[str, str], str, tuple[str, ...]]], chosen: Mapping[str, str], reading: Reading
) -> None:
    if chosen["findings"] == "five":
        literal, own = (sum(word in labels for _, _, labels in kept) for word in ("edema", "pulmonary edema"))
        reading.say(
            f'Edema stands for the labels "edema" ({literal:,} images) and "pulmonary edema" ({own:,} images), the '
            "latter being PadChest's own term; the study of Krones looks for the first only."
        )


def _patients(ids: Iterable[str], reading: Reading) -> dict[str, str]:
    """Each PatientID, and the patient that it stands for.

    A spreadsheet turned some into scientific notation ("2.0E+38"), which stands for every whole number that rounds to
    it: all of these count as one patient, so that no split can tear one apart.
    """
    distinct = dict.fromkeys(ids)
    rounded = {patient: _scientific(patient) for patient in distinct if "e" in patient.lower()}
    known = {value for value in rounded.values() if value is not None}
    digits = sorted({value[0] for value in known})
    found = {}
    for patient in distinct:
        alike = rounded[patient] if patient in rounded else _first_rounded(patient, digits, known)
        found[patient] = patient if alike is None else f"{alike[1]}"
    if rounded:
        merged = sum(patient not in rounded and found[patient] != patient for patient in distinct)
        reading.say(
            f"{len(rounded):,} patient identifiers stand in scientific notation, to which {merged:,} whole ones round: "
            "those that look alike count as one patient."
        )
    return found


def _scientific(text: str) -> tuple[int, str] | None:
    """How many digits after the point a number in scientific notation has, and the number in one way of writing."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    digits = len(text.lower().partition("e")[0].strip("+-").replace(".", "").rstrip()) - 1
    return digits, f"{number:.{max(digits, 0)}E}"


def _first_rounded(patient: str, digits: list[int], known: set[tuple[int, str]]) -> tuple[int, str] | None:
    if not patient.isdecimal():
        return None
    rounded = ((places, f"{Decimal(patient):.{max(places, 0)}E}") for places in digits)
    return next((each for each in rounded if each in known), None)


def _age(cells: Mapping[str, str], reading: Reading) -> float | None:
    """Years from the year of birth to that of the study."""
    birth, study = cells["PatientBirth"].partition(".")[0], cells["StudyDate_DICOM"][:4]
    if not (birth.isdecimal() and study.isdecimal() and len(birth) == 4):
        return None
    return reading.age(str(int(study) - int(birth)))


PADCHEST = Source(
    key="padchest",
    title="PadChest",
    layout=_LAYOUT,
    terms=Terms(
        "BIMCV's research use agreement: for research only, not for sale; no copy may be given to others, nobody may "
        "be re-identified. Cite Bustos et al. 2020.",
        "https://bimcv.cipf.es/bimcv-projects/padchest/",
    ),
    detect=_detect,
    read=_read,
    choices=(
        Choice("findings", ("five", "all"), "the five that CheXpert shares, or every label as its own finding"),
        Choice("subset", ("all", "p2"), "p2: ImageDir 0, PA or AP, projection reviewed by hand (1,861 images)"),
        VIEW,
    ),
)
