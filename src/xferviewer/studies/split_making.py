"""Splits of a cohort: drawn by group and stratified, or taken from the source, before they are frozen to a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from xferviewer.errors import UnusableChoice
from xferviewer.studies.published_splits import P1_NAME, parts_of_lists, parts_of_p1
from xferviewer.studies.stratification import assign_groups, by_group, evidence_of, nested_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.cohort import CohortTable

Method = Literal["stratified", "official", "lists", "p1-image-level"]
Shared = Literal["refuse", "leave-out", "keep"]

TRAINING, VALIDATION, TEST, UNUSED = "training", "validation", "test", ""

_LISTED = {"lists": {TRAINING, VALIDATION, TEST}, "p1-image-level": {"folder"}}  # the lists that a method takes
_DRAWN = 0.15  # of the images, for validation and for test, unless somebody says otherwise
_OF_SOURCE = {"train": TRAINING, "validation": VALIDATION, "test": TEST, "": UNUSED}


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How a split is to be made.

    method      "stratified": by group, every part with its share of each label; "official": the source's own;
                "lists": files that name the images of each part; "p1-image-level": METHODS' published one, which leaks
    seed        of what is drawn
    validation  share of the images; None: 0.15 of "stratified", and theirs of "official" and "lists", where a share
                carves it anew from training and validation together
    test        share of the images of "stratified"; None: 0.15
    folds       instead of training and validation so many folds; 0: none
    fraction    of the images in training that stay there, by whole groups; the others are in no part
    together    groups that hold the same picture, or nearly the same, are dealt out as one (leakage.joined_by_twins)
    shared      what becomes of groups that a source has in two parts: refused; left out of the earlier one (of training
                before validation, of validation before test); or kept, and marked as leaking
    lists       of "lists": the file of each part; of "p1-image-level": under "folder" the folder of the fold tables
    """

    method: Method = "stratified"
    seed: int = 0
    validation: float | None = None
    test: float | None = None
    folds: int = 0
    fraction: float = 1.0
    shared: Shared = "refuse"
    lists: Mapping[str, Path] = field(default_factory=dict)
    together: bool = False

    def __post_init__(self) -> None:
        for name, share in (("validation", self.validation), ("test", self.test)):
            if share is not None and not 0 <= share < 1:
                raise ValueError(f"{name} {share} should be at least 0 and below 1.")
        if self.test is not None and self.method != "stratified":
            raise ValueError("only the method stratified draws a test part; the others have their own.")
        if self.method == "stratified" and self.validation_share + self.test_share >= 1:
            raise ValueError("validation and test leave nothing for training.")
        if self.folds == 1 or self.folds < 0:
            raise ValueError("there should be at least 2 folds.")
        if not 0 < self.fraction <= 1:
            raise ValueError(f"fraction {self.fraction} should be above 0 and at most 1.")
        if self.folds and self.fraction < 1:
            raise ValueError("of folds no fraction is frozen; a job takes it of the folds that it learns from.")
        if self.seed < 0:
            raise ValueError("seed should not be negative.")
        changed = self.validation is not None or self.folds or self.fraction < 1 or self.together
        if self.method == "p1-image-level" and (changed or self.shared != "refuse"):
            raise ValueError("p1-image-level is made as it was published, and takes neither shares nor folds.")
        if set(self.lists) - _LISTED.get(self.method, set()):
            raise ValueError(f"the method {self.method} takes no such lists of files.")

    @property
    def validation_share(self) -> float:
        """Of the images that are dealt out; 0: none is drawn."""
        if self.validation is None:
            return _DRAWN if self.method == "stratified" else 0
        return self.validation

    @property
    def test_share(self) -> float:
        """Of the images; 0: none is drawn."""
        if self.test is None:
            return _DRAWN if self.method == "stratified" else 0
        return self.test


@dataclass(frozen=True, slots=True, eq=False)
class MadeSplit:
    """The part (n,) of each image, what the method is called, and in sentences what was met.

    published_leak  the method is known to share groups between parts, and was chosen by its name
    """

    parts: tuple[str, ...]
    method: str
    notes: tuple[str, ...] = ()
    published_leak: bool = False


def groups_of(cohort: CohortTable) -> tuple[str, ...]:
    """What a split of the cohort must not tear apart, for each image: its patient, else its study, else itself."""
    return tuple(
        patient or (f"study {study}" if study else f"image {image} {frame}")
        for patient, study, image, frame in zip(
            cohort.patients, cohort.studies, cohort.images, cohort.frames, strict=True
        )
    )


def make_split(cohort: CohortTable, plan: SplitPlan, groups: Sequence[str] = ()) -> MadeSplit:
    """Give every image of a cohort to a part. Raises UnusableChoice; UnusableTable for lists that cannot be read.

    groups  (n,) that must not be torn apart; left out: `groups_of` the cohort
    """
    groups = groups or groups_of(cohort)
    notes = list(_ungrouped(cohort))
    match plan.method:
        case "p1-image-level":
            parts, said = parts_of_p1(cohort, plan.lists.get("folder"))
            return MadeSplit(tuple(parts), P1_NAME, (*notes, *said), published_leak=True)
        case "official":
            parts, name = [_OF_SOURCE[part] for part in cohort.splits], "official"
            if not any(parts):
                raise UnusableChoice(
                    f"{cohort.description.name} has no official split.",
                    "The column split of its images.csv is empty.",
                    "Choose the method stratified.",
                )
        case "lists":
            parts, said = parts_of_lists(cohort, plan.lists)
            name = "official lists"
            notes += said
        case "stratified":
            parts, name = [TRAINING] * len(groups), f"by {cohort.description.group}, stratified"
    return _carved(cohort, plan, groups, parts, name, notes)


