"""Filling the catalogue from a folder, with progress, cancel and restart."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from xferviewer.errors import UnreadableImage, UnusableFolder, UnusableTable
from xferviewer.studies.catalogue import UNDER, Catalogue, Counts, under
from xferviewer.studies.catalogue_writing import (
    FileStamp,
    ImageEntry,
    Refusal,
    forget,
    record_image,
    record_refusal,
    summarise,
    writing,
)
from xferviewer.studies.cohort_folder import images_root, is_cohort_folder, read_cohort
from xferviewer.studies.cohort_labels import labels_of_files
from xferviewer.studies.dicomdir import listed_files
from xferviewer.studies.examination import stamp_of
from xferviewer.studies.examiners import examine_in_order
from xferviewer.studies.labels import JoinReport, join_labels, read_labels

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator

    from xferviewer.studies.cohort import CohortTable

LABEL_TABLE = "labels.csv"  # a file of this name is joined to the images of its folder
_BATCH_FILES = 500
_BATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an index has come: files = images + refused so far; folders entered so far, and the present one."""

    files: int
    images: int
    refused: int
    folders: int
    folder: str
    seconds: float

    @property
    def files_per_second(self) -> float:
        return self.files / self.seconds if self.seconds > 0 else 0.0


def index(
    folder: Path,
    catalogue: Catalogue,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Counts:
    """Look at every file under `folder`, or at one file, and note it in the catalogue as an image or as refused.

    Of a cohort folder, the images that it names are looked at, wherever they lie, and have its labels afterwards.
    A DICOMDIR stands for the files that it lists; what else lies in its folder is left alone, and counts are those of
    the folder.

    Files of unchanged size and time are passed over, so that an interrupted index, even a killed one, goes on where
    it stopped when it is called again; until then the folder stands among `catalogue.unfinished_roots()`. Files that
    have vanished are dropped at the end of a completed index, and tables named labels.csv are joined to the images
    of their folder where anything is new. Progress comes about once a second; `cancelled` is asked for each file.
    Returns the counts of this folder, of a cohort those of where its images lie. Raises UnusableFolder for a missing
    one, UnusableTable for a damaged cohort, UnusableCatalogue on a full disk.
    """
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links that a site uses as its names
    if not root.exists():
        raise UnusableFolder(
            f"{folder} could not be indexed.", "There is nothing of this name.", "Check the name, or choose a folder."
        )
    listed = listed_files(root) if root.is_file() else []
    if listed:
        return _index_listed(root, listed, catalogue, progress, cancelled)
    run = _Run(catalogue, progress or (lambda _: None))
    cohort = read_cohort(root) if is_cohort_folder(root) else None
    interrupted = root not in catalogue.roots() or root in catalogue.unfinished_roots()
    with writing(catalogue) as connection:
        if root.is_dir():
            connection.execute("INSERT OR REPLACE INTO root VALUES (?, 'indexing')", [str(root)])
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS seen (path TEXT PRIMARY KEY) WITHOUT ROWID")
        connection.execute("DELETE FROM seen")
    stopped = cancelled or (lambda: False)
    found = takewhile(lambda _: not stopped(), run.walk(root) if cohort is None else run.files_of(cohort))
    for examined in examine_in_order(run.without_known(found)):
        run.record(examined)
    run.commit()
    if not stopped():
        if cohort is not None:
            join_labels(labels_of_files(cohort), catalogue, cohort.description.root)
        _finish(catalogue, root, with_labels=interrupted or run.recorded > 0)
    return catalogue.counts(images_root(root))


def _index_listed(
    directory: Path,
    listed: list[Path],
    catalogue: Catalogue,
    progress: Callable[[Progress], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Counts:
    """The files of a DICOMDIR. Its folder is no root: a second index of it would drop what the DICOMDIR left out."""
    run = _Run(catalogue, progress or (lambda _: None))
    with writing(catalogue) as connection:
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS seen (path TEXT PRIMARY KEY) WITHOUT ROWID")
    stopped = cancelled or (lambda: False)
    stamps = takewhile(lambda _: not stopped(), (stamp_of(str(path)) for path in listed))
    for examined in examine_in_order(run.without_known(stamps)):
        run.record(examined)
    run.commit()
    return catalogue.counts(directory.parent)


class _Run:
    """One walk through a folder: the batch that is not written yet, and the numbers so far."""

    def __init__(self, catalogue: Catalogue, progress: Callable[[Progress], None]) -> None:
        self._catalogue = catalogue
        self._progress = progress
        self._batch: list[ImageEntry | Refusal] = []
        self._seen: list[str] = []
        self._files = self._images = self._folders = 0
        self.recorded = 0  # files that were new or had changed
        self._folder = ""
        self._begun = self._committed = time.monotonic()

    def walk(self, root: Path) -> Iterator[FileStamp | Refusal]:
        """The files under a folder in the order of their names; a folder that cannot be listed is refused."""
        if not root.is_dir():
            yield stamp_of(str(root))
            return
        waiting, visited = [str(root)], set()
        while waiting:
            folder = waiting.pop()
            try:
                status = os.stat(folder)  # noqa: PTH116
                if (status.st_dev, status.st_ino) in visited:  # a link back to a folder above, or a second one to it
                    continue
                visited.add((status.st_dev, status.st_ino))
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                yield Refusal(FileStamp(folder, 0, 0), _unlistable(folder, error))
                continue
            self._folders += 1
            self._folder = os.path.relpath(folder, root)
            waiting += [entry.path for entry in reversed(entries) if entry.is_dir()]
            for entry in entries:
                if not entry.is_dir():
                    yield stamp_of(entry.path) if _is_nameable(entry.path) else _unnameable(entry.path)

    def files_of(self, cohort: CohortTable) -> Iterator[FileStamp | Refusal]:
        """The files that a cohort names, each once."""
        for image in sorted(set(cohort.images)):
            self._folder = image.rpartition("/")[0]
            yield stamp_of(str(cohort.description.root / image))

    def without_known(self, found: Iterable[FileStamp | Refusal]) -> Iterator[FileStamp]:
        """The files that have to be looked at; those that stand unchanged in the catalogue are only counted."""
        for each in found:
            known = _known(self._catalogue.connection, each) if isinstance(each, FileStamp) else None
            if known is not None:
                self._count(known.path, is_image=known.is_image)
            elif isinstance(each, Refusal):
                self.record(each)
            else:
                yield each

    def record(self, examined: ImageEntry | Refusal) -> None:
        """Take a file that is new or has changed into the batch."""
        self._batch.append(examined)
        self.recorded += 1
        self._count(examined.stamp.path, is_image=isinstance(examined, ImageEntry))

    def _count(self, path: str, *, is_image: bool) -> None:
        """Count a file; write the batch when it is due."""
        self._files += 1
        self._images += is_image
        self._seen.append(path)
        due = time.monotonic() - self._committed > _BATCH_SECONDS
        if due or len(self._batch) >= _BATCH_FILES:
            self.commit()

    def commit(self) -> None:
        """Write the batch and tell how far the walk has come."""
        with writing(self._catalogue) as connection:
            touched: set[int] = set()
            for found in self._batch:
                if isinstance(found, ImageEntry):
                    touched |= record_image(connection, found)
                else:
                    touched |= record_refusal(connection, found)
            summarise(connection, touched)
            connection.executemany("INSERT OR IGNORE INTO seen VALUES (?)", [(path,) for path in self._seen])
        self._batch, self._seen = [], []
        self._committed = time.monotonic()
        seconds = self._committed - self._begun
        refused = self._files - self._images
        self._progress(Progress(self._files, self._images, refused, self._folders, self._folder, seconds))


@dataclass(frozen=True, slots=True)
class _Unchanged:
    """A file that stands in the catalogue as it still is on disk."""

    path: str
    is_image: bool


_KNOWN = """
SELECT 1 FROM image WHERE path = ?1 AND size = ?2 AND mtime_ns = ?3
UNION ALL SELECT 0 FROM refused WHERE path = ?1 AND size = ?2 AND mtime_ns = ?3
"""


def _known(connection: sqlite3.Connection, stamp: FileStamp) -> _Unchanged | None:
    known = connection.execute(_KNOWN, [stamp.path, stamp.size, stamp.mtime_ns]).fetchone()
    return _Unchanged(stamp.path, bool(known[0])) if known else None


def _is_nameable(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:  # a name of bytes that are no UTF-8, which neither SQLite nor a table can hold
        return False
    return True


def _unnameable(path: str) -> Refusal:
    path = path.encode("utf-8", "backslashreplace").decode()
    return Refusal(
        FileStamp(path, 0, 0),
        UnreadableImage(
            f"{Path(path).name} could not be read.",
            "Its name is not written in UTF-8.",
            "Rename the file or its folder.",
        ),
    )


def _unlistable(folder: str, error: OSError) -> UnreadableImage:
    return UnreadableImage(
        f"The folder {Path(folder).name} could not be listed.",
        f"The system says: {error.strerror or 'it could not be read'}.",
        "Check that you may read it.",
    )


def _finish(catalogue: Catalogue, root: Path, *, with_labels: bool) -> None:
    """Drop what has vanished, join the label tables that lie in the folder, and mark the folder complete."""
    with writing(catalogue) as connection:
        vanished = connection.execute(
            "SELECT path FROM (SELECT path FROM image UNION ALL SELECT path FROM refused) "  # noqa: S608
            f"WHERE {UNDER} AND path NOT IN (SELECT path FROM seen)",
            under(root),
        ).fetchall()
        summarise(connection, forget(connection, [path for (path,) in vanished]))
    if with_labels:
        for table in [row.path for row in catalogue.refused(root) if Path(row.path).name == LABEL_TABLE]:
            _join(catalogue, Path(table))
    with writing(catalogue) as connection:
        connection.execute("UPDATE root SET state = 'complete' WHERE path = ?", [str(root)])


def _join(catalogue: Catalogue, path: Path) -> None:
    """Join a label table to the images of its folder; its refusal as an image tells what came of it."""
    try:
        report: JoinReport | None = join_labels(read_labels(path), catalogue, path.parent)
        why, todo = str(report), "Correct the table and index the folder again if rows are missing."
    except UnusableTable as error:
        why, todo = f"{error.what} {error.why}", error.todo
    refusal = Refusal(stamp_of(str(path)), UnreadableImage(f"{path.name} is a table, not an image.", why, todo))
    with writing(catalogue) as connection:
        record_refusal(connection, refusal)
