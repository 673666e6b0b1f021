"""A cohort: labelled cases and what each checkpoint says of them, joined from tables and brought to one unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xferviewer.errors import UnusableTable
from xferviewer.evaluation.tables import LabelTable, PredictionTable

Unit = Literal["image", "study", "patient"]
Aggregation = Literal["max", "mean", "noisy-or"]
UncertainPolicy = Literal["ignore", "zeros", "ones"]

_NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """n cases, K findings and C checkpoints.

    cases                names of the cases: images, studies or patients, as `unit` says.
    studies, patients    (n,) text, "" where not stated.
    labels               (n, K) float64: 1 present, 0 absent, NaN not stated.
    scores               (C, n, K) float64; NaN where a checkpoint has no score.
    columns              further facts of the cases by column name, (n,) text each, to group by.
    warnings             sentences with counts: what did not fit and what became of it.
    """

    unit: Unit
    cases: tuple[str, ...]
    studies: tuple[str, ...]
    patients: tuple[str, ...]
    findings: tuple[str, ...]
    labels: NDArray[np.float64]
    checkpoints: tuple[str, ...]
    scores: NDArray[np.float64]
    columns: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...] = ()


def match_images(wanted: Sequence[str], known: Sequence[str]) -> NDArray[np.intp]:
    """For each wanted image the index of the known one: of the same path, else of the same base name, else -1.

    A base name counts only where it is unique among the known and among the wanted images; otherwise the 0001.png
    of two sites would be taken for one. Both sequences hold each path once.
    """
    paths = {_posix(path): index for index, path in enumerate(known)}
    known_names, wanted_names = _unique_names(known), _unique_names(wanted)
    matched = np.full(len(wanted), -1, dtype=np.intp)
    for row, path in enumerate(wanted):
        name = _base_name(path)
        if _posix(path) in paths:
            matched[row] = paths[_posix(path)]
        elif name in known_names and name in wanted_names:
            matched[row] = known_names[name]
    return matched


def _posix(path: str) -> str:
    return path.replace("\\", "/").removeprefix("./")


def _base_name(path: str) -> str:
    return _posix(path).rsplit("/", 1)[-1]


def _unique_names(paths: Sequence[str]) -> dict[str, int]:
    """The index of each base name that occurs once."""
    found: dict[str, int] = {}
    for index, path in enumerate(paths):
        name = _base_name(path)
        found[name] = -1 if name in found else index
    return {name: index for name, index in found.items() if index >= 0}


def join(
    labels: LabelTable,
    predictions: Sequence[PredictionTable],
    group_by: Sequence[str] = (),
    uncertain: UncertainPolicy = "ignore",
) -> Cohort:
    """Bring labels and predictions together, image by image.

    group_by   columns of the label table to keep.
    uncertain  what becomes of the mark -1: "ignore" (not stated), "zeros" (absent) or "ones" (present).

    Images without labels, labels without predictions, repeated and contradicting rows and impossible labels are counted
    in the warnings, and the rest goes on. Raises UnusableTable where nothing is left: no image or no finding in common,
    a column to group by that is missing, or two files that give one checkpoint two scores.
    """
    warnings = [*labels.raw.warnings, *(w for table in predictions for w in table.warnings)]
    findings = tuple(dict.fromkeys(finding for table in predictions for finding in table.findings))
    truth, findings = _label_matrix(labels, findings, uncertain, warnings)
    first_rows, truth = _one_row_per_image(labels, truth, warnings)
    images = [labels.image[row] for row in first_rows]
    checkpoints, scores = _score_matrices(images, predictions, findings, warnings)
    used: NDArray[np.bool_] = np.any(~np.isnan(scores), axis=(0, 2))
    if not used.any():
        raise UnusableTable(
            "No image has both a label and a prediction.",
            f"The labels name images like {images[0]}, the predictions like {predictions[0].image[0]}.",
            "Make the names of the images alike: the whole path, or a base name that is unique.",
        )
    if not used.all():
        warnings.append(
            f"{np.count_nonzero(~used)} of {used.size} labelled images have no prediction and are left out."
        )
    rows = [row for row, keep in zip(first_rows, used, strict=True) if keep]
    for checkpoint, of_checkpoint in zip(checkpoints, scores[:, used], strict=True):
        n_without = np.count_nonzero(np.isnan(of_checkpoint).all(axis=1))
        if n_without:
            warnings.append(f"{checkpoint} has no prediction for {n_without} of {len(rows)} images.")
        absent = [
            name for name, none in zip(findings, np.isnan(of_checkpoint).all(axis=0).tolist(), strict=True) if none
        ]
        if absent:
            warnings.append(f"{checkpoint} has no prediction at all for {', '.join(absent)}.")
    studies, patients = _identities(labels, predictions, images)
    columns = {name: labels.column(name) for name in group_by}
    keep = np.flatnonzero(used)
    return Cohort(
        "image",
        tuple(labels.image[row] for row in rows),
        tuple(studies[i] for i in keep),
        tuple(patients[i] for i in keep),
        findings,
        truth[used],
        checkpoints,
        scores[:, used],
        {name: tuple(values[row] or _NOT_STATED for row in rows) for name, values in columns.items()},
        tuple(warnings),
    )


def _label_matrix(
    labels: LabelTable, findings: Sequence[str], uncertain: UncertainPolicy, warnings: list[str]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    columns, kept, without = [], [], []
    for finding in findings:
        found = labels.labels(finding)
        if found is None:
            without.append(finding)
            continue
        values, n_impossible = found
        if n_impossible > np.count_nonzero(~np.isnan(values)):
            without.append(finding)  # a column of something else, such as the age
            continue
        if n_impossible:
            warnings.append(f"{finding}: {n_impossible} labels are none of 1, 0, -1 or blank and count as not stated.")
        n_uncertain = int(np.count_nonzero(values == -1))
        if n_uncertain:
            meaning = {"ignore": "not stated", "zeros": "absent", "ones": "present"}[uncertain]
            warnings.append(f"{finding}: {n_uncertain} uncertain labels (-1) count as {meaning}.")
        columns.append(np.where(values == -1, {"ignore": np.nan, "zeros": 0.0, "ones": 1.0}[uncertain], values))
        kept.append(finding)
    if without:
        warnings.append(f"No label column for {', '.join(without)}: left out.")
    if not kept:
        raise UnusableTable(
            "Labels and predictions have no finding in common.",
            f"Predicted: {', '.join(findings)}. The label table has the columns {', '.join(labels.raw.columns)}.",
            "Name the columns of both tables alike.",
        )
    return np.column_stack(columns), tuple(kept)


def _one_row_per_image(
    labels: LabelTable, truth: NDArray[np.float64], warnings: list[str]
) -> tuple[list[int], NDArray[np.float64]]:
    """The first row of each image; where later rows contradict it, the label is not stated."""
    first: dict[str, int] = {}
    target = np.empty(len(labels.image), dtype=np.intp)
    for row, image in enumerate(labels.image):
        target[row] = first.setdefault(_posix(image), len(first))
    if len(first) == len(labels.image):
        return list(range(len(labels.image))), truth
    lowest = _per_group(truth, target, len(first), np.fmin)
    highest = _per_group(truth, target, len(first), np.fmax)
    contradicting = highest != lowest
    contradicting &= ~np.isnan(highest)
    n_repeated = len(labels.image) - len(first)
    warnings.append(f"{n_repeated} rows of labels repeat an image and are merged with its first row.")
    if contradicting.any():
        warnings.append(
            f"{int(contradicting.any(axis=1).sum())} images have rows with contradicting labels; these labels "
            f"({int(contradicting.sum())}) count as not stated."
        )
    rows = np.unique(target, return_index=True)[1]
    return [int(row) for row in rows], np.where(contradicting, np.nan, highest)


def _per_group(
    values: NDArray[np.float64], group: NDArray[np.intp], n_groups: int, function: np.ufunc
) -> NDArray[np.float64]:
    """(…, groups, K) of (…, n, K): a function such as np.fmax over the rows of each group; every group has a row."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(n_groups))
    result: NDArray[np.float64] = function.reduceat(values[..., order, :], starts, axis=-2)
    return result


