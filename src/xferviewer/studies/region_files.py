"""Regions from the layouts in which public data sets bring them: tables of boxes, and folders of masks."""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from xferviewer.errors import UnusableRegions
from xferviewer.studies.cohort_folder import is_cohort_folder, read_cohort
from xferviewer.studies.regions import Box, Region, Regions

_NOTHING_MARKED = ("", "no finding")
_BUSI_MASK = re.compile(r"(?P<image>.+)_mask(_\d+)?", re.IGNORECASE)
"""`benign (1)_mask.png`, `benign (100)_mask_1.png` (Al-Dhabyani et al. 2020)."""


def read_regions(source: Path) -> Regions:
    """The regions of a table of boxes, of the masks below a folder, or of a cohort folder.

    Tables: NIH's `BBox_List_2017.csv` (Image Index, Finding Label, x, y, width, height) and VinDr-CXR's annotations
    (image_id, class_name, x_min, y_min, x_max, y_max; boxes of several readers count together). Folders: a synthetic
    cohort or another tree with `masks/STEM_FINDING.png` beside `images/STEM.*`; BUSI, where `NAME_mask.png` lies beside
    `NAME.png` and the folder names the finding. Raises UnusableRegions for anything else,
    UnusableTable for a damaged cohort.
    """
    if is_cohort_folder(source):
        regions = read_cohort(source).marked()
    else:
        regions = _from_folder(source) if source.is_dir() else _from_table(source)
    if not len(regions):
        raise UnusableRegions(
            f"{source.name} holds no regions.",
            "There is no box in it." if source.is_file() else "No mask of a known layout lies below it.",
            "Name NIH's BBox_List_2017.csv, VinDr's annotations, or a folder with masks beside its images.",
        )
    return regions


def regions_of(images: Iterable[Path], sources: Iterable[Path] = (), names: Mapping[str, str] | None = None) -> Regions:
    """The masks beside these images and the regions of all sources, of which the last named counts for an image.

    names  a finding's name in the regions, and what it is called here. Raises UnusableRegions.
    """
    found = regions_beside(images)
    for source in sources:
        found += read_regions(source)
    return found.renamed(names or {})


def is_region_table(path: Path) -> bool:
    """Whether a file is a table of boxes of a known layout, told from its header."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _layout(next(csv.reader(file), [])) is not None
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def regions_beside(images: Iterable[Path]) -> Regions:
    """The masks that lie beside these images, in the layouts of `read_regions`; each folder is listed once."""
    listed: dict[Path, dict[str, list[Region]]] = {}
    found = {}
    for image in images:
        if image.parent not in listed:
            listed[image.parent] = _masks_of(image.parent)
        masks = listed[image.parent].get(image.name) or listed[image.parent].get(image.stem)
        if masks:
            found[str(image.absolute())] = masks
    return Regions(found, [mask for regions in found.values() for region in regions for mask in region.masks])


def _masks_of(folder: Path) -> dict[str, list[Region]]:
    """The masks of the images in a folder, by the image's name, or its stem where the mask names no ending."""
    found: dict[str, list[Region]] = {}
    names = _names_in(folder)
    known = set(names)
    for name in names:
        mask = _BUSI_MASK.fullmatch(Path(name).stem)
        if mask is not None and mask["image"] + Path(name).suffix in known:
            region = Region(folder.name, masks=(folder / name,))
            found.setdefault(mask["image"] + Path(name).suffix, []).append(region)
    if folder.name == "images":
        stems = {Path(name).stem for name in names}
        for name in _names_in(folder.parent / "masks"):
            words = Path(name).stem.split("_")
            for cut in range(len(words) - 1, 0, -1):  # the longest: an image's name may hold underscores too
                if (stem := "_".join(words[:cut])) in stems:
                    region = Region("_".join(words[cut:]), masks=(folder.parent / "masks" / name,))
                    found.setdefault(stem, []).append(region)
                    break
    return found


def is_mask_beside_its_image(path: Path) -> bool:
    """A mask, and no image to be looked at: below `masks/` beside `images/`, or NAME_mask.png beside NAME.png."""
    if path.parent.name == "masks" and (path.parent.parent / "images").is_dir():
        return True
    named = _BUSI_MASK.fullmatch(path.stem)
    return named is not None and path.with_name(named["image"] + path.suffix).is_file()


def _names_in(folder: Path) -> list[str]:
    """Names of the files in a folder, sorted; none where it cannot be listed."""
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError:
        return []


def _from_folder(folder: Path) -> Regions:
    images = [
        path
        for at, _, names in os.walk(folder)
        for path in (Path(at, name) for name in sorted(names))
        if not is_mask_beside_its_image(path)
    ]
    return regions_beside(images)


# --- tables

_Row = dict[str, str]
_NIH = ("imageindex", "findinglabel", "bboxxywh")
_VINDR = ("imageid", "classname", "xmin", "ymin", "xmax", "ymax")


def _layout(header: list[str]) -> Callable[[_Row], tuple[str, Region] | None] | None:
    names = _names(header)
    if set(_NIH[:2]) <= set(names) and any(name.startswith("bbox") for name in names):
        return _nih_box
    return _vindr_box if set(_VINDR) <= set(names) else None


def _names(header: list[str]) -> list[str]:
    """Columns without case and signs; `Bbox [x,y,w,h]` is four columns: x after the name, then y, w and h."""
    if len(header) > 2 and header[2].strip().casefold().startswith("bbox"):
        return [*map(_plain, header[:2]), "bboxx", "y", "w", "h", *map(_plain, header[6:])]
    return [_plain(name) for name in header]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _from_table(path: Path) -> Regions:
    found: dict[str, list[Region]] = {}
    number = 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            box_of = _layout(header)
            if box_of is None:
                raise UnusableRegions(
                    f"{path.name} is no table of boxes.",
                    f"Its columns are {', '.join(header)[:200]}.",
                    "Name NIH's BBox_List_2017.csv, VinDr's annotations, or a folder with masks.",
                )
            for row in _rows(lines, _names(header)):
                number = lines.line_num
                marked = box_of(row)
                if marked is not None:
                    found.setdefault(marked[0], []).append(marked[1])
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, KeyError) as error:
        where = f"Line {number}: {error}" if number else f"{error}"
        raise UnusableRegions(f"{path.name} cannot be read.", f"{where}.", "Correct the table.") from error
    return Regions(found, [path])


def _rows(lines: Iterator[list[str]], names: list[str]) -> Iterator[_Row]:
    for line in lines:
        if any(line):
            yield dict(zip(names, line, strict=False))


def _nih_box(row: _Row) -> tuple[str, Region] | None:
    left, top, width, height = (_number(row[name]) for name in ("bboxx", "y", "w", "h"))
    return _marked(row["imageindex"], row["findinglabel"], Box(left, top, left + width, top + height))


def _vindr_box(row: _Row) -> tuple[str, Region] | None:
    if row["classname"].strip().casefold() in _NOTHING_MARKED or not row["xmin"].strip():
        return None  # an image without a finding has a row without a box
    return _marked(row["imageid"], row["classname"], Box(*(_number(row[name]) for name in _VINDR[2:])))


def _marked(image: str, finding: str, box: Box) -> tuple[str, Region]:
    if not (box.left < box.right and box.top < box.bottom):
        raise ValueError(f"a box of {finding} has no area")
    return image.strip(), Region(finding.strip(), (box,))


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a number of pixels")
    return value
