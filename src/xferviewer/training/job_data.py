"""The data of a job: its images, which of them are learned from, and the receipt that says what the sides share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.checkpoints import TrainingData
from xferviewer.errors import UnusableSpec
from xferviewer.studies.fingerprints import fingerprints_of
from xferviewer.studies.leakage import LeakageReceipt, leakage_receipt, receipt_as_toml
from xferviewer.training.cohort import Cohort, folder_cohort, phantom_cohort, split_by_patient
from xferviewer.training.frozen_data import open_frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xferviewer.jobs.data_spec import DataSpec
    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.studies.splits import Split
    from xferviewer.training.watch import Watch


@dataclass(frozen=True, slots=True, eq=False)
class JobData:
    """What a job learns from.

    cohort   the images of both sides, no others
    split    rows of the cohort
    test     images that neither side holds, to be measured in the end; None where there are none
    receipt  of training, validation and test
    method   how they were split, for people
    leaks    the split is known to share groups between its parts, and was chosen by name
    cohort_digest  SHA-256 (hex) of images.csv of a cohort folder; None of other data
    """

    cohort: Cohort
    split: Split
    test: Cohort | None
    receipt: LeakageReceipt
    method: str
    leaks: bool = False
    cohort_digest: str | None = None


def open_data(
    data: DataSpec, findings: Sequence[str], progress: Callable[[str], None], *, compare: bool = True
) -> JobData:
    """The data of a job; synthetic films are rendered first.

    compare  read the images and look for duplicates, where whoever froze the split wanted it

    Raises UnusableTable, UnusableFolder, UnusableChoice.
    """
    if data.cohort:
        frozen = open_frozen(data.cohort, findings)
        cohort, split, test, group = frozen.cohort, frozen.split, frozen.test, frozen.group
        return JobData(
            cohort,
            split,
            test if data.cohort.measure_test else None,
            _receipt(cohort, split, test, group, progress if compare and frozen.compare else None),
            frozen.method,
            frozen.leaks,
            frozen.cohort_digest,
        )
    cohort, split = open_split(data, findings, progress)
    receipt = _receipt(cohort, split, None, "patient", progress if compare else None)
    return JobData(cohort, split, None, receipt, "by patient")


def open_split(data: DataSpec, findings: Sequence[str], progress: Callable[[str], None]) -> tuple[Cohort, Split]:
    """Only the images of both sides and which are which; nothing is compared. Raises what `open_data` raises."""
    if data.cohort:
        frozen = open_frozen(data.cohort, findings)
        return frozen.cohort, frozen.split
    if data.phantom:
        cohort = phantom_cohort(data.phantom, findings, progress)
    else:
        assert data.folder  # noqa: S101  DataSpec has one of the three
        cohort = folder_cohort(data.folder, findings)
    return cohort, split_by_patient(cohort, data.validation_fraction, data.split_seed)


def _receipt(
    cohort: Cohort, split: Split, test: Cohort | None, group: str, progress: Callable[[str], None] | None
) -> LeakageReceipt:
    """What the sides and the test images share; without `progress` nobody looks for duplicates."""
    sides = [("training", cohort.part(split.training)), ("validation", cohort.part(split.validation))]
    sides += [("test", test)] if test is not None else []
    files = [image for _, side in sides for image in zip(side.paths, side.frames, strict=True)]
    prints = None
    if progress is not None:
        prints = fingerprints_of(files, lambda done, total: progress(f"duplicates: {done} of {total} images compared"))
    return leakage_receipt(
        [part for part, side in sides for _ in side.paths],
        [patient for _, side in sides for patient in side.patients],
        [path.name for path, _ in files],
        group=group,
        fingerprints=prints,
    )


def say_receipt(spec: TrainingSpec, data: JobData, watch: Watch) -> TrainingData:
    """Print the leakage receipt; what the card says of the data.

    Raises UnusableSpec where a group is on two sides, unless the split is one that leaks and was chosen by name.
    """
    receipt, torn = data.receipt, data.receipt.between("training", "validation")
    marked = f"{data.method}. " + ("This split leaks: its numbers are too good. " if data.leaks else "")
    watch.say(
        "receipt",
        f"{marked}Leakage receipt: {receipt}",
        training_patients=receipt.groups["training"],
        validation_patients=receipt.groups["validation"],
        shared_patients=torn.groups,
        split_digest=data.split.digest,
        method=data.method,
        leaks=data.leaks,
        receipt=receipt_as_toml(receipt),
    )
    if receipt.shared_groups and not data.leaks:
        raise UnusableSpec(
            f"The job {spec.name} does not start.", f"{receipt}", "Split the cohort by patient, and start it again."
        )
    looked = receipt.compared is not None
    return TrainingData(
        cohort=data.cohort.name,
        site=data.cohort.site,
        seed=spec.data.phantom.seed if spec.data.phantom else None,
        training=len(data.split.training),
        validation=len(data.split.validation),
        training_patients=receipt.groups["training"],
        validation_patients=receipt.groups["validation"],
        shared_patients=torn.groups,
        split_digest=data.split.digest,
        group=receipt.group,
        split=data.method,
        leaks=data.leaks,
        exact_duplicates=sum(overlap.exact for overlap in receipt.overlaps) if looked else None,
        near_duplicates=sum(overlap.near for overlap in receipt.overlaps) if looked else None,
        cohort_digest=data.cohort_digest,
    )


def learnable(data: JobData, findings: Sequence[str], task: str, watch: Watch) -> tuple[str, ...]:
    """The findings that this split can teach: those with present and absent images in training. Says what is amiss.

    A finding without positives, or without negatives, is not learned; one that lacks them in validation has no area
    there and does not help to choose the best epoch. Raises UnusableSpec where nothing can be learned or chosen by, and
    where a class of several has no training image.
    """
    labels = data.cohort.labels
    training = _lacking(labels[data.split.training], findings)
    validation = _lacking(labels[data.split.validation], findings)
    if task == "multi-class" and training:
        unseen = [finding for finding, lacks in training.items() if lacks != "absent"]  # of one class are all images
        raise _unusable(f"Of {', '.join(unseen)} there is no image in training, and each class needs some.")
    if len(training) == len(findings):
        raise _unusable(f"No finding has both present and absent images in training: {_named(training)}.")
    if training:
        watch.say("not learned", f"Not learned, for want of training images: {_named(training)}.", findings=[*training])
    taught = tuple(finding for finding in findings if finding not in training)
    if all(finding in validation for finding in taught):
        raise _unusable(
            f"No finding has both present and absent images in validation, so that no epoch is the best: "
            f"{_named(validation)}."
        )
    if validation:
        watch.say("no validation", f"No area on the validation images: {_named(validation)}.", findings=[*validation])
    return taught


def _lacking(labels: np.ndarray, findings: Sequence[str]) -> dict[str, str]:
    """What each finding lacks, of those that lack something."""
    lacks: dict[str, str] = {}
    for finding, column in zip(findings, labels.T, strict=True):
        missing = [word for word, state in (("present", 1), ("absent", 0)) if not (column == state).any()]
        if missing:
            lacks[finding] = " and ".join(missing)
    return lacks


def _named(lacks: dict[str, str]) -> str:
    return ", ".join(f"{finding} (none {what})" for finding, what in lacks.items())


def _unusable(why: str) -> UnusableSpec:
    return UnusableSpec(
        "The split of this job cannot be learned from.",
        why,
        "Choose a larger part of the training images, a stratified split, or fewer findings.",
    )
