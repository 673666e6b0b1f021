"""The file of a catalogue: its tables, its format number, and how an older format becomes the present one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from xferviewer.errors import XferviewerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMAT = 3
# What the images of a study are shown by: each series as a stack, else by number, else by name.
STACKED = "series, plane, slice_mm, instance, path"
# What the worklist is sorted by: with an index of its own a million studies are in order before they are asked for.
_SORTED_COLUMNS = (
    "patient_id", "study_uid", "sex", "age", "view", "modality", "study_date", "site", "split", "labels", "n_images",
    "first_path",
)  # fmt: skip
_INDEXES = "".join(f"CREATE INDEX study_by_{column} ON study ({column});\n" for column in _SORTED_COLUMNS)
_APPLICATION = 0x78666572  # "xfer": tells our databases from others
_CACHE_KIB = 64 << 10  # the indexes of 100,000 images with 14 labels each; SQLite's own 2 MiB thrash while joining
_BUSY_SECONDS = 15.0  # a batch of the indexing process takes well under one

# What a file says stands in `image`; what a label table says about it in `annotation`; `study` repeats, for the
# worklist, what its first image and its labels say, so that sorting and searching read one table.
_TABLES = """
CREATE TABLE root (
    path TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('indexing', 'complete'))
) WITHOUT ROWID;
CREATE TABLE patient (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    patient_id TEXT NOT NULL
);
CREATE TABLE study (
    id INTEGER PRIMARY KEY,
    patient INTEGER NOT NULL REFERENCES patient,
    key TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    patient_id TEXT NOT NULL DEFAULT '',
    sex TEXT NOT NULL DEFAULT '',
    age REAL,
    view TEXT NOT NULL DEFAULT '',
    modality TEXT NOT NULL DEFAULT '',
    study_date TEXT NOT NULL DEFAULT '',
    site TEXT NOT NULL DEFAULT '',
    split TEXT NOT NULL DEFAULT '',
    labels TEXT NOT NULL DEFAULT '',
    n_images INTEGER NOT NULL DEFAULT 0,
    first_image INTEGER,
    first_path TEXT NOT NULL DEFAULT '',
    searched TEXT NOT NULL DEFAULT '',
    UNIQUE (patient, key)
);
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study,
    series_uid TEXT NOT NULL,
    UNIQUE (study, series_uid)
);
CREATE TABLE image (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series,
    path TEXT NOT NULL UNIQUE,
    base_name TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    identity TEXT NOT NULL,
    frames INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    columns INTEGER NOT NULL,
    patient_id TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    sop_uid TEXT NOT NULL,
    modality TEXT NOT NULL,
    sex TEXT NOT NULL,
    age REAL,
    view TEXT NOT NULL,
    study_date TEXT NOT NULL,
    body_part TEXT NOT NULL,
    manufacturer TEXT NOT NULL,
    transfer_syntax TEXT NOT NULL,
    photometric TEXT NOT NULL,
    file_format TEXT NOT NULL,
    plane TEXT NOT NULL DEFAULT '',
    slice_mm REAL,
    instance INTEGER
);
CREATE INDEX image_of_series ON image (series);
CREATE INDEX image_by_identity ON image (identity);
CREATE INDEX image_by_sop_uid ON image (sop_uid) WHERE sop_uid <> '';
CREATE TABLE annotation (
    image INTEGER PRIMARY KEY REFERENCES image ON DELETE CASCADE,
    patient_id TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    site TEXT NOT NULL,
    sex TEXT NOT NULL,
    age REAL,
    view TEXT NOT NULL,
    split TEXT NOT NULL
);
CREATE TABLE label (
    image INTEGER NOT NULL REFERENCES image ON DELETE CASCADE,
    finding TEXT NOT NULL,
    value INTEGER NOT NULL CHECK (value IN (1, 0, -1)),
    PRIMARY KEY (image, finding)
) WITHOUT ROWID;
CREATE INDEX label_by_finding ON label (finding, image, value);
CREATE TABLE study_label (
    study INTEGER NOT NULL REFERENCES study ON DELETE CASCADE,
    finding TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (study, finding)
) WITHOUT ROWID;
CREATE INDEX study_label_by_finding ON study_label (finding, study, value);
CREATE TABLE refused (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    what TEXT NOT NULL,
    why TEXT NOT NULL,
    todo TEXT NOT NULL
) WITHOUT ROWID;
CREATE VIEW described AS
    SELECT image.*, series.study AS study,
        coalesce(nullif(image.patient_id, ''), annotation.patient_id, '') AS known_patient,
        coalesce(nullif(image.study_uid, ''), annotation.study_uid, '') AS known_study,
        coalesce(nullif(image.sex, ''), annotation.sex, '') AS known_sex,
        coalesce(image.age, annotation.age) AS known_age,
        coalesce(nullif(image.view, ''), annotation.view, '') AS known_view,
        coalesce(annotation.site, '') AS site,
        coalesce(annotation.split, '') AS split
    FROM image JOIN series ON series.id = image.series LEFT JOIN annotation ON annotation.image = image.id;
