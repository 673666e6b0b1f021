"""What the window shows as a folder and a command that makes the same numbers of it, here or elsewhere."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xferviewer.atomic_files import write_atomically
from xferviewer.checkpoints.vocabulary import folded
from xferviewer.errors import UnusableTable
from xferviewer.evaluation.choices import EvaluationChoices, OperatingRule
from xferviewer.evaluation.cohort import Cohort
from xferviewer.evaluation.tables import PredictionTable, predictions_csv
from xferviewer.exchange.evaluate_options import EvaluateOptions, FigureFormat, TableFormat, threshold_words

LABELS, PREDICTIONS, COMPUTED = "labels.csv", "predictions.csv", "computed.json"


@dataclass(frozen=True, slots=True)
class EvaluationSnapshot:
    """A folder with `labels.csv`, `predictions.csv` and `computed.json`, and the command that evaluates them.

    folder     named after the digest of what is in it.
    arguments  the words of the command, to be run inside the folder: every path in it is relative to that.
    """

    folder: Path
    arguments: tuple[str, ...]

    @property
    def text(self) -> str:
        """The command for a shell, in two lines: into the folder, and the evaluation."""
        return f"cd {shlex.quote(str(self.folder))}\n{shlex.join(self.arguments)}\n"


def write_snapshot(
    parent: Path,
    cohort: Cohort,
    choices: EvaluationChoices,
    figures: Sequence[FigureFormat] = (),
    tables: Sequence[TableFormat] = (),
    computed: Sequence[Mapping[str, str]] = (),
    notes: Sequence[str] = (),
) -> EvaluationSnapshot:
    """Write a cohort into a folder below `parent` and say with which command its evaluation is made again.

    cohort   of images, whole: `choices` says which of its cases are used and how they are counted. Its checkpoints have
             names of their own.
    figures, tables  formats that the command is to write, too.
    computed         of each checkpoint its name, weights and preprocessing, and the device and precision that computed

    notes            what the report is to say besides

    Labels and scores are written with every digit: read back, they have the same bits. Where the folder is there
    already, it is left as it is. Raises UnusableTable where there is nothing to evaluate or a name has a line break,
    UnusableFolder where the folder cannot be written, ValueError for a cohort that is not of images, checkpoints of one
    name, and a column to group by that is called like one of our own.
    """
    if cohort.unit != "image":
        raise ValueError("a snapshot is of images; choices say how they are counted")
    if len(set(cohort.checkpoints)) != len(cohort.checkpoints):
        raise ValueError("two checkpoints have one name")
    if any("\n" in name or "\r" in name for name in (*cohort.cases, *cohort.studies, *cohort.patients)):
        raise UnusableTable(
            "The cases cannot be written as a table.", "The name of one has a line break.", "Rename the file."
        )
    options = replace(options_of(cohort, choices, figures, tables), notes=tuple(notes))
    content = {LABELS: _labels(cohort, _needed_columns(choices)), PREDICTIONS: _predictions(cohort)}
    if computed:
        content[COMPUTED] = json.dumps(list(computed), indent=1, ensure_ascii=False).encode()
    digest = hashlib.sha256()
    for name, of_file in content.items():
        digest.update(f"{name} {len(of_file)}\n".encode() + of_file)
    folder = parent / f"evaluation-{digest.hexdigest()[:16]}"
    for name, of_file in content.items():
        if not (folder / name).exists():
            write_atomically(folder / name, of_file)
    words = options.words()
    out = f"result-{hashlib.sha256(chr(0).join(words).encode()).hexdigest()[:8]}"
    command = ("xferviewer", "evaluate", "--labels", LABELS, "--predictions", PREDICTIONS, "--out", out, *words)
    return EvaluationSnapshot(folder, command)


def options_of(
    cohort: Cohort,
    choices: EvaluationChoices,
    figures: Sequence[FigureFormat] = (),
    tables: Sequence[TableFormat] = (),
) -> EvaluateOptions:
    """The options of a command line that mean these choices for this cohort."""
    by = [(name,) for name in cohort.columns] if choices.by is None else choices.by
    return EvaluateOptions(
        unit=choices.unit,
        aggregation=choices.aggregation,
        level=choices.level,
        by=tuple("+".join(crossed) for crossed in by),
        where=tuple(f"{column}={value}" for column, value in choices.where),
        findings=choices.findings,
        cases=choices.cases,
        reference=choices.reference,
        adjust=choices.adjust if choices.reference else "holm",
        thresholds=tuple(threshold_words(*key, value) for key, value in choices.thresholds.items()),
        operating_point="" if choices.point == OperatingRule() else str(choices.point),
        referral_rate=choices.referral_rate,
        uncertainty=choices.uncertainty,
        figures=tuple(figures),
        tables=tuple(tables),
    )


def _needed_columns(choices: EvaluationChoices) -> set[str]:
    return {name for crossed in choices.by or () for name in crossed} | {name for name, _ in choices.where}


def _labels(cohort: Cohort, needed: set[str]) -> bytes:
    """Names, columns and labels of the images. Every cell is quoted, so that a site called NA keeps its name."""
    named = {"image": cohort.cases, "study": cohort.studies, "patient": cohort.patients}
    taken = {folded(name) for name in named} | {folded(f"label_{finding}") for finding in cohort.findings}
    for name, values in cohort.columns.items():
        if folded(name) not in taken:
            named[name] = values
            taken.add(folded(name))
        elif name in needed and named.get(name) != values:
            raise ValueError(f"{name} is the name of another column")
    labels = [
        ["" if np.isnan(label) else f"{label:.0f}" for label in of_finding] for of_finding in cohort.labels.T.tolist()
    ]
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([*named, *(f"label_{finding}" for finding in cohort.findings)])
    writer.writerows(zip(*named.values(), *labels, strict=True))
    return text.getvalue().encode()


def _predictions(cohort: Cohort) -> bytes:
    """A row for each image and checkpoint that has a score of it."""
    rows = [np.flatnonzero(~np.isnan(scores).all(axis=1)) for scores in cohort.scores]
    if not sum(of.size for of in rows):
        raise UnusableTable(
            "There is nothing to evaluate.", "No image of the cohort has a prediction yet.", "Wait for the predictions."
        )
    places = [place for of in rows for place in of.tolist()]
    return predictions_csv(
        PredictionTable(
            tuple(cohort.cases[place] for place in places),
            tuple(name for name, of in zip(cohort.checkpoints, rows, strict=True) for _ in range(of.size)),
            tuple(cohort.studies[place] for place in places),
            tuple(cohort.patients[place] for place in places),
            tuple(f"prob_{finding}" for finding in cohort.findings),
            np.concatenate([scores[of] for scores, of in zip(cohort.scores, rows, strict=True)]),
            doubts={
                measure: np.concatenate([values[of] for values, of in zip(doubts, rows, strict=True)])
                for measure, doubts in cohort.doubts.items()
            },
        )
    )
