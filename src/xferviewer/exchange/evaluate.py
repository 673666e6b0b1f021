"""From the files of a command line to a folder with `metrics.json` and `report.html`."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xferviewer import __version__
from xferviewer.checkpoints.vocabulary import Vocabulary, own_equalities
from xferviewer.errors import UnusableFolder, UnusableTable
from xferviewer.evaluation.cohort_metrics import evaluate
from xferviewer.evaluation.mixed_units import check_unit, cohort_of_tables
from xferviewer.evaluation.tables import PredictionTable, read_label_table, read_predictions
from xferviewer.evaluation.units import PLURAL, UNITS
from xferviewer.exchange.evaluate_options import EvaluateOptions
from xferviewer.exchange.evaluation_exports import write_figures, write_tables
from xferviewer.exchange.evaluation_plots import Origin
from xferviewer.exchange.evaluation_report import Provenance, describe_inputs, write_evaluation

_DEFAULT = EvaluateOptions()


def run_evaluate(
    labels: Path,
    predictions: Sequence[Path],
    out: Path,
    options: EvaluateOptions = _DEFAULT,
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """Evaluate predictions against labels and write `metrics.json` and `report.html` into `out`; returns the former.

    options  what the command line says; with figures or tables, these lie in `out/figures` and `out/tables`, and are
             listed under the same names.
    command  the words of the command line that this reproduces, for the report.

    A predictions file that cannot be used is listed under "failed" with its reason (exit code 1), and the rest goes on.
    Raises UnusableTable where nothing can be evaluated, UnusableChoice for an option that names what is not there, and
    UnusableFolder where `out` cannot be written.
    """
    options.check()
    vocabulary = Vocabulary(own_equalities(options.same))
    label_table = read_label_table(labels, UNITS, vocabulary)
    tables: list[PredictionTable] = []
    failed: list[tuple[Path, UnusableTable]] = []
    for path in predictions:
        try:
            table = read_predictions(path, UNITS)
            check_unit(label_table, table, options.unit)
            tables.append(table)
        except UnusableTable as error:
            failed.append((path, error))
    if failed and not tables:
        raise failed[0][1]
    if not tables:
        raise UnusableTable(
            "There is nothing to evaluate.", "No predictions were given.", "Name at least one table of predictions."
        )
    by, where = options.columns(label_table)
    columns = [column for crossed in by for column in crossed]
    cohort = cohort_of_tables(
        label_table, tables, options.unit, options.aggregation, columns, where, options.uncertain, vocabulary
    )
    cohort = replace(cohort, warnings=(*options.notes, *cohort.warnings))
    choices = options.choices(cohort, by, where)
    _make_folder(out)  # before the long part, so that nobody waits for numbers that cannot be kept
    metrics = evaluate(cohort, choices)
    inputs = [("labels", label_table.raw.source, label_table.raw.sha256, len(label_table.names(label_table.unit)))]
    inputs += [("predictions", table.source, table.sha256, len(table.checkpoint)) for table in tables]
    versions = {"xferviewer": __version__, "python": platform.python_version(), "numpy": np.__version__}
    provenance = Provenance(tuple(command), describe_inputs(inputs), versions)
    written = write_evaluation(out, metrics, provenance)
    if options.figures:
        origin = Origin(f"{labels.name}, {len(cohort.cases):,} {PLURAL[cohort.unit]}", provenance.digest[:12])
        written["figures"] = [str(path) for path in write_figures(out / "figures", metrics, origin, options.figures)]
    if options.tables:
        written["tables"] = [str(path) for path in write_tables(out / "tables", metrics, options.tables)]
    return {**written, "failed": [{"path": str(path), **error.as_dict()} for path, error in failed]}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableFolder(
            f"The folder {folder} cannot be made.",
            f"{error.strerror or error}.",
            "Name a folder that you may write to, or one that does not exist yet.",
        ) from error
