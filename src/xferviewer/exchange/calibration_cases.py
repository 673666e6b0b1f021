"""The cases that a checkpoint is calibrated on, out of a table of labels and one of predictions."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints import Checkpoint
from xferviewer.checkpoints.vocabulary import folded
from xferviewer.errors import UnusableSpec, UnusableTable
from xferviewer.evaluation.calibration import SMALLEST_PROBABILITY
from xferviewer.evaluation.calibration_tests import logits_of
from xferviewer.evaluation.cohort import Cohort, join
from xferviewer.evaluation.image_names import posix_path
from xferviewer.evaluation.tables import LabelTable, PredictionTable, read_label_table, read_predictions
from xferviewer.jobs.folder import JobFolder
from xferviewer.studies.splits import find_split

Condition = tuple[str, str]  # a column of the label table, and the value that a row must have there

SPLIT_COLUMN = "split"


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationCases:
    """The cases that a checkpoint is calibrated on.

    images               (n,) their names.
    findings             (K,) those that the checkpoint was trained for and that have labels.
    labels               (n, K) of 1, 0, NaN; NaN also where there is no score.
    logits               (n, K) float64; 0 where there is no score.
    given                what the table of predictions held.
    apart_from_training  True: none of them is of the checkpoint's training split. None: that cannot be known.
    """

    images: tuple[str, ...]
    findings: tuple[str, ...]
    labels: NDArray[np.float64]
    logits: NDArray[np.float64]
    given: Literal["logits", "probabilities"]
    apart_from_training: Literal[True] | None
    warnings: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of images and labels, whatever the order of the rows."""
        rows = sorted(
            "\t".join([posix_path(image), *(f"{label:g}" for label in labels)]) + "\n"
            for image, labels in zip(self.images, self.labels, strict=True)
        )
        return hashlib.sha256("".join(["\t".join(self.findings), "\n", *rows]).encode()).hexdigest()


def read_calibration_cases(
    checkpoint: Checkpoint, labels: Path, predictions: Path, where: Sequence[Condition] = ()
) -> CalibrationCases:
    """The cases that meet every condition, with labels and logits. Raises UnusableTable.

    predictions  a table with a column for each finding; rows of other checkpoints are passed over. It holds logits
                 where one of the scores lies outside [0, 1], else probabilities, which are turned back into logits.
    where        where the labels are those of the cohort that the checkpoint learned from, and have no column `split`,
                 that column is made up: "training" or "validation".

    Refused is also what is known to be of the training split: a checkpoint says of cases that it has learned more than
    it would of others, and a calibration fitted to them makes it over-confident.
    """
    table, predicted = read_label_table(labels), _rows_of(checkpoint, read_predictions(predictions), predictions)
    sides = _sides_of_training(checkpoint, table)
    made_up = sides is not None and table.raw.find((SPLIT_COLUMN,)) is None
    columns = [name for name, _ in where if not (made_up and folded(name) == SPLIT_COLUMN)]
    cohort = join(table, [predicted], columns)
    side = np.array([(sides or {}).get(posix_path(image), "") for image in cohort.cases])
    keep = np.ones(side.size, dtype=bool)
    for name, value in where:
        keep &= (np.array(cohort.columns[name]) if name in cohort.columns else side) == value
    if not keep.any():
        raise UnusableTable(
            f"There is no case to calibrate {checkpoint.name} on.",
            f"No labelled image with a prediction has {' and '.join(f'{name} = {value}' for name, value in where)}.",
            "Correct the condition, or predict these images too.",
        )
    learned = int(np.count_nonzero(side[keep] == "training"))
    if learned:
        raise UnusableTable(
            f"{checkpoint.name} is not calibrated on these cases.",
            f"{learned} of the {np.count_nonzero(keep)} belong to its training split, as the digest on its card shows: "
            "it has learned them, and would come out over-confident.",
            f"Take cases that it has not learned, for example with --where {SPLIT_COLUMN}=validation.",
        )
    return _cases(checkpoint, cohort, keep, None if sides is None else True)


