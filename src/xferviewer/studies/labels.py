"""Label tables: what a CSV says about images, and how it is joined to the catalogue."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xferviewer.studies.catalogue_writing import place, summarise, writing
from xferviewer.studies.label_table import LabelRow, LabelTable, read_labels

if TYPE_CHECKING:
    import sqlite3

    from xferviewer.studies.catalogue import Catalogue, ImageRow

__all__ = ["JoinReport", "LabelRow", "LabelTable", "join_labels", "read_labels"]

_EXAMPLES = 5
_BATCH_IMAGES = 2000


@dataclass(frozen=True, slots=True)
class JoinReport:
    """What came of joining a table. Rows are numbered as a spreadsheet shows them: the header is row 1.

    matched           rows that found their images
    labelled_images   images that a row was found for
    unmatched_rows    rows without an image, or with several that fit equally well
    unmatched         the first of them, as (row, key)
    unlabelled_images images in reach of the table that no row names
    unlabelled        the paths of the first of them
    ignored_columns   columns that are neither a key, nor known, nor labels
    duplicate_rows    rows that name an image again and say the same
    contradictions    rows that name an image again and say something else, or another patient, study, sex, age or
                      view than the image's own file; the first row and the file are kept
    contradicting     the first of them, as (row, what it contradicts)
    """

    findings: tuple[str, ...]
    matched: int
    labelled_images: int
    unmatched_rows: int
    unmatched: tuple[tuple[int, str], ...]
    unlabelled_images: int
    unlabelled: tuple[str, ...]
    ignored_columns: tuple[str, ...]
    duplicate_rows: int
    contradictions: int
    contradicting: tuple[tuple[int, str], ...]

    def __str__(self) -> str:
        parts = [f"{self.matched} of {self.matched + self.unmatched_rows} rows were joined to images"]
        if self.unmatched:
            rows = ", ".join(f"row {number} ({key})" for number, key in self.unmatched)
            parts.append(f"{self.unmatched_rows} found none: {rows}")
        if self.unlabelled_images:
            parts.append(f"{self.unlabelled_images} images have no row, such as {Path(self.unlabelled[0]).name}")
        if self.contradictions:
            rows = ", ".join(f"row {number} ({what})" for number, what in self.contradicting)
            parts.append(f"{self.contradictions} rows contradict others or the files: {rows}")
        if self.duplicate_rows:
            parts.append(f"{self.duplicate_rows} rows repeat others")
        if self.ignored_columns:
            parts.append(f"columns left out: {', '.join(self.ignored_columns)}")
        return "; ".join(parts) + "."


def join_labels(table: LabelTable, catalogue: Catalogue, folder: Path | None = None) -> JoinReport:
    """Join a table to the images of the catalogue, or to those under `folder`, and regroup these by what it says.

    The key is the SOP Instance UID where a row has one, else the path, else the study. A path fits the image at that
    place beside the table; else the one whose path ends alike in the most parts, so that a table may be moved or name
    files alone; the extension may be missing. Labels of this table's findings replace earlier ones of the same images.
    Raises UnusableCatalogue.
    """
    images = catalogue.all_images(folder)
    search = _ImageSearch(table.path.parent, images)
    chosen: dict[int, LabelRow] = {}
    matched = duplicates = 0
    unmatched: list[tuple[int, str]] = []
    contradicting: list[tuple[int, str]] = []
    for row in table.rows:
        found = search.images_of(row)
        if not found:
            unmatched.append((row.number, row.key))
            continue
        matched += 1
        earlier = [chosen[image.id] for image in found if image.id in chosen]
        if any(not row.says_the_same(other) for other in earlier):
            contradicting.append((row.number, f"row {earlier[0].number}"))
        elif earlier:
            duplicates += 1
        for image in found:
            if image.id not in chosen:
                chosen[image.id] = row
    labelled = sorted(chosen.items(), key=lambda pair: pair[0])
    for first in range(0, len(labelled), _BATCH_IMAGES):
        with writing(catalogue) as connection:  # in parts, so that an index in another process gets its turn
            contradicting += _write(connection, table, dict(labelled[first : first + _BATCH_IMAGES]))
    unlabelled = [image.path for image in images if image.id not in chosen]
    return JoinReport(
        findings=table.findings,
        matched=matched,
        labelled_images=len(chosen),
        unmatched_rows=len(unmatched),
        unmatched=tuple(unmatched[:_EXAMPLES]),
        unlabelled_images=len(unlabelled),
        unlabelled=tuple(unlabelled[:_EXAMPLES]),
        ignored_columns=table.ignored_columns,
        duplicate_rows=duplicates,
        contradictions=len(contradicting),
        contradicting=tuple(sorted(contradicting)[:_EXAMPLES]),
    )


class _ImageSearch:
    """Finds the images that a row means."""

    def __init__(self, folder: Path, images: list[ImageRow]) -> None:
        self._folder = _parts(str(folder))
        self._by_name: dict[str, list[ImageRow]] = defaultdict(list)
        self._by_sop_uid: dict[str, list[ImageRow]] = defaultdict(list)
        self._by_study: dict[str, list[ImageRow]] = defaultdict(list)
        for image in images:
            name = _parts(image.path)[-1]
            stem = name.rpartition(".")[0]
            self._by_name[name].append(image)
            if stem:
                self._by_name[stem].append(image)
            if image.sop_uid:
                self._by_sop_uid[image.sop_uid].append(image)
            if image.study_uid:
                self._by_study[image.study_uid].append(image)

    def images_of(self, row: LabelRow) -> list[ImageRow]:
        if row.sop_uid:
            return self._by_sop_uid.get(row.sop_uid, [])
        if row.path:
            return self._at(_parts(row.path))
        return self._by_study.get(row.study_uid, [])

    def _at(self, wanted: list[str]) -> list[ImageRow]:
        candidates = self._by_name.get(wanted[-1], [])
        beside = self._folder + wanted[:-1]
        best, length = [], -1
        for image in candidates:
            parents = _parts(image.path)[:-1]
            if parents in (beside, wanted[:-1]):
                return [image]
            alike = _alike_at_the_end(parents, wanted[:-1])
            if alike > length:
                best, length = [image], alike
            elif alike == length:
                best.append(image)
        return best if len(best) == 1 else []


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]


def _alike_at_the_end(one: list[str], other: list[str]) -> int:
    length = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        length += 1
    return length


def _write(connection: sqlite3.Connection, table: LabelTable, chosen: dict[int, LabelRow]) -> list[tuple[int, str]]:
    """Store what the rows say, and regroup. Returns the rows that contradict their image's own file."""
    touched: set[int] = set()
    contradicting: list[tuple[int, str]] = []
    values: list[tuple[int, str, int]] = []
    for image, row in chosen.items():
        values += [
            (image, finding, value)
            for finding, value in zip(table.findings, row.values, strict=True)
            if value is not None
        ]
        touched |= _annotate(connection, image, row)
        contradicted = _contradicted_by_file(connection, image, row)
        if contradicted:
            contradicting.append((row.number, f"the {contradicted} in the file"))
    marks = ", ".join("?" * len(table.findings))
    connection.executemany(
        f"DELETE FROM label WHERE image = ? AND finding IN ({marks})",  # noqa: S608 - marks only
        ((image, *table.findings) for image in chosen),
    )
    connection.executemany("INSERT INTO label VALUES (?, ?, ?)", values)
    summarise(connection, touched)
    return contradicting


