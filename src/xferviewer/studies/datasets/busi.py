"""BUSI (Al-Dhabyani et al. 2020): breast ultrasound in three classes, with masks of the lesions beside the images."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from xferviewer.studies.cohort import CohortRow, RegionRow, Terms
from xferviewer.studies.datasets.listing import home_of
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Choice, Content, Source

_LAYOUT = "Dataset_BUSI_with_GT/{benign,malignant,normal}/benign (1).png, benign (1)_mask.png, benign (100)_mask_1.png"
_CLASSES = {"benign": 437, "malignant": 210, "normal": 133}
_IMAGE = re.compile(r"(benign|malignant|normal) \(\d+\)\.png")
_MASK = re.compile(r"(?P<stem>.+)_mask(_\d+)?\.png")


def _detect(folder: Path) -> Path | None:
    home = home_of(folder, *_CLASSES)
    if home is None:
        return None
    return home if any(_IMAGE.fullmatch(entry.name) for entry in (home / "benign").iterdir()) else None


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    binary = chosen["task"] == "malignant"
    counted: Counter[str] = Counter()
    for name in _CLASSES:
        files = reading.listing.names(name)
        masks = _masks(files)
        for file in sorted(files, key=_by_number):
            path = f"{name}/{file}"
            if _MASK.fullmatch(file):
                continue
            if not _IMAGE.fullmatch(file) or not file.startswith(name):
                reading.met("files are neither images nor masks of their folder's class and were left out", path)
                continue
            counted[name] += 1
            values = (int(name == "malignant"),) if binary else tuple(int(each == name) for each in _CLASSES)
            reading.add(CohortRow(path, values))
            if name == "normal":
                continue  # their masks are empty
            finding = "malignant" if binary else name
            if not (binary and name == "benign"):
                of_image = masks.get(file.removesuffix(".png"), [])
                reading.regions += [RegionRow(path, finding, mask=f"{name}/{mask}") for mask in of_image]
        for stem in masks:
            if f"{stem}.png" not in files:
                reading.met("masks have no image and were left out", f"{name}/{stem}")
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    reading.expect((name, counted[name], n) for name, n in _CLASSES.items())
    reading.say(
        "600 patients are behind the images, but no file says whose an image is: every image counts as a patient of "
        "its own. Look for near duplicates before you trust a split."
    )
    findings = ("malignant",) if binary else tuple(_CLASSES)
    return Content("binary" if binary else "multi-class", findings, "image", "US")


def _masks(files: frozenset[str]) -> dict[str, list[str]]:
    """The masks of a folder by the stem of their image: one, or several where there are several lesions."""
    found: dict[str, list[str]] = {}
    for file in sorted(files):
        mask = _MASK.fullmatch(file)
        if mask:
            found.setdefault(mask["stem"], []).append(file)
    return found


def _by_number(file: str) -> tuple[int, str]:
    number = re.search(r"\((\d+)\)", file)
    return (int(number[1]) if number else 0, file)


BUSI = Source(
    key="busi",
    title="BUSI (breast ultrasound)",
    layout=_LAYOUT,
    terms=Terms(
        "Free for research; cite Al-Dhabyani et al. 2020, Dataset of breast ultrasound images.",
        "https://scholar.cu.edu.eg/?q=afahmy/pages/dataset",
    ),
    detect=_detect,
    read=_read,
    choices=(
        Choice("task", ("classes", "malignant"), "the three classes, or malignant against benign and normal together"),
    ),
)
