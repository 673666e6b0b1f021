"""Tables as files: CSV with every digit for a program, LaTeX (booktabs) for a paper."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from xferviewer.atomic_files import write_atomically
from xferviewer.errors import UnusableChoice
from xferviewer.exchange.number_tables import Number, NumberTable

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}",
}  # fmt: skip


def export_table(table: NumberTable, path: Path) -> Path:
    """Write a table in the format of the path's ending, `.csv` or `.tex`, and return the path.

    Raises UnusableChoice for another ending, UnusableFolder where the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending == ".csv":
        text = _as_csv(table)
    elif ending == ".tex":
        text = as_latex(table)
    else:
        raise UnusableChoice(
            f"{path.name} is no table that can be written.",
            "Tables are written as .csv and as LaTeX, .tex.",
            "Name the file with one of these endings.",
        )
    write_atomically(path, text.encode())
    return path


def _as_csv(table: NumberTable) -> str:
    """The records; a number with every digit, nothing for what has no meaning."""
    columns = list(dict.fromkeys(name for record in table.records for name in record))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[_exactly(record.get(name)) for name in columns] for record in table.records])
    return text.getvalue()


def _exactly(value: Number) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def as_latex(table: NumberTable) -> str:
    """The printed rows as a `table` environment that needs the package booktabs; names from files are escaped."""
    n_columns = len(table.header)
    words = _words_before_numbers(table)
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        rf"\caption{{{_escaped(table.title)}}}",
        rf"\begin{{tabular}}{{{'l' * words}{'r' * (n_columns - words)}}}",
        r"\toprule",
        _row([_escaped(name) for name in table.header]),
        r"\midrule",
    ]
    for place, cells in enumerate(table.rows):
        if place == len(table.rows) - 1 and cells[0] == "mean":
            lines.append(r"\midrule")
        marked = [
            rf"\textbf{{{_escaped(cell)}}}" if (place, column) in table.best else _escaped(cell)
            for column, cell in enumerate(cells)
        ]
        lines.append(_row(marked))
    lines += [
        r"\bottomrule",
        r"\end{tabular}",
        rf"\par\smallskip\footnotesize {_escaped(table.footnote)}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _words_before_numbers(table: NumberTable) -> int:
    """How many of the first columns hold names."""
    names = {"finding", "checkpoint", table.name.removeprefix("by-")}
    return next((at for at, name in enumerate(table.header) if name not in names), len(table.header))


def _row(cells: Sequence[str]) -> str:
    row = " & ".join(cells) + r" \\"
    return "{[}" + row[1:] if row.startswith("[") else row  # else it would be an argument of the row before


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))