def _annotate(connection: sqlite3.Connection, image: int, row: LabelRow) -> set[int]:
    """Store what a row says about an image and put the image where it then belongs. Returns the studies touched."""
    connection.execute(
        "INSERT OR REPLACE INTO annotation VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [image, row.patient_id, row.study_uid, row.site, row.sex, row.age, row.view, row.split],
    )
    before, series, path, patient_id, study_uid, series_uid = connection.execute(
        "SELECT study, series, path, known_patient, known_study, series_uid FROM described WHERE id = ?", [image]
    ).fetchone()
    study, now = place(connection, path, patient_id, study_uid, series_uid)
    if now != series:
        connection.execute("UPDATE image SET series = ? WHERE id = ?", [now, image])
    return {before, study}


def _contradicted_by_file(connection: sqlite3.Connection, image: int, row: LabelRow) -> str:
    """What the image's own file states otherwise than the row: its name in words, or ""."""
    patient_id, study_uid, sex, age, view = connection.execute(
        "SELECT patient_id, study_uid, sex, age, view FROM image WHERE id = ?", [image]
    ).fetchone()
    for name, ours, theirs in (
        ("patient", patient_id, row.patient_id),
        ("study", study_uid, row.study_uid),
        ("sex", sex, row.sex),
        ("view", view, row.view),
    ):
        if ours and theirs and ours != theirs:
            return name
    return "age" if age is not None and row.age is not None and abs(age - row.age) >= 1 else ""
