"""What a person kept about films as tables: measurements with their units, agreement with checkpoints; nobody's name.

An image is named by the identity that predictions have, and by the SHA-256 of its file: no path, no patient, no date.
Notes in words and key images stay where they are: words may name somebody.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from xferviewer.atomic_files import write_atomically
from xferviewer.errors import UnreadableImage
from xferviewer.studies.content import unopenable
from xferviewer.studies.film_measurements import quantities
from xferviewer.studies.film_notes import FilmNotes
from xferviewer.studies.reading_processes import ReadingProcesses
from xferviewer.studies.selection import SelectedImage

MEASUREMENTS, AGREEMENT = "measurements.csv", "agreement.csv"
_MEASURED = (
    "image", "sha256", "frame", "measurement", "kind", "quantity", "value", "unit", "calibration", "points",
)  # fmt: skip
_SAID = ("image", "sha256", "frame", "checkpoint", "weights_sha256", "finding", "called", "agrees")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class WrittenNotes:
    """What was written, and what was not.

    elsewhere  frames that something is kept about, and that are not among the images
    failed     images that cannot be read, by path, each with its error: their measurements are left out
    """

    images: int
    measurements: int
    verdicts: int
    elsewhere: int
    failed: tuple[tuple[str, UnreadableImage], ...]


def write_note_tables(notes: Mapping[str, FilmNotes], images: Iterable[SelectedImage], folder: Path) -> WrittenNotes:
    """Write `measurements.csv` and `agreement.csv` of those of the images that something is kept about.

    A line of the first is one number of one measurement, with its unit, the calibration that it rests on, and the
    points (x y; x y) in pixels of the frame as stored, the first pixel from 0 to 1. Numbers have every digit.
    Raises UnusableFolder where the folder cannot be written.
    """
    wanted = {identity for identity, kept in notes.items() if kept.measurements or kept.verdicts}
    found = {image.identity: image for image in images if image.identity in wanted}
    measured: list[tuple[object, ...]] = []
    said: list[tuple[object, ...]] = []
    failed: list[tuple[str, UnreadableImage]] = []
    count = 0
    with ReadingProcesses(1) as reading:
        for identity, selected in found.items():
            try:
                names = (identity, _sha256(selected.path), selected.frame)
                rows = _rows(notes[identity], selected, reading)
            except UnreadableImage as error:
                failed.append((str(selected.path), error))
                continue
            measured += [(*names, *row) for row in rows]
            said += [
                (*names, each.name, each.checkpoint, each.finding, int(each.called), int(each.agrees))
                for each in notes[identity].verdicts
            ]
            count += len(notes[identity].measurements)
    write_atomically(folder / MEASUREMENTS, _csv(_MEASURED, measured))
    write_atomically(folder / AGREEMENT, _csv(_SAID, said))
    read = len(found) - len(failed)
    return WrittenNotes(read, count, len(said), len(wanted) - len(found), tuple(failed))


def _rows(notes: FilmNotes, selected: SelectedImage, reading: ReadingProcesses) -> list[tuple[object, ...]]:
    if not notes.measurements:
        return []
    image = reading.read(selected.path, selected.frame)
    rows: list[tuple[object, ...]] = []
    for number, measurement in enumerate(notes.measurements, 1):
        points = "; ".join(f"{x!r} {y!r}" for x, y in measurement.points)
        rows += [
            (number, measurement.kind, each.name, each.value, each.unit, each.calibration, points)
            for each in quantities(measurement, image)
        ]
    return rows


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise unopenable(path, error) from error
    return digest.hexdigest()


def _csv(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[repr(cell) if isinstance(cell, float) else cell for cell in row] for row in rows])
    return text.getvalue().encode()
