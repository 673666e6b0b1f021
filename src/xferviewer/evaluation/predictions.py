"""The prediction store: every logit that a checkpoint has computed, so that nothing is computed twice.

One SQLite file in write-ahead mode: others may read while the window writes, and a killed process loses at most the
batch that it had not handed over.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.checkpoints import Checkpoint
from xferviewer.checkpoints.input_measures import MEASURES_VERSION, InputMeasures
from xferviewer.errors import UnusableFolder, UnusableTable

_FORMAT = 1
_APPLICATION = 0x78667670  # "xfvp", in PRAGMA application_id: this file is a prediction store
_WAIT_FOR_ANOTHER_WRITER_S = 30.0
_TABLES = """
CREATE TABLE network (
    id INTEGER PRIMARY KEY,
    weights TEXT NOT NULL,
    preprocessing TEXT NOT NULL,
    findings INTEGER NOT NULL,
    UNIQUE (weights, preprocessing)
) STRICT;
CREATE TABLE prediction (
    network INTEGER NOT NULL REFERENCES network (id),
    image TEXT NOT NULL,
    logits BLOB NOT NULL, -- float32, little-endian, in the order of the checkpoint's findings
    PRIMARY KEY (network, image)
) STRICT, WITHOUT ROWID;
"""
# Beside the predictions since inputs are measured. Whoever does not know it passes over it, so the format is the same.
_INPUTS = """
CREATE TABLE IF NOT EXISTS input (
    preprocessing TEXT NOT NULL, -- its digest, and the version of the measures
    image TEXT NOT NULL,
    modality TEXT NOT NULL,
    body_part TEXT NOT NULL,
    measures BLOB NOT NULL, -- float32, little-endian, see checkpoints.input_measures
    PRIMARY KEY (preprocessing, image)
) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class PredictionKey:
    """Whose predictions: what is computed from an image depends on these two digests and on nothing else.

    weights        SHA-256 of the checkpoint's weights, hex.
    preprocessing  digest of its preprocessing, hex. What was computed elsewhere than on the CPU in float32 has device
                   and precision appended, because the logits differ then.
    n_findings     the number of logits of one image.
    """

    weights: str
    preprocessing: str
    n_findings: int

    @classmethod
    def of(cls, checkpoint: Checkpoint, device: str, precision: str) -> PredictionKey:
        """Of what a checkpoint really computed on "cuda", "mps" or "cpu" at "fp32", "bf16" or "fp16".

        Not of what it was asked to: it may have fallen back (`engine.parity`).
        """
        elsewhere = "" if (device, precision) == ("cpu", "fp32") else f"+{device}-{precision}"
        return cls(checkpoint.weights_sha256, checkpoint.preprocessing.digest + elsewhere, len(checkpoint.findings))


