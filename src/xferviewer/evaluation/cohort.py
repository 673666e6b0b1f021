"""A cohort: labelled cases and what each checkpoint says of them, joined from tables and brought to one unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints.vocabulary import PUBLISHED, Vocabulary
from xferviewer.errors import UnusableTable
from xferviewer.evaluation.image_names import differ_in_folder, match_names
from xferviewer.evaluation.labelled_cases import labelled_cases
from xferviewer.evaluation.members import MEMBER_MEASURES, Doubts, MemberMeasure
from xferviewer.evaluation.resolved_labels import UncertainPolicy
from xferviewer.evaluation.tables import LabelTable, PredictionTable
from xferviewer.evaluation.units import PLURAL, WITH_ARTICLE, Unit


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """n cases, K findings and C checkpoints.

    cases                names of the cases: images, studies or patients, as `unit` says.
    studies, patients    (n,) text, "" where not stated.
    labels               (n, K) float64: 1 present, 0 absent, NaN not stated.
    scores               (C, n, K) float64; NaN where a checkpoint has no score.
    columns              further facts of the cases by column name, (n,) text each, to group by.
    warnings             sentences with counts: what did not fit and what became of it.
    doubts               (C, n, K) float64 by measure: how far the members of a checkpoint's column differ; NaN where it
                         has no members.
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
    doubts: Mapping[MemberMeasure, NDArray[np.float64]] = field(default_factory=dict)


def join(
    labels: LabelTable,
    predictions: Sequence[PredictionTable],
    group_by: Sequence[str] = (),
    uncertain: UncertainPolicy = "ignore",
    vocabulary: Vocabulary = PUBLISHED,
) -> Cohort:
    """Bring labels and predictions together, image by image; study by study where the predictions are about studies.

    predictions  all of one unit, which becomes the cohort's; the labels may be of another (`labelled_cases`).
    group_by     columns of the label table to keep.
    uncertain    what becomes of the mark -1: "ignore" (not stated), "zeros" (absent) or "ones" (present).
    vocabulary   which names mean the same finding, among the predictions; the labels have their own.

    Images without labels, labels without predictions, repeated and contradicting rows, missing scores and impossible
    labels are counted in the warnings, and the rest goes on. Raises UnusableTable where nothing is left: no image or no
    finding in common, a column to group by that is missing; ValueError for predictions of different units.
    """
    unit = predictions[0].unit
    if any(table.unit != unit for table in predictions):
        raise ValueError("predictions of different units are joined one unit after the other")
    warnings = [*labels.raw.warnings, *(w for table in predictions for w in table.warnings)]
    predictions = one_spelling(predictions, warnings, vocabulary)
    findings = tuple(dict.fromkeys(finding for table in predictions for finding in table.findings))
    labelled = labelled_cases(labels, predictions, findings, group_by, uncertain, warnings)
    checkpoints, scores, doubts, places = _score_matrices(labelled.names, predictions, labelled.findings, warnings)
    used: NDArray[np.bool_] = np.any(~np.isnan(scores), axis=(0, 2))
    if not used.any():
        raise UnusableTable(
            f"No {unit} has both a label and a prediction.",
            f"The labels name {PLURAL[unit]} like {labelled.names[0]}, the predictions like "
            f"{predictions[0].names(unit)[0]}.",
            "Make the names of the images alike: the whole path, or a base name that is unique."
            if unit == "image"
            else f"Name each {unit} alike in both tables.",
        )
    if not used.all():
        warnings.append(
            f"{np.count_nonzero(~used)} of {used.size} labelled {PLURAL[unit]} have no prediction and are left out."
        )
    studies, patients = _identities(labelled.studies, labelled.patients, predictions, places)
    labelled = replace(labelled, studies=studies, patients=patients).take(np.flatnonzero(used))
    scores = np.ascontiguousarray(scores[:, used])
    for checkpoint, of_checkpoint in zip(checkpoints, scores, strict=True):
        warnings += _missing_scores(checkpoint, of_checkpoint, labelled.findings, PLURAL[unit])
    return Cohort(
        unit,
        labelled.names,
        labelled.studies,
        labelled.patients,
        labelled.findings,
        labelled.labels,
        checkpoints,
        scores,
        labelled.columns,
        tuple(warnings),
        {measure: np.ascontiguousarray(values[:, used]) for measure, values in doubts.items()},
    )


