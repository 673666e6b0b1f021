"""Which cases there are to evaluate and how they are labelled: labels brought to the unit of the predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xferviewer.errors import UnusableTable
from xferviewer.evaluation.image_names import match_names
from xferviewer.evaluation.resolved_labels import UncertainPolicy, label_matrix, one_row_per_case
from xferviewer.evaluation.row_groups import groups_in_order, per_group, shared_values
from xferviewer.evaluation.tables import LabelTable, PredictionTable
from xferviewer.evaluation.units import PLURAL, UNITS

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCases:
    """n cases with the labels of K findings.

    names, studies, patients  (n,) text; "" for a study or a patient that is not stated.
    labels                    (n, K) float64: 1 present, 0 absent, NaN not stated.
    columns                   further facts by column name, (n,) text; "" where the rows of a case differ.
    """

    names: tuple[str, ...]
    studies: tuple[str, ...]
    patients: tuple[str, ...]
    findings: tuple[str, ...]
    labels: NDArray[np.float64]
    columns: Mapping[str, tuple[str, ...]]

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> LabelledCases:
        """These cases, in this order; a row may come several times."""
        return LabelledCases(
            tuple(self.names[row] for row in rows),
            tuple(self.studies[row] for row in rows),
            tuple(self.patients[row] for row in rows),
            self.findings,
            self.labels[np.asarray(rows, dtype=np.intp)],
            {name: tuple(values[row] for row in rows) for name, values in self.columns.items()},
        )


def labelled_cases(
    labels: LabelTable,
    predictions: Sequence[PredictionTable],
    findings: Sequence[str],
    group_by: Sequence[str],
    uncertain: UncertainPolicy,
    warnings: list[str],
) -> LabelledCases:
    """The cases that the predictions, all of one unit, can be about, with the labels of the table.

    Labels of a coarser unit count for every case of it: those of a study for each of its images. Labels of a finer unit
    are brought together: a finding is present in a study when it is in any of its images. Both need the column that
    leads from one unit to the other, and are said.

    Raises UnusableTable where that column is missing, for a column of `group_by` that is, and as `label_matrix`.
    """
    unit = predictions[0].unit
    truth, kept = label_matrix(labels, findings, uncertain, warnings, _scored_in(labels, predictions))
    rows, truth = one_row_per_case(labels, truth, warnings)
    columns = {name: labels.column(name) for name in group_by}
    own = LabelledCases(
        tuple(labels.names(labels.unit)[row] for row in rows),
        tuple(labels.study[row] for row in rows),
        tuple(labels.patient[row] for row in rows),
        kept,
        truth,
        {name: tuple(values[row] or NOT_STATED for row in rows) for name, values in columns.items()},
    )
    nameless = own.names.count("")
    if nameless:
        warnings.append(f"Labels without the name of their {labels.unit} are left out.")
        own = own.take([row for row, name in enumerate(own.names) if name])
    if labels.unit == unit:
        return own
    if UNITS.index(labels.unit) > UNITS.index(unit):
        return _spread(own, labels, predictions, warnings)
    return _gathered(own, labels, predictions, warnings)


def _scored_in(labels: LabelTable, predictions: Sequence[PredictionTable]) -> set[str]:
    """Findings whose scores stand in the column X of the very file that the labels come from."""
    return {
        finding
        for table in predictions
        if table.sha256 and table.sha256 == labels.raw.sha256
        for finding in table.findings
        if f"prob_{finding}" not in labels.raw.columns
    }


def _spread(
    coarse: LabelledCases, labels: LabelTable, predictions: Sequence[PredictionTable], warnings: list[str]
) -> LabelledCases:
    """Every image that is predicted gets the labels of its study (or patient)."""
    fine, of = predictions[0].unit, labels.unit
    row_of = {name: row for row, name in enumerate(coarse.names)}
    owner: dict[str, int] = {}
    for table in predictions:
        owners: dict[str, str] = {}
        for name, owner_name in zip(table.names(fine), table.names(of), strict=True):
            owners.setdefault(name, owner_name)
        new = list(owners)
        known = match_names(new, list(owner), fine)
        for name, at in zip(new, known.tolist(), strict=True):
            if at < 0 and owners[name] in row_of:
                owner[name] = row_of[owners[name]]
    if not owner:
        raise UnusableTable(
            f"The labels are by {of}, the predictions by {fine}, and nothing leads from one to the other.",
            f"No {fine} of {_file(predictions[0])} names a {of} that {Path(labels.raw.source).name} has labels of.",
            f"Add a column named {of} to the predictions, with the names that the labels use.",
        )
    warnings.append(
        f"The labels are by {of}: each of {len(owner)} {PLURAL[fine]} has those of its {of}, found by the column {of} "
        f"of the predictions."
    )
    spread = coarse.take(list(owner.values()))
    return replace(spread, names=tuple(owner))


def _gathered(
    fine: LabelledCases, labels: LabelTable, predictions: Sequence[PredictionTable], warnings: list[str]
) -> LabelledCases:
    """A study (or patient) has a finding when any of its images has it."""
    unit = predictions[0].unit
    names = fine.studies if unit == "study" else fine.patients
    named = [row for row, name in enumerate(names) if name]
    if not named:
        raise UnusableTable(
            f"The labels are by {labels.unit}, the predictions by {unit}, and nothing leads from one to the other.",
            f"{Path(labels.raw.source).name} does not name the {unit} of its {PLURAL[labels.unit]}.",
            f"Add a column named {unit} to the labels, with the names that the predictions use.",
        )
    if len(named) < len(names):
        warnings.append(f"{len(names) - len(named)} labelled {PLURAL[labels.unit]} do not name their {unit}: left out.")
    fine = fine.take(named)
    names = fine.studies if unit == "study" else fine.patients
    first, group = groups_in_order(names)
    warnings.append(
        f"{_file(predictions[0])}: predictions by {unit}; the labels of {len(names)} {PLURAL[labels.unit]} are brought "
        f"together by the column {unit} of the labels, where any of them present means present."
    )
    columns = {name: shared_values(values, group, len(first))[0] for name, values in fine.columns.items()}
    labelled = per_group(fine.labels, group, len(first), np.fmax)
    cases = fine.take(first)
    return replace(cases, names=tuple(names[row] for row in first), labels=labelled, columns=columns)


def _file(table: PredictionTable) -> str:
    return Path(table.source).name or "The predictions"
