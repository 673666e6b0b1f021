"""A cohort: labelled cases and what each checkpoint says of them, joined from tables and brought to one unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xferviewer.errors import UnusableTable
from xferviewer.evaluation.image_names import differ_in_folder, match_images, posix_path
from xferviewer.evaluation.tables import LabelTable, PredictionTable

Unit = Literal["image", "study", "patient"]
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
        target[row] = first.setdefault(posix_path(image), len(first))
    if len(first) == len(labels.image):
        return list(range(len(labels.image))), truth
    lowest = per_group(truth, target, len(first), np.fmin)
    highest = per_group(truth, target, len(first), np.fmax)
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


def per_group(
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
        elsewhere = [image for image, at in row_of.items() if at >= 0 and differ_in_folder(image, images[at])]
        if elsewhere:
            warnings.append(
                f"{table.source or 'predictions'}: {len(elsewhere)} images are matched by their base name alone, in "
                f"another folder than the labels say (such as {elsewhere[0]} and {images[row_of[elsewhere[0]]]})."
            )
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
    first_row = {posix_path(image): row for row, image in reversed(list(enumerate(labels.image)))}
    studies = [labels.study[first_row[posix_path(image)]] for image in images]
    patients = [labels.patient[first_row[posix_path(image)]] for image in images]
    for table in predictions:
        if all(studies) and all(patients):
            break
        distinct = {image: row for row, image in reversed(list(enumerate(table.image)))}
        for (_, source), index in zip(distinct.items(), match_images(list(distinct), images), strict=True):
            if index >= 0:
                studies[index] = studies[index] or table.study[source]
                patients[index] = patients[index] or table.patient[source]
    return studies, patients
