"""Predictions of many images by several checkpoints as a table: what `xferviewer predict` writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xferviewer.engine.device import DeviceName, Precision, choose_device, describe
from xferviewer.engine.devices import describe_use, take_warnings
from xferviewer.engine.inference import Failure, LoadedCheckpoint, load, predict_images
from xferviewer.errors import UnusableCheckpoint, UnusableFolder
from xferviewer.evaluation.scores import ScoreKind, scores_from_logits
from xferviewer.evaluation.tables import PredictionTable, write_predictions
from xferviewer.studies.selection import SelectedImage, select_images

Row = tuple[SelectedImage, str, dict[str, float]]


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
    no images are only counted, under "other_files". "in_use" says what each checkpoint computed on, with its parity
    checks, and "notes" what was done otherwise than asked. Raises UnusableCheckpoint, UnusableFolder, UnusableTable,
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
            rows += _rows(named, loaded, prediction.logits, kind)
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
        "device": " and ".join(dict.fromkeys(describe(one.device, one.precision) for one in loaded)),
        "in_use": describe_use(loaded),
        "notes": take_warnings(loaded),
        "seconds": time.monotonic() - begun,
        "other_files": len(selection.refused),
        "failed": failed,
    }


def _rows(
    image: SelectedImage, loaded: Sequence[LoadedCheckpoint], logits: Sequence[NDArray[np.float32]], kind: ScoreKind
) -> list[Row]:
    rows: list[Row] = []
    for one, values in zip(loaded, logits, strict=True):
        checkpoint = one.checkpoint
        scores = scores_from_logits(values[np.newaxis], checkpoint.task, kind)[0]
        trained = {
            finding: float(score)
            for finding, score in zip(checkpoint.findings, scores, strict=True)
            if finding in checkpoint.trained_findings
        }
        rows.append((image, checkpoint.name, trained))
    return rows


def _table(rows: Sequence[Row], loaded: Sequence[LoadedCheckpoint]) -> PredictionTable:
    """The findings of all checkpoints, in the order of the first that names them; blank where one was not trained."""
    findings = tuple(dict.fromkeys(f for one in loaded for f in one.checkpoint.findings))
    scores = np.array([[values.get(finding, np.nan) for finding in findings] for _, _, values in rows])
    return PredictionTable(
        image=tuple(image.name for image, _, _ in rows),
        checkpoint=tuple(name for _, name, _ in rows),
        study=tuple(image.study for image, _, _ in rows),
        patient=tuple(image.patient for image, _, _ in rows),
        findings=findings,
        scores=scores,
    )
