"""From logits to probabilities: the one place where it happens, so that every number of the application agrees."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Task = Literal["multi-label", "multi-class", "binary"]
ScoreKind = Literal["logit", "probability"]


def scores_from_logits(logits: ArrayLike, task: Task, kind: ScoreKind = "probability") -> NDArray[np.float32]:
    """The scores of a network's outputs, (n, findings) float32.

    logits  (n, findings) float32 as the network gave them; a row of NaN (no prediction) stays NaN.
    task    "multi-label" and "binary": a sigmoid per finding. "multi-class": a softmax over the findings.
    kind    "probability", in [0, 1], or "logit": the outputs as they are.

    Computed in float64 and rounded once, so that the result does not depend on how many rows are converted together.
    Raises ValueError for another shape, task or kind.
    """
    given = np.asarray(logits, dtype=np.float32)
    if given.ndim != 2:
        raise ValueError(f"expected logits of shape (n, findings), got {given.shape}")
    if kind == "logit":
        return given
    if kind != "probability":
        raise ValueError(f'the kind of score is "logit" or "probability", not {kind!r}')
    x = np.ascontiguousarray(given, dtype=np.float64)
    if task in ("multi-label", "binary"):
        # exp of a negative number only, which cannot overflow.
        small = np.exp(-np.abs(x))
        return np.asarray(np.where(x >= 0, 1.0, small) / (1 + small), dtype=np.float32)
    if task == "multi-class":
        raised = np.exp(x - x.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)
    raise ValueError(f'the task is "multi-label", "multi-class" or "binary", not {task!r}')