def _cases(
    checkpoint: Checkpoint, cohort: Cohort, keep: NDArray[np.bool_], apart_from_training: Literal[True] | None
) -> CalibrationCases:
    known = np.isin(cohort.findings, checkpoint.trained_findings)
    if not known.any():
        raise UnusableTable(
            f"There is no finding to calibrate {checkpoint.name} for.",
            f"It was trained for {', '.join(checkpoint.trained_findings)}; labels and predictions share "
            f"{', '.join(cohort.findings)}.",
            "Name the columns as the card names the findings.",
        )
    scores = cohort.scores[0][np.ix_(keep, known)]
    missing = np.isnan(scores)
    warnings = list(cohort.warnings)
    given: Literal["logits", "probabilities"] = "logits" if np.any((scores < 0) | (scores > 1)) else "probabilities"
    logits = scores
    if given == "probabilities":
        n_certain = int(np.count_nonzero((scores == 0) | (scores == 1)))
        if n_certain:
            warnings.append(f"{n_certain} probabilities are exactly 0 or 1, whose logits are lost; predict --logits.")
        # A softmax gives back its probabilities from their logarithms, a sigmoid from their logits.
        p = np.maximum(scores, SMALLEST_PROBABILITY)
        logits = np.log(p) if checkpoint.task == "multi-class" else logits_of(scores)
    return CalibrationCases(
        tuple(image for image, kept in zip(cohort.cases, keep.tolist(), strict=True) if kept),
        tuple(finding for finding, is_known in zip(cohort.findings, known.tolist(), strict=True) if is_known),
        np.where(missing, np.nan, cohort.labels[np.ix_(keep, known)]),
        np.where(missing, 0.0, logits),
        given,
        apart_from_training,
        tuple(warnings),
    )


def _rows_of(checkpoint: Checkpoint, table: PredictionTable, path: Path) -> PredictionTable:
    """The rows of one checkpoint; all, where there is no column of checkpoints and the name is that of the file."""
    names = set(table.checkpoint)
    if names == {path.stem}:
        return table
    rows = [row for row, name in enumerate(table.checkpoint) if name == checkpoint.name]
    if not rows:
        raise UnusableTable(
            f"{path.name} has no prediction of {checkpoint.name}.",
            f"It is about {', '.join(sorted(names))}.",
            "Give the table that `xferviewer predict` writes for this checkpoint.",
        )
    return replace(
        table,
        image=tuple(table.image[row] for row in rows),
        checkpoint=tuple(table.checkpoint[row] for row in rows),
        study=tuple(table.study[row] for row in rows),
        patient=tuple(table.patient[row] for row in rows),
        scores=table.scores[rows],
    )


def _sides_of_training(checkpoint: Checkpoint, table: LabelTable) -> Mapping[str, str] | None:
    """Which images of the table the checkpoint learned from and which it was validated on; None where unknown.

    Known is it where the table is that of the whole training cohort: the split is then made again from its seed, and
    has the digest that stands on the card.
    """
    data = checkpoint.card.data
    if data is None or len(table.image) != data.training + data.validation:
        return None
    seeds = [0] if checkpoint.card.seed is None else [checkpoint.card.seed, 0]
    job = JobFolder(checkpoint.folder.parent.parent)  # a job leaves its checkpoint in JOB/result/NAME
    if (job.path / "spec.toml").is_file():
        with contextlib.suppress(UnusableSpec):
            seeds.insert(0, job.spec().data.split_seed)
    names = [posix_path(image).rsplit("/", 1)[-1] for image in table.image]
    split = find_split(names, table.patient, data.split_digest, data.validation, seeds)
    if split is None:
        return None
    images = [posix_path(image) for image in table.image]
    return {images[row]: "training" for row in split.training} | {images[row]: "validation" for row in split.validation}
