"""From logits to probabilities: the one place where it happens, so that every number of the application agrees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.logistic import sigmoid
from xferviewer.evaluation.recalibration import Recalibrator, recalibrate

Task = Literal["multi-label", "multi-class", "binary"]
ScoreKind = Literal["logit", "probability", "calibrated probability"]


def scores_from_logits(
    logits: ArrayLike,
    task: Task,
    kind: ScoreKind = "probability",
    recalibrators: Sequence[Recalibrator | None] | None = None,
) -> NDArray[np.float32]:
    """The scores of a network's outputs, (n, findings) float32.

    logits         (n, findings) float32 as the network gave them; a row of NaN (no prediction) stays NaN.
    task           "multi-label" and "binary": a sigmoid per finding. "multi-class": a softmax over the findings.
    kind           "probability", in [0, 1], "logit": the outputs as they are, or "calibrated probability", in [0, 1].
    recalibrators  for calibrated probabilities, one for each finding; a finding without one is NaN, not raw. Those of
                   a multi-class network are all one temperature.

    Computed in float64 and rounded once, so that the result does not depend on how many rows are converted together.
    Raises ValueError for another shape, task or kind, and for recalibrators that are missing or do not fit.
    """
    given = np.asarray(logits, dtype=np.float32)
    if given.ndim != 2:
        raise ValueError(f"expected logits of shape (n, findings), got {given.shape}")
    if task not in ("multi-label", "multi-class", "binary"):
        raise ValueError(f'the task is "multi-label", "multi-class" or "binary", not {task!r}')
    if kind == "logit":
        return given
    x = np.ascontiguousarray(given, dtype=np.float64)
    if kind == "probability":
        return np.asarray(_softmax(x) if task == "multi-class" else sigmoid(x), dtype=np.float32)
    if kind != "calibrated probability":
        raise ValueError(f'the kind of score is "logit", "probability" or "calibrated probability", not {kind!r}')
    if recalibrators is None or len(recalibrators) != given.shape[1]:
        raise ValueError(f"expected a recalibrator, or None, for each of {given.shape[1]} findings")
    if task == "multi-class":
        return np.asarray(_softmax(x / _shared_temperature(recalibrators)), dtype=np.float32)
    calibrated = np.full(x.shape, np.nan)
    for column, recalibrator in enumerate(recalibrators):
        if recalibrator is not None:
            calibrated[:, column] = recalibrate(recalibrator, x[:, column])
    return np.asarray(calibrated, dtype=np.float32)


def _softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(x - x.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _shared_temperature(recalibrators: Sequence[Recalibrator | None]) -> float:
    first = recalibrators[0] if recalibrators else None
    if first is None or first.method != "temperature" or any(other != first for other in recalibrators):
        raise ValueError("the classes of a multi-class network are calibrated by one temperature")
    return first.parameters["temperature"][0]
