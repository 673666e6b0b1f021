"""Any CSV with a column of paths and a column for each finding, as the rest of xferviewer reads label tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xferviewer.errors import UnusableChoice, UnusableTable
from xferviewer.studies.cohort import CohortRow, RegionRow, Terms
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Choice, Content, Source
from xferviewer.studies.label_table import LabelRow, LabelTable, read_labels
from xferviewer.studies.region_files import regions_beside

_LAYOUT = "labels.csv or another CSV with a column path and columns of 1, 0, -1 or nothing"
_SPLITS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "validate": "validation", "test": "test", "testing": "test", "": "",
}  # fmt: skip
TABLE = Choice("table", (), "which table, where a folder holds several")
TASK = Choice(
    "task", ("auto", "multi-label", "multi-class", "binary"), "auto: binary for one finding, else multi-label"
)


def _detect(folder: Path) -> Path | None:
    return folder if _names_images(folder) else None


def _names_images(folder: Path) -> bool:
    """Whether the only table of a folder, or labels.csv, names an image that is there."""
    tables = tables_in(folder)
    table = "labels.csv" if "labels.csv" in tables else tables[0] if len(tables) == 1 else None
    if table is None:
        return False
    try:
        rows = read_labels(folder / table).rows
    except UnusableTable:
        return False
    return any(row.path and (folder / row.path).is_file() for row in rows[:100])


def tables_in(folder: Path) -> list[str]:
    """The names of the CSV files in a folder, sorted."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if entry.suffix.lower() in (".csv", ".tsv"))


def chosen_table(reading: Reading, wanted: str) -> LabelTable:
    """The table that was named, else labels.csv, else the only one. Raises UnusableChoice, UnusableTable."""
    tables = tables_in(reading.folder)
    name = wanted or ("labels.csv" if "labels.csv" in tables else tables[0] if len(tables) == 1 else "")
    if not name or not (reading.folder / name).is_file():
        raise UnusableChoice(
            f"{wanted or 'No table'} was chosen of {reading.folder.name}.",
            f"It holds {', '.join(tables) or 'no CSV'}.",
            "Name one of them with --table.",
        )
    table = read_labels(reading.used(reading.folder / name))
    if table.ignored_columns:
        reading.say(f"Columns that hold no labels were left out: {', '.join(table.ignored_columns)}.")
    if not table.findings:
        raise UnusableTable(
            f"{name} states no finding.",
            "None of its columns holds only 1, 0, -1 and blanks.",
            "Add a column of labels.",
        )
    return table


def task_of(reading: Reading, table: LabelTable, wanted: str) -> tuple[str, tuple[str, ...]]:
    """The task and its findings, once the rows that do not fit it are left out."""
    task = wanted if wanted != "auto" else "binary" if len(table.findings) == 1 else "multi-label"
    if task == "binary" and len(table.findings) != 1:
        raise UnusableChoice(
            f"{table.path.name} is not binary.",
            f"It has the findings {', '.join(table.findings)}.",
            "Choose another task.",
        )
    if task == "multi-class":
        kept = [row for row in reading.rows if sorted(map(repr, row.values)) == ["0"] * (len(row.values) - 1) + ["1"]]
        if len(kept) < len(reading.rows):
            reading.say(f"{len(reading.rows) - len(kept):,} rows belong to no class or to several and were left out.")
        reading.rows = kept
    return task, table.findings


def masks_beside(reading: Reading) -> None:
    """The masks that lie beside the images, as xferviewer's other commands find them (studies.region_files)."""
    images = dict.fromkeys(row.image for row in reading.rows)
    found = regions_beside([reading.folder / image for image in images])
    for image in images:
        for region in found.of(reading.folder / image):
            for mask in region.masks:
                if mask.is_relative_to(reading.folder):
                    path = mask.relative_to(reading.folder).as_posix()
                    reading.regions.append(RegionRow(image, region.finding, mask=path))
                else:
                    reading.met("masks lie outside of the folder and were left out", mask.name)


def split_of(row: LabelRow, reading: Reading) -> str:
    """A row's split by our names."""
    if row.split.lower() not in _SPLITS:
        reading.met("splits are none of train, validation and test and were left out", row.split)
    return _SPLITS.get(row.split.lower(), "")


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    table = chosen_table(reading, chosen["table"])
    for row in table.rows:
        path = _below(reading, row.path)
        if path is None:
            reading.missing(row.path or f"row {row.number}")
            continue
        reading.add(CohortRow(
            image=path, values=row.values, patient=row.patient_id, study=row.study_uid, site=row.site, view=row.view,
            sex=row.sex, age=reading.age("" if row.age is None else f"{row.age:g}"), split=split_of(row, reading),
        ))  # fmt: skip
    task, findings = task_of(reading, table, chosen["task"])
    masks_beside(reading)
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    group = "patient" if any(row.patient for row in reading.rows) else "image"
    if group == "image":
        reading.say("The table names no patients: every image counts as a patient of its own.")
    return Content(task, findings, group, "")


def _below(reading: Reading, written: str) -> str | None:
    """A path as the table writes it, below the folder; by its name alone where it lies elsewhere now."""
    path = written.replace("\\", "/")
    if path.startswith(f"{reading.folder.as_posix()}/"):
        path = path.removeprefix(f"{reading.folder.as_posix()}/")
    path = "/".join(part for part in path.split("/") if part not in ("", "."))
    if path and ".." not in path.split("/") and reading.listing.has(path):
        return path
    name = path.rpartition("/")[2]
    return reading.listing.by_name.get(name) or reading.listing.pictures_by_stem.get(name)


CSV_TABLE = Source(
    key="csv-table",
    title="CSV with a column of paths",
    layout=_LAYOUT,
    terms=Terms(),
    detect=_detect,
    read=_read,
    choices=(TABLE, TASK),
    anywhere=True,
)
