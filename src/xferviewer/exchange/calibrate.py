"""From labels and predictions to `calibration.json` in a checkpoint's folder: what `xferviewer calibrate` does."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xferviewer import __version__
from xferviewer.checkpoints import Calibration, Checkpoint, FindingCalibration, read_checkpoint, write_calibration
from xferviewer.checkpoints.calibration_file import CALIBRATION
from xferviewer.errors import UnusableTable
from xferviewer.evaluation.calibration import brier, expected_calibration_error, negative_log_likelihood
from xferviewer.evaluation.metrics import FEW_CASES
from xferviewer.evaluation.recalibration import RecalibrationMethod, Recalibrator, fit, fit_multiclass_temperature
from xferviewer.evaluation.scores import scores_from_logits
from xferviewer.exchange.calibration_cases import CalibrationCases, Condition, read_calibration_cases


def run_calibrate(
    folder: Path,
    labels: Path,
    predictions: Path,
    method: RecalibrationMethod,
    split: str,
    where: Sequence[Condition] = (),
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """Fit a recalibrator to each finding of a checkpoint, put them into its folder, and say what they change.

    labels, predictions, where  as for `read_calibration_cases`.
    split                       the name of the calibration cases, for those who read the numbers later.
    command                     the words of the command line, for the file.

    The result has, by finding, the expected calibration error (15 bins), the likelihood and the Brier score before and
    after, on the calibration cases themselves: on other cases the gain is smaller. A finding that cannot be fitted is
    listed under "failed" with its reason, and the rest goes on. Raises UnusableCheckpoint, UnusableFolder, and
    UnusableTable also where nothing can be fitted.
    """
    checkpoint = read_checkpoint(folder)
    cases = read_calibration_cases(checkpoint, labels, predictions, where)
    fitted, refused = _fit(checkpoint, cases, method)
    failed = [
        {
            "path": str(predictions),
            "what": f"{finding} was not calibrated.",
            "why": f"{why[0].upper()}{why[1:]}.",
            "todo": "Give more labelled cases of both classes, or take another method.",
        }
        for finding, why in refused.items()
    ]
    if not fitted:
        raise UnusableTable(
            f"{checkpoint.name} was not calibrated.", f"{failed[0]['what']} {failed[0]['why']}", failed[0]["todo"]
        )
    write_calibration(checkpoint, _calibration(checkpoint, cases, fitted, split, command))
    effects = _effects(checkpoint, cases, fitted)
    few = [
        f"{finding}: {effect['n_positive']} positive and {effect['n_negative']} negative cases are few to calibrate on."
        for finding, effect in effects.items()
        if min(effect["n_positive"], effect["n_negative"]) < FEW_CASES
    ]
    return {
        "checkpoint": checkpoint.name,
        "calibration": str(checkpoint.folder / CALIBRATION),
        "method": method,
        "split": split,
        "cases": len(cases.images),
        "cases_sha256": cases.digest,
        "scores": cases.given,
        "apart_from_training": cases.apart_from_training,
        "findings": effects,
        "warnings": [*cases.warnings, *few],
        "failed": failed,
    }


def _fit(
    checkpoint: Checkpoint, cases: CalibrationCases, method: RecalibrationMethod
) -> tuple[dict[str, Recalibrator], dict[str, str]]:
    """The recalibrators by finding, and why the others have none."""
    if checkpoint.task == "multi-class":
        shared = _fit_multiclass(checkpoint, cases, method)
        return dict.fromkeys(cases.findings, shared), {}
    fitted, refused = {}, {}
    for k, finding in enumerate(cases.findings):
        try:
            fitted[finding] = fit(method, cases.labels[:, k], cases.logits[:, k])
        except ValueError as error:
            refused[finding] = str(error)
    return fitted, refused


def _fit_multiclass(checkpoint: Checkpoint, cases: CalibrationCases, method: RecalibrationMethod) -> Recalibrator:
    why = None
    labels = cases.labels
    if method != "temperature":
        why = f"A multi-class network has one temperature for all classes; {method} would break their sum of 1."
    elif cases.findings != checkpoint.findings:
        why = f"Labels and predictions have {', '.join(cases.findings)} of {', '.join(checkpoint.findings)}."
    elif not np.all((labels == 0) | (labels == 1)) or not np.all(labels.sum(axis=1) == 1):
        why = "Each image needs the label 1 in one class and 0 in the others, and a score for each."
    if why is None:
        try:
            return fit_multiclass_temperature(labels.argmax(axis=1), cases.logits)
        except ValueError as error:
            why = f"{str(error)[0].upper()}{str(error)[1:]}."
    raise UnusableTable(f"{checkpoint.name} was not calibrated.", why, "Correct the tables, or take temperature.")


def _calibration(
    checkpoint: Checkpoint,
    cases: CalibrationCases,
    fitted: Mapping[str, Recalibrator],
    split: str,
    command: Sequence[str],
) -> Calibration:
    counts = {
        finding: [int(np.count_nonzero(column == label)) for label in (1, 0)]
        for finding, column in zip(cases.findings, cases.labels.T, strict=True)
    }
    return Calibration(
        findings={
            finding: FindingCalibration(one.method, one.parameters, *counts[finding]) for finding, one in fitted.items()
        },
        split=split,
        cases_sha256=cases.digest,
        scores=cases.given,
        weights_sha256=checkpoint.weights_sha256,
        preprocessing_digest=checkpoint.preprocessing.digest,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        command=shlex.join(command) or None,
        libraries={
            "python": platform.python_version(),
            "xferviewer": __version__,
            **{name: importlib.metadata.version(name) for name in ("numpy", "scipy")},
        },
    )


def _effects(
    checkpoint: Checkpoint, cases: CalibrationCases, fitted: Mapping[str, Recalibrator]
) -> dict[str, dict[str, Any]]:
    recalibrators = [fitted.get(finding) for finding in cases.findings]
    before = scores_from_logits(cases.logits, checkpoint.task)
    after = scores_from_logits(cases.logits, checkpoint.task, "calibrated probability", recalibrators)
    effects = {}
    for k, finding in enumerate(cases.findings):
        if finding in fitted:
            labels = cases.labels[:, k]
            effects[finding] = {
                "n_positive": int(np.count_nonzero(labels == 1)),
                "n_negative": int(np.count_nonzero(labels == 0)),
                "parameters": {name: list(values) for name, values in fitted[finding].parameters.items()},
                "before": _measures(labels, before[:, k]),
                "after": _measures(labels, after[:, k]),
            }
    return effects


def _measures(labels: NDArray[np.float64], probabilities: NDArray[np.float32]) -> dict[str, float]:
    return {
        "ece": expected_calibration_error(labels, probabilities),
        "nll": negative_log_likelihood(labels, probabilities),
        "brier": brier(labels, probabilities),
    }
