"""Predictions of many images by several checkpoints as a table: what `xferviewer predict` writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xferviewer.checkpoints import Passes
from xferviewer.engine.cohort_predictions import predict_cohort
from xferviewer.engine.columns import (
    ColumnScores,
    Ensemble,
    check_names,
    column_scores,
    name_of,
    repeated,
    without_passes,
)
from xferviewer.engine.device import DeviceName, Precision, choose_device, describe
from xferviewer.engine.devices import describe_use, take_warnings
from xferviewer.engine.inference import LoadedCheckpoint, load
from xferviewer.engine.input_report import input_report
from xferviewer.engine.passes import RepeatedCheckpoint
from xferviewer.errors import UnusableCheckpoint, UnusableFolder
from xferviewer.evaluation.members import MEMBER_MEASURES
from xferviewer.evaluation.predictions import PredictionStore
from xferviewer.evaluation.run_progress import RunProgress
from xferviewer.evaluation.scores import ScoreKind
from xferviewer.evaluation.tables import PredictionTable, write_predictions
from xferviewer.studies.selection import SelectedImage, select_images


@dataclass(frozen=True, slots=True)
class Row:
    """What one column says of one image, and the kinds of the flags of its input."""

    image: SelectedImage
    column: ColumnScores
    flags: str


def predict_table(
    checkpoints: Sequence[Path],
    images: Path,
    out: Path,
    *,
    device: DeviceName = "auto",
    precision: Precision = "fp32",
    batch_size: int | None = None,
    kind: ScoreKind = "probability",
    passes: Sequence[Passes] = (),
    ensembles: Sequence[Ensemble] = (),
    store: Path | None = None,
    progress: Callable[[RunProgress], None] | None = None,
) -> dict[str, Any]:
    """Write one row per image and column to `out` (CSV or Parquet) and say what was done.

    images     folder, CSV with a path column, or catalogue (`studies.selection`)
    passes     one more column for each checkpoint and kind of passes (checkpoints/passes.py)
    ensembles  one more column each, of checkpoints and of those columns, by name
    store      where logits are kept as they come, and taken from; beside `out` where it is not named
    progress   called after each image

    The result names the images that could not be read, with their reasons, under "failed"; files of a folder that are
    no images are counted under "other_files" and named under "refused", as `index` names them; "left_out" says which
    checkpoints have no dropout; "in_use" what each checkpoint computed on, with its parity checks, and "notes" what was
    done otherwise than asked; "inputs" what the inputs of each checkpoint are like, and "flagged" every image with a
    flag (`engine.input_report`), whose kinds are a column of the table, too.

    Raises UnusableCheckpoint, UnusableFolder, UnusableTable, UnusableChoice, EngineFailure; Stopped where Ctrl-C ends
    it, with all that was computed in the store.
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
    asked: list[LoadedCheckpoint | RepeatedCheckpoint] = [*loaded, *repeated(loaded, passes)]
    check_names([name_of(one) for one in asked], ensembles)
    selection = select_images(images)
    if not selection.images:
        raise UnusableFolder(f"{images} holds no image.", "None of its files is one.", "Choose a folder with images.")
    begun = time.monotonic()
    store = store or out.with_suffix(".logits.sqlite")
    with PredictionStore(store) as kept:
        predicted = predict_cohort(asked, selection.images, kept, batch_size, progress)
    report = input_report(asked, ensembles, predicted.images)
    rows = [
        Row(one.image, column, report.kinds(place, column.name))
        for place, one in enumerate(predicted.images)
        for column in column_scores(asked, one.logits, kind, ensembles)
    ]
    failed = [{"path": one.image.name, **one.error.as_dict()} for one in predicted.failed]
    if not rows:
        raise UnusableFolder(
            f"No image of {images} could be predicted.", failed[0]["why"], "Look at the files; none was readable."
        )
    write_predictions(out, _table(rows, loaded))
    return {
        "out": str(out),
        "images": len(predicted.images),
        "computed": predicted.computed,
        "store": str(store),
        "checkpoints": list(dict.fromkeys(row.column.name for row in rows)),
        "left_out": without_passes(loaded, passes),
        "score": kind,
        "device": " and ".join(dict.fromkeys(describe(one.device, one.precision) for one in loaded)),
        "in_use": describe_use(loaded),
        "notes": take_warnings(loaded),
        "seconds": time.monotonic() - begun,
        "other_files": len(selection.refused),
        "refused": [row._asdict() for row in selection.refused],
        "failed": failed,
        **report.as_dict(predicted.images),
    }


def _table(rows: Sequence[Row], loaded: Sequence[LoadedCheckpoint]) -> PredictionTable:
    """The findings of all checkpoints, in the order of the first that names them; blank where one was not trained."""
    findings = tuple(dict.fromkeys(f for one in loaded for f in one.checkpoint.findings))
    return PredictionTable(
        image=tuple(row.image.name for row in rows),
        checkpoint=tuple(row.column.name for row in rows),
        study=tuple(row.image.study for row in rows),
        patient=tuple(row.image.patient for row in rows),
        findings=findings,
        scores=np.array([[row.column.scores.get(finding, np.nan) for finding in findings] for row in rows]),
        flags=tuple(row.flags for row in rows),
        doubts={
            measure: np.array(
                [[row.column.doubts.get(measure, {}).get(finding, np.nan) for finding in findings] for row in rows]
            )
            for measure in MEMBER_MEASURES
            if any(row.column.doubts for row in rows)
        },
    )
