"""What a person who chooses training images sees of them before the job: findings, images, patients. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from xferviewer.errors import UnusableFolder
from xferviewer.studies.label_table import read_labels
from xferviewer.studies.phantom import FINDINGS

CohortKind = Literal["phantom", "labels"]
_LABELS = "labels.csv"


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
    """A cohort as it is offered for training; `folder` is None for phantom films."""

    kind: CohortKind
    name: str
    folder: Path | None
    findings: tuple[FindingCount, ...]
    images: int | None = None
    patients: int | None = None
    notes: tuple[str, ...] = field(default=())


PHANTOM = TrainingCohort("phantom", "phantom", None, tuple(FindingCount(name) for name in FINDINGS))


def look_at(folder: Path) -> TrainingCohort:
    """What a folder offers. Raises UnusableFolder, UnusableTable."""
    table = folder / _LABELS
    if not table.is_file():
        raise UnusableFolder(
            f"{folder.name or folder} is no cohort.",
            f"It holds no {_LABELS} with the columns path and patient and one for each finding.",
            "Choose the folder that holds one, or import a data set.",
        )
    labels = read_labels(table)
    counts = tuple(
        FindingCount(name, *(sum(row.values[place] == value for row in labels.rows) for value in (1, 0)))
        for place, name in enumerate(labels.findings)
    )
    patients = len({row.patient_id for row in labels.rows if row.patient_id})
    return TrainingCohort("labels", folder.name, folder, counts, len(labels.rows), patients)
