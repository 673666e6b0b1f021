"""The images that a table of labels names, each once, with their labels and everything else that the table says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints.vocabulary import folded
from xferviewer.errors import UnusableTable
from xferviewer.evaluation.groups import MANY_WORDS
from xferviewer.evaluation.resolved_labels import UncertainPolicy, label_matrix, one_row_per_case
from xferviewer.evaluation.tables import CHECKPOINT_COLUMNS, IMAGE_COLUMNS, PATIENT_COLUMNS, STUDY_COLUMNS, LabelTable

_NOT_LABELS = ("prob_", "severity_")  # predictions, and the grades of synthetic films


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImages:
    """n images with labels of K findings.

    images             (n,) as the table names them, each once
    studies, patients  (n,) text, "" where not stated
    labels             (n, K) float64: 1 present, 0 absent, NaN not stated
    columns            further facts by column name, (n,) text each, that cases can be grouped by
    warnings           sentences with counts: what did not fit and what became of it
    """

    images: tuple[str, ...]
    studies: tuple[str, ...]
    patients: tuple[str, ...]
    findings: tuple[str, ...]
    labels: NDArray[np.float64]
    columns: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...]


def labelled_images(table: LabelTable, uncertain: UncertainPolicy = "ignore") -> LabelledImages:
    """All labels of a table: `label_X` is the finding X, and, without any such column, every column of 1, 0, -1, blank.

    Rows that repeat an image are merged; labels on which they contradict each other are not stated. Raises
    UnusableTable for a table without a column of labels.
    """
    taken = {table.raw.find(n) for n in (IMAGE_COLUMNS, STUDY_COLUMNS, PATIENT_COLUMNS, CHECKPOINT_COLUMNS)}
    others = [name for name in table.raw.columns if name not in taken]
    marked = [name for name in others if name.lower().startswith("label_")]
    findings = [name[6:] for name in marked] or [
        name for name in others if not name.lower().startswith(_NOT_LABELS) and _holds_labels(table, name)
    ]
    if not findings:
        raise UnusableTable(
            "The table holds no labels.",
            f"None of its columns holds only 1, 0, -1 or blanks: {', '.join(others)}.",
            "Give a table with a column of labels for each finding, named after the finding.",
        )
    warnings = list(table.raw.warnings)
    labels, kept = label_matrix(table, findings, uncertain, warnings)
    rows, labels = one_row_per_case(table, labels, warnings)
    labelled = {folded(name) for finding in kept for name in (finding, f"label_{finding}")}
    columns = {}
    for name in others:
        if folded(name) not in labelled and not name.lower().startswith(_NOT_LABELS):
            values = table.raw.text(name)
            stated = {value for value in values if value}
            tells_apart = len(stated) == len(values)  # an identifier, not a group
            if len(stated) > 1 and not tells_apart and (len(stated) <= MANY_WORDS or _are_numbers(stated)):
                columns[name] = tuple(values[row] for row in rows)
    return LabelledImages(
        tuple(table.image[row] for row in rows),
        tuple(table.study[row] for row in rows),
        tuple(table.patient[row] for row in rows),
        kept,
        labels,
        columns,
        tuple(warnings),
    )


def _holds_labels(table: LabelTable, name: str) -> bool:
    values, n_no_number = table.raw.numbers(name)
    stated = values[~np.isnan(values)]
    return not n_no_number and stated.size > 0 and bool(np.isin(stated, (0, 1, -1)).all())


def _are_numbers(values: set[str]) -> bool:
    try:
        return all(np.isfinite(float(value)) for value in values)
    except ValueError:
        return False
