"""The labels of a table resolved: what is uncertain, impossible or contradicted, and one row for each case."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xferviewer.errors import UnusableTable
from xferviewer.evaluation.image_names import posix_path
from xferviewer.evaluation.row_groups import groups_in_order, per_group
from xferviewer.evaluation.tables import LabelTable
from xferviewer.evaluation.units import PLURAL, WITH_ARTICLE

UncertainPolicy = Literal["ignore", "zeros", "ones"]


def label_matrix(
    labels: LabelTable,
    findings: Sequence[str],
    uncertain: UncertainPolicy,
    warnings: list[str],
    scored_here: Collection[str] = (),
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The labels (rows, K) of those of the findings that the table has, 1, 0 or NaN, and these findings.

    uncertain    what becomes of the mark -1: "ignore" (not stated), "zeros" (absent) or "ones" (present).
    warnings     what did not fit is added, with counts.
    scored_here  findings whose column X of this table holds scores, so that it does not contradict label_X.

    Raises UnusableTable where the table has none of the findings.
    """
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
        if finding not in scored_here:
            warnings.extend(_contradicting_columns(labels, finding))
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


def _contradicting_columns(labels: LabelTable, finding: str) -> list[str]:
    both = labels.two_columns(finding)
    if both is None:
        return []
    counted, other, n_differ = both
    if not n_differ:
        return []
    return [f"{finding}: the columns {counted} and {other} contradict each other in {n_differ} rows; {counted} counts."]


def one_row_per_case(
    labels: LabelTable, truth: NDArray[np.float64], warnings: list[str]
) -> tuple[list[int], NDArray[np.float64]]:
    """The first row of each image (study, patient: `labels.unit`), and its labels (cases, K).

    Rows that repeat a case are merged; where they contradict each other, the label is not stated. Both is said.
    """
    unit = labels.unit
    names = labels.names(unit)
    rows, group = groups_in_order([posix_path(name) for name in names] if unit == "image" else names)
    if len(rows) == len(names):
        return list(range(len(names))), truth
    lowest, highest = (per_group(truth, group, len(rows), function) for function in (np.fmin, np.fmax))
    contradicting = highest != lowest
    contradicting &= ~np.isnan(highest)
    warnings.append(
        f"{len(names) - len(rows)} rows of labels repeat {WITH_ARTICLE[unit]} and are merged with its first row."
    )
    if contradicting.any():
        warnings.append(
            f"{int(contradicting.any(axis=1).sum())} {PLURAL[unit]} have rows with contradicting labels; these labels "
            f"({int(contradicting.sum())}) count as not stated."
        )
    return rows.tolist(), np.where(contradicting, np.nan, highest)
