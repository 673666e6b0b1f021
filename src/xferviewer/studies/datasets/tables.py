"""Tables of sources: CSV and lists, packed with gzip or not, whose bad rows cost only themselves."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from xferviewer.errors import UnusableTable
from xferviewer.studies.datasets.reading import Reading
from xferviewer.studies.opening import LARGEST_UNPACKED_BYTES

_LONGEST_CELL = 1 << 20  # a cell of a report may be longer than the module's own limit of 128 KiB


def find_table(folder: Path, *patterns: str) -> Path | None:
    """The first file in a folder whose name, or its name before .gz, is of a pattern; the first pattern first."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file()) if folder.is_dir() else []
    for pattern in patterns:
        for name in names:
            if fnmatchcase(name.removesuffix(".gz"), pattern) and not name.startswith("."):
                return folder / name
    return None


def header_of(table: Path) -> tuple[str, ...]:
    """The names of a table's columns; none where it cannot be read. Reads its beginning only."""
    try:
        with gzip.open(table) if table.name.endswith(".gz") else table.open("rb") as file:
            line = file.readline(1 << 16).decode("utf-8-sig", "replace")
    except (OSError, EOFError, zlib.error):
        return ()
    try:
        return tuple(name.strip() for name in next(csv.reader([line]), []))
    except csv.Error:
        return ()


def rows_of(
    table: Path, required: Sequence[str], reading: Reading, optional: Sequence[str] = ()
) -> Iterator[dict[str, str]]:
    """The rows of a CSV, each as its cells by the names that are asked for; names are compared without case.

    Cells are stripped, also of line ends inside quotes. Columns of other names, and cells beyond the header, are passed
    over; an optional column that is not there is blank. A row that is cut off or that is not CSV is noted and left out.
    Raises UnusableTable where the table cannot be read or a required column is missing.
    """
    lines = _lines(table, reading)
    header = [name.strip().casefold() for name in next(lines, [])]
    places = {name: header.index(name.casefold()) for name in (*required, *optional) if name.casefold() in header}
    missing = [name for name in required if name not in places]
    if missing:
        raise UnusableTable(
            f"{table.name} cannot be used.",
            f"It has no column {', '.join(missing)}; its columns are {', '.join(header)[:300]}.",
            "Fetch the table again, or import it as csv-table.",
        )
    last = max(places[name] for name in required)
    blank = {name: "" for name in optional if name not in places}
    for number, cells in enumerate(lines, start=2):
        if len(cells) <= last:
            if any(cell.strip() for cell in cells):
                reading.met(f"rows of {table.name} are cut off and were left out", f"row {number}")
            continue
        width = len(cells)
        yield blank | {name: cells[place].strip() if place < width else "" for name, place in places.items()}


def cells_of(table: Path, reading: Reading) -> Iterator[list[str]]:
    """The rows of a CSV without a header that counts, as they are. Raises UnusableTable."""
    return _lines(table, reading)


def words_of(table: Path, reading: Reading) -> Iterator[list[str]]:
    """The lines of a list that hold anything, as words. Raises UnusableTable."""
    for line in _text(table, reading).splitlines():
        if words := line.split():
            yield words


def _lines(table: Path, reading: Reading) -> Iterator[list[str]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(_text(table, reading), newline=""))
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            reading.met(f"rows of {table.name} are not CSV and were left out", f"line {reader.line_num}")


def _text(table: Path, reading: Reading) -> str:
    """A table's text. What is no UTF-8 is replaced, and noted."""
    reading.used(table)
    try:
        if table.name.endswith(".gz"):
            with gzip.open(table) as file:
                content = file.read(LARGEST_UNPACKED_BYTES + 1)
        else:
            content = table.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UnusableTable(
            f"{table.name} cannot be read.", f"{error}.", "Fetch the table again from where it came from."
        ) from error
    if len(content) > LARGEST_UNPACKED_BYTES:
        raise UnusableTable(
            f"{table.name} cannot be read.", f"It is larger than {LARGEST_UNPACKED_BYTES >> 20} MiB.", "Check the file."
        )
    text = content.decode("utf-8-sig", "replace")
    if "\ufffd" in text:
        reading.say(f"{table.name} is not wholly UTF-8; what could not be read stands as \ufffd.")
    return text.replace("\0", "")
