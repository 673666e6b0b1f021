"""What a cohort consists of, by part of a split: the table that a paper prints before its results.

Everything is counted on images, as the published tables of data distributions are, but for studies and patients.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xferviewer.studies.split_making import groups_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.cohort import CohortTable
    from xferviewer.studies.split_file import FrozenSplit

WHOLE = "all"
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Ages:
    """In years, of the images whose age is stated. None where there are too few; sd with n - 1."""

    stated: int
    mean: float | None
    sd: float | None
    median: float | None


@dataclass(frozen=True, slots=True)
class FindingCounts:
    """How many images have a label of each kind."""

    positive: int
    negative: int
    uncertain: int
    not_stated: int

    @property
    def images(self) -> int:
        """All of them."""
        return self.positive + self.negative + self.uncertain + self.not_stated

    @property
    def prevalence(self) -> float | None:
        """Positive of all images; None of no images."""
        return self.positive / self.images if self.images else None

    @property
    def prevalence_of_stated(self) -> float | None:
        """Positive of the images that are stated to be positive or negative; None where none is."""
        stated = self.positive + self.negative
        return self.positive / stated if stated else None

    @property
    def majority_accuracy(self) -> float | None:
        """Of a guesser that always says the more frequent of present and absent; None where neither is stated."""
        stated = self.positive + self.negative
        return max(self.positive, self.negative) / stated if stated else None


@dataclass(frozen=True, slots=True)
class PartSummary:
    """One part of a cohort.

    part      as the split calls it; WHOLE for all images
    groups    what a split must not tear apart, of which it has so many; patients where the source knows them
    studies   different ones that are named
    sexes, views, sites   images by value, most first, those that do not state it under NOT_STATED
    findings  by name, in the order of the cohort
    """

    part: str
    images: int
    studies: int
    groups: int
    ages: Ages
    sexes: Mapping[str, int]
    views: Mapping[str, int]
    sites: Mapping[str, int]
    findings: Mapping[str, FindingCounts]


@dataclass(frozen=True, slots=True)
class CohortSummary:
    """Of a cohort, whole and by part; `group` is what `groups` counts: "patient"."""

    cohort: str
    title: str
    group: str
    task: str
    split: str | None
    parts: tuple[PartSummary, ...]


def summarise(cohort: CohortTable, split: FrozenSplit | None = None) -> CohortSummary:
    """Count a cohort: all of it, and each part of a split, with the images in no part last where there are any."""
    everything = np.arange(len(cohort.images))
    parts = [_part(cohort, WHOLE, everything)]
    if split is not None:
        named = [*(split.folds or ("training", "validation")), "test"]
        parts += [_part(cohort, f"fold {part}" if part.isdecimal() else part, split.rows(part)) for part in named]
        if len(unused := split.rows("")):
            parts.append(_part(cohort, "in no part", unused))
    about = cohort.description
    return CohortSummary(
        about.name, about.title, about.group, about.task, None if split is None else split.name,
        tuple(part for part in parts if part.images),
    )  # fmt: skip


def _part(cohort: CohortTable, part: str, rows: NDArray[np.intp]) -> PartSummary:
    groups = groups_of(cohort)
    return PartSummary(
        part=part,
        images=len(rows),
        studies=len({cohort.studies[row] for row in rows} - {""}),
        groups=len({groups[row] for row in rows}),
        ages=_ages([age for row in rows if (age := cohort.ages[row]) is not None]),
        sexes=_counted(cohort.sexes, rows),
        views=_counted(cohort.views, rows),
        sites=_counted(cohort.sites, rows),
        findings={
            finding: _labels(cohort.labels[rows, column]) for column, finding in enumerate(cohort.description.findings)
        },
    )


def _ages(stated: Sequence[float]) -> Ages:
    return Ages(
        len(stated),
        statistics.fmean(stated) if stated else None,
        statistics.stdev(stated) if len(stated) > 1 else None,
        statistics.median(stated) if stated else None,
    )


def _counted(values: Sequence[str], rows: NDArray[np.intp]) -> dict[str, int]:
    counts = Counter(values[row] for row in rows)
    unstated = counts.pop("", 0)
    ordered = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return {**ordered, NOT_STATED: unstated} if unstated else ordered


def _labels(column: NDArray[np.float32]) -> FindingCounts:
    positive, negative, uncertain = (int(np.count_nonzero(column == state)) for state in (1, 0, -1))
    return FindingCounts(positive, negative, uncertain, len(column) - positive - negative - uncertain)


def as_json(summary: CohortSummary) -> dict[str, Any]:
    """Plain values, with shares beside the counts of findings."""
    written = asdict(summary)
    for part, of in zip(written["parts"], summary.parts, strict=True):
        for finding, counts in of.findings.items():
            part["findings"][finding].update(
                prevalence=counts.prevalence,
                prevalence_of_stated=counts.prevalence_of_stated,
                majority_accuracy=counts.majority_accuracy,
            )
    written["parts"] = list(written["parts"])
    return written


def as_csv(summary: CohortSummary) -> str:
    """One row a number: part, measure, value (of what), n, of (how many images it is a share of; empty where none)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("part", "measure", "value", "n", "of"))
    for part in summary.parts:
        for measure, value, number, of in _numbers(part, summary.group):
            writer.writerow((part.part, measure, value, "" if number is None else f"{number:.6g}", of))
    return text.getvalue()


