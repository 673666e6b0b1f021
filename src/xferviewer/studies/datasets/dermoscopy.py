"""Dermoscopy: HAM10000 (Tschandl et al. 2018) and the ISIC challenges of 2018, 2019 and 2020."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from xferviewer.studies.cohort import CohortRow, Terms
from xferviewer.studies.datasets.listing import home_of
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Content, Source
from xferviewer.studies.datasets.tables import find_table, header_of, rows_of

_HAM = {"akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142}
_HAM_LESIONS = 7470
_HAM_LAYOUT = "HAM10000_metadata.csv, HAM10000_images_part_1/*.jpg and HAM10000_images_part_2/*.jpg"
_ISIC_LAYOUT = "ISIC_2019_Training_GroundTruth.csv, ISIC_2019_Training_Input/*.jpg, ISIC_2019_Training_Metadata.csv"
_ISIC_2020_LAYOUT = "ISIC_2020_Training_GroundTruth.csv or _v2.csv, and its images"
_CLASSES = ("MEL", "NV", "BCC", "AKIEC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")
_PARTS = {"training": "train", "validation": "validation", "test": "test"}
_TRUTH = re.compile(r"ISIC_?(2018_Task3|2019)_(?P<part>Training|Validation|Test)_GroundTruth\.csv", re.IGNORECASE)
_ISIC_2020 = ("ISIC_2020_Training_GroundTruth_v2.csv", "ISIC_2020_Training_GroundTruth.csv")
_ISIC_2020_IMAGES = 33_126
_HELD_BY_THE_CHALLENGE = "images have no class of the challenge and were left out"


# --- HAM10000


def _detect_ham(folder: Path) -> Path | None:
    return home_of(folder, "HAM10000_metadata.csv") or home_of(folder, "HAM10000_metadata")


def _read_ham(reading: Reading, _chosen: Mapping[str, str]) -> Content:
    table = find_table(reading.folder, "HAM10000_metadata.csv", "HAM10000_metadata")
    if table is None:
        raise no_images(reading.folder, _HAM_LAYOUT)
    counted: Counter[str] = Counter()
    lesions = set()
    images = reading.listing.pictures_by_stem
    for cells in rows_of(table, ("lesion_id", "image_id", "dx"), reading, ("age", "sex", "dataset")):
        image, dx = cells["image_id"], cells["dx"].lower()
        if dx not in _HAM:
            reading.met("rows have a diagnosis that is none of the seven and were left out", f"{image} {dx}")
            continue
        counted[dx] += 1
        lesions.add(cells["lesion_id"])
        if image not in images:
            reading.missing(image)
            continue
        reading.add(CohortRow(
            image=images[image], values=tuple(int(name == dx) for name in _HAM), patient=cells["lesion_id"],
            site=cells["dataset"], sex=reading.sex(cells["sex"]), age=reading.age(cells["age"]),
        ))  # fmt: skip
    if not reading.rows:
        raise no_images(reading.folder, _HAM_LAYOUT)
    reading.expect([*((dx, counted[dx], n) for dx, n in _HAM.items()), ("lesions", len(lesions), _HAM_LESIONS)])
    return Content("multi-class", tuple(_HAM), "lesion", "DMS")


# --- ISIC 2018 (task 3) and 2019: one column a class


def _truths(folder: Path) -> list[Path]:
    """The tables of ground truth in a folder or in folders right inside it, where the archives put them."""
    if not folder.is_dir():
        return []
    inside = sorted(place for place in folder.iterdir() if place.is_dir())
    files = [entry for place in (folder, *inside) for entry in sorted(place.iterdir()) if entry.is_file()]
    return [entry for entry in files if _TRUTH.fullmatch(entry.name)]


def _detect_isic(folder: Path) -> Path | None:
    return folder if _truths(folder) else None


def _read_isic(reading: Reading, _chosen: Mapping[str, str]) -> Content:
    tables = _truths(reading.folder)
    headers = [[name for name in header_of(table) if name.upper() in _CLASSES] for table in tables]
    classes = tuple(dict.fromkeys(name.upper() for names in headers for name in names))
    facts = _facts(reading)
    images = reading.listing.pictures_by_stem
    grouped = 0
    for table, columns in zip(tables, headers, strict=True):
        named = _TRUTH.fullmatch(table.name)
        split = _PARTS[named["part"].lower()] if named else ""
        for cells in rows_of(table, ("image", *columns), reading):
            image = cells["image"]
            present = [name.upper() for name in columns if reading.label(cells[name]) == 1]
            if len(present) != 1:
                reading.met(_HELD_BY_THE_CHALLENGE, image)
                continue
            if image not in images:
                reading.missing(image)
                continue
            known = facts.get(image, {})
            lesion = known.get("lesion_id", "")
            grouped += bool(lesion)
            reading.add(CohortRow(
                image=images[image], values=tuple(int(name == present[0]) for name in classes), patient=lesion,
                sex=reading.sex(known.get("sex", "")), age=reading.age(known.get("age_approx", "")), split=split,
            ))  # fmt: skip
    if not reading.rows:
        raise no_images(reading.folder, _ISIC_LAYOUT)
    used = tuple(name for place, name in enumerate(classes) if any(row.values[place] for row in reading.rows))
    _drop_unused_classes(reading, classes, used)
    alone = len(reading.rows) - grouped
    if alone:
        reading.say(f"{alone:,} images state no lesion, and count as lesions of their own.")
    return Content("multi-class", used, "lesion", "DMS")


def _facts(reading: Reading) -> dict[str, Mapping[str, str]]:
    """Age, sex and lesion by image, from the metadata and the groupings of lesions."""
    found: dict[str, Mapping[str, str]] = {}
    for path in reading.listing.below():
        name = path.rpartition("/")[2].lower()
        if name.startswith("isic") and name.endswith(("_metadata.csv", "_lesiongroupings.csv")):
            optional = ("age_approx", "sex", "lesion_id")
            for cells in rows_of(reading.folder / path, ("image",), reading, optional):
                found[cells["image"]] = {**found.get(cells["image"], {}), **{k: v for k, v in cells.items() if v}}
    return found


def _drop_unused_classes(reading: Reading, classes: tuple[str, ...], used: tuple[str, ...]) -> None:
    """Leave out classes that no image has, such as UNK of 2019, which only the hidden test set knows."""
    unused = [name for name in classes if name not in used]
    if unused:
        places = [classes.index(name) for name in used]
        reading.keep_columns(places)
        reading.say(f"No image is of the class {', '.join(unused)}; it was left out.")


# --- ISIC 2020: melanoma or not, by patient


def _detect_isic_2020(folder: Path) -> Path | None:
    return next((home for name in _ISIC_2020 if (home := home_of(folder, name))), None)


def _read_isic_2020(reading: Reading, _chosen: Mapping[str, str]) -> Content:
    table = find_table(reading.folder, *_ISIC_2020)
    if table is None:
        raise no_images(reading.folder, _ISIC_2020_LAYOUT)
    images = reading.listing.pictures_by_stem
    rows = 0
    optional = ("sex", "age_approx", "benign_malignant", "lesion_id")
    for cells in rows_of(table, ("image_name", "patient_id", "target"), reading, optional):
        rows += 1
        image, value = cells["image_name"], reading.label(cells["target"])
        if value is None or (cells["benign_malignant"] and (cells["benign_malignant"] == "malignant") != (value == 1)):
            reading.met("rows contradict themselves about malignancy, or do not state it, and were left out", image)
        elif image not in images:
            reading.missing(image)
        else:
            reading.add(CohortRow(
                image=images[image], values=(value,), patient=cells["patient_id"], study=cells["lesion_id"],
                sex=reading.sex(cells["sex"]), age=reading.age(cells["age_approx"]), split="train",
            ))  # fmt: skip
    if not reading.rows:
        raise no_images(reading.folder, _ISIC_2020_LAYOUT)
    reading.expect([("rows", rows, _ISIC_2020_IMAGES)])
    return Content("binary", ("melanoma",), "patient", "DMS")


_NON_COMMERCIAL = "CC BY-NC 4.0: not for commercial use; give credit. Cite "
HAM10000 = Source(
    key="ham10000",
    title="HAM10000",
    layout=_HAM_LAYOUT,
    terms=Terms(_NON_COMMERCIAL + "Tschandl et al. 2018.", "https://doi.org/10.7910/DVN/DBW86T"),
    detect=_detect_ham,
    read=_read_ham,
)
ISIC = Source(
    key="isic-2018-2019",
    title="ISIC 2018 (task 3) and 2019",
    layout=_ISIC_LAYOUT,
    terms=Terms(
        _NON_COMMERCIAL + "Tschandl et al. 2018, Codella et al. 2017 and Combalia et al. 2019.",
        "https://challenge.isic-archive.com/data/",
    ),
    detect=_detect_isic,
    read=_read_isic,
)
ISIC_2020 = Source(
    key="isic-2020",
    title="ISIC 2020",
    layout=_ISIC_2020_LAYOUT,
    terms=Terms(_NON_COMMERCIAL + "Rotemberg et al. 2021.", "https://challenge2020.isic-archive.com/"),
    detect=_detect_isic_2020,
    read=_read_isic_2020,
)
