"""Predictions of many images by several checkpoints as a table: what `xferviewer predict` writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xferviewer.checkpoints.input_drift import cohort_inputs
from xferviewer.checkpoints.input_flag import Flag
from xferviewer.checkpoints.input_guard import flags_of
from xferviewer.checkpoints.input_measures import InputMeasures
from xferviewer.engine.device import DeviceName, Precision, choose_device, describe
from xferviewer.engine.inference import Failure, LoadedCheckpoint, Prediction, load, predict_images
from xferviewer.errors import UnusableCheckpoint, UnusableFolder
from xferviewer.evaluation.scores import ScoreKind, scores_from_logits
from xferviewer.evaluation.tables import PredictionTable, write_predictions
from xferviewer.studies.selection import SelectedImage, select_images


@dataclass(frozen=True, slots=True)
class Row:
    """What one checkpoint says of one image, and what it does not expect of it."""

    image: SelectedImage
    checkpoint: str
    scores: dict[str, float]
    flags: tuple[Flag, ...]


def predict_table(
    checkpoints: Sequence[Path],
    images: Path,
    out: Path,
    *,
    device: DeviceName = "auto",
    precision: Precision = "fp32",
    batch_size: int | None = None,
    kind: ScoreKind = "probability",
    progress: Callable[[int, int, float], None] | None = None,
) -> dict[str, Any]:
    """Write one row per image and checkpoint to `out` (CSV or Parquet) and say what was done.

    images    folder, CSV with a path column, or catalogue (`studies.selection`)
    progress  called with images done, images in all, and seconds since the first

    The result names the images that could not be read, with their reasons, under "failed"; files of a folder that are
    no images are only counted, under "other_files". Under "inputs" stands for each checkpoint what its inputs are like
    (checkpoints.input_drift), under "flagged" every image with a flag, and the kinds of its flags are a column of the
    table. Raises UnusableCheckpoint, UnusableFolder, UnusableTable,
    EngineFailure.
    """
    chosen = choose_device(device)
    loaded = [load(folder, chosen, precision) for folder in checkpoints]
    names = [one.checkpoint.name for one in loaded]
    if len(set(names)) != len(names):
        raise UnusableCheckpoint(
            "Two checkpoints have the same name.",
            f"The names are {', '.join(names)}; their rows could not be told apart.",
            "Change `name` in one of the cards.",
        )
    selection = select_images(images)
    if not selection.images:
        raise UnusableFolder(f"{images} holds no image.", "None of its files is one.", "Choose a folder with images.")
    begun = time.monotonic()
    rows: list[Row] = []
    failed: list[dict[str, Any]] = []
    measured: dict[str, dict[str, InputMeasures]] = {name: {} for name in names}
    predictions = predict_images(loaded, ((image.path, image.frame) for image in selection.images), batch_size)
    for done, (image, prediction) in enumerate(zip(selection.images, predictions, strict=True), 1):
        if isinstance(prediction, Failure):
            failed.append({"path": image.name, **prediction.error.as_dict()})
        else:
            named = SelectedImage(
                image.name,
                image.path,
                image.frame,
                image.study or prediction.facts.study_uid,
                image.patient or prediction.facts.patient_id,
            )
            rows += _rows(named, loaded, prediction, kind)
            for name, measures in zip(names, prediction.inputs, strict=True):
                measured[name][prediction.identity] = measures
        if progress is not None:
            progress(done, len(selection.images), time.monotonic() - begun)
    if not rows:
        raise UnusableFolder(
            f"No image of {images} could be predicted.", failed[0]["why"], "Look at the files; none was readable."
        )
    write_predictions(out, _table(rows, loaded))
    return {
        "out": str(out),
        "images": len(selection.images) - len(failed),
        "checkpoints": names,
        "score": kind,
        "device": describe(chosen, precision),
        "seconds": time.monotonic() - begun,
        "other_files": len(selection.refused),
        "failed": failed,
        "inputs": {
            one.checkpoint.name: cohort_inputs(measured[one.checkpoint.name], one.checkpoint.card).as_dict()
            for one in loaded
        },
        "flagged": [
            {"path": row.image.name, "checkpoint": row.checkpoint, "flags": [asdict(flag) for flag in row.flags]}
            for row in rows
            if row.flags
        ],
    }


def _rows(
    image: SelectedImage, loaded: Sequence[LoadedCheckpoint], prediction: Prediction, kind: ScoreKind
) -> list[Row]:
    rows: list[Row] = []
    for one, values, measures in zip(loaded, prediction.logits, prediction.inputs, strict=True):
        checkpoint = one.checkpoint
        scores = scores_from_logits(values[np.newaxis], checkpoint.task, kind)[0]
        trained = {
            finding: float(score)
            for finding, score in zip(checkpoint.findings, scores, strict=True)
            if finding in checkpoint.trained_findings
        }
        rows.append(Row(image, checkpoint.name, trained, flags_of(measures, checkpoint.card)))
    return rows


def _table(rows: Sequence[Row], loaded: Sequence[LoadedCheckpoint]) -> PredictionTable:
    """The findings of all checkpoints, in the order of the first that names them; blank where one was not trained."""
    findings = tuple(dict.fromkeys(f for one in loaded for f in one.checkpoint.findings))
    return PredictionTable(
        image=tuple(row.image.name for row in rows),
        checkpoint=tuple(row.checkpoint for row in rows),
        study=tuple(row.image.study for row in rows),
        patient=tuple(row.image.patient for row in rows),
        findings=findings,
        scores=np.array([[row.scores.get(finding, np.nan) for finding in findings] for row in rows]),
        flags=tuple("; ".join(flag.kind for flag in row.flags) for row in rows),
    )
