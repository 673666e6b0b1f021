"""COVIDx CT-2A and CT-3A (Gunraj et al. 2020, 2022): slices of chest CT in three classes, with the box of the body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from xferviewer.studies.cohort import CohortRow, RegionRow, Terms
from xferviewer.studies.datasets.listing import home_of
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Content, Source
from xferviewer.studies.datasets.tables import find_table, rows_of, words_of

_LAYOUT = "3A_images/*.png with {train,val,test}_COVIDx_CT-3A.txt, or the same of 2A; metadata.csv"
_CLASSES = ("Normal", "Pneumonia", "COVID-19")
_RELEASES = ("3A", "2A")
_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_COLUMNS = ("country", "sex", "age", "source")
_WORDS = 6  # name, class, corners of the box
_SLICES = {  # of 3A, by class
    "train": (35_996, 26_970, 294_552), "val": (17_570, 8_008, 8_147), "test": (17_922, 7_965, 7_894),
}  # fmt: skip
_PATIENTS = {"train": 4_249, "val": 560, "test": 503}
_Facts = Mapping[str, str]


def _detect(folder: Path) -> Path | None:
    homes = (home_of(folder, f"{release}_images") for release in _RELEASES)
    return next(filter(None, homes), None)


def _read(reading: Reading, _chosen: Mapping[str, str]) -> Content:
    release = next((r for r in _RELEASES if (reading.folder / f"{r}_images").is_dir()), "")
    if all((reading.folder / f"{each}_images").is_dir() for each in _RELEASES):
        reading.say(f"Both releases are there; {release} counts.")
    metadata = _metadata(reading)
    for part, split in _SPLITS.items():
        table = find_table(reading.folder, f"{part}_COVIDx_CT-{release}.txt", f"{part}_COVIDx-CT*.txt")
        if table is None:
            reading.say(f"{part}_COVIDx_CT-{release}.txt is not there.")
            continue
        slices, patients = [0, 0, 0], set()
        for words in words_of(table, reading):
            parsed = _parsed(words)
            if parsed is None:
                reading.met(f"lines of {table.name} are no slice and were left out", " ".join(words)[:80])
                continue
            name, place, box = parsed
            slices[place] += 1
            patient, facts = _patient(name, metadata, reading)
            patients.add(patient)
            path = f"{release}_images/{name}"
            if not reading.listing.has(path):
                reading.missing(path)
                continue
            values = tuple(int(each == place) for each in range(len(_CLASSES)))
            taken = reading.add(CohortRow(
                image=path, values=values, patient=patient, site=facts.get("source", ""),
                sex=reading.sex(facts.get("sex", "")), age=reading.age(facts.get("age", "")), split=split,
            ))  # fmt: skip
            if taken:
                reading.regions.append(RegionRow(path, "body", box))
        if release == "3A":
            counts = zip(_CLASSES, slices, _SLICES[part], strict=True)
            reading.expect([
                *((f"{name} slices of {part}", have, want) for name, have, want in counts),
                (f"patients of {part}", len(patients), _PATIENTS[part]),
            ])  # fmt: skip
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    return Content("multi-class", _CLASSES, "patient", "CT")


def _parsed(words: list[str]) -> tuple[str, int, tuple[float, float, float, float]] | None:
    """Name, class and box (x, y, width, height) of `name class xmin ymin xmax ymax`."""
    try:
        left, top, right, bottom = (int(word) for word in words[2:])
        place = int(words[1])
    except ValueError:
        return None
    sound = len(words) == _WORDS and 0 <= place < len(_CLASSES) and left < right and top < bottom
    return (words[0], place, (left, top, right - left, bottom - top)) if sound else None


def _metadata(reading: Reading) -> dict[str, _Facts]:
    """What metadata.csv says, by patient; without spaces, as file names write them."""
    table = find_table(reading.folder, "metadata.csv")
    if table is None:
        reading.say("metadata.csv is not there: patients are told from the names of the files.")
        return {}
    rows = rows_of(table, ("patient id",), reading, _COLUMNS)
    return {cells["patient id"].replace(" ", ""): cells for cells in rows}


def _patient(name: str, metadata: Mapping[str, _Facts], reading: Reading) -> tuple[str, _Facts]:
    """The patient that a file's name begins with (`CP_0_3131_0001.png` is a slice of CP_0): the longest that is known.

    Without metadata, or for a name that it does not hold, all but the last number of the name.
    """
    stem = name.rpartition(".")[0]
    for front in (stem, stem.removeprefix("HUST-")):
        for end in sorted((m.start() for m in re.finditer(r"[_-]", front)), reverse=True):
            if front[:end] in metadata:
                return front[:end], metadata[front[:end]]
    if metadata:
        reading.met("slices have a patient that metadata.csv does not name, and that their names tell", name)
    return re.sub(r"[_-]?[A-Za-z]*\d+$", "", stem) or stem, {}


COVIDX_CT = Source(
    key="covidx-ct",
    title="COVIDx CT",
    layout=_LAYOUT,
    terms=Terms(
        "Gathered from many sources, each under its own licence (several for non-commercial use only), all listed by "
        "the authors; for research, not for diagnosis. Cite Gunraj et al. 2020 and 2022 and the sources.",
        "https://github.com/haydengunraj/COVIDNet-CT/blob/master/docs/licenses_acknowledgements.md",
    ),
    detect=_detect,
    read=_read,
)
