"""What a person who chooses training images sees of them before the job: findings, parts, terms. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from xferviewer.errors import UnusableFolder
from xferviewer.studies.cohort_folder import is_cohort_folder, read_description
from xferviewer.studies.label_table import read_labels
from xferviewer.studies.leakage import receipt_from_toml
from xferviewer.studies.phantom import FINDINGS

CohortKind = Literal["phantom", "labels", "cohort"]
_LABELS = "labels.csv"
_WHOLE = "all"


@dataclass(frozen=True, slots=True)
class FindingCount:
    """How many images state that a finding is there, or is not."""

    name: str
    positive: int | None = None
    negative: int | None = None

    @property
    def learnable(self) -> bool:
        """Some image has it and some has it not; taken for granted where nobody has counted."""
        return self.positive is None or bool(self.positive and self.negative)


@dataclass(frozen=True, slots=True)
class TrainingCohort:
    """A cohort as it is offered for training; `folder` is None for phantom films.

    splits   names of its frozen splits
    split    the one that was counted; "" for the whole
    numbers  what was counted: titles, and rows of cells
    receipt  what the parts of that split have in common, in a sentence; `leaks`: groups are in two of them
    notes    what was met at import; what the source demands
    """

    kind: CohortKind
    name: str
    folder: Path | None
    findings: tuple[FindingCount, ...]
    images: int | None = None
    patients: int | None = None
    task: str = "multi-label"
    group: str = "patient"
    splits: tuple[str, ...] = ()
    split: str = ""
    titles: tuple[str, ...] = ()
    numbers: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    receipt: str = ""
    leaks: bool = False
    notes: tuple[str, ...] = ()


PHANTOM = TrainingCohort("phantom", "phantom", None, tuple(FindingCount(name) for name in FINDINGS))


def look_at_labels(folder: Path) -> TrainingCohort:
    """What a folder with labels.csv offers. Raises UnusableFolder, UnusableTable."""
    table = folder / _LABELS
    if not table.is_file():
        raise UnusableFolder(
            f"{folder.name or folder} is no cohort.",
            f"It is none that was imported, and holds no {_LABELS} with the columns path and patient and one for each "
            "finding.",
            "Choose the folder that holds one, or import a data set.",
        )
    labels = read_labels(table)
    counts = tuple(
        FindingCount(name, *(sum(row.values[place] == value for row in labels.rows) for value in (1, 0)))
        for place, name in enumerate(labels.findings)
    )
    rows = tuple(
        (count.name, f"{count.positive:,}", f"{count.negative:,}", _share(count.positive, len(labels.rows)))
        for count in counts
    )
    return TrainingCohort(
        "labels", folder.name, folder, counts, len(labels.rows),
        len({row.patient_id for row in labels.rows if row.patient_id}),
        titles=("finding", "with", "without", "prevalence"), numbers=rows,
    )  # fmt: skip


def cohort_words(folder: Path, split: str = "") -> list[str]:
    """The words after `xferviewer` that count a cohort and the parts of a split; `--json` is added."""
    return ["cohort", str(folder), *(["--split", split] if split else [])]


def counted_cohort(folder: Path, said: Mapping[str, Any]) -> TrainingCohort:
    """A cohort as `xferviewer cohort --json` counts it. Raises UnusableFolder, UnusableTable."""
    whole = next(part for part in said["parts"] if part["part"] == _WHOLE)
    frozen = said.get("frozen_split")
    counts = tuple(
        FindingCount(name, found["positive"], found["negative"]) for name, found in whole["findings"].items()
    )
    terms = read_description(folder).terms
    demanded = [text for text in (terms.text, terms.link) if text]
    return TrainingCohort(
        "cohort", said["cohort"], folder, counts, whole["images"], whole["groups"], said["task"], said["group"],
        tuple(said["splits"]), said["split"] or "",
        ("", *(part["part"] for part in said["parts"])), tuple(_rows(said)),
        str(receipt_from_toml(frozen["receipt"])) if frozen else "", bool(frozen and frozen["leaks"]),
        (*demanded, *said["notes"], *(frozen["notes"] if frozen else ())),
    )  # fmt: skip


def _rows(said: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A column for each part: images, groups, studies, age, sexes, views, sites, prevalence of each finding."""
    parts = said["parts"]
    group = {"study": "studies"}.get(said["group"], f"{said['group']}s")
    rows = [
        ("images", *(f"{part['images']:,}" for part in parts)),
        (group, *(f"{part['groups']:,}" for part in parts)),
    ]
    if any(part["studies"] for part in parts):
        rows.append(("studies", *(f"{part['studies']:,}" for part in parts)))
    if any(part["ages"]["stated"] for part in parts):
        rows.append(("age, mean (SD)", *(_age(part["ages"]) for part in parts)))
    for measure, title in (("sexes", "sex"), ("views", "view"), ("sites", "site")):
        values = dict.fromkeys(value for part in parts for value in part[measure])
        if set(values) - {"not stated"}:
            rows += [
                (f"{title} {value}", *(_counted(part[measure].get(value, 0), part["images"]) for part in parts))
                for value in values
            ]
    for finding in parts[0]["findings"]:
        rows.append((finding, *(_counted(part["findings"][finding]["positive"], part["images"]) for part in parts)))
    return rows


def _age(ages: Mapping[str, Any]) -> str:
    if ages["mean"] is None:
        return "–"
    return f"{ages['mean']:.1f}" + ("" if ages["sd"] is None else f" ({ages['sd']:.1f})")


def _counted(number: int, of: int) -> str:
    return f"{number:,} ({_share(number, of)})"


def _share(number: int | None, of: int) -> str:
    return f"{(number or 0) / of:.1%}" if of else "–"


def is_cohort(folder: Path) -> bool:
    """Whether `xferviewer cohort` counts it; another folder is looked at by `look_at_labels`."""
    return is_cohort_folder(folder)


def known_cohorts(folder: Path) -> list[tuple[str, Path]]:
    """The cohorts below a folder by title, the newest first."""
    found = [path for path in folder.glob("*") if is_cohort_folder(path)] if folder.is_dir() else []
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [(path.name, path) for path in found]