def _score_matrices(
    images: Sequence[str], predictions: Sequence[PredictionTable], findings: Sequence[str], warnings: list[str]
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The scores of every checkpoint, (C, images, K), and the checkpoints in the order in which they come."""
    checkpoints = tuple(dict.fromkeys(name for table in predictions for name in table.checkpoint))
    scores = np.full((len(checkpoints), len(images), len(findings)), np.nan)
    taken = np.zeros((len(checkpoints), len(images)), dtype=bool)
    number = {name: index for index, name in enumerate(checkpoints)}
    for table in predictions:
        distinct = list(dict.fromkeys(table.image))
        row_of = dict(zip(distinct, match_images(distinct, images).tolist(), strict=True))
        row = np.array([row_of[image] for image in table.image])
        checkpoint = np.array([number[name] for name in table.checkpoint])
        unmatched = row < 0
        if unmatched.any():
            example = table.image[int(np.argmax(unmatched))]
            warnings.append(
                f"{table.source or 'predictions'}: {np.count_nonzero(unmatched)} of {row.size} rows are about images "
                f"without labels (such as {example}) and are left out."
            )
        matched = np.flatnonzero(~unmatched)
        cell = checkpoint[matched] * len(images) + row[matched]
        first = np.unique(cell, return_index=True)[1]
        repeated = matched.size - first.size + int(taken.reshape(-1)[cell[first]].sum())
        if repeated:
            warnings.append(
                f"{table.source or 'predictions'}: {repeated} rows repeat an image of the same checkpoint; "
                f"its first row counts."
            )
        use = matched[first]
        use = use[~taken[checkpoint[use], row[use]]]
        taken[checkpoint[use], row[use]] = True
        for column, finding in enumerate(table.findings):
            if finding in findings:
                scores[checkpoint[use], row[use], findings.index(finding)] = table.scores[use, column]
    infinite = np.isinf(scores)
    if infinite.any():
        warnings.append(f"{np.count_nonzero(infinite)} scores are infinite and count as missing.")
        scores[infinite] = np.nan
    return checkpoints, scores


def _identities(
    labels: LabelTable, predictions: Sequence[PredictionTable], images: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Study and patient of each image: what the labels say, else what the first predictions table says that does."""
    first_row = {_posix(image): row for row, image in reversed(list(enumerate(labels.image)))}
    studies = [labels.study[first_row[_posix(image)]] for image in images]
    patients = [labels.patient[first_row[_posix(image)]] for image in images]
    for table in predictions:
        if all(studies) and all(patients):
            break
        distinct = {image: row for row, image in reversed(list(enumerate(table.image)))}
        for (_, source), index in zip(distinct.items(), match_images(list(distinct), images), strict=True):
            if index >= 0:
                studies[index] = studies[index] or table.study[source]
                patients[index] = patients[index] or table.patient[source]
    return studies, patients


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
        combined = _per_group(scores, group, units.size, np.fmax)
    else:
        present = ~np.isnan(scores)
        n_present = _per_group(present.astype(np.float64), group, units.size, np.add)
        if how == "mean":
            total = _per_group(np.where(present, scores, 0), group, units.size, np.add)
            combined = total / np.where(n_present, n_present, np.nan)
        elif how == "noisy-or":
            if np.any((scores < 0) | (scores > 1)):
                raise ValueError("noisy-or needs probabilities in [0, 1]")
            absent = _per_group(np.where(present, 1 - scores, 1), group, units.size, np.multiply)
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
        labels=_per_group(cohort.labels[named], group, units.size, np.fmax),
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
