"""What a person kept about a frame: measurements, that it is a key image, a note, and agreement with checkpoints.

Kept beside the catalogue in a file of its own, by the identity of the frame: a catalogue made anew loses none of it.
Each change is one transaction of SQLite, so a power cut leaves what was there before it.
"""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from xferviewer.errors import UnusableFolder

FORMAT = 2
_WITHOUT_AGREEMENT = 1
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
class Verdict:
    """Whether a person agrees with what a checkpoint said of a finding in a frame.

    checkpoint  SHA-256 of its weights; name is what it was called then
    called      it said that the finding is present: its score lay above its threshold then
    """

    checkpoint: str
    name: str
    finding: str
    called: bool
    agrees: bool


@dataclass(frozen=True, slots=True)
class FilmNotes:
    """All that is kept about one frame; of each checkpoint and finding at most one verdict."""

    measurements: tuple[Measurement, ...] = ()
    is_key: bool = False
    note: str = ""
    verdicts: tuple[Verdict, ...] = ()

    def verdict(self, checkpoint: str, finding: str) -> Verdict | None:
        """What was said of this checkpoint and finding."""
        asked = (checkpoint, finding)
        return next((each for each in self.verdicts if (each.checkpoint, each.finding) == asked), None)

    def with_verdict(self, verdict: Verdict) -> FilmNotes:
        """With this one in place of an earlier one of the same checkpoint and finding."""
        return replace(self, verdicts=(*self.without_verdict(verdict.checkpoint, verdict.finding).verdicts, verdict))

    def without_verdict(self, checkpoint: str, finding: str) -> FilmNotes:
        """With none of this checkpoint and finding."""
        asked = (checkpoint, finding)
        return replace(self, verdicts=tuple(e for e in self.verdicts if (e.checkpoint, e.finding) != asked))


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
        elif found == _WITHOUT_AGREEMENT:
            self._migrate(connection)
        elif found != FORMAT:
            raise self._unusable(f"it has format {found}, this version knows formats up to {FORMAT}")

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Entries say more now, and those of before are read as they are; the file of before stays beside this one."""
        with closing(sqlite3.connect(self._path.with_name(f"{self._path.name}.format-{_WITHOUT_AGREEMENT}"))) as kept:
            connection.backup(kept)
        with connection:
            connection.execute(f"PRAGMA user_version = {FORMAT}")

    def _unusable(self, why: str) -> UnusableFolder:
        return UnusableFolder(
            "Measurements, key images and notes cannot be kept.",
            f"{self._path.name}: {why}.",
            "Open the data folder with the version that wrote it, or move that file away.",
        )


def _to_json(notes: FilmNotes) -> str:
    measured = [[each.kind, [list(point) for point in each.points]] for each in notes.measurements]
    said = {"verdicts": [asdict(each) for each in notes.verdicts]} if notes.verdicts else {}
    return json.dumps({"measurements": measured, "key": notes.is_key, "note": notes.note, **said}, ensure_ascii=False)


def _from_json(text: str) -> FilmNotes:
    try:
        kept = json.loads(text)
        measurements = tuple(
            Measurement(kind, tuple((float(x), float(y)) for x, y in points)) for kind, points in kept["measurements"]
        )
        verdicts = tuple(_verdict(each) for each in kept.get("verdicts", ()))
        return FilmNotes(measurements, bool(kept["key"]), str(kept["note"]), verdicts)
    except (ValueError, KeyError, TypeError, AttributeError):
        return NOTHING


def _verdict(kept: dict[str, object]) -> Verdict:
    return Verdict(
        str(kept["checkpoint"]), str(kept["name"]), str(kept["finding"]), bool(kept["called"]), bool(kept["agrees"])
    )  # fmt: skip
