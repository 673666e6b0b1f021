"""What a person kept about a frame: lines and regions measured on it, that it is a key image, a note.

Kept beside the catalogue in a file of its own, by the identity of the frame: a catalogue made anew loses none of it.
Each change is one transaction of SQLite, so a power cut leaves what was there before it.
"""

from __future__ import annotations

import json
import math
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from xferviewer.errors import UnusableFolder

FORMAT = 1
_APPLICATION = 0x78666E74  # "xfnt"
_BUSY_SECONDS = 5.0
POINTS = {"ruler": 2, "angle": 3, "ellipse": 2}
"""What can be measured, by how many points: the ends of a line; the ends and between them the vertex of an angle; two
opposite corners of the box around an ellipse."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """kind: a name of POINTS; points: x and y in pixels of the frame as stored, the first pixel from 0 to 1."""

    kind: str
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        if POINTS.get(self.kind) != len(self.points) or not all(math.isfinite(v) for p in self.points for v in p):
            raise ValueError(f"no measurement: {self.kind!r} of {len(self.points)} points")


@dataclass(frozen=True, slots=True)
class FilmNotes:
    """All that is kept about one frame."""

    measurements: tuple[Measurement, ...] = ()
    is_key: bool = False
    note: str = ""


NOTHING = FilmNotes()


class FilmNoteStore:
    """The file `path`, made with its first entry. Raises UnusableFolder where it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def read(self, identity: str) -> FilmNotes:
        """What is kept about a frame; an entry that cannot be understood counts as nothing and stays in the file."""
        if self._connection is None and not self._path.exists():
            return NOTHING
        try:
            row = self._open().execute("SELECT notes FROM film WHERE identity = ?", (identity,)).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(str(error)) from error
        return _from_json(row[0]) if row is not None else NOTHING

    def write(self, identity: str, notes: FilmNotes) -> None:
        """Keep this about a frame, in place of what was kept."""
        try:
            with self._open() as connection:
                if notes == NOTHING:
                    connection.execute("DELETE FROM film WHERE identity = ?", (identity,))
                else:
                    connection.execute("INSERT OR REPLACE INTO film VALUES (?, ?)", (identity, _to_json(notes)))
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(str(error)) from error

    def all(self) -> dict[str, FilmNotes]:
        """Everything that is kept, by identity."""
        if self._connection is None and not self._path.exists():
            return {}
        try:
            rows = self._open().execute("SELECT identity, notes FROM film ORDER BY identity").fetchall()
        except sqlite3.Error as error:
            raise self._unusable(str(error)) from error
        return {identity: _from_json(text) for identity, text in rows}

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        if found == 0 and application == 0:
            with connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS film (identity TEXT PRIMARY KEY, notes TEXT NOT NULL) WITHOUT ROWID"
                )
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {FORMAT}")
        elif application != _APPLICATION:
            raise self._unusable("it is another program's file")
        elif found != FORMAT:
            raise self._unusable(f"it has format {found}, this version knows {FORMAT}")

    def _unusable(self, why: str) -> UnusableFolder:
        return UnusableFolder(
            "Measurements, key images and notes cannot be kept.",
            f"{self._path.name}: {why}.",
            "Open the data folder with the version that wrote it, or move that file away.",
        )


def _to_json(notes: FilmNotes) -> str:
    measured = [[each.kind, [list(point) for point in each.points]] for each in notes.measurements]
    return json.dumps({"measurements": measured, "key": notes.is_key, "note": notes.note}, ensure_ascii=False)


def _from_json(text: str) -> FilmNotes:
    try:
        kept = json.loads(text)
        measurements = tuple(
            Measurement(kind, tuple((float(x), float(y)) for x, y in points)) for kind, points in kept["measurements"]
        )
        return FilmNotes(measurements, bool(kept["key"]), str(kept["note"]))
    except (ValueError, KeyError, TypeError):
        return NOTHING