def one_spelling(
    predictions: Sequence[PredictionTable], warnings: list[str], vocabulary: Vocabulary = PUBLISHED
) -> list[PredictionTable]:
    """Tables whose findings have one name where they mean the same: that of the first table.

    Sentences about what was renamed are added to `warnings`.
    """
    whole = [_without_twins(table, vocabulary, warnings) for table in predictions]
    alike = []
    for table, names in zip(whole, vocabulary.alike([table.findings for table in whole]), strict=True):
        changed = [f"{a} as {b}" for a, b in names.items() if a != b]
        if changed:
            warnings.append(f"{table.source or 'predictions'}: {', '.join(changed)} of the tables before it.")
        alike.append(replace(table, findings=tuple(names[finding] for finding in table.findings)))
    return alike


def _without_twins(table: PredictionTable, vocabulary: Vocabulary, warnings: list[str]) -> PredictionTable:
    """Columns of one table that mean the same as one, where no row has scores in two of them.

    So `predict` writes checkpoints that name a finding differently. Otherwise two columns are two findings.
    """
    groups: dict[str, list[int]] = {}
    for place, finding in enumerate(table.findings):
        groups.setdefault(vocabulary.key(finding), []).append(place)
    kept, taken_in = list(range(len(table.findings))), list[str]()
    scores, doubts = table.scores.copy(), {measure: values.copy() for measure, values in table.doubts.items()}
    for first, *others in groups.values():
        stated = ~np.isnan(table.scores[:, [first, *others]])
        if not others or (np.count_nonzero(stated, axis=1) > 1).any():
            continue
        for other in others:
            kept.remove(other)
            taken_in.append(f"{table.findings[other]} as {table.findings[first]}")
            for values in (scores, *doubts.values()):
                values[:, first] = np.where(np.isnan(values[:, first]), values[:, other], values[:, first])
    if not taken_in:
        return table
    warnings.append(f"{table.source or 'predictions'}: {', '.join(taken_in)}: no row has both.")
    return replace(
        table,
        findings=tuple(table.findings[place] for place in kept),
        scores=np.ascontiguousarray(scores[:, kept]),
        doubts={measure: np.ascontiguousarray(values[:, kept]) for measure, values in doubts.items()},
    )


def _missing_scores(checkpoint: str, scores: NDArray[np.float64], findings: Sequence[str], cases: str) -> list[str]:
    """What a checkpoint, (n, K), says nothing of: whole cases, whole findings, and scores here and there."""
    missing = np.isnan(scores)
    without: NDArray[np.bool_] = np.all(missing, axis=1)
    absent: NDArray[np.bool_] = np.all(missing, axis=0)
    said = []
    if without.any():
        said.append(f"{checkpoint} has no prediction for {np.count_nonzero(without)} of {len(scores)} {cases}.")
    if absent.any():
        names = ", ".join(name for name, none in zip(findings, absent.tolist(), strict=True) if none)
        said.append(f"{checkpoint} has no prediction at all for {names}.")
    gaps = np.where(absent, 0, missing[~without].sum(axis=0)).tolist()
    if any(gaps):
        counts = ", ".join(f"{name} {n}" for name, n in zip(findings, gaps, strict=True) if n)
        said.append(f"{checkpoint} lacks scores of {cases} that it has others for: {counts}.")
    return said


