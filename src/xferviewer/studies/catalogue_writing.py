"""What an index and a label table write into the catalogue: images in their studies, refusals, labels, summaries.

Each function runs inside a transaction that its caller began with `writing`.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xferviewer.studies.catalogue_format import STACKED, UnusableCatalogue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xferviewer.errors import UnreadableImage
    from xferviewer.studies.catalogue import Catalogue
    from xferviewer.studies.image import ImageFacts


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file as it was when it was looked at: a file with the same size and time is not looked at again."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """What the header of an image file says. `identity` is that of its first frame."""

    stamp: FileStamp
    identity: str
    frames: int
    rows: int
    columns: int
    facts: ImageFacts


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that is not an image that can be shown, with the reason."""

    stamp: FileStamp
    error: UnreadableImage


@contextmanager
def writing(catalogue: Catalogue) -> Iterator[sqlite3.Connection]:
    """One transaction: all of it stands afterwards, or nothing. Raises UnusableCatalogue, as on a full disk."""
    connection = catalogue.connection
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise UnusableCatalogue(
            f"The catalogue {catalogue.path.name} could not be written.",
            f"{catalogue.path.parent}: {error}.",
            "Free space there or close what holds the file, and try again; what was written before stands.",
        ) from error


_IMAGE_COLUMNS = (
    "path", "base_name", "size", "mtime_ns", "identity", "frames", "rows", "columns", "patient_id", "study_uid",
    "series_uid", "sop_uid", "modality", "sex", "age", "view", "study_date", "body_part", "manufacturer",
    "transfer_syntax", "photometric", "file_format", "plane", "slice_mm", "instance",
)  # fmt: skip
_UPSERT_IMAGE = (
    f"INSERT INTO image (series, {', '.join(_IMAGE_COLUMNS)}) VALUES (?{', ?' * len(_IMAGE_COLUMNS)}) "  # noqa: S608
    f"ON CONFLICT (path) DO UPDATE SET series = excluded.series, "
    + ", ".join(f"{column} = excluded.{column}" for column in _IMAGE_COLUMNS)
    + " RETURNING id"
)


def record_image(connection: sqlite3.Connection, entry: ImageEntry) -> set[int]:
    """Add or replace an image; its labels stay. Returns the studies whose summary has to be made anew."""
    stamp, facts = entry.stamp, entry.facts
    connection.execute("DELETE FROM refused WHERE path = ?", [stamp.path])
    before = connection.execute(
        "SELECT study, id, known_patient, known_study FROM described WHERE path = ?", [stamp.path]
    ).fetchone()
    annotated = _annotated(connection, before[1]) if before else ("", "")
    patient_id, study_uid = facts.patient_id or annotated[0], facts.study_uid or annotated[1]
    study, series = place(connection, stamp.path, patient_id, study_uid, facts.series_uid)
    base_name = stamp.path.replace("\\", "/").rpartition("/")[2]
    connection.execute(
        _UPSERT_IMAGE,
        [
            series, stamp.path, base_name, stamp.size, stamp.mtime_ns, entry.identity, entry.frames, entry.rows,
            entry.columns, facts.patient_id, facts.study_uid, facts.series_uid, facts.sop_uid, facts.modality,
            facts.sex, facts.age, facts.view, facts.study_date, facts.body_part, facts.manufacturer,
            facts.transfer_syntax, facts.photometric, facts.file_format, facts.plane, facts.slice_mm, facts.instance,
        ],
    ).fetchall()  # fmt: skip
    return {study, before[0]} if before else {study}


def _annotated(connection: sqlite3.Connection, image: int) -> tuple[str, str]:
    """The patient and study that a label table states of an image."""
    sql = "SELECT patient_id, study_uid FROM annotation WHERE image = ?"
    return connection.execute(sql, [image]).fetchone() or ("", "")


def place(
    connection: sqlite3.Connection, path: str, patient_id: str, study_uid: str, series_uid: str
) -> tuple[int, int]:
    """The study and series that an image belongs to, made if new.

    An image of no stated study is a study of its own; a study of no stated patient has a patient of its own.
    """
    study_key = f"uid:{study_uid}" if study_uid else f"file:{path}"
    patient = _row(
        connection, "patient", {"key": f"id:{patient_id}" if patient_id else study_key}, {"patient_id": patient_id}
    )
    study = _row(connection, "study", {"patient": patient, "key": study_key}, {"study_uid": study_uid})
    return study, _row(connection, "series", {"study": study, "series_uid": series_uid}, {})


