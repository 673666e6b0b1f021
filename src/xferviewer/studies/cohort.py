"""A cohort in memory: what it is, its rows, and where findings were marked. `cohort_folder` keeps it on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xferviewer.studies.regions import Box, Region, Regions

TASKS = ("multi-label", "multi-class", "binary")
GROUPS = ("patient", "exam", "lesion", "slide", "image")
SPLITS = ("train", "validation", "test", "")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a source forbids or requires, where it says so, and whether whoever imported it accepted that."""

    text: str = ""
    link: str = ""
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class CohortDescription:
    """What a cohort is.

    name       short, for lists and file names
    title      a line for people
    source     key of the importer: "nih-chestxray14"
    root       the absolute folder that the images lie below
    task       one of TASKS: a sigmoid for each finding, one of several classes, or present or absent
    findings   in the order of the columns
    group      one of GROUPS: what the column `patient` holds, which a split must not tear apart
    modality   as DICOM writes it (PS3.3 C.7.3.1.1.1): "DX", "CT", "US"; "" where it is not one
    terms      what the source forbids or requires
    notes      what was met at import, with counts, a sentence each
    tables     SHA-256 (hex) of the source's tables, by name
    command    the line that makes this cohort
    xferviewer the version that wrote it
    """

    name: str
    title: str
    source: str
    root: Path
    task: str
    findings: tuple[str, ...]
    group: str
    modality: str = ""
    terms: Terms = Terms()
    notes: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    xferviewer: str = ""

    def __post_init__(self) -> None:
        if self.task not in TASKS or self.group not in GROUPS:
            raise ValueError(f"task {self.task!r} and group {self.group!r} should be of {TASKS} and {GROUPS}.")
        if not self.findings or len(set(self.findings)) < len(self.findings) or not all(self.findings):
            raise ValueError("findings should be named, each once.")
        if self.task == "binary" and len(self.findings) != 1:
            raise ValueError("a binary task has one finding.")
        if not self.root.is_absolute():
            raise ValueError(f"root {self.root} should be absolute.")


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One image, or one frame of a file. Empty text and None: not stated.

    image   path below the root, with "/" between its parts
    values  1 present, 0 absent, -1 uncertain, None not stated, in the order of the findings
    sex     "M", "F" or "O"
    age     years
    split   the source's own: one of SPLITS
    """

    image: str
    values: tuple[int | None, ...]
    frame: int = 0
    patient: str = ""
    study: str = ""
    site: str = ""
    view: str = ""
    sex: str = ""
    age: float | None = None
    split: str = ""


@dataclass(frozen=True, slots=True)
class RegionRow:
    """Where a finding was marked in an image: a box (x, y, width, height in pixels of the source), or a mask.

    mask  path of a picture of the image's size below the root, non-zero where marked
    """

    image: str
    finding: str
    box: tuple[float, float, float, float] | None = None
    mask: str = ""
    frame: int = 0


@dataclass(frozen=True, eq=False)
class CohortTable:
    """A cohort as read: one entry for each row of images.csv, in its order.

    digest   SHA-256 (hex) of images.csv: what a split is frozen to
    labels   float32 (n, findings): 1 present, 0 absent, -1 uncertain, NaN not stated
    regions  rows of regions.csv
    """

    description: CohortDescription
    folder: Path
    digest: str
    images: tuple[str, ...]
    frames: tuple[int, ...]
    patients: tuple[str, ...]
    studies: tuple[str, ...]
    sites: tuple[str, ...]
    views: tuple[str, ...]
    sexes: tuple[str, ...]
    ages: tuple[float | None, ...]
    splits: tuple[str, ...]
    labels: NDArray[np.float32]
    regions: tuple[RegionRow, ...] = ()

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.images)

    def path(self, row: int) -> Path:
        """The file of a row's image."""
        return self.description.root / self.images[row]

    def marked(self) -> Regions:
        """The boxes and masks, found by the image's file."""
        root = self.description.root
        found: dict[str, list[Region]] = {}
        for row in self.regions:
            left, top, width, height = row.box or (0.0, 0.0, 0.0, 0.0)
            boxes = (Box(left, top, left + width, top + height),) if row.box else ()
            masks = (root / row.mask,) if row.mask else ()
            found.setdefault(str(root / row.image), []).append(Region(row.finding, boxes, masks))
        return Regions(found, [self.folder / "regions.csv"] if found else [])
