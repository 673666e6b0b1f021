"""A data set while it is read: its rows so far, and everything that was met on the way, with counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from xferviewer.errors import Stopped, UnusableFolder
from xferviewer.studies.ages import years
from xferviewer.studies.cohort import CohortRow, RegionRow
from xferviewer.studies.datasets.listing import Listing

_EXAMPLES = 3
_OLDEST = 120.0
_SEXES = {"male": "M", "m": "M", "female": "F", "f": "F", "other": "O", "o": "O"}
_BLANK = ("", "nan", "na", "n/a", "none", "null", "unknown")
_TOLD_EVERY = 2000


@dataclass(slots=True)
class _Met:
    """Something that was met several times: how often, and the first of them."""

    times: int = 0
    examples: list[str] = field(default_factory=list)


class Reading:
    """The rows of a data set as they are gathered.

    folder   the folder of the source; images are named from it
    listing  which files lie below it
    rows     of the cohort, each image or frame once
    regions  of the cohort
    """

    def __init__(
        self,
        folder: Path,
        progress: Callable[[int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """`progress` is told how many rows there are, now and then; `cancelled` is asked as often."""
        self.folder = folder
        self.listing = Listing(folder)
        self.rows: list[CohortRow] = []
        self.regions: list[RegionRow] = []
        self._seen: dict[tuple[str, int], CohortRow] = {}
        self._met: dict[str, _Met] = {}
        self._said: list[str] = []
        self._tables: dict[str, Path] = {}
        self._progress = progress or (lambda _: None)
        self._cancelled = cancelled or (lambda: False)
        self._steps = 0

    # --- rows

    def step(self) -> None:
        """One more piece of work is done. Raises Stopped when the import was cancelled."""
        self._steps += 1
        if self._steps % _TOLD_EVERY == 1:
            self.finish()

    def finish(self) -> None:
        """Tell how far the reading is. Raises Stopped when the import was cancelled."""
        if self.is_cancelled():
            raise Stopped("The import was cancelled.", "Somebody asked for it.", "Start it again when you like.")
        self._progress(len(self.rows))

    def is_cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._cancelled()

    def add(self, row: CohortRow) -> bool:
        """Take a row; False where its image is there already, which is noted."""
        self.step()
        row = replace(
            row, patient=_one_line(row.patient), study=_one_line(row.study), site=_one_line(row.site),
            view=_one_line(row.view),
        )  # fmt: skip
        earlier = self._seen.get((row.image, row.frame))
        if earlier is None:
            self._seen[row.image, row.frame] = row
            self.rows.append(row)
            return True
        if earlier == row:
            self.met("rows repeat an earlier one", row.image)
        else:
            self.met("rows say something else of an image than an earlier row, which counts", row.image)
        return False

    def missing(self, image: str) -> None:
        """A row names an image that is not there."""
        self.met("rows name an image that is not there and were left out", image)

    def named(self, image: str) -> bool:
        """Whether there is a row for an image; of frames, for the first."""
        return (image, 0) in self._seen

    def keep_columns(self, places: Sequence[int]) -> None:
        """Keep the labels at these places only, in this order."""
        self.rows = [replace(row, values=tuple(row.values[place] for place in places)) for row in self.rows]

    # --- notes

    def met(self, what: str, example: str = "") -> None:
        """Count something: the note becomes "Rows are cut off: 3, such as row 8."."""
        met = self._met.setdefault(what, _Met())
        met.times += 1
        if example and len(met.examples) < _EXAMPLES:
            met.examples.append(_one_line(example))

    def say(self, sentence: str) -> None:
        """Note a sentence as it is."""
        self._said.append(sentence)

    def expect(self, counts: Iterable[tuple[str, int, int]]) -> None:
        """Compare counts, (what, found, published), with those that are published, and note the result."""
        counts = list(counts)
        wrong = [each for each in counts if each[1] != each[2]]
        if wrong:
            self.say("Not as published: " + "; ".join(f"{w} {n:,}, published {p:,}" for w, n, p in wrong) + ".")
        elif counts:
            self.say("As published: " + ", ".join(f"{w} {n:,}" for w, n, _ in counts) + ".")

    def expect_shares(self, where: str, rows: Sequence[CohortRow], published: Mapping[int, str]) -> None:
        """Compare the share of images that show a finding, by its place, with published per cent, and note the result.

        published  as printed: "9.6" is met by what rounds to it
        """
        wrong: list[tuple[str, str]] = []
        met: list[tuple[str, str]] = []
        for place, printed in published.items():
            share = 100 * sum(row.values[place] == 1 for row in rows) / max(len(rows), 1)
            decimals = len(printed.partition(".")[2])
            found = f"{share:.{decimals}f}"
            (met if abs(share - float(printed)) <= 0.5 * 10**-decimals + 1e-9 else wrong).append((found, printed))
        if wrong:
            pairs = ", ".join(f"{found} for {printed}" for found, printed in wrong)
            self.say(f"Per cent of {where} that show a finding, not as published: {pairs}.")
        else:
            self.say(f"Per cent of {where} that show a finding, as published: {', '.join(p for _, p in met)}.")

    def notes(self) -> tuple[str, ...]:
        """All that was noted."""
        counted = [
            f"{what[0].upper()}{what[1:]}: {met.times:,}"
            + (f", such as {', '.join(met.examples)}." if met.examples else ".")
            for what, met in self._met.items()
        ]
        closed = [f"The folder {folder or '.'} may not be listed." for folder in self.listing.unlisted]
        return (*self._said, *counted, *closed)

    def times(self, what: str) -> int:
        """How often something was met."""
        return self._met[what].times if what in self._met else 0

    # --- tables

    def used(self, table: Path) -> Path:
        """A table of the source, whose digest is kept; the same path."""
        self._tables[table.relative_to(self.folder).as_posix()] = table
        return table

    def digests(self) -> dict[str, str]:
        """SHA-256 (hex) of the tables that were used, by their path below the folder."""
        return {name: _digest(path) for name, path in self._tables.items()}

    # --- cells that many sources have

    def age(self, cell: str) -> float | None:
        """Years from a number or an age string; None where it is blank, no age, or above 120, which are noted."""
        cell = cell.strip()
        if cell.lower() in _BLANK:
            return None
        age = years(cell)
        if age is None:
            self.met("ages could not be read and were left out", cell)
        elif age > _OLDEST:
            self.met(f"ages are above {_OLDEST:g} years and were left out", cell)
            return None
        return age

    def sex(self, cell: str) -> str:
        """M, F, O or nothing."""
        return _SEXES.get(cell.strip().lower(), "")

    def label(self, cell: str) -> int | None:
        """1, 0 and -1 as whole or decimal numbers; a blank is not stated, and so is anything else, which is noted."""
        cell = cell.strip()
        if cell.lower() in _BLANK:
            return None
        try:
            number = float(cell)
        except ValueError:
            number = 2.0
        if number not in (1.0, 0.0, -1.0):
            self.met("labels are none of 1, 0 and -1 and were taken as not stated", cell)
            return None
        return int(number)


def no_images(folder: Path, layout: str) -> UnusableFolder:
    """The refusal of a folder of which no image could be used."""
    return UnusableFolder(
        f"Nothing was imported from {folder.name}.",
        f"No image was found where its tables say. The layout is: {layout}.",
        "Name the folder that was unpacked, with its images.",
    )


def _one_line(text: str) -> str:
    return (
        text if text.isprintable() and not text.startswith(" ") and not text.endswith(" ") else " ".join(text.split())
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
