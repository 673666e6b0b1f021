"""From the files of a command line to a folder with `metrics.json` and `report.html`."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xferviewer import __version__
from xferviewer.errors import UnusableFolder, UnusableTable
from xferviewer.evaluation.aggregation import Aggregation, aggregate
from xferviewer.evaluation.cohort import UncertainPolicy, Unit, join
from xferviewer.evaluation.cohort_metrics import evaluate
from xferviewer.evaluation.tables import PredictionTable, read_label_table, read_predictions
from xferviewer.exchange.evaluation_report import Provenance, describe_inputs, write_evaluation


def run_evaluate(
    labels: Path,
    predictions: Sequence[Path],
    out: Path,
    by: Sequence[str] = (),
    unit: Unit = "image",
    command: Sequence[str] = (),
    *,
    aggregation: Aggregation = "max",
    uncertain: UncertainPolicy = "ignore",
) -> dict[str, Any]:
    """Evaluate predictions against labels and write `metrics.json` and `report.html` into `out`; returns the former.

    by           columns of the label table to group by.
    command      the words of the command line that this reproduces, for the report.
    aggregation  how the images of a study or patient become one score; the label is the highest one.
    uncertain    what becomes of labels of -1.

    A predictions file that cannot be read is listed under "failed" with its reason (exit code 1), and the rest goes on.
    Raises UnusableTable where nothing can be evaluated, UnusableFolder where `out` cannot be written.
    """
    label_table = read_label_table(labels)
    tables: list[PredictionTable] = []
    failed: list[tuple[Path, UnusableTable]] = []
    for path in predictions:
        try:
            tables.append(read_predictions(path))
        except UnusableTable as error:
            failed.append((path, error))
    if failed and not tables:
        raise failed[0][1]
    if not tables:
        raise UnusableTable(
            "There is nothing to evaluate.", "No predictions were given.", "Name at least one table of predictions."
        )
    cohort = join(label_table, tables, by, uncertain)
    _make_folder(out)  # before the long part, so that nobody waits for numbers that cannot be kept
    metrics = evaluate(aggregate(cohort, unit, aggregation), aggregation)
    inputs = [("labels", label_table.raw.source, label_table.raw.sha256, len(label_table.image))]
    inputs += [("predictions", table.source, table.sha256, len(table.image)) for table in tables]
    versions = {"xferviewer": __version__, "python": platform.python_version(), "numpy": np.__version__}
    written = write_evaluation(out, metrics, Provenance(tuple(command), describe_inputs(inputs), versions))
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
