"""What tells whether two images are the same or nearly so: a digest of the picture and a perceptual hash of it.

Made once of each image, kept in the data folder under names that tell nothing of file or patient.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.errors import UnreadableImage, UnusableFolder
from xferviewer.processes import usable_cores
from xferviewer.settings import data_folder
from xferviewer.studies.images import present
from xferviewer.studies.near_duplicates import HASH_VERSION, perceptual_hash
from xferviewer.studies.reading_processes import ReadingProcesses

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_ONCE = 128  # images between two writes: a kill costs no more than these
_KNOWN, _UNIFORM = 1, 2  # of the column `kind`


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprints:
    """Of n images.

    digests   uint8 (n, 32): SHA-256 of size and pixels as shown, in 256 steps; the same picture in a PNG and in a
              DICOM file has the same
    hashes    uint64 (n, 4): see near_duplicates
    readable  bool (n,): False where the file could not be read; its other values mean nothing
    patterned bool (n,): False for a picture of one colour, which has no hash
    """

    digests: NDArray[np.uint8]
    hashes: NDArray[np.uint64]
    readable: NDArray[np.bool_]
    patterned: NDArray[np.bool_]


def unheard(*said: object) -> None:
    """For whoever does not want to hear of progress or of refusals."""


def fingerprints_of(
    files: Sequence[tuple[Path, int]],
    progress: Callable[[int, int], None] = unheard,
    refused: Callable[[UnreadableImage], None] = unheard,
) -> Fingerprints:
    """The fingerprints of images, (path, frame) each; those that are kept already are not made again.

    progress  called with images done and images in all; what it raises ends the work, and what was made is kept
    refused   called for each image that cannot be read

    Raises UnusableFolder where the data folder cannot be written.
    """
    found = Fingerprints(
        np.zeros((len(files), 32), dtype=np.uint8),
        np.zeros((len(files), 4), dtype=np.uint64),
        np.zeros(len(files), dtype=np.bool_),
        np.zeros(len(files), dtype=np.bool_),
    )
    with _store() as store:
        names = [_name(path, frame) for path, frame in files]
        missing = [row for row, name in enumerate(names) if not _take(found, row, _kept(store, name))]
        progress(len(files) - len(missing), len(files))
        if not missing:
            return found
        cores = min(usable_cores(), -(-len(missing) // 16))  # a process takes as long to start as to read some images
        with ReadingProcesses(cores) as reading, ThreadPoolExecutor(cores, "fingerprint") as threads:
            for first in range(0, len(missing), _AT_ONCE):
                rows = missing[first : first + _AT_ONCE]
                made = threads.map(lambda row: _made(reading, *files[row]), rows)
                for done, (row, one) in enumerate(
                    zip(rows, made, strict=True), start=len(files) - len(missing) + first
                ):
                    if isinstance(one, UnreadableImage):
                        refused(one)
                    else:
                        _take(found, row, one)
                        store.execute("INSERT OR REPLACE INTO fingerprint VALUES (?, ?, ?, ?)", (names[row], *one))
                    progress(done + 1, len(files))
                store.commit()
    return found


_Row = tuple[bytes, bytes, int]


def _made(reading: ReadingProcesses, path: Path, frame: int) -> _Row | UnreadableImage:
    """Digest, hash and kind of one image."""
    try:
        brightness = present(reading.read(path, frame))
    except UnreadableImage as error:
        return error
    shown = np.rint(brightness * 255).astype(np.uint8)
    digest = hashlib.sha256(repr(shown.shape).encode())
    digest.update(shown.tobytes())
    bits = perceptual_hash(brightness)
    return digest.digest(), b"" if bits is None else bits.tobytes(), _UNIFORM if bits is None else _KNOWN


def _take(found: Fingerprints, row: int, values: _Row | None) -> bool:
    """Put what is known of an image into its row; False where nothing is."""
    if values is None:
        return False
    digest, bits, kind = values
    found.digests[row] = np.frombuffer(digest, dtype=np.uint8)
    found.readable[row] = True
    if kind == _KNOWN:
        found.hashes[row] = np.frombuffer(bits, dtype=np.uint64)
        found.patterned[row] = True
    return True


def _name(path: Path, frame: int) -> bytes:
    """Changes with the file, its size and its time, and with how fingerprints are made."""
    try:
        facts = path.stat()
        stamp = f"{facts.st_size} {facts.st_mtime_ns}"
    except OSError:
        stamp = "absent"
    text = f"{HASH_VERSION} {path} {frame} {stamp}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()[:16]


def _kept(store: sqlite3.Connection, name: bytes) -> _Row | None:
    row: _Row | None = store.execute("SELECT digest, hash, kind FROM fingerprint WHERE name = ?", (name,)).fetchone()
    return row


@contextmanager
def _store() -> Iterator[sqlite3.Connection]:
    """The file of all fingerprints. What was put in before an error is kept."""
    path = data_folder() / "fingerprints.sqlite"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        store = sqlite3.connect(path, timeout=60)
        try:
            store.execute("PRAGMA journal_mode = WAL")
            store.execute(
                "CREATE TABLE IF NOT EXISTS fingerprint "
                "(name BLOB PRIMARY KEY, digest BLOB NOT NULL, hash BLOB NOT NULL, kind INTEGER NOT NULL) WITHOUT ROWID"
            )
            store.commit()
            try:
                yield store
            finally:
                store.commit()
        finally:
            store.close()
    except (sqlite3.Error, OSError) as error:
        raise UnusableFolder(
            "The fingerprints of the images could not be kept.",
            f"{path}: {error}.",
            f"Free space there, or remove {path.name}: it is made anew.",
        ) from error