def _row(connection: sqlite3.Connection, table: str, unique: dict[str, object], rest: dict[str, object]) -> int:
    """The number of the row with these unique values, made if new."""
    condition = " AND ".join(f"{column} = ?" for column in unique)
    found = connection.execute(
        f"SELECT id FROM {table} WHERE {condition}",  # noqa: S608 - names are those of `place`
        [*unique.values()],
    ).fetchone()
    if found:
        return int(found[0])
    columns = {**unique, **rest}
    made = connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608
        [*columns.values()],
    )
    return int(made.lastrowid or 0)


def record_refusal(connection: sqlite3.Connection, refusal: Refusal) -> set[int]:
    """Note a refused file in place of the image it may have been. Returns the studies to summarise anew."""
    stamp, error = refusal.stamp, refusal.error
    touched = forget(connection, [stamp.path])
    connection.execute(
        "INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?, ?)",
        [stamp.path, stamp.size, stamp.mtime_ns, error.what, error.why, error.todo],
    )
    return touched


def forget(connection: sqlite3.Connection, paths: Iterable[str]) -> set[int]:
    """Remove files from the catalogue, with their labels. Returns the studies to summarise anew."""
    touched = set()
    for path in paths:
        found = connection.execute("SELECT study FROM described WHERE path = ?", [path]).fetchone()
        touched |= set(found or ())
        connection.execute("DELETE FROM image WHERE path = ?", [path])
        connection.execute("DELETE FROM refused WHERE path = ?", [path])
    return touched


_SUMMARISE = f"""
UPDATE study SET n_images = summary.n, first_image = summary.id, first_path = summary.path,
    patient_id = summary.known_patient, sex = summary.known_sex, age = summary.known_age, view = summary.known_view,
    modality = summary.modality, study_date = summary.study_date, site = summary.site, split = summary.split,
    labels = coalesce((SELECT group_concat(finding || CASE value WHEN 1 THEN '' ELSE '?' END, ', ') FROM (
        SELECT finding, value FROM study_label WHERE study_label.study = study.id AND value <> 0 ORDER BY finding
    )), ''),
    searched = casefold(summary.known_patient || char(10) || study.study_uid || char(10) || summary.known_view ||
        char(10) || summary.known_sex || char(10) || summary.site || char(10) || summary.modality || char(10) ||
        summary.names || char(10) || coalesce((SELECT group_concat(finding, char(10)) FROM study_label
            WHERE study_label.study = study.id AND study_label.value = 1), ''))
FROM (
    SELECT described.*, (
        SELECT count(*) FROM series CROSS JOIN image ON image.series = series.id WHERE series.study = described.study
    ) AS n, (
        SELECT group_concat(base_name, char(10)) FROM series CROSS JOIN image ON image.series = series.id
        WHERE series.study = described.study
    ) AS names
    FROM described WHERE described.id IN (SELECT (
        SELECT image.id FROM series AS of_study CROSS JOIN image ON image.series = of_study.id
        WHERE of_study.study = touched.study ORDER BY {STACKED} LIMIT 1
    ) FROM touched)
) AS summary WHERE summary.study = study.id
"""  # noqa: S608 - the order is ours

# CROSS JOIN keeps SQLite to this order: left to itself it walks through all labels for each batch.
_LABEL_STUDIES = """
INSERT INTO study_label (study, finding, value)
SELECT series.study, label.finding,
    CASE WHEN max(value) = 1 THEN 1 WHEN min(value) = -1 THEN -1 ELSE 0 END
FROM touched CROSS JOIN series ON series.study = touched.study CROSS JOIN image ON image.series = series.id
    CROSS JOIN label ON label.image = image.id GROUP BY series.study, label.finding
"""


def summarise(connection: sqlite3.Connection, studies: Iterable[int]) -> None:
    """Make anew what `study` and `study_label` repeat of the images, and drop what holds no image any more."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS touched (study INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM touched")
    connection.executemany("INSERT OR IGNORE INTO touched VALUES (?)", [(study,) for study in studies])
    connection.execute("DELETE FROM study_label WHERE study IN (SELECT study FROM touched)")
    connection.execute(
        "DELETE FROM series WHERE study IN (SELECT study FROM touched) "
        "AND NOT EXISTS (SELECT 1 FROM image WHERE image.series = series.id)"
    )
    emptied = connection.execute(
        "DELETE FROM study WHERE id IN (SELECT study FROM touched) "
        "AND NOT EXISTS (SELECT 1 FROM series WHERE series.study = study.id) RETURNING patient"
    ).fetchall()
    connection.executemany(
        "DELETE FROM patient WHERE id = ? AND NOT EXISTS (SELECT 1 FROM study WHERE study.patient = patient.id)",
        emptied,
    )
    connection.execute(_LABEL_STUDIES)
    connection.execute(_SUMMARISE)