"""


def _index_sorted_columns(connection: sqlite3.Connection) -> None:
    for statement in _INDEXES.splitlines():
        connection.execute(statement)


def _know_places_in_stacks(connection: sqlite3.Connection) -> None:
    for column in ("plane TEXT NOT NULL DEFAULT ''", "slice_mm REAL", "instance INTEGER"):
        connection.execute(f"ALTER TABLE image ADD COLUMN {column}")
    # the next index looks at these files anew, as if they had been changed
    connection.execute(
        "UPDATE image SET mtime_ns = -1 WHERE series IN (SELECT series FROM image GROUP BY series HAVING count(*) > 1)"
    )


# One step for each older format: MIGRATIONS[n] changes a catalogue of format n into one of format n + 1.
MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _index_sorted_columns, 2: _know_places_in_stacks}


class UnusableCatalogue(XferviewerError):
    """A catalogue file that cannot be opened, is damaged, or is of a newer format."""


def open_catalogue(path: Path) -> sqlite3.Connection:
    """Open the catalogue at `path`, made if there is none, migrated if it is of an older format.

    Raises UnusableCatalogue.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(path)
        try:
            _refuse_foreign(path, connection)
            found = _format_of(connection)
            if 0 < found < FORMAT:
                connection.close()
                _migrate(path, found)
                connection = _connect(path)
            connection.execute("PRAGMA journal_mode = WAL")  # readers go on while another process writes
            connection.execute("PRAGMA synchronous = NORMAL")
            if found == 0:
                _create(connection)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise UnusableCatalogue(
            f"The catalogue {path.name} could not be opened.",
            f"{path.parent}: {error}.",
            "Free space there, choose another file with --catalogue, or move a damaged one away and index again.",
        ) from error
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    # autocommit: transactions are begun and ended in words where a batch is written
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    connection.create_function("casefold", 1, lambda words: words.casefold() if words else "", deterministic=True)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _format_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if _format_of(connection) == 0:  # another process may have made it while this one waited
        for statement in (_TABLES + _INDEXES).split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")


def _refuse_foreign(path: Path, connection: sqlite3.Connection) -> None:
    found = _format_of(connection)
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if found > FORMAT and application == _APPLICATION:
        raise UnusableCatalogue(
            f"The catalogue {path.name} was written by a newer version of xferviewer.",
            f"Its format is {found}; this version reads formats up to {FORMAT}.",
            "Update xferviewer, or choose another catalogue file.",
        )
    holds_tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    if application != _APPLICATION and holds_tables:
        raise UnusableCatalogue(
            f"{path.name} is not a catalogue.",
            "It is a database of another application.",
            "Choose another file for the catalogue.",
        )


def _migrate(path: Path, found: int) -> None:
    """Bring a copy to the present format and put it in the original's place, which stays beside it."""
    copy, kept = path.with_name(f"{path.name}.migrating"), path.with_name(f"{path.name}.format-{found}")
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(copy, isolation_level=None)) as new:
        old.backup(new)
        new.execute("BEGIN IMMEDIATE")
        for step in range(found, FORMAT):
            MIGRATIONS[step](new)
        new.execute(f"PRAGMA user_version = {FORMAT}")
        new.execute("COMMIT")
        new.execute("PRAGMA journal_mode = DELETE")  # the copy is one file, complete in itself
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.replace(kept)
    for leftover in ("-wal", "-shm"):
        path.with_name(path.name + leftover).unlink(missing_ok=True)
    copy.replace(path)
