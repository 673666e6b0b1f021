"""Calibrating a checkpoint from the window: by the very command line that a script would use. No Qt in this module."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from xferviewer.checkpoints import Checkpoint
from xferviewer.errors import UnusableTable
from xferviewer.evaluation.recalibration import RecalibrationMethod
from xferviewer.evaluation.tables import PredictionTable, write_predictions
from xferviewer.gui.session import Session


def calibrate_on(session: Session, checkpoint: Checkpoint, method: RecalibrationMethod, split: str) -> str:
    """Fit recalibrators to the session's chosen cases and put them into the checkpoint's folder.

    Returns what the fit did to the expected calibration error of each finding, and which findings were left out.
    Raises UnusableTable, UnusableFolder and UnusableCheckpoint.
    """
    from xferviewer.exchange.calibrate import run_calibrate

    cohort = session.cohort
    logits = session.scores.logits(checkpoint.digest, cohort.identities)
    kept = ~np.isnan(logits).any(axis=1) if logits.size else np.zeros(0, dtype=bool)
    if session.comparison.only is not None:
        column, value = session.comparison.only
        kept &= np.array(cohort.columns[column]) == value
    rows = np.flatnonzero(kept)
    if not rows.size:
        raise UnusableTable(
            f"{checkpoint.name} was not calibrated.",
            "None of the cases shown has both a label and a prediction of this checkpoint.",
            "Open a label table for the films, or wait until they are predicted.",
        )
    images = tuple(cohort.images[row] for row in rows)
    studies = tuple(cohort.studies[row] if cohort.studies else "" for row in rows)
    patients = tuple(cohort.patients[row] if cohort.patients else "" for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        labels, predictions = Path(folder) / "labels.csv", Path(folder) / "predictions.csv"
        nobody = ("",) * rows.size
        write_predictions(
            labels, PredictionTable(images, nobody, studies, patients, cohort.findings, cohort.labels[rows])
        )
        by = (checkpoint.name,) * rows.size
        write_predictions(
            predictions,
            PredictionTable(images, by, studies, patients, checkpoint.findings, logits[rows].astype(np.float64)),
        )
        told = run_calibrate(checkpoint.folder, labels, predictions, method, split)
    effects = [
        f"{finding}: ECE {effect['before']['ece']:.3f} → {effect['after']['ece']:.3f} on these cases"
        for finding, effect in told["findings"].items()
    ]
    refused = [f"{entry['what']} {entry['why']}" for entry in told["failed"]]
    return "; ".join(effects) + ". " + " ".join([*refused, *told["warnings"]])