def _score_matrices(
    cases: Sequence[str], predictions: Sequence[PredictionTable], findings: Sequence[str], warnings: list[str]
) -> tuple[tuple[str, ...], NDArray[np.float64], Doubts, list[NDArray[np.intp]]]:
    """The checkpoints in the order in which they come, their scores and doubts, (C, cases, K) each, and the case of
    each table's rows.

    A row about no case has the place -1.
    """
    checkpoints = tuple(dict.fromkeys(name for table in predictions for name in table.checkpoint))
    scores = np.full((len(checkpoints), len(cases), len(findings)), np.nan)
    measures = [measure for measure in MEMBER_MEASURES if any(measure in table.doubts for table in predictions)]
    doubts: Doubts = {measure: np.full(scores.shape, np.nan) for measure in measures}
    taken = np.zeros((len(checkpoints), len(cases)), dtype=bool)
    number = {name: index for index, name in enumerate(checkpoints)}
    places: list[NDArray[np.intp]] = []
    for table, before in zip(predictions, [None, *predictions], strict=False):
        unit, source = table.unit, table.source or "predictions"
        if before is not None and table.names(unit) == before.names(unit):
            row = places[-1]  # tables of one cohort mostly name the same cases in the same order
        else:
            row = _rows_of(table.names(unit), cases, unit, source, warnings)
        places.append(row)
        checkpoint = np.array([number[name] for name in table.checkpoint])
        unmatched = row < 0
        if unmatched.any():
            example = table.names(unit)[int(np.argmax(unmatched))]
            warnings.append(
                f"{source}: {np.count_nonzero(unmatched)} of {row.size} rows are about {PLURAL[unit]} "
                f"without labels (such as {example}) and are left out."
            )
        matched = np.flatnonzero(~unmatched)
        cell = checkpoint[matched] * len(cases) + row[matched]
        first = np.unique(cell, return_index=True)[1]
        repeated = matched.size - first.size + int(taken.reshape(-1)[cell[first]].sum())
        if repeated:
            warnings.append(
                f"{source}: {repeated} rows repeat {WITH_ARTICLE[unit]} of the same checkpoint; its first row counts."
            )
        use = matched[first]
        use = use[~taken[checkpoint[use], row[use]]]
        taken[checkpoint[use], row[use]] = True
        for column, finding in enumerate(table.findings):
            if finding in findings:
                cells = checkpoint[use], row[use], findings.index(finding)
                scores[cells] = table.scores[use, column]
                for measure, values in table.doubts.items():
                    doubts[measure][cells] = values[use, column]
    infinite = np.isinf(scores)
    if infinite.any():
        warnings.append(f"{np.count_nonzero(infinite)} scores are infinite and count as missing.")
        scores[infinite] = np.nan
    return checkpoints, scores, doubts, places


def _rows_of(
    names: Sequence[str], cases: Sequence[str], unit: Unit, source: str, warnings: list[str]
) -> NDArray[np.intp]:
    """The case of each row of a table, -1 for none; a match by nothing but the base name is said."""
    distinct = list(dict.fromkeys(names))
    row_of = dict(zip(distinct, match_names(distinct, cases, unit).tolist(), strict=True))
    elsewhere = [
        name for name, at in row_of.items() if unit == "image" and at >= 0 and differ_in_folder(name, cases[at])
    ]
    if elsewhere:
        warnings.append(
            f"{source}: {len(elsewhere)} images are matched by their base name alone, in "
            f"another folder than the labels say (such as {elsewhere[0]} and {cases[row_of[elsewhere[0]]]})."
        )
    return np.array([row_of[name] for name in names], dtype=np.intp)


def _identities(
    studies: Sequence[str],
    patients: Sequence[str],
    predictions: Sequence[PredictionTable],
    places: Sequence[NDArray[np.intp]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Study and patient of each case: what the labels say, else what the first predictions table says that does."""
    of_case = list(studies), list(patients)
    for table, rows in zip(predictions, places, strict=True):
        for names, stated in zip(of_case, (table.study, table.patient), strict=True):
            if any(stated) and not all(names):
                # Backwards, so that the first row of a case has the last word.
                found = {case: name for case, name in zip(rows[::-1].tolist(), reversed(stated), strict=True) if name}
                names[:] = [name or found.get(case, "") for case, name in enumerate(names)]
    return tuple(of_case[0]), tuple(of_case[1])


def select(cohort: Cohort, where: Sequence[tuple[str, str]]) -> Cohort:
    """The cases whose column has the value, for each (column, value); of several values of one column, any.

    Raises UnusableTable where no case is left.
    """
    if not where:
        return cohort
    kept = np.ones(len(cohort.cases), dtype=bool)
    for column in dict.fromkeys(name for name, _ in where):
        values = [value for name, value in where if name == column]
        kept &= np.isin(np.array(cohort.columns[column], dtype=np.str_), values)
    if not kept.any():
        asked = ", ".join(f"{column}={value}" for column, value in where)
        column = where[0][0]
        raise UnusableTable(
            f"No case has {asked}.",
            f"{column} is {', '.join(sorted(set(cohort.columns[column]))[:12])}.",
            "Name a value as the label table writes it.",
        )
    rows = np.flatnonzero(kept)
    return replace(
        cohort,
        cases=tuple(cohort.cases[row] for row in rows),
        studies=tuple(cohort.studies[row] for row in rows),
        patients=tuple(cohort.patients[row] for row in rows),
        labels=cohort.labels[rows],
        scores=np.ascontiguousarray(cohort.scores[:, rows]),
        doubts={measure: np.ascontiguousarray(values[:, rows]) for measure, values in cohort.doubts.items()},
        columns={name: tuple(values[row] for row in rows) for name, values in cohort.columns.items()},
    )
