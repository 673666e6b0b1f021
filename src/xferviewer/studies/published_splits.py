"""Splits as somebody published them: lists of files, and the image-level split of the BUSI and MRNet study.

The lists are read where the user has them; none comes with the program.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.errors import UnusableChoice, UnusableTable

if TYPE_CHECKING:
    from xferviewer.studies.cohort import CohortTable

P1_NAME = "P1 image level (leaks)"

_PARTS = ("training", "validation", "test")
_FOLD_PREFIXES = ("train", "val", "test")
_P1_SEED, _P1_HELD_OUT, _P1_TEST = 42, 0.25, 0.4  # of the authors' util.py


def parts_of_lists(cohort: CohortTable, lists: Mapping[str, Path]) -> tuple[list[str], list[str]]:
    """The part of each image as lists of files name it, and what is to be said. "" for images in no list.

    lists  by part. A line starts with a file name, which may be followed by other words; where these are as many 0 and
           1 as the cohort has findings, as in the official lists of BenchmarkTransformers, they are compared with its
           labels. An image is found by its path, else by its base name where that is unique.

    Raises UnusableChoice, UnusableTable.
    """
    if not lists or not set(lists) <= set(_PARTS):
        raise UnusableChoice(
            f"The split of {cohort.description.name} was not made.",
            "The method lists needs a file for each part: training, validation and test.",
            "Say --list training=FILE --list test=FILE.",
        )
    rows_of = _rows_by_name(cohort)
    parts = [""] * len(cohort.images)
    unknown, different, notes = 0, 0, []
    for part in _PARTS:
        for name, rest in _lines(lists[part], rows_of) if part in lists else ():
            rows = _rows(rows_of, name)
            unknown += not rows
            for row in rows:
                if parts[row] and parts[row] != part:
                    raise UnusableTable(
                        f"{lists[part].name} cannot be used.",
                        f"{name} is in the list of {parts[row]} too.",
                        "Give lists that have no file in common.",
                    )
                parts[row] = part
                different += _contradicts(rest, cohort, row)
    if not any(parts):
        raise UnusableTable(
            f"The lists name no image of {cohort.description.name}.",
            f"None of their {unknown} files is among its {len(cohort.images)} images.",
            "Give the lists of this data set.",
        )
    if unknown:
        notes.append(f"{unknown} files of the lists are not in the cohort.")
    if missing := sum(not part for part in parts):
        notes.append(f"{missing} images of the cohort are in no list, and in no part.")
    if different:
        notes.append(f"The lists state other labels than the cohort for {different} images; those of the cohort count.")
    return parts, notes


def _rows_by_name(cohort: CohortTable) -> dict[str, list[int]]:
    """Rows of each path, and of each base name that belongs to one file only. A file may have several frames."""
    rows: dict[str, list[int]] = {}
    files_of: dict[str, set[str]] = {}
    for row, image in enumerate(cohort.images):
        rows.setdefault(image, []).append(row)
        files_of.setdefault(image.rsplit("/", 1)[-1], set()).add(image)
    for base, files in files_of.items():
        if len(files) == 1:
            rows.setdefault(base, rows[next(iter(files))])
    return rows


def _rows(rows_of: Mapping[str, list[int]], name: str) -> list[int]:
    return rows_of.get(name) or rows_of.get(name.rsplit("/", 1)[-1]) or []


def _lines(path: Path, rows_of: Mapping[str, list[int]]) -> Iterator[tuple[str, list[str]]]:
    """File name and following words of each line; a whole line that names a file with spaces is that name."""
    for line in _text(path).splitlines():
        whole = line.strip().removeprefix("./")
        if whole:
            name, *rest = whole.split()
            yield (whole, []) if rest and _rows(rows_of, whole) else (name, rest)


def _contradicts(rest: Sequence[str], cohort: CohortTable, row: int) -> bool:
    if len(rest) != len(cohort.description.findings) or not set(rest) <= {"0", "1"}:
        return False
    said, labels = np.array(rest, dtype=np.float32), cohort.labels[row]
    stated = np.isin(labels, (0, 1))
    return bool((said[stated] != labels[stated]).any())


def parts_of_p1(cohort: CohortTable, folds: Path | None) -> tuple[list[str], list[str]]:
    """75, 15 and 10 % of the images, drawn image by image, so that the slices of an examination are torn apart.

    The authors' `train_test_split` with random_state 42: a quarter is held out, of it 0.4 are the test images, both
    stratified by label. It depends on the order of the rows: `folds` is the folder of their tables
    `…train…fold1.csv` to `…test…fold5.csv` (columns filename and a label), which are put one after the other, training
    first, and each file counted once. Without it the rows of the cohort stand in its place: the counts are then the
    published ones, the images of each part are others.
    """
    from sklearn.model_selection import train_test_split

    names, labels = _of_cohort(cohort) if folds is None else _of_folds(folds)
    try:
        training, held_out = train_test_split(
            np.arange(len(names)), test_size=_P1_HELD_OUT, random_state=_P1_SEED, stratify=labels
        )
        validation, test = train_test_split(
            held_out, test_size=_P1_TEST, random_state=_P1_SEED, stratify=np.array(labels)[held_out]
        )
    except ValueError as error:
        raise UnusableChoice(
            f"The split {P1_NAME} cannot be made of {cohort.description.name}.",
            f"{error}",
            "Choose the method stratified.",
        ) from error
    rows_of = {str(row): [row] for row in range(len(names))} if folds is None else _rows_by_name(cohort)
    parts, unknown = [""] * len(cohort.images), 0
    for part, chosen in zip(_PARTS, (training, validation, test), strict=True):
        for name in (names[place] for place in chosen):
            rows = _rows(rows_of, name)
            unknown += not rows
            for row in rows:
                parts[row] = part
    notes = ["Drawn by image, as published: images of one patient or examination are in several parts."]
    if folds is None:
        notes.append("Drawn from the rows of the cohort in their order, not from the published fold tables.")
    if unknown:
        notes.append(f"{unknown} files of the fold tables are not in the cohort.")
    if missing := sum(not part for part in parts):
        notes.append(f"{missing} images of the cohort are in no fold table, and in no part.")
    return parts, notes


def _of_cohort(cohort: CohortTable) -> tuple[list[str], list[str]]:
    """A name for each row, and its labels as one word."""
    return [str(row) for row in range(len(cohort.images))], [str(values.tolist()) for values in cohort.labels]


def _of_folds(folder: Path) -> tuple[list[str], list[str]]:
    """File names and labels of the fold tables, each file once."""
    label_of: dict[str, str] = {}
    tables = sorted(folder.glob("*fold*.csv")) if folder.is_dir() else []
    for prefix in _FOLD_PREFIXES:
        for path in tables:
            if prefix in path.name:
                for name, label in _fold_rows(path):
                    label_of.setdefault(name, label)
    if not label_of:
        raise UnusableTable(
            f"{folder} holds no fold tables.",
            "There is no file such as train_fold1.csv in it.",
            "Give the folder dataframe of the study's data.",
        )
    return list(label_of), list(label_of.values())


def _fold_rows(path: Path) -> Iterator[tuple[str, str]]:
    rows = csv.reader(io.StringIO(_text(path), newline=""))
    header = next(rows, [])
    if len(header) != 2 or header[0] != "filename":
        raise UnusableTable(
            f"{path.name} is no fold table.",
            f"Its columns are {', '.join(header)}.",
            "It should have filename and label.",
        )
    yield from ((cells[0], cells[1]) for cells in rows if len(cells) == 2)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UnusableTable(f"{path.name} cannot be read.", f"{why}.", "Name a text file that exists.") from error
