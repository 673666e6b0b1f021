"""A finished checkpoint on images that it never saw."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from xferviewer.checkpoints import Metric
from xferviewer.errors import UnusableSpec
from xferviewer.evaluation.roc import auc_interval
from xferviewer.networks.preprocessing import normalise
from xferviewer.training.planes import Precision, prepare

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
    total = len(cohort.paths)
    planes = prepare(
        cohort,
        made,
        Precision.FLOAT32,
        lambda done: watch.working(f"{cohort.name}: {done} of {total} images prepared"),
        watch.refused,
    )
    rows = np.flatnonzero(planes.readable)
    logits = np.empty((len(rows), len(loaded.checkpoint.findings)), dtype=np.float32)
    for number in range(len(rows)):
        logits[number] = loaded.logits(normalise(planes.batch(rows[number : number + 1]), made))[0]
        watch.working(f"{cohort.name}: {number + 1} of {len(rows)} images computed")
    return [
        _metric(cohort, finding, cohort.labels[rows, column], logits[:, column])
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
