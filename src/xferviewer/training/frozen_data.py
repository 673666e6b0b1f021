"""A cohort folder and its frozen split as the data of a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.errors import UnusableChoice, UnusableTable
from xferviewer.studies.cohort_folder import read_cohort
from xferviewer.studies.split_file import find_split_file, read_split
from xferviewer.studies.split_making import fraction_of, groups_of
from xferviewer.studies.splits import Split, split_digest
from xferviewer.studies.splitting import cohort_path
from xferviewer.studies.uncertain_labels import BlankPolicy, UncertainPolicy, targets
from xferviewer.training.cohort import Cohort
from xferviewer.training.uncertain_side import SMOOTHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from xferviewer.jobs.data_spec import CohortData
    from xferviewer.studies.cohort import CohortTable
    from xferviewer.studies.split_file import FrozenSplit


@dataclass(frozen=True, slots=True, eq=False)
class FrozenData:
    """The images of both sides of a frozen split, its test images, and what it is called.

    group    what a group of the cohort is: "patient"
    compare  whoever froze the split wanted its images compared
    """

    cohort: Cohort
    split: Split
    test: Cohort | None
    group: str
    method: str
    leaks: bool
    compare: bool
    cohort_digest: str


def open_frozen(data: CohortData, findings: Sequence[str]) -> FrozenData:
    """Read a cohort and its split. Raises UnusableFolder, UnusableTable (the cohort has changed), UnusableChoice."""
    folder = cohort_path(data.folder)
    table = read_cohort(folder)
    frozen = read_split(find_split_file(folder, data.split), table)
    columns = _columns(table, findings)
    training, validation = _sides(table, frozen, data)
    groups = groups_of(table)
    images = [f"{image}#{frame}" if frame else image for image, frame in zip(table.images, table.frames, strict=True)]
    used = np.concatenate([training, validation])
    learned = _training_labels(table.labels[training][:, columns], data)
    judged = _judged_labels(table.labels[validation][:, columns], data)
    cohort = _cohort(table, groups, np.concatenate([learned, judged]), used)
    digest = split_digest([images[row] for row in used], [groups[row] for row in used], range(len(training), len(used)))
    return FrozenData(
        cohort,
        Split(np.arange(len(training)), np.arange(len(training), len(used)), digest),
        _test(table, groups, columns, frozen, data),
        table.description.group,
        _method(frozen, data),
        frozen.leaks,
        frozen.receipt.compared is not None,
        table.digest,
    )


def _columns(table: CohortTable, findings: Sequence[str]) -> list[int]:
    known = table.description.findings
    for finding in findings:
        if finding not in known:
            raise UnusableTable(
                f"The job cannot learn from {table.description.name}.",
                f"It says nothing of {finding}; its findings are {', '.join(known)}.",
                "Name findings of the cohort.",
            )
    return [known.index(finding) for finding in findings]


def _sides(table: CohortTable, frozen: FrozenSplit, data: CohortData) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows that are learned from and those that validate."""
    folds = frozen.folds
    if folds and data.fold is None:
        raise _impossible(frozen, f"It has {len(folds)} folds, and the job does not say which of them validates.")
    if data.fold is not None and str(data.fold) not in folds:
        raise _impossible(frozen, f"It has {f'no fold {data.fold}' if folds else 'no folds'}.")
    fold = str(data.fold)
    training = frozen.rows(*(each for each in folds if each != fold)) if folds else frozen.rows("training")
    validation = frozen.rows(fold) if folds else frozen.rows("validation")
    for part, rows in (("training", training), ("validation", validation)):
        if not len(rows):
            raise _impossible(frozen, f"Its {part} part is empty.")
    if data.training_fraction < 1:
        of_training = np.zeros(len(table.images), dtype=np.bool_)
        of_training[training] = True
        kept = fraction_of(table.labels, groups_of(table), of_training, data.training_fraction, frozen.seed)
        training = np.flatnonzero(kept)
    return training, validation


def _impossible(frozen: FrozenSplit, why: str) -> UnusableChoice:
    return UnusableChoice(
        f"The job cannot use the split {frozen.name}.",
        why,
        "Correct the section data.cohort of the job, or freeze another split with xferviewer split.",
    )


def _training_labels(labels: NDArray[np.float32], data: CohortData) -> NDArray[np.float32]:
    """1, 0 and NaN; also -1 where every epoch draws it anew (uncertain_side) or it is a class of its own."""
    blank = BlankPolicy(data.blank)
    if data.uncertain in (*SMOOTHED, UncertainPolicy.MULTI_CLASS):
        return np.where(np.isnan(labels) & (blank == BlankPolicy.ABSENT), np.float32(0), labels)
    return targets(labels, UncertainPolicy(data.uncertain), blank)


def _judged_labels(labels: NDArray[np.float32], data: CohortData) -> NDArray[np.float32]:
    """1, 0 and NaN: nobody knows whether a network is right of what is uncertain."""
    return targets(labels, UncertainPolicy.IGNORE, BlankPolicy(data.blank))


def _test(
    table: CohortTable, groups: Sequence[str], columns: list[int], frozen: FrozenSplit, data: CohortData
) -> Cohort | None:
    rows = frozen.rows("test")
    if not len(rows):
        return None
    labels = _judged_labels(table.labels[rows][:, columns], data)
    return _cohort(table, groups, labels, rows, f"{table.description.name}, test of {frozen.name}")


def _cohort(
    table: CohortTable, groups: Sequence[str], labels: NDArray[np.float32], rows: NDArray[np.intp], name: str = ""
) -> Cohort:
    sites = {table.sites[row] for row in rows}
    return Cohort(
        name or table.description.name,
        sites.pop() or None if len(sites) == 1 else None,
        tuple(table.path(row) for row in rows),
        tuple(groups[row] for row in rows),
        labels,
        tuple(table.frames[row] for row in rows),
        tuple(table.studies[row] for row in rows),
    )


def _method(frozen: FrozenSplit, data: CohortData) -> str:
    said = f"{frozen.name}: {frozen.method}"
    if data.fold is not None:
        said += f", fold {data.fold} validates"
    if data.uncertain != "U-Ignore":
        said += f", uncertain labels by {data.uncertain}"
    if data.blank == "absent":
        said += ", blank ones as absent"
    if data.training_fraction < 1:
        said += f", {data.training_fraction:.4g} of training"
    return said