class PredictionStore:
    """The store in the SQLite file `path`, made if there is none. To be used by the thread that opened it.

    Raises UnusableTable for a file that is no prediction store or a newer one, UnusableFolder where it cannot be
    opened or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_WAIT_FOR_ANOTHER_WRITER_S, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put_many(self, key: PredictionKey, identities: Sequence[str], logits: ArrayLike) -> None:
        """Keep logits, (len(identities), key.n_findings) float32, finite; a row that is there already is replaced.

        All rows or none are kept, and they are on disk when this returns, as far as a kill of the process goes. Raises
        ValueError for another shape or a logit that is not finite, UnusableFolder when the disk is full.
        """
        rows = np.ascontiguousarray(logits, dtype="<f4")
        if rows.shape != (len(identities), key.n_findings):
            raise ValueError(f"expected logits of shape {(len(identities), key.n_findings)}, got {rows.shape}")
        if not np.isfinite(rows).all():
            raise ValueError("a logit is not finite")
        with self._explained(), self._transaction():
            network = self._network(key)
            if network is None:
                network = self._connection.execute(
                    "INSERT INTO network (weights, preprocessing, findings) VALUES (?, ?, ?)",
                    (key.weights, key.preprocessing, key.n_findings),
                ).lastrowid
            self._connection.executemany(
                "INSERT OR REPLACE INTO prediction (network, image, logits) VALUES (?, ?, ?)",
                ((network, identity, row.tobytes()) for identity, row in zip(identities, rows, strict=True)),
            )

    def get(self, key: PredictionKey, identities: Sequence[str]) -> NDArray[np.float32]:
        """The logits of images, (len(identities), key.n_findings) float32, in that order; rows of NaN where missing."""
        logits = np.full((len(identities), key.n_findings), np.nan, dtype=np.float32)
        with self._explained():
            stored: dict[str, bytes] = dict(self._stored(key, identities, "image, logits"))
        for row, identity in enumerate(identities):
            if identity in stored:
                logits[row] = np.frombuffer(stored[identity], dtype="<f4")
        return logits

    def has(self, key: PredictionKey) -> bool:
        """Whether there is any prediction under the key."""
        with self._explained():
            network = self._network(key)
            found = self._connection.execute("SELECT 1 FROM prediction WHERE network = ? LIMIT 1", (network,))
            return found.fetchone() is not None

    def put_inputs(self, preprocessing: str, inputs: Mapping[str, InputMeasures]) -> None:
        """Keep what was measured of images, by identity, under a preprocessing (its digest).

        Raises UnusableFolder when the disk is full.
        """
        with self._explained(), self._transaction():
            self._connection.executemany(
                "INSERT OR REPLACE INTO input (preprocessing, image, modality, body_part, measures) "
                "VALUES (?, ?, ?, ?, ?)",
                (
                    (_inputs_key(preprocessing), image, one.modality, one.body_part, one.values.astype("<f4").tobytes())
                    for image, one in inputs.items()
                ),
            )

    def inputs(self, preprocessing: str, identities: Sequence[str]) -> dict[str, InputMeasures]:
        """What was measured of these images under a preprocessing, by identity, as far as it is known."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT image, modality, body_part, measures FROM input "
                "WHERE preprocessing = ? AND image IN (SELECT value FROM json_each(?))",
                (_inputs_key(preprocessing), json.dumps(list(identities))),
            ).fetchall()
        return {
            image: InputMeasures(np.frombuffer(measures, dtype="<f4").astype(np.float32), modality, body_part)
            for image, modality, body_part, measures in rows
        }

    def missing(self, key: PredictionKey, identities: Sequence[str]) -> list[str]:
        """The images without a prediction, each once, in the order given."""
        with self._explained():
            stored = {image for (image,) in self._stored(key, identities, "image")}
        return [identity for identity in dict.fromkeys(identities) if identity not in stored]

    def summary(self) -> list[dict[str, Any]]:
        """Whose predictions are kept: `{"weights", "preprocessing", "findings", "images"}` for each key."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT weights, preprocessing, findings, count(image) FROM network "
                "LEFT JOIN prediction ON prediction.network = network.id GROUP BY network.id ORDER BY network.id"
            ).fetchall()
        return [dict(zip(("weights", "preprocessing", "findings", "images"), row, strict=True)) for row in rows]

    def _stored(self, key: PredictionKey, identities: Sequence[str], columns: str) -> list[Any]:
        network = self._network(key)
        if network is None:
            return []
        return self._connection.execute(
            f"SELECT {columns} FROM prediction WHERE network = ? AND image IN (SELECT value FROM json_each(?))",  # noqa: S608 - our own column names
            (network, json.dumps(list(identities))),
        ).fetchall()

    def _network(self, key: PredictionKey) -> int | None:
        row = self._connection.execute(
            "SELECT id, findings FROM network WHERE weights = ? AND preprocessing = ?", (key.weights, key.preprocessing)
        ).fetchone()
        if row is None:
            return None
        if row[1] != key.n_findings:
            raise ValueError(f"these weights gave {row[1]} logits before, not {key.n_findings}")
        return int(row[0])

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == 0 and not self._has_tables():
            self._create()
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        if application != _APPLICATION:
            raise self._refused("It is an SQLite file of something else.", "Name another file.")
        if version > _FORMAT:
            raise self._refused(
                f"It has format {version}, and this version of xferviewer knows formats up to {_FORMAT}.",
                "Install the newer version that wrote it, or move the file away; it will be computed again.",
            )
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(_INPUTS)

    def _create(self) -> None:
        self._switch_to_wal()
        with self._transaction():
            # Somebody else may have made it between our look and our lock.
            if not self._has_tables():
                for statement in _TABLES.split(";\n")[:-1]:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._connection.execute(f"PRAGMA user_version = {_FORMAT}")

    def _switch_to_wal(self) -> None:
        """SQLite's own waiting does not hold for this step: two that make one store at once would not wait."""
        given_up = time.monotonic() + _WAIT_FOR_ANOTHER_WRITER_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not busy or time.monotonic() > given_up:
                    raise
                time.sleep(0.01)
            else:
                return

    def _has_tables(self) -> bool:
        return self._connection.execute("SELECT 1 FROM sqlite_master").fetchone() is not None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # a full disk has rolled it back already
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _refused(self, why: str, todo: str) -> UnusableTable:
        return UnusableTable(f"{self.path.name} is no prediction store that can be used.", why, todo)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what SQLite or the file system says in three parts."""
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            raise UnusableFolder(
                f"The predictions in {self.path.name} could not be read or written.",
                f"{self.path.parent}: {error}.",
                "Free space there, close the program that holds the file, or choose a folder that you may write to.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise self._refused(
                f"SQLite says: {error}.", "Move the file away; the predictions will be computed again."
            ) from error


def _inputs_key(preprocessing: str) -> str:
    return f"{preprocessing}+{MEASURES_VERSION}"