def _carved(
    cohort: CohortTable, plan: SplitPlan, groups: Sequence[str], parts: list[str], name: str, notes: list[str]
) -> MadeSplit:
    """The parts of a source with validation, test or folds drawn, shared groups settled and training made smaller."""
    random = np.random.default_rng(plan.seed)
    pool = np.array([part in (TRAINING, VALIDATION) for part in parts])
    if plan.method == "stratified":
        validation, test = plan.validation_share, plan.test_share
        shares = {TRAINING: 1 - validation - test, VALIDATION: validation, TEST: test}
        if plan.folds:
            shares = {**{str(number + 1): (1 - test) / plan.folds for number in range(plan.folds)}, TEST: test}
            name = f"{name}, {plan.folds} folds"
        parts = drawn(cohort, groups, parts, pool, shares, random)
    elif plan.folds:
        parts = drawn(cohort, groups, parts, pool, {str(n + 1): 1 / plan.folds for n in range(plan.folds)}, random)
        name = f"{name}, {plan.folds} folds of training and validation"
    elif plan.validation:
        shares = {TRAINING: 1 - plan.validation, VALIDATION: plan.validation}
        parts = drawn(cohort, groups, parts, pool, shares, random)
        name = f"{name}, validation carved from training"
    parts, leaks, said = _settled(cohort, groups, parts, plan.shared)
    if plan.fraction < 1:
        kept = fraction_of(cohort.labels, groups, np.array(parts) == TRAINING, plan.fraction, plan.seed)
        parts = [UNUSED if part == TRAINING and not keep else part for part, keep in zip(parts, kept, strict=True)]
        name = f"{name}, {plan.fraction:.4g} of training"
    return MadeSplit(tuple(parts), f"{name} (leaks)" if leaks else name, (*notes, *said), leaks)


def drawn(
    cohort: CohortTable,
    groups: Sequence[str],
    parts: Sequence[str],
    pool: NDArray[np.bool_],
    shares: Mapping[str, float],
    random: np.random.Generator,
) -> list[str]:
    """`parts` with the images of the pool dealt out anew, by whole groups and stratified."""
    names = [part for part, share in shares.items() if share > 0]
    rows = np.flatnonzero(pool)
    _, places, evidence, sizes = by_group(
        [groups[row] for row in rows.tolist()], evidence_of(cohort.labels[rows], pairs=True)
    )
    chosen = assign_groups(evidence, sizes, [shares[part] for part in names], random)
    dealt = list(parts)
    for row, place in zip(rows.tolist(), places.tolist(), strict=True):
        dealt[row] = names[chosen[place]]
    return dealt


def fraction_of(
    labels: NDArray[np.float32], groups: Sequence[str], training: NDArray[np.bool_], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which images stay when only a fraction of the training images is used, bool (n,).

    By whole groups and stratified; of the same training images and seed, a smaller fraction lies within a larger one.
    At least one group stays.
    """
    rows = np.flatnonzero(training)
    kept = np.zeros(len(training), dtype=np.bool_)
    if not len(rows) or fraction >= 1:
        kept[rows] = True
        return kept
    _, places, evidence, sizes = by_group([groups[row] for row in rows.tolist()], evidence_of(labels[rows], pairs=True))
    order = nested_order(evidence, sizes, np.random.default_rng((seed, len(rows))))
    before = np.cumsum(sizes[order]) - sizes[order]
    stays = np.zeros(len(sizes), dtype=np.bool_)
    stays[order[before < fraction * len(rows)]] = True
    kept[rows] = stays[places]
    return kept


def _settled(
    cohort: CohortTable, groups: Sequence[str], parts: Sequence[str], shared: Shared
) -> tuple[list[str], bool, list[str]]:
    """The parts after groups in two of them were dealt with, whether some still are, and what is to be said."""
    parts_of: dict[str, set[str]] = {}
    for group, part in zip(groups, parts, strict=True):
        if part:
            parts_of.setdefault(group, set()).add(part)
    torn = {group for group, found in parts_of.items() if len(found) > 1}
    word = cohort.description.group
    if not torn:
        return list(parts), False, []
    if shared == "refuse":
        raise UnusableChoice(
            f"The split of {cohort.description.name} was not made.",
            f"{len(torn)} of its {len(parts_of)} {word}s are in two parts: what is learned of them would count as "
            "recognised.",
            "Choose the method stratified; or say --shared leave-out, which leaves their images out of training; or "
            "--shared keep, which keeps the split as it was published and marks it as leaking.",
        )
    if shared == "keep":
        return list(parts), True, [f"{len(torn)} {word}s are in two parts, as the source has it."]
    rank = {TRAINING: 0, VALIDATION: 1, TEST: 3}
    latest = {group: max(parts_of[group], key=lambda part: (rank.get(part, 2), part)) for group in torn}
    settled = [
        UNUSED if group in torn and part != latest[group] else part for group, part in zip(groups, parts, strict=True)
    ]
    left_out = Counter(part for part, now in zip(parts, settled, strict=True) if part and not now)
    counts = " and ".join(f"{count} images out of {part}" for part, count in sorted(left_out.items()))
    return settled, False, [f"{len(torn)} {word}s were in two parts: {counts} are left out."]


def _ungrouped(cohort: CohortTable) -> list[str]:
    """Said of images that could not be grouped."""
    word = cohort.description.group
    alone = sum(not patient and not study for patient, study in zip(cohort.patients, cohort.studies, strict=True))
    if word == "image":
        return ["The source does not say which images belong together: each is a group of its own."]
    if alone:
        return [f"{alone} images name no {word}: each of them is a group of its own."]
    return []
