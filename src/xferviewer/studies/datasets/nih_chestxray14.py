"""NIH ChestX-ray14 (Wang et al. 2017): 14 findings text-mined from reports, official lists, boxes of some findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from xferviewer.errors import UnusableTable
from xferviewer.studies.cohort import CohortRow, RegionRow, Terms
from xferviewer.studies.datasets.listing import home_of
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import VIEW, Choice, Content, Source, view_is_wanted
from xferviewer.studies.datasets.tables import cells_of, find_table, rows_of, words_of
from xferviewer.studies.label_table import NIH_FINDINGS
from xferviewer.studies.regions import folded

_LAYOUT = "Data_Entry_2017_v2020.csv or Data_Entry_2017.csv, images/*.png, train_val_list.txt and test_list.txt"
_ENTRIES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
_REQUIRED = ("Image Index", "Finding Labels", "Patient ID")
_OPTIONAL = ("Follow-up #", "Patient Age", "Patient Gender", "View Position")
_NIH_LISTS = {"train": "train_val_list.txt", "test": "test_list.txt"}
_BENCHMARK_LISTS = {part: f"Xray14_{part}_official.txt" for part in ("train", "val", "test")}
_FINDINGS = {folded(finding): place for place, finding in enumerate(NIH_FINDINGS)}
_IMAGES, _PATIENTS, _BOXES = 112_120, 30_805, 984
_LISTED = {"train": 86_524, "test": 25_596}
_BENCHMARK_LISTED = {"train": 75_312, "validation": 11_212, "test": 25_596}
_BENCHMARK_SHARES = {0: "9.6", 1: "2.0", 8: "3.3", 9: "1.6", 2: "10.2"}  # per cent of train, Krones 2026
_TEST_POSITIVES = (3279, 1069, 4658, 6112, 1748, 1623, 555, 2665, 1815, 925, 1093, 435, 1143, 86)


def _detect(folder: Path) -> Path | None:
    return next((home for name in _ENTRIES if (home := home_of(folder, name))), None)


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    table = find_table(reading.folder, *_ENTRIES)
    if table is None:
        raise no_images(reading.folder, _LAYOUT)
    if all((reading.folder / name).is_file() for name in _ENTRIES):
        reading.say(f"Both releases of the table are there; {table.name} counts.")
    splits = _benchmark_splits(reading) if chosen["lists"] == "benchmark" else _nih_splits(reading)
    patients = set()
    entries = 0
    for cells in rows_of(table, _REQUIRED, reading, _OPTIONAL):
        entries += 1
        image, patient, follow_up = cells["Image Index"], cells["Patient ID"], cells["Follow-up #"]
        patients.add(patient)
        path = reading.listing.by_name.get(image)
        view = cells["View Position"].upper()
        if path is None:
            reading.missing(image)
        elif view_is_wanted(view, chosen["view"]):
            reading.add(CohortRow(
                image=path, values=_values(cells["Finding Labels"], reading), patient=patient,
                study=f"{patient}-{follow_up}" if follow_up else "", view=view,
                sex=reading.sex(cells["Patient Gender"]), age=reading.age(cells["Patient Age"]),
                split=splits.get(image, ""),
            ))  # fmt: skip
    reading.expect([("rows", entries, _IMAGES), ("patients", len(patients), _PATIENTS)])
    _expect_positives(reading)
    _boxes(reading)
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    return Content("multi-label", NIH_FINDINGS, "patient", "DX")


def _values(cell: str, reading: Reading) -> tuple[int | None, ...]:
    """ "Effusion|Mass" as a value for each finding. "No Finding" is 0 for all; a blank is not stated."""
    names = [name.strip() for name in cell.split("|") if name.strip()]
    if not names:
        reading.met("images have no finding labels and were left without any")
        return (None,) * len(NIH_FINDINGS)
    present = set()
    for name in names:
        if folded(name) in _FINDINGS:
            present.add(_FINDINGS[folded(name)])
        elif folded(name) != "nofinding":
            reading.met("finding labels are none of the 14 and were left out", name)
    return tuple(int(place in present) for place in range(len(NIH_FINDINGS)))


def _nih_splits(reading: Reading) -> dict[str, str]:
    found: dict[str, str] = {}
    for split, name in _NIH_LISTS.items():
        table = find_table(reading.folder, name)
        if table is None:
            reading.say(f"{name} is not there; its images have no split.")
            continue
        names = [words[0] for words in words_of(table, reading)]
        _assign(names, split, found, reading)
        reading.expect([(f"names in {name}", len(names), _LISTED[split])])
    return found


def _benchmark_splits(reading: Reading) -> dict[str, str]:
    """The lists of BenchmarkTransformers: a name and 14 zeros and ones in a line."""
    found: dict[str, str] = {}
    for part, name in _BENCHMARK_LISTS.items():
        table = find_table(reading.folder, name) or find_table(reading.folder / "dataset", name)
        if table is None:
            raise UnusableTable(
                f"{name} is not there.",
                "The lists of BenchmarkTransformers were asked for.",
                f"Put {', '.join(_BENCHMARK_LISTS.values())} beside the images, or leave --lists out.",
            )
        split = "validation" if part == "val" else part
        lines = []
        for words in words_of(table, reading):
            if len(words) == 1 + len(NIH_FINDINGS) and set(words[1:]) <= {"0", "1"}:
                lines.append(words)
            else:
                reading.met(f"lines of {name} are not a name and 14 zeros and ones and were left out", words[0])
        _assign([words[0] for words in lines], split, found, reading)
        reading.expect([(f"names in {name}", len(lines), _BENCHMARK_LISTED[split])])
    return found


def _assign(names: list[str], split: str, found: dict[str, str], reading: Reading) -> None:
    for image in names:
        if found.setdefault(image, split) != split:
            reading.met("images stand in several lists; the first one counts", image)


def _expect_positives(reading: Reading) -> None:
    train = [row for row in reading.rows if row.split == "train"]
    if len(train) == _BENCHMARK_LISTED["train"]:
        reading.expect_shares("train", train, _BENCHMARK_SHARES)
    test = [row for row in reading.rows if row.split == "test"]
    if len(test) == _LISTED["test"]:  # of fewer images nothing is published
        found = [sum(row.values[place] == 1 for row in test) for place in range(len(NIH_FINDINGS))]
        reading.expect(
            (f"{name} in test", have, want)
            for name, have, want in zip(NIH_FINDINGS, found, _TEST_POSITIVES, strict=True)
        )


def _boxes(reading: Reading) -> None:
    table = find_table(reading.folder, "BBox_List_2017*.csv")
    if table is None:
        return
    boxes = 0
    for image, finding, box in _box_rows(table, reading):
        boxes += 1
        path = reading.listing.by_name.get(image)
        if path is not None and reading.named(path):
            reading.regions.append(RegionRow(path, finding, box))
        else:
            reading.met("boxes belong to images that were not imported and were left out", image)
    reading.expect([("boxes", boxes, _BOXES)])


def _box_rows(table: Path, reading: Reading) -> Iterator[tuple[str, str, tuple[float, float, float, float]]]:
    """Image, finding and box. The header's `Bbox [x,y,w,h],,,` are four columns: x, y, width, height in pixels."""
    for number, cells in enumerate(cells_of(table, reading), start=1):
        if number == 1:
            continue
        try:
            x, y, width, height = (float(cell) for cell in cells[2:6])
            place = _FINDINGS[folded(cells[1])]
            if not (width > 0 and height > 0):
                raise ValueError(cells)
        except (ValueError, KeyError):
            reading.met(f"rows of {table.name} are no boxes and were left out", f"row {number}")
            continue
        yield cells[0].strip(), NIH_FINDINGS[place], (x, y, width, height)


NIH_CHESTXRAY14 = Source(
    key="nih-chestxray14",
    title="NIH ChestX-ray14",
    layout=_LAYOUT,
    terms=Terms(
        "Use is unrestricted. The NIH Clinical Center asks to be acknowledged as the provider, to have its download "
        "site linked, and Wang et al. 2017 (ChestX-ray8) to be cited.",
        "https://nihcc.app.box.com/v/ChestXray-NIHCC",
    ),
    detect=_detect,
    read=_read,
    choices=(
        VIEW,
        Choice("lists", ("nih", "benchmark"), "the split: NIH's two lists, or the three of BenchmarkTransformers"),
    ),
)
