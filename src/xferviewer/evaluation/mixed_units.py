"""Tables of labels and predictions, of one unit or of several, brought to one cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from xferviewer.checkpoints.vocabulary import PUBLISHED, Vocabulary
from xferviewer.errors import UnusableTable
from xferviewer.evaluation.aggregation import Aggregation, aggregate
from xferviewer.evaluation.cohort import Cohort, join, one_spelling, select
from xferviewer.evaluation.members import MEMBER_MEASURES, Doubts
from xferviewer.evaluation.resolved_labels import UncertainPolicy
from xferviewer.evaluation.tables import LabelTable, PredictionTable
from xferviewer.evaluation.units import PLURAL, UNITS, Unit


def check_unit(labels: LabelTable, table: PredictionTable, unit: Unit) -> None:
    """Raise UnusableTable for predictions that are coarser than what is counted, or that nothing ties to the labels."""
    if UNITS.index(table.unit) > UNITS.index(unit):
        raise UnusableTable(
            f"{Path(table.source).name} cannot be counted by {unit}.",
            f"Its predictions are by {table.unit}, and one score of a {table.unit} is none of each of its "
            f"{PLURAL[unit]}.",
            f"Evaluate by {table.unit}, or predict by {unit}.",
        )
    predicted, labelled = UNITS.index(table.unit), UNITS.index(labels.unit)
    if predicted < labelled and not any(table.names(labels.unit)):
        raise _nothing_between(table, "predictions", table.unit, "labels", labels.unit)
    if labelled < predicted and not any(labels.names(table.unit)):
        raise _nothing_between(table, "labels", labels.unit, "predictions", table.unit)


def _nothing_between(table: PredictionTable, finer: str, unit: Unit, coarser: str, other: Unit) -> UnusableTable:
    return UnusableTable(
        f"{Path(table.source).name} cannot be joined with the labels.",
        f"The {finer} are by {unit} and do not name the {other} of each; the {coarser} are by {other}.",
        f"Add a column named {other} to the {finer}, with the names that the {coarser} use.",
    )


def cohort_of_tables(
    labels: LabelTable,
    predictions: Sequence[PredictionTable],
    unit: Unit = "image",
    aggregation: Aggregation = "max",
    columns: Sequence[str] = (),
    where: Sequence[tuple[str, str]] = (),
    uncertain: UncertainPolicy = "ignore",
    vocabulary: Vocabulary = PUBLISHED,
) -> Cohort:
    """The cohort of some tables, counted by `unit`.

    columns  of the label table, kept to group by.
    where    only cases with these values of columns; chosen before images are brought to studies or patients.

    Predictions of several units are joined with the labels one unit after the other, and then brought to `unit`; those
    of a unit that cannot be are left out with their reason. Raises UnusableTable as `join`, `select` and `aggregate`
    where nothing is left; predictions must have passed `check_unit`.
    """
    kept = list(dict.fromkeys([*columns, *(column for column, _ in where)]))
    cohorts, refused, renamed = [], [], list[str]()
    predictions = one_spelling(predictions, renamed, vocabulary)
    for each in UNITS:
        of_unit = [table for table in predictions if table.unit == each]
        if of_unit:
            try:
                images = select(join(labels, of_unit, kept, uncertain, vocabulary), where)
                cohorts.append(aggregate(images, unit, aggregation))
            except UnusableTable as error:
                refused.append(error)
    if not cohorts:
        raise refused[0]
    cohort = cohorts[0] if len(cohorts) == 1 else _merged(cohorts)
    return replace(cohort, warnings=(*renamed, *cohort.warnings, *(f"{error} Left out." for error in refused)))


def _merged(cohorts: Sequence[Cohort]) -> Cohort:
    """Cohorts of one unit as one: a case is in it when it is in any, and has a finding when any says so."""
    cases = tuple(sorted({name for cohort in cohorts for name in cohort.cases}))
    findings = tuple(dict.fromkeys(finding for cohort in cohorts for finding in cohort.findings))
    checkpoints = tuple(dict.fromkeys(name for cohort in cohorts for name in cohort.checkpoints))
    place = {name: row for row, name in enumerate(cases)}
    labels = np.full((len(cases), len(findings)), np.nan)
    scores = np.full((len(checkpoints), len(cases), len(findings)), np.nan)
    measures = [measure for measure in MEMBER_MEASURES if any(measure in cohort.doubts for cohort in cohorts)]
    doubts: Doubts = {measure: np.full(scores.shape, np.nan) for measure in measures}
    warnings = list(dict.fromkeys(warning for cohort in cohorts for warning in cohort.warnings))
    done: set[str] = set()
    for cohort in cohorts:
        rows = np.array([place[name] for name in cohort.cases], dtype=np.intp)
        for column, finding in enumerate(cohort.findings):
            at = findings.index(finding)
            labels[rows, at] = np.fmax(labels[rows, at], cohort.labels[:, column])
            for c, name in enumerate(cohort.checkpoints):
                if name not in done:
                    scores[checkpoints.index(name), rows, at] = cohort.scores[c, :, column]
                    for measure, values in cohort.doubts.items():
                        doubts[measure][checkpoints.index(name), rows, at] = values[c, :, column]
        twice = sorted(done & set(cohort.checkpoints))
        if twice:
            warnings.append(f"{', '.join(twice)}: predictions by two units; those of the finer one count.")
        done |= set(cohort.checkpoints)
    columns = dict.fromkeys(name for cohort in cohorts for name in cohort.columns)
    return replace(
        cohorts[0],
        cases=cases,
        studies=_first_stated(cohorts, cases, [cohort.studies for cohort in cohorts]),
        patients=_first_stated(cohorts, cases, [cohort.patients for cohort in cohorts]),
        findings=findings,
        labels=labels,
        checkpoints=checkpoints,
        scores=scores,
        doubts=doubts,
        columns={name: _first_stated(cohorts, cases, [cohort.columns[name] for cohort in cohorts]) for name in columns},
        warnings=tuple(warnings),
    )


def _first_stated(cohorts: Sequence[Cohort], cases: Sequence[str], values: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """A fact of each case from the first cohort that states it, whose values are (n,) each."""
    found: dict[str, str] = {}
    for cohort, of_cohort in zip(cohorts, values, strict=True):
        for name, value in zip(cohort.cases, of_cohort, strict=True):
            found[name] = found.get(name) or value
    return tuple(found[name] for name in cases)
