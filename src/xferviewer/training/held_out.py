"""A finished checkpoint on images that it never saw."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.checkpoints import Metric
from xferviewer.errors import UnusableSpec
from xferviewer.evaluation.members import finding_logits
from xferviewer.evaluation.roc import auc_interval
from xferviewer.processes import usable_cores
from xferviewer.studies.reading_processes import ReadingProcesses
from xferviewer.training.batches import ValidationImages
from xferviewer.training.planes import Planes, Precision

if TYPE_CHECKING:
    from xferviewer.engine.inference import LoadedCheckpoint
    from xferviewer.training.cohort import Cohort
    from xferviewer.training.watch import Watch


def refuse_shared(cohort: Cohort, learned_from: Cohort) -> None:
    """Raise UnusableSpec when a patient of the training cohort is among the held-out ones."""
    shared = set(cohort.patients) & set(learned_from.patients)
    if shared:
        raise UnusableSpec(
            f"The cohort {cohort.name} cannot be held out.",
            f"{len(shared)} of its patients are in the training cohort {learned_from.name}.",
            "Take a cohort with another seed.",
        )


def measure(loaded: LoadedCheckpoint, cohort: Cohort, watch: Watch) -> list[Metric]:
    """AUC per finding with 95 % DeLong interval, each image alone as inference computes it."""
    made = loaded.checkpoint.preprocessing
    with (
        ReadingProcesses(usable_cores()) as reading,
        Planes(cohort, made, Precision.FLOAT32, reading, watch.refused) as planes,
    ):
        images = ValidationImages(cohort.name, planes, cohort.labels, watch.keep, made, batch_size=1)
        logits = np.empty((len(planes), len(loaded.checkpoint.findings)), dtype=np.float32)
        for batch in images.readable(images.plan()):
            logits[batch.rows] = loaded.logits(batch.inputs)
            watch.working(f"{cohort.name}: {batch.number + 1} of {len(planes)} images computed")
        rows = np.flatnonzero(planes.readable)
    scores = finding_logits(logits[rows], loaded.checkpoint.task)  # of a class, against all others
    return [
        _metric(cohort, finding, cohort.labels[rows, column], scores[:, column])
        for column, finding in enumerate(loaded.checkpoint.findings)
    ]


def _metric(cohort: Cohort, finding: str, labels: np.ndarray, scores: np.ndarray) -> Metric:
    area = auc_interval(labels, scores)

    def stated(value: float) -> float | None:
        return None if math.isnan(value) else round(value, 5)

    return Metric(
        cohort=cohort.name,
        site=cohort.site,
        finding=finding,
        positive=area.n_positive,
        negative=area.n_negative,
        auc=stated(area.auc),
        auc_lower=stated(area.lower),
        auc_upper=stated(area.upper),
        level=area.level,
    )
