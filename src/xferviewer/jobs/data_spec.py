"""What a job is told about its images: where they come from, and which of them are kept for validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PhantomData:
    """Synthetic films, rendered when they are not there yet (studies.phantom)."""

    site: Literal["A", "B", "C"]
    count: int
    seed: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.seed < 0:
            raise ValueError("count should be positive and seed not negative.")


@dataclass(frozen=True, slots=True)
class FolderData:
    """Images below a folder, with a table of labels: columns path, patient, and one per finding (1, 0, -1, empty)."""

    folder: str
    labels: str = "labels.csv"


@dataclass(frozen=True, slots=True)
class DataSpec:
    """Where the images come from (one of the two), and how much of the patients is kept for validation."""

    phantom: PhantomData | None = None
    folder: FolderData | None = None
    validation_fraction: float = 0.15
    split_seed: int = 0

    def __post_init__(self) -> None:
        if (self.phantom is None) == (self.folder is None):
            raise ValueError("name either phantom or folder.")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction {self.validation_fraction} should lie between 0 and 1.")