def _numbers(part: PartSummary, group: str) -> list[tuple[str, str, float | None, int | str]]:
    rows: list[tuple[str, str, float | None, int | str]] = [
        ("images", "", part.images, ""), (f"{group}s", "", part.groups, ""), ("studies", "", part.studies, ""),
        ("age", "stated", part.ages.stated, part.images), ("age", "mean", part.ages.mean, ""),
        ("age", "standard deviation", part.ages.sd, ""), ("age", "median", part.ages.median, ""),
    ]  # fmt: skip
    for measure, counts in (("sex", part.sexes), ("view", part.views), ("site", part.sites)):
        rows += [(measure, value, count, part.images) for value, count in counts.items()]
    for finding, labels in part.findings.items():
        rows += [(finding, kind.replace("_", " "), count, part.images) for kind, count in asdict(labels).items()]
    return rows


def as_lines(summary: CohortSummary) -> list[str]:
    """The table for a terminal: a column for each part, a row for each number."""
    rows: list[list[str]] = [["", *(part.part for part in summary.parts)]]

    def row(name: str, cells: Sequence[str]) -> None:
        rows.append([name, *cells])

    row("images", [f"{part.images:,}" for part in summary.parts])
    row(f"{summary.group}s", [f"{part.groups:,}" for part in summary.parts])
    if any(part.studies for part in summary.parts):
        row("studies", [f"{part.studies:,}" for part in summary.parts])
    if summary.parts[0].ages.stated:
        row("age, mean (SD)", [_mean(part.ages) for part in summary.parts])
        row("age, median", [_number(part.ages.median) for part in summary.parts])
    for name in ("sexes", "views", "sites"):
        values = list(getattr(summary.parts[0], name))
        if values != [NOT_STATED]:
            for value in values:
                row(
                    f"{name.removesuffix('es') if name == 'sexes' else name.removesuffix('s')} {value}",
                    [_share(getattr(part, name).get(value, 0), part.images) for part in summary.parts],
                )
    for finding in summary.parts[0].findings:
        row(finding, [_share(part.findings[finding].positive, part.images) for part in summary.parts])
        for kind in ("uncertain", "not_stated"):
            counts = [getattr(part.findings[finding], kind) for part in summary.parts]
            if any(counts):
                row(
                    f"  {kind.replace('_', ' ')}",
                    [_share(count, part.images) for count, part in zip(counts, summary.parts, strict=True)],
                )
    widths = [max(len(line[column]) for line in rows) for column in range(len(rows[0]))]
    return ["  ".join(_padded(line, widths)) for line in rows]


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Names to the left, numbers to the right."""
    name, *cells = line
    return [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))]


def _share(count: int, of: int) -> str:
    return f"{count:,} ({100 * count / of:.1f} %)" if of else "0"


def _mean(ages: Ages) -> str:
    return "" if ages.mean is None else f"{_number(ages.mean)} ({_number(ages.sd)})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
