"""The images that a job learns from: who they belong to, what their labels say, and the split by patient."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.errors import UnusableTable
from xferviewer.settings import data_folder
from xferviewer.studies.labels import read_labels
from xferviewer.studies.phantom.cohort import write_cohort
from xferviewer.studies.splits import Split, split_patients

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from xferviewer.jobs.data_spec import FolderData, PhantomData


# Labels of a table as training takes them; -1, uncertain, and None are not stated.
_STATED: dict[int | None, float] = {1: 1.0, 0: 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Images with labels.

    name      for people: "phantom site A, seed 1, 4000 films as PNG"
    site      None where it is not one
    paths     (n,) of the files
    patients  (n,) the group that a split must not tear apart
    labels    float32 (n, findings): 1 present, 0 absent, NaN not stated
    frames    (n,) which frame of its file each image is, from 0; left out, the first of every file
    studies   (n,) "" where it is not known; left out, of none
    """

    name: str
    site: str | None
    paths: tuple[Path, ...]
    patients: tuple[str, ...]
    labels: NDArray[np.float32]
    frames: tuple[int, ...] = ()
    studies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.frames:
            object.__setattr__(self, "frames", (0,) * len(self.paths))
        if not self.studies:
            object.__setattr__(self, "studies", ("",) * len(self.paths))
        columns = (self.patients, self.labels, self.frames, self.studies)
        if any(len(column) != len(self.paths) for column in columns):
            raise ValueError("paths, patients, labels, frames and studies should be of the same length.")

    def part(self, rows: NDArray[np.intp]) -> Cohort:
        """The same with these rows only."""
        return Cohort(
            self.name,
            self.site,
            tuple(self.paths[row] for row in rows),
            tuple(self.patients[row] for row in rows),
            self.labels[rows],
            tuple(self.frames[row] for row in rows),
            tuple(self.studies[row] for row in rows),
        )


def phantom_cohort(data: PhantomData, findings: Sequence[str], progress: Callable[[str], None]) -> Cohort:
    """Synthetic films, rendered below the data folder where they are not there yet. They are kept for later jobs."""
    name = f"phantom site {data.site}, seed {data.seed}, {data.count} films as PNG"
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
    if not folder.is_dir():
        raise UnusableTable(
            f"The job cannot learn from {folder}.",
            "There is no such folder.",
            "Correct data.folder in the specification; one without a leading slash lies where the job is started.",
        )
    return _read(folder / data.labels, folder, findings, folder.name, None)


def split_by_patient(cohort: Cohort, validation_fraction: float, seed: int) -> Split:
    """Shuffle the patients with `seed` and give whole ones to validation until it has its share of the images.

    Raises UnusableTable when one side would be empty.
    """
    names = [path.name for path in cohort.paths]
    split = split_patients(names, cohort.patients, validation_fraction * len(names), seed)
    if not split.training.size or not split.validation.size:
        raise UnusableTable(
            f"The cohort {cohort.name} cannot be split by patient.",
            f"Its {len(names)} images belong to {len(set(cohort.patients))} patients, too few for both sides.",
            "Take a larger cohort, or another validation_fraction.",
        )
    return split


def _read(path: Path, folder: Path, findings: Sequence[str], name: str, site: str | None) -> Cohort:
    """What the table of labels says of the images below `folder`. An uncertain label teaches nothing (U-Ignore)."""
    table = read_labels(path)
    missing = [finding for finding in findings if finding not in table.findings]
    if missing:
        raise _unusable(path, f"It has no column {missing[0]} with labels.")
    for row in table.rows:
        if not row.path or not row.patient_id:
            raise _unusable(
                path, f"Row {row.number} does not say which {'patient' if row.path else 'file'} it speaks of."
            )
    columns = [table.findings.index(finding) for finding in findings]
    labels = np.array([[_STATED.get(row.values[column], np.nan) for column in columns] for row in table.rows])
    return Cohort(
        name,
        site,
        tuple(folder / row.path for row in table.rows),
        tuple(row.patient_id for row in table.rows),
        labels.astype(np.float32),
        studies=tuple(row.study_uid for row in table.rows),
    )


def _unusable(path: Path, why: str) -> UnusableTable:
    return UnusableTable(
        f"The job cannot learn from {path.name}.",
        why,
        "A table needs the columns path and patient, and one of 1, 0, -1 or nothing for each finding.",
    )
