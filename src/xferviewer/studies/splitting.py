"""A split from its plan to its files: made, searched for what its parts share, frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.studies.cohort_folder import cohorts_folder
from xferviewer.studies.fingerprints import Fingerprints, fingerprints_of, unheard
from xferviewer.studies.leakage import joined_by_twins, leakage_receipt
from xferviewer.studies.split_file import FrozenSplit, freeze
from xferviewer.studies.split_making import SplitPlan, groups_of, make_split

if TYPE_CHECKING:
    from xferviewer.errors import UnreadableImage
    from xferviewer.studies.cohort import CohortTable


def split_cohort(
    cohort: CohortTable,
    name: str,
    plan: SplitPlan,
    *,
    duplicates: bool = True,
    progress: Callable[[int, int], None] = unheard,
    refused: Callable[[UnreadableImage], None] = unheard,
) -> FrozenSplit:
    """Make a split and its receipt; nothing is written.

    duplicates  read every image and compare them
    progress    called with images read and images in all

    Raises UnusableChoice, UnusableTable, UnusableFolder, and ValueError for a name that is none of a file.
    """
    prints = cohort_fingerprints(cohort, progress, refused) if duplicates or plan.together else None
    groups, notes = list(groups_of(cohort)), []
    if plan.together and prints is not None:
        apart = len(set(groups))
        groups = joined_by_twins(groups, prints)
        if joined := apart - len(set(groups)):
            word = cohort.description.group
            notes.append(f"{apart} {word}s were dealt out as {apart - joined}: those with the same pictures together.")
    made = make_split(cohort, plan, groups)
    receipt = leakage_receipt(
        made.parts, groups_of(cohort), cohort.images, group=cohort.description.group, fingerprints=prints
    )
    return freeze(
        cohort, name, made.parts, made.method, _parameters(plan), receipt,
        leaks=made.published_leak, notes=(*made.notes, *notes),
    )  # fmt: skip


def cohort_path(named: Path | str) -> Path:
    """The folder of a cohort that was named, or given as a path."""
    path = Path(named)
    below = cohorts_folder() / path
    return below if not path.is_dir() and below.is_dir() else path


def cohort_fingerprints(
    cohort: CohortTable,
    progress: Callable[[int, int], None] = unheard,
    refused: Callable[[UnreadableImage], None] = unheard,
) -> Fingerprints:
    """Of every image of a cohort, in its order. Raises UnusableFolder."""
    return fingerprints_of([(cohort.path(row), frame) for row, frame in enumerate(cohort.frames)], progress, refused)


def _parameters(plan: SplitPlan) -> Mapping[str, Any]:
    """What was asked for, as TOML takes it; a list of files by name and SHA-256."""
    told: dict[str, Any] = {"method": plan.method, "seed": plan.seed, "shared": plan.shared}
    if plan.method != "p1-image-level":
        told |= {"validation": plan.validation_share, "test": plan.test_share, "folds": plan.folds}
        told |= {"fraction": plan.fraction, "together": plan.together}
    if plan.lists:
        told["lists"] = {part: _named(path) for part, path in plan.lists.items()}
    return told


def _named(path: Path) -> str:
    files = sorted(path.glob("*fold*.csv")) if path.is_dir() else [path]
    return ", ".join(f"{each.name} {hashlib.sha256(each.read_bytes()).hexdigest()}" for each in files)
