"""The images that a job learns from: who they belong to, what their labels say, and the split by patient."""

from __future__ import annotations

import csv
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.errors import UnusableTable
from xferviewer.settings import data_folder
from xferviewer.studies.phantom.cohort import write_cohort

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from xferviewer.jobs.spec import DataSpec, FolderData, PhantomData


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Images with labels.

    name      for people: "phantom site A, seed 1, 4000 films"
    site      None where it is not one
    paths     (n,) of the files
    patients  (n,) the group that a split must not tear apart
    labels    float32 (n, findings): 1 present, 0 absent, NaN not stated
    """

    name: str
    site: str | None
    paths: tuple[Path, ...]
    patients: tuple[str, ...]
    labels: NDArray[np.float32]

    def part(self, rows: NDArray[np.intp]) -> Cohort:
        """The same with these rows only."""
        paths, patients = tuple(self.paths[row] for row in rows), tuple(self.patients[row] for row in rows)
        return Cohort(self.name, self.site, paths, patients, self.labels[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows of a cohort for training and for validation. `digest` is a SHA-256 of which image went where."""

    training: NDArray[np.intp]
    validation: NDArray[np.intp]
    digest: str


@dataclass(frozen=True, slots=True)
class LeakageReceipt:
    """Patients on each side of a split, and on both."""

    training_patients: int
    validation_patients: int
    shared_patients: int

    def __str__(self) -> str:
        return (
            f"{self.training_patients} patients in training, {self.validation_patients} in validation, "
            f"{self.shared_patients} in both"
        )


def open_cohort(data: DataSpec, findings: Sequence[str], progress: Callable[[str], None]) -> Cohort:
    """The training cohort of a job. Raises UnusableTable."""
    if data.phantom:
        return phantom_cohort(data.phantom, findings, progress)
    assert data.folder  # noqa: S101  DataSpec has one of the two
    return folder_cohort(data.folder, findings)


def phantom_cohort(data: PhantomData, findings: Sequence[str], progress: Callable[[str], None]) -> Cohort:
    """Synthetic films, rendered below the data folder where they are not there yet. They are kept for later jobs."""
    name = f"phantom site {data.site}, seed {data.seed}, {data.count} films"
    folder = data_folder() / "phantom" / f"{data.site}-{data.seed}-{data.count}"
    table = write_cohort(
        folder,
        data.count,
        data.seed,
        data.site,
        "png",
        masks=False,
        progress=lambda so_far: progress(f"{name}: {so_far.done} of {so_far.total} rendered"),
    )
    return _read(table, folder, findings, name, data.site)


def folder_cohort(data: FolderData, findings: Sequence[str]) -> Cohort:
    """The images that a table of labels names, below a folder."""
    folder = Path(data.folder)
    return _read(folder / data.labels, folder, findings, folder.name, None)


def split_by_patient(cohort: Cohort, validation_fraction: float, seed: int) -> Split:
    """Shuffle the patients with `seed` and give whole ones to validation until it has its share of the images.

    Raises UnusableTable when one side would be empty.
    """
    patients = sorted(set(cohort.patients))
    np.random.default_rng(seed).shuffle(patients)
    rows: dict[str, list[int]] = {patient: [] for patient in patients}
    for row, patient in enumerate(cohort.patients):
        rows[patient].append(row)
    validation: list[int] = []
    while patients and len(validation) < validation_fraction * len(cohort.paths):
        validation += rows[patients.pop()]
    training = [row for patient in patients for row in rows[patient]]
    if not training or not validation:
        raise UnusableTable(
            f"The cohort {cohort.name} cannot be split by patient.",
            f"Its {len(cohort.paths)} images belong to {len(rows)} patients, too few for both sides.",
            "Take a larger cohort, or another validation_fraction.",
        )
    return Split(np.array(sorted(training)), np.array(sorted(validation)), _digest(cohort, validation))


def leakage_receipt(cohort: Cohort, split: Split) -> LeakageReceipt:
    """Counted from the split itself, however it was made."""
    training, validation = ({cohort.patients[row] for row in rows} for rows in (split.training, split.validation))
    return LeakageReceipt(len(training), len(validation), len(training & validation))


def _digest(cohort: Cohort, validation: list[int]) -> str:
    kept = set(validation)
    lines = sorted(
        f"{path.name}\t{patient}\t{'validation' if row in kept else 'training'}\n"
        for row, (path, patient) in enumerate(zip(cohort.paths, cohort.patients, strict=True))
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _read(table: Path, folder: Path, findings: Sequence[str], name: str, site: str | None) -> Cohort:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = set(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unusable(table, f"It could not be read: {error}.") from error
    missing = [column for column in ("path", "patient", *findings) if column not in columns]
    if missing:
        raise _unusable(table, f"It has no column {missing[0]}.")
    if not rows:
        raise _unusable(table, "It has no rows.")
    try:
        labels = [[_label(row[finding]) for finding in findings] for row in rows]
    except ValueError as error:
        raise _unusable(table, f"A label should be 1, 0, -1 or empty: {error}.") from error
    paths = tuple(folder / row["path"] for row in rows)
    return Cohort(name, site, paths, tuple(row["patient"] for row in rows), np.array(labels, dtype=np.float32))


def _label(text: str | None) -> float:
    """1, 0, or NaN where nothing is stated or the source is uncertain (-1), which is policy U-Ignore of CheXpert."""
    if text is None or not text.strip():
        return math.nan
    value = float(text)
    if value not in (1, 0, -1):
        raise ValueError(f"{text} was found")
    return math.nan if value == -1 else value


def _unusable(table: Path, why: str) -> UnusableTable:
    return UnusableTable(
        f"The table of labels {table.name} cannot be used.",
        why,
        "A table needs the columns path and patient, and one for each finding with 1, 0, -1 or nothing.",
    )
