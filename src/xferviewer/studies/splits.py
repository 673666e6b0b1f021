"""Splits of a cohort into training and validation by patient, and their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows of a cohort for training and for validation. `digest` is a SHA-256 of which image went where."""

    training: NDArray[np.intp]
    validation: NDArray[np.intp]
    digest: str


def split_patients(names: Sequence[str], patients: Sequence[str], images: float, seed: int) -> Split:
    """Shuffle the patients with `seed` and give whole ones to validation until it has `images` images or more.

    names (n,) of the image files without their folders; patients (n,). Either side may come out empty.
    """
    order = sorted(set(patients))
    np.random.default_rng(seed).shuffle(order)
    rows: dict[str, list[int]] = {patient: [] for patient in order}
    for row, patient in enumerate(patients):
        rows[patient].append(row)
    validation: list[int] = []
    while order and len(validation) < images:
        validation += rows[order.pop()]
    training = [row for patient in order for row in rows[patient]]
    return Split(
        np.array(sorted(training), dtype=np.intp),
        np.array(sorted(validation), dtype=np.intp),
        split_digest(names, patients, validation),
    )


def split_digest(names: Sequence[str], patients: Sequence[str], validation: Iterable[int]) -> str:
    """SHA-256 (hex) of which image went where, whatever the order of the rows."""
    kept = set(validation)
    lines = sorted(
        f"{name}\t{patient}\t{'validation' if row in kept else 'training'}\n"
        for row, (name, patient) in enumerate(zip(names, patients, strict=True))
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def find_split(
    names: Sequence[str], patients: Sequence[str], digest: str, validation_images: int, seeds: Iterable[int]
) -> Split | None:
    """The split of this digest, where one of the seeds makes it of these rows; None where none does.

    The rows must be those of the whole cohort, in any order. validation_images is how many the split put aside.
    """
    for seed in dict.fromkeys(seeds):
        split = split_patients(names, patients, validation_images, seed)
        if split.digest == digest:
            return split
    return None
