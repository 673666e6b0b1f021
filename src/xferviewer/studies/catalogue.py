"""The catalogue: which patients, studies, series and images there are, what is said about them, and what was refused.

One Catalogue belongs to one thread. Others, in this process or another, open their own on the same file: reading goes
on while an index writes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from xferviewer.studies.catalogue_format import STACKED, UnusableCatalogue, open_catalogue
from xferviewer.studies.catalogue_search import ORDERS, search_condition, stated_and_not

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from types import TracebackType

    from numpy.typing import NDArray

__all__ = ["UNDER", "Catalogue", "Counts", "ImageRow", "RefusedRow", "StudyRow", "UnusableCatalogue", "under"]


class StudyRow(NamedTuple):
    """A line of the worklist. A tuple, since 100,000 frozen dataclasses take ten times as long to make.

    patient_id, study_uid  as the files or a label table state them, else ""
    age                    years; None when not stated
    view, first_image, first_path, first_identity  of the first image, in the order of `images`
    labels                 the findings stated as present, separated by ", "; an uncertain one ends in "?"
    """

    id: int
    patient_id: str
    study_uid: str
    sex: str
    age: float | None
    view: str
    modality: str
    study_date: str
    site: str
    split: str
    labels: str
    n_images: int
    first_image: int
    first_path: str
    first_identity: str


class ImageRow(NamedTuple):
    """An image file. What the file leaves open is filled from the label table; age in years.

    identity  of its first frame, equal to `read_image(path).identity`
    """

    id: int
    study: int
    path: str
    identity: str
    frames: int
    rows: int
    columns: int
    patient_id: str
    study_uid: str
    series_uid: str
    sop_uid: str
    modality: str
    sex: str
    age: float | None
    view: str
    study_date: str
    site: str
    split: str


class RefusedRow(NamedTuple):
    """A file that was looked at and is not an image that can be shown: what, why and what to do."""

    path: str
    what: str
    why: str
    todo: str


class Counts(NamedTuple):
    """How many there are. Every file is either an image or refused: files = images + refused."""

    files: int
    images: int
    studies: int
    patients: int
    refused: int


_ROWS_A_QUERY = 1000
_FIRST_IDENTITY = "coalesce((SELECT identity FROM image WHERE image.id = study.first_image), '')"
_STUDY = ", ".join([*(f"study.{field}" for field in StudyRow._fields[:-1]), _FIRST_IDENTITY])
_IMAGE = (
    "id, study, path, identity, frames, rows, columns, known_patient, known_study, series_uid, sop_uid, modality, "
    "known_sex, known_age, known_view, study_date, site, split"
)


# What a cohort is made of, as the view `described` calls it.
_LABELLED = {
    "id": "id", "study": "study", "path": "path", "identity": "identity", "patient_id": "known_patient",
    "site": "site", "sex": "known_sex", "age": "known_age", "view": "known_view", "modality": "modality",
    "split": "split",
}  # fmt: skip
_OF_FEW_VALUES = ("site", "sex", "view", "modality", "split")

UNDER = "(path = ? OR (path >= ? AND path < ?))"  # the condition that `under` gives the parameters of


def under(folder: Path | None) -> tuple[str, str, str]:
    """`folder` itself, and the half-open range of the paths that lie in it; of all paths for None."""
    if folder is None:
        return "", "", "\U0010ffff"
    inside = str(folder).rstrip(os.sep)
    return str(folder), inside + os.sep, inside + chr(ord(os.sep) + 1)


class Catalogue:
    """The catalogue in the SQLite file `path`, made if there is none. Raises UnusableCatalogue."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.connection: sqlite3.Connection = open_catalogue(self.path)

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def study_ids(
        self, search: str = "", order_by: str = "patient_id", *, descending: bool = False
    ) -> NDArray[np.int64]:
        """The numbers of the studies that hold all words of `search`, sorted; what is not stated comes last.

        A word is looked for in patient, study, view, sex, site, modality, file names and present findings, whatever
        its case; "view:PA" asks one column for exactly that. `order_by` is a field of StudyRow or "label:FINDING".
        Raises ValueError for another one.
        """
        joined, order, parameters = "", ORDERS.get(order_by, ""), []
        if order_by.startswith("label:"):
            joined = "LEFT JOIN study_label ON study_label.study = study.id AND study_label.finding = ?"
            order, parameters = "study_label.value", [order_by.removeprefix("label:")]
        if not order:
            raise ValueError(f"studies cannot be ordered by {order_by!r}")
        condition, words = search_condition(search)
        says, says_nothing = stated_and_not(order)
        direction = "DESC" if descending else "ASC"
        found = []
        # Two questions that an index answers in its own order, where "unstated last" in one would sort all rows.
        for part, ends in ((says, f"{order} {direction}, study.id {direction}"), (says_nothing, "study.id")):
            sql = f"SELECT study.id FROM study {joined} WHERE ({condition}) AND {part} ORDER BY {ends}"  # noqa: S608
            found.append(self._numbers(sql, [*parameters, *words]))
        return np.concatenate(found)

    def _numbers(self, sql: str, parameters: list[str]) -> NDArray[np.int64]:
        """The column `id` of a question, in its order.

        As one text, since a million rows are as many tuples, which take four times as long as SQLite's answer. SQLite
        keeps the order of a subquery for group_concat (its source: SF_OrderByReqd); a test holds that against the rows.
        """
        (text,) = self.connection.execute(f"SELECT group_concat(id) FROM ({sql})", parameters).fetchone()  # noqa: S608
        return _numbers_in(text)

    def study_rows(self, studies: Sequence[int] | NDArray[np.int64]) -> list[StudyRow]:
        """The rows of these studies, in this order; one that is no longer there is left out."""
        marks = ", ".join("?" * min(len(studies), _ROWS_A_QUERY))
        found: dict[int, StudyRow] = {}
        for first in range(0, len(studies), _ROWS_A_QUERY):
            wanted = [int(study) for study in studies[first : first + _ROWS_A_QUERY]]  # numpy's are bound as bytes
            wanted += [-1] * (marks.count("?") - len(wanted))
            rows = self.connection.execute(f"SELECT {_STUDY} FROM study WHERE id IN ({marks})", wanted)  # noqa: S608
            found.update((row[0], StudyRow._make(row)) for row in rows)
        return [found[study] for study in studies if study in found]

    def studies(self, search: str = "", order_by: str = "patient_id", *, descending: bool = False) -> list[StudyRow]:
        """The worklist at once: `study_rows` of `study_ids`. A long one is better fetched as it is scrolled."""
        return self.study_rows(self.study_ids(search, order_by, descending=descending).tolist())

    def study_count(self) -> int:
        """How many studies there are."""
        return int(self.connection.execute("SELECT count(*) FROM study").fetchone()[0])

    def first_identities(self) -> dict[int, str]:
        """Study number to the identity of its first image."""
        sql = "SELECT study.id, image.identity FROM study JOIN image ON image.id = study.first_image"
        return dict(self.connection.execute(sql).fetchall())

    def sampled_identities(self, most: int) -> list[str]:
        """The identities of all images in their order; of more than `most`, so many spread evenly over it."""
        numbers = self._numbers("SELECT id FROM image ORDER BY identity", [])
        places = np.linspace(0, len(numbers) - 1, min(most, len(numbers))).astype(int)
        wanted = ", ".join(map(str, numbers[places].tolist()))
        sql = f"SELECT identity FROM image WHERE id IN ({wanted}) ORDER BY identity"  # noqa: S608 - numbers of our own
        return [identity for (identity,) in self.connection.execute(sql)]

    def images(self, study: int) -> list[ImageRow]:
        """The images of a study by series, each a stack by place, then by instance number, then by path."""
        return self._images(f"WHERE study = ? ORDER BY {STACKED}", study)

    def all_images(self, folder: Path | None = None) -> list[ImageRow]:
        """All images, or those under a folder, by path."""
        return self._images(f"WHERE {UNDER} ORDER BY path", *under(folder))

    def labelled_columns(self) -> dict[str, list[Any]]:
        """The images that any label is stated of, by path: by name, a list for each of the fields in _LABELLED.

        Not rows: a hospital may have labels of each of a million images, and so many tuples cost Python more time in
        looking through them for garbage than SQLite takes to find them.
        """
        columns: dict[str, list[Any]] = {name: [] for name in _LABELLED}
        fields = ", ".join(_LABELLED.values())
        sql = f"SELECT {fields} FROM described WHERE id IN (SELECT image FROM label) ORDER BY path"  # noqa: S608
        cursor = self.connection.execute(sql)
        while rows := cursor.fetchmany(_ROWS_A_QUERY):
            for (name, column), values in zip(columns.items(), zip(*rows, strict=True), strict=True):
                column.extend(map(sys.intern, values) if name in _OF_FEW_VALUES else values)
        return columns

    def has_more_labelled_images_than(self, most: int) -> bool:
        """Whether more than so many images have a label; does not count further."""
        sql = "SELECT count(*) FROM (SELECT 1 FROM label GROUP BY image LIMIT ?)"
        return int(self.connection.execute(sql, [most + 1]).fetchone()[0]) > most

    def images_of(self, studies: Sequence[int]) -> list[ImageRow]:
        """The images of these studies, study by study in this order, each as `images` has them."""
        place = {study: row for row, study in enumerate(studies)}
        found: list[ImageRow] = []
        for first in range(0, len(studies), _ROWS_A_QUERY):
            wanted = [int(study) for study in studies[first : first + _ROWS_A_QUERY]]
            marks = ", ".join("?" * len(wanted))
            found += self._images(f"WHERE study IN ({marks}) ORDER BY {STACKED}", *wanted)
        return sorted(found, key=lambda image: place[image.study])

    def studies_with(self, identities: Sequence[str]) -> list[int]:
        """The studies of images with these identities of their first frames, each once, in this order."""
        found: dict[str, int] = {}
        for first in range(0, len(identities), _ROWS_A_QUERY):
            wanted = identities[first : first + _ROWS_A_QUERY]
            marks = ", ".join("?" * len(wanted))
            sql = f"SELECT identity, study FROM described WHERE identity IN ({marks})"  # noqa: S608
            found.update(self.connection.execute(sql, list(wanted)).fetchall())
        return list(dict.fromkeys(found[identity] for identity in identities if identity in found))

    def image(self, image: int) -> ImageRow | None:
        """One image by its number; None when it is no longer there."""
        found = self._images("WHERE id = ?", image)
        return found[0] if found else None

    def image_at(self, path: Path | str) -> ImageRow | None:
        """The image of a file; None when it is not in the catalogue."""
        found = self._images("WHERE path = ?", str(path))
        return found[0] if found else None

    def _images(self, condition: str, *parameters: object) -> list[ImageRow]:
        sql = f"SELECT {_IMAGE} FROM described {condition}"  # noqa: S608 - conditions are the ones above
        return list(map(ImageRow._make, self.connection.execute(sql, parameters)))

    def refused(self, folder: Path | None = None) -> list[RefusedRow]:
        """All refused files, or those under a folder, by path."""
        sql = f"SELECT path, what, why, todo FROM refused WHERE {UNDER} ORDER BY path"  # noqa: S608
        return list(map(RefusedRow._make, self.connection.execute(sql, under(folder))))

    def counts(self, folder: Path | None = None) -> Counts:
        """How many files, images, studies and patients there are, in all or under a folder."""
        sql = (
            "SELECT count(*), count(DISTINCT study.id), count(DISTINCT study.patient) FROM image "  # noqa: S608
            f"JOIN series ON series.id = image.series JOIN study ON study.id = series.study WHERE {UNDER}"
        )
        images, studies, patients = self.connection.execute(sql, under(folder)).fetchone()
        sql = f"SELECT count(*) FROM refused WHERE {UNDER}"  # noqa: S608
        refused = self.connection.execute(sql, under(folder)).fetchone()[0]
        return Counts(images + refused, images, studies, patients, refused)

    def roots(self) -> list[Path]:
        """The folders that were indexed, or begun."""
        return [Path(path) for (path,) in self.connection.execute("SELECT path FROM root ORDER BY path")]

    def unfinished_roots(self) -> list[Path]:
        """The folders whose index was interrupted; `index` goes on where it stopped."""
        sql = "SELECT path FROM root WHERE state = 'indexing' ORDER BY path"
        return [Path(path) for (path,) in self.connection.execute(sql)]

    def label_findings(self) -> list[str]:
        """The findings that any image has a label for, by name."""
        return [finding for (finding,) in self.connection.execute("SELECT DISTINCT finding FROM label ORDER BY 1")]

    def labels(self, finding: str) -> dict[int, int]:
        """Image number to 1 present, 0 absent, -1 uncertain, for the images that state it."""
        return dict(self.connection.execute("SELECT image, value FROM label WHERE finding = ?", [finding]).fetchall())

    def label_values(self, finding: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of the images that state a finding, ascending, and what each states, as in `labels`.

        Both from one question: between two, an index in another process may write further labels.
        """
        sql = (
            "SELECT group_concat(image), group_concat(value) FROM "
            "(SELECT image, value FROM label WHERE finding = ? ORDER BY image)"
        )
        images, values = self.connection.execute(sql, [finding]).fetchone()
        return _numbers_in(images), _numbers_in(values)

    def labels_of(self, image: int) -> dict[str, int]:
        """Finding to 1 present, 0 absent, -1 uncertain, as stated for one image."""
        sql = "SELECT finding, value FROM label WHERE image = ? ORDER BY finding"
        return dict(self.connection.execute(sql, [image]).fetchall())

    def study_labels(self, finding: str) -> dict[int, int]:
        """Study number to its label: present in any image, else uncertain in any, else absent."""
        sql = "SELECT study, value FROM study_label WHERE finding = ?"
        return dict(self.connection.execute(sql, [finding]).fetchall())


def _numbers_in(text: str | None) -> NDArray[np.int64]:
    """What SQLite's group_concat made of whole numbers; of no rows it makes NULL."""
    return np.fromstring(text, np.int64, sep=",") if text else np.empty(0, np.int64)
