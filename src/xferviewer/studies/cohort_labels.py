"""A cohort's rows as a table of labels, by which the catalogue's images are labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xferviewer.studies.cohort_folder import IMAGES
from xferviewer.studies.label_table import LabelRow, LabelTable

if TYPE_CHECKING:
    from xferviewer.studies.cohort import CohortTable


def labels_of_files(cohort: CohortTable) -> LabelTable:
    """A row for each file of a cohort. The catalogue has one label of a finding for a file.

    Of a stack, whose frames have rows of their own, what all frames agree on is kept: the label of an exam
    stays, labels that differ from frame to frame are not stated, and neither is a patient, where there are several.
    """
    rows_of: dict[str, list[int]] = {}
    for row, image in enumerate(cohort.images):
        rows_of.setdefault(image, []).append(row)
    return LabelTable(
        path=cohort.description.root / IMAGES,  # paths in it are relative to where the images lie
        findings=cohort.description.findings,
        rows=tuple(_row(cohort, rows) for rows in rows_of.values()),
        ignored_columns=(),
    )


def _row(cohort: CohortTable, rows: list[int]) -> LabelRow:
    first = rows[0]
    ages = {cohort.ages[row] for row in rows}
    return LabelRow(
        number=first + 2,
        values=_values(cohort, rows),
        path=cohort.images[first],
        patient_id=_agreed(cohort.patients, rows),
        study_uid=_agreed(cohort.studies, rows),
        site=_agreed(cohort.sites, rows),
        sex=_agreed(cohort.sexes, rows),
        age=ages.pop() if len(ages) == 1 else None,
        view=_agreed(cohort.views, rows),
        split=_agreed(cohort.splits, rows),
    )


def _values(cohort: CohortTable, rows: list[int]) -> tuple[int | None, ...]:
    if len(rows) == 1:
        return tuple(None if np.isnan(value) else int(value) for value in cohort.labels[rows[0]])
    labels = cohort.labels[rows]
    agree = (labels == labels[0]).all(axis=0)
    return tuple(int(value) if same else None for value, same in zip(labels[0], agree, strict=True))


def _agreed(column: tuple[str, ...], rows: list[int]) -> str:
    first = column[rows[0]]
    return first if all(column[row] == first for row in rows) else ""
