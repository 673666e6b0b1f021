"""From images to studies and patients: one case for each unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xferviewer.errors import UnusableTable
from xferviewer.evaluation.cohort import Cohort, Unit, per_group

Aggregation = Literal["max", "mean", "noisy-or"]


def aggregate(cohort: Cohort, unit: Unit, how: Aggregation = "max") -> Cohort:
    """The cohort with one case for each study or patient.

    A finding is present in a unit when it is in any of its images, and absent when no image has it and one is stated.
    how  the unit's score: "max" or "mean" of its images' scores, or "noisy-or", 1 - prod(1 - p), for probabilities.

    A group column keeps a unit's value where all its images share it. Raises UnusableTable when no case names its study
    or patient, ValueError for noisy-or of scores outside [0, 1].
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
        warnings.append(f"{np.count_nonzero(~named)} images do not name their {unit} and are left out.")
    units, first, group = np.unique(names[named], return_index=True, return_inverse=True)
    scores = cohort.scores[:, named]
    if how == "max":
        combined = per_group(scores, group, units.size, np.fmax)
    else:
        present = ~np.isnan(scores)
        n_present = per_group(present.astype(np.float64), group, units.size, np.add)
        if how == "mean":
            total = per_group(np.where(present, scores, 0), group, units.size, np.add)
            combined = total / np.where(n_present, n_present, np.nan)
        elif how == "noisy-or":
            if np.any((scores < 0) | (scores > 1)):
                raise ValueError("noisy-or needs probabilities in [0, 1]")
            absent = per_group(np.where(present, 1 - scores, 1), group, units.size, np.multiply)
            combined = np.where(n_present > 0, 1 - absent, np.nan)
        else:
            raise ValueError(f'scores are combined by "max", "mean" or "noisy-or", not {how!r}')
    original = np.flatnonzero(named)[first]
    return replace(
        cohort,
        unit=unit,
        cases=tuple(units.tolist()),
        studies=tuple(cohort.studies[i] for i in original),
        patients=tuple(cohort.patients[i] for i in original),
        labels=per_group(cohort.labels[named], group, units.size, np.fmax),
        scores=combined,
        columns={
            name: _shared_values(name, np.array(values)[named], group, units.size, warnings)
            for name, values in cohort.columns.items()
        },
        warnings=tuple(warnings),
    )


def _shared_values(
    name: str, values: NDArray[np.str_], group: NDArray[np.intp], n_groups: int, warnings: list[str]
) -> tuple[str, ...]:
    """A column of the units; a unit whose images differ belongs to no group."""
    distinct, code = np.unique(values, return_inverse=True)
    lowest, highest = np.full(n_groups, distinct.size), np.full(n_groups, -1)
    np.minimum.at(lowest, group, code)
    np.maximum.at(highest, group, code)
    mixed = lowest != highest
    if mixed.any():
        warnings.append(f"{np.count_nonzero(mixed)} units have several values of {name} and belong to no group.")
    return tuple("" if is_mixed else str(distinct[i]) for is_mixed, i in zip(mixed, lowest, strict=True))
