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
class CohortData:
    """A cohort folder (studies.cohort_folder) and one of its frozen splits (studies.split_file).

    folder             of the cohort, or the name of one below `cohorts/` of the data folder
    split              its name, or the path of its .csv
    fold               which fold validates, from 1; the others are learned from. Only of a split that has folds
    training_fraction  how much of the training images is learned from, by whole groups and stratified; smaller ones lie
                       within larger ones
    uncertain          what a training label counts as that the source left uncertain (studies.uncertain_labels); of
                       validation and test images such labels are left out. U-MultiClass makes it a class of its own
    blank              what a label counts as that is not stated, in every part
    measure_test       measure the finished checkpoint on the test part, where there is one
    """

    folder: str
    split: str
    fold: int | None = None
    training_fraction: float = 1.0
    uncertain: Literal["U-Ignore", "U-Zeros", "U-Ones", "U-MultiClass", "LSR-Ones", "LSR-Zeros"] = "U-Ignore"
    blank: Literal["absent", "not stated"] = "not stated"
    measure_test: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.training_fraction <= 1:
            raise ValueError(f"training_fraction {self.training_fraction} should be above 0 and at most 1.")
        if self.fold is not None and self.fold < 1:
            raise ValueError(f"fold {self.fold} should be at least 1.")


@dataclass(frozen=True, slots=True)
class DataSpec:
    """Where the images come from (one of the three). Of phantom and folder, how much of the patients validates.

    validation_fraction, split_seed  a cohort has a frozen split instead, and takes no notice of them
    """

    phantom: PhantomData | None = None
    folder: FolderData | None = None
    cohort: CohortData | None = None
    validation_fraction: float = 0.15
    split_seed: int = 0

    def __post_init__(self) -> None:
        if [self.phantom, self.folder, self.cohort].count(None) != 2:
            raise ValueError("name one of phantom, folder and cohort.")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction {self.validation_fraction} should lie between 0 and 1.")
