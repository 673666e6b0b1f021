"""The two tables of a cohort folder, images.csv and regions.csv, as text and as rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from sys import intern

import numpy as np
from numpy.typing import NDArray

from xferviewer.errors import UnusableTable
from xferviewer.studies.cohort import SPLITS, CohortDescription, CohortRow, RegionRow

IMAGE_COLUMNS = ("image", "frame", "patient", "study", "site", "view", "sex", "age", "split")
REGION_COLUMNS = ("image", "frame", "finding", "x", "y", "width", "height", "mask")
_VALUES = {"1": 1.0, "0": 0.0, "-1": -1.0, "": np.nan}
_CELLS = {1: "1", 0: "0", -1: "-1", None: ""}
_Columns = tuple[
    tuple[str, ...], tuple[int, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...],
    tuple[str, ...], tuple[float | None, ...], tuple[str, ...],
]  # fmt: skip


def image_table(description: CohortDescription, rows: Iterable[CohortRow]) -> bytes:
    """images.csv."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*IMAGE_COLUMNS, *description.findings])
    for row in rows:
        writer.writerow([
            row.image, row.frame or "", row.patient, row.study, row.site, row.view, row.sex,
            "" if row.age is None else f"{row.age:.6g}", row.split, *(_CELLS[value] for value in row.values),
        ])  # fmt: skip
    return text.getvalue().encode()


def region_table(regions: Iterable[RegionRow]) -> bytes:
    """regions.csv."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(REGION_COLUMNS)
    for row in regions:
        box = [f"{edge:.9g}" for edge in row.box] if row.box else [""] * 4
        writer.writerow([row.image, row.frame or "", row.finding, *box, row.mask])
    return text.getvalue().encode()


def read_images(path: Path, content: bytes, description: CohortDescription) -> tuple[_Columns, NDArray[np.float32]]:
    """The columns of images.csv, and its labels, float32 (n, findings). Raises UnusableTable, which names the row."""
    findings = description.findings
    header, *lines = _cells(path, content)
    wanted = [*IMAGE_COLUMNS, *findings]
    if header != wanted:
        raise unusable(path, f"Its columns are {', '.join(header)[:300]}; expected {', '.join(wanted)[:300]}.")
    if not lines:
        raise unusable(path, "It names no images.")
    values: list[list[float]] = []
    frames: list[int] = []
    ages: list[float | None] = []
    seen: dict[tuple[str, int], int] = {}
    for row, cells in enumerate(lines):
        try:
            if len(cells) != len(wanted):
                raise ValueError(f"it has {len(cells)} cells in place of {len(wanted)}")
            frame = _frame(cells[1])
            values.append([_VALUES[cell] for cell in cells[len(IMAGE_COLUMNS) :]])
            _refuse_impossible(cells)
            if (first := seen.setdefault((cells[0], frame), row)) != row:
                raise ValueError(f"it names the image of row {first + 2} again")
            frames.append(frame)
            ages.append(_age(cells[7]))
        except KeyError as error:
            raise unusable(path, f"Row {row + 2}: {error.args[0]!r} is none of 1, 0, -1 and nothing.") from error
        except ValueError as error:
            raise unusable(path, f"Row {row + 2}: {error}.") from error
    labels = np.array(values, dtype=np.float32)
    if description.task == "multi-class":
        _refuse_several_classes(path, labels)
    images, _, patients, studies, sites, views, sexes, _, splits = (  # interned: a file of frames is named by each row
        tuple(intern(cells[column]) for cells in lines) for column in range(len(IMAGE_COLUMNS))
    )
    return (images, tuple(frames), patients, studies, sites, views, sexes, tuple(ages), splits), labels


def _cells(path: Path, content: bytes) -> list[list[str]]:
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        return [cells for cells in reader if cells] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise unusable(path, f"It is not CSV in UTF-8: {error}.") from error


def _frame(cell: str) -> int:
    if cell and not (cell.isascii() and cell.isdecimal()):
        raise ValueError(f"the frame {cell!r} is no number from 0 on")
    return int(cell or 0)


def _age(cell: str) -> float | None:
    age = float(cell) if cell else None
    if age is not None and not 0 <= age < 200:
        raise ValueError(f"the age {cell} is none in years")
    return age


def _refuse_impossible(cells: list[str]) -> None:
    """Raise ValueError for a row that no import writes."""
    image = cells[0].replace("\\", "/")  # which parts paths on Windows
    if not image or image.startswith("/") or image[1:3] == ":/" or (".." in image and ".." in image.split("/")):
        raise ValueError(f"{cells[0]!r} is no path below the root")
    if cells[8] not in SPLITS:
        raise ValueError(f"the split {cells[8]!r} is none of train, validation and test")


def _refuse_several_classes(path: Path, labels: NDArray[np.float32]) -> None:
    """Every row of a multi-class cohort holds one 1 and else 0."""
    wrong = ((labels == 1).sum(axis=1) != 1) | ((labels == 0).sum(axis=1) != labels.shape[1] - 1)
    if wrong.any():
        raise unusable(path, f"Row {int(wrong.argmax()) + 2}: it belongs to no class, or to several.")


def read_regions(path: Path, content: bytes) -> Iterator[RegionRow]:
    """The rows of regions.csv. Raises UnusableTable."""
    header, *lines = _cells(path, content)
    if header != list(REGION_COLUMNS):
        raise unusable(path, f"Its columns are {', '.join(header)[:300]}; expected {', '.join(REGION_COLUMNS)}.")
    for number, cells in enumerate(lines, start=2):
        try:
            image, frame, finding, *edges, mask = cells
            x, y, width, height = (float(edge) for edge in edges) if any(edges) else (0.0, 0.0, 0.0, 0.0)
            box = (x, y, width, height) if any(edges) else None
            if not (box or mask) or not np.isfinite((x, y, width, height)).all():
                raise ValueError("it has neither a box nor a mask")
            yield RegionRow(image, finding, box, mask, _frame(frame))
        except ValueError as error:
            raise unusable(path, f"Row {number}: {error}.") from error


def unusable(path: Path, why: str) -> UnusableTable:
    """The refusal of a file of a cohort folder."""
    return UnusableTable(
        f"{path.name} of the cohort cannot be used.", why, "Import the data set again, or undo what was changed in it."
    )
