"""A file of columns as it is, CSV or Parquet, before anybody says what its columns mean."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints.vocabulary import folded
from xferviewer.errors import UnusableTable

if TYPE_CHECKING:
    import pyarrow as pa


_NO_VALUE = ("", "na", "n/a", "nan", "-nan", "null", "#n/a", "#na")  # of a number, quoted or not


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """The columns of one file as they are, by name in the file's order, with what was wrong with it.

    source    the path as it was given, for reports.
    sha256    of the file's bytes, hex: two reports with the same digests looked at the same numbers.
    columns   pyarrow arrays of one length; text in a CSV, as stored in a Parquet file.
    warnings  sentences with counts.
    """

    source: str
    sha256: str
    columns: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def find(self, names: tuple[str, ...]) -> str | None:
        """The first of `names` (folded) that the table has, as it is spelt there."""
        by_name = {folded(name): name for name in reversed(self.columns)}
        return next((by_name[name] for name in names if name in by_name), None)

    def text(self, name: str | None) -> tuple[str, ...]:
        """A column as text, "" where blank or where there is no such column."""
        from pyarrow import compute

        if name is None:
            return ("",) * self.n_rows
        return tuple(compute.fill_null(self.columns[name].cast("string"), "").to_pylist())

    def numbers(self, name: str) -> tuple[NDArray[np.float64], int]:
        """A column as float64, NaN where blank or no number, and how many of its cells hold something else."""
        import pyarrow as pa
        from pyarrow import compute

        column = self.columns[name]
        try:
            values = column.cast("float64")
        except pa.ArrowInvalid:
            text = compute.utf8_lower(compute.utf8_trim_whitespace(column.cast("string")))
            column = text = compute.if_else(compute.is_in(text, pa.array(_NO_VALUE)), None, text)
            text = compute.replace_substring_regex(text, "^true$", "1")
            text = compute.replace_substring_regex(text, "^false$", "0")
            is_number = compute.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$")
            values = compute.if_else(is_number, text, None).cast("float64")
        return values.to_numpy(zero_copy_only=False), int(values.null_count - column.null_count)


def read_table(path: Path) -> RawTable:
    """Read a CSV file (comma, semicolon or tab; UTF-8) or a Parquet file, by its name's ending.

    A CSV row with another number of cells than the header is left out and counted. Raises UnusableTable for a file that
    is missing, empty, no table, or names a column twice.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnusableTable(
            f"The table {path} could not be read.", f"{error.strerror or error}.", "Check the path and your rights."
        ) from error
    import pyarrow as pa

    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            table, warnings = _parse_parquet(content), tuple[str, ...]()
        else:
            table, warnings = _parse_csv(content, path.name)
    except (pa.ArrowInvalid, UnicodeDecodeError, csv.Error) as error:
        raise UnusableTable(
            f"{path.name} is no table that can be read.",
            f"{str(error).splitlines()[0]}.",
            "Save it as CSV (UTF-8) or Parquet with one header row.",
        ) from error
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise UnusableTable(
            f"{path.name} names a column twice.", f"Twice: {', '.join(twice)}.", "Rename or remove one of each."
        )
    columns = {name: table.column(name).combine_chunks() for name in table.column_names if name.strip()}
    return RawTable(str(path), hashlib.sha256(content).hexdigest(), columns, warnings)


def _parse_parquet(content: bytes) -> pa.Table:
    import pyarrow as pa
    from pyarrow import parquet

    return parquet.read_table(pa.BufferReader(content))


def _parse_csv(content: bytes, name: str) -> tuple[pa.Table, tuple[str, ...]]:
    """Everything as text, so that "0075" stays a patient's name; numbers are made of it where they are asked for."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    first_line = content[: content.find(b"\n") if b"\n" in content else None].decode("utf-8-sig")
    delimiter = max(",;\t", key=first_line.count)
    header = next(csv.reader([first_line], delimiter=delimiter), [])
    misfits: list[int] = []

    def leave_out(row: Any) -> str:
        misfits.append(row.actual_columns)
        return "skip"

    table = arrow_csv.read_csv(
        io.BytesIO(content),
        read_options=arrow_csv.ReadOptions(use_threads=False),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=leave_out),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys((cell.strip("\r") for cell in header), pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,  # NA is no value, "NA" is a name
        ),
    )
    if misfits:
        return table, (f"{name}: {len(misfits)} rows have another number of cells than the header and are left out.",)
    return table, ()
