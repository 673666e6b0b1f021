"""From images to studies and patients: one case for each unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xferviewer.errors import UnusableTable
from xferviewer.evaluation.cohort import Cohort
from xferviewer.evaluation.row_groups import per_group, shared_values
from xferviewer.evaluation.units import PLURAL, Unit

Aggregation = Literal["max", "mean", "noisy-or"]


def aggregate(cohort: Cohort, unit: Unit, how: Aggregation = "max") -> Cohort:
    """The cohort with one case for each study or patient.

    A finding is present in a unit when it is in any of its images, and absent when no image has it and one is stated.
    how  the unit's score: "max" or "mean" of its images' scores, or "noisy-or", 1 - prod(1 - p), for probabilities.

    The members of a unit's column differ as they do about the image about which they differ most: how far the members'
    own scores of the unit lie apart is not known from means of its images. A group column keeps a unit's value where
    all its images share it. A checkpoint with scores outside [0, 1] has none under noisy-or. Raises UnusableTable when
    no case names its study or patient, or no checkpoint has a score left.
    """
    if unit == cohort.unit:
        return cohort
    names = np.array(cohort.studies if unit == "study" else cohort.patients)
    named = names != ""
    if not named.any():
        raise UnusableTable(
            f"The cases cannot be counted by {unit}.",
            f"Neither the labels nor the predictions have a {unit} column.",
            f"Add a column named {unit}, or evaluate by image.",
        )
    warnings = list(cohort.warnings)
    if not named.all():
        warnings.append(f"{np.count_nonzero(~named)} {PLURAL[cohort.unit]} do not name their {unit} and are left out.")
    units, first, group = np.unique(names[named], return_index=True, return_inverse=True)
    combined = _combined(cohort, cohort.scores[:, named], group, units.size, how, warnings)
    original = np.flatnonzero(named)[first]
    return replace(
        cohort,
        unit=unit,
        cases=tuple(units.tolist()),
        studies=tuple(cohort.studies[i] for i in original),
        patients=tuple(cohort.patients[i] for i in original),
        labels=per_group(cohort.labels[named], group, units.size, np.fmax),
        scores=combined,
        doubts={
            measure: per_group(values[:, named], group, units.size, np.fmax)
            for measure, values in cohort.doubts.items()
        },
        columns=_shared_columns(cohort, named, group, units.size, warnings),
        warnings=tuple(warnings),
    )


def _combined(
    cohort: Cohort,
    scores: NDArray[np.float64],
    group: NDArray[np.intp],
    n_units: int,
    how: Aggregation,
    warnings: list[str],
) -> NDArray[np.float64]:
    """The scores of the units, (C, units, K), from those of their images, (C, n, K)."""
    if how == "noisy-or":
        scores = _without_other_scores(cohort.checkpoints, scores, warnings)
    return combined_scores(scores, group, n_units, how)


def combined_scores(
    scores: NDArray[np.float64], group: NDArray[np.intp], n_units: int, how: Aggregation
) -> NDArray[np.float64]:
    """(…, units, K) of the scores of their images, (…, n, K); NaN, no score, counts in none.

    group  (n,) the unit of each image, from 0; every unit has an image. "noisy-or" takes probabilities.
    """
    if how == "max":
        return per_group(scores, group, n_units, np.fmax)
    present = ~np.isnan(scores)
    n_present = per_group(present.astype(np.float64), group, n_units, np.add)
    if how == "mean":
        total = per_group(np.where(present, scores, 0), group, n_units, np.add)
        mean: NDArray[np.float64] = total / np.where(n_present, n_present, np.nan)
        return mean
    if how == "noisy-or":
        absent = per_group(np.where(present, 1 - scores, 1), group, n_units, np.multiply)
        return np.where(n_present > 0, 1 - absent, np.nan)
    raise ValueError(f'scores are combined by "max", "mean" or "noisy-or", not {how!r}')


def _without_other_scores(
    checkpoints: tuple[str, ...], scores: NDArray[np.float64], warnings: list[str]
) -> NDArray[np.float64]:
    """The scores (C, n, K) without those of checkpoints that give no probabilities, which is said."""
    outside = np.count_nonzero((scores < 0) | (scores > 1), axis=(1, 2))
    if outside.size and outside.all():
        raise UnusableTable(
            "The scores cannot be combined by noisy-or.",
            "It multiplies probabilities, and every checkpoint has scores outside [0, 1].",
            "Combine them by max or mean, or predict probabilities.",
        )
    for name, n in zip(checkpoints, outside.tolist(), strict=True):
        if n:
            warnings.append(f"{name}: {n} scores lie outside [0, 1], so that noisy-or has no meaning: left out.")
    return np.where(outside[:, np.newaxis, np.newaxis] > 0, np.nan, scores)


def _shared_columns(
    cohort: Cohort, named: NDArray[np.bool_], group: NDArray[np.intp], n_units: int, warnings: list[str]
) -> dict[str, tuple[str, ...]]:
    """The columns of the units; a unit whose images differ belongs to no group."""
    columns = {}
    for name, values in cohort.columns.items():
        columns[name], n_mixed = shared_values(np.array(values)[named].tolist(), group, n_units)
        if n_mixed:
            warnings.append(f"{n_mixed} units have several values of {name} and belong to no group.")
    return columns
