"""The area under a part of the ROC curve: where a screening or a referral works, and nowhere else."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from xferviewer.evaluation.roc import roc_curve

Focus = Literal["specificity", "sensitivity"]


def partial_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    low: float,
    high: float,
    focus: Focus = "specificity",
    *,
    corrected: bool = False,
) -> float:
    """The area between two specificities, or between two sensitivities; between its points the curve is straight.

    labels, scores  as for `auc`; higher means disease, and that direction is never turned round.
    low, high       0 <= low < high <= 1.
    focus           "specificity": sensitivity over 1 - specificity within [1 - high, 1 - low]. "sensitivity":
                    specificity over sensitivity within [low, high].
    corrected       McClish's correction: 1/2 for chance and 1 for perfect separation, whatever the range (Medical
                    Decision Making 1989, 9:190). It has no meaning for a part below the diagonal, and is NaN there.

    In [0, high - low], corrected in [1/2, 1]; NaN when a class is empty. Raises ValueError for another range or focus,
    and as `stated_cases` does.
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"expected 0 <= low < high <= 1, got {low} and {high}")
    curve = roc_curve(labels, scores)
    if focus == "specificity":
        along, across, start, end = curve.false_positive_rate, curve.true_positive_rate, 1 - high, 1 - low
    elif focus == "sensitivity":
        along, across, start, end = curve.true_positive_rate, 1 - curve.false_positive_rate, low, high
    else:
        raise ValueError(f'the focus is "specificity" or "sensitivity", not {focus!r}')
    if np.isnan(along).any() or np.isnan(across).any():
        return math.nan
    step = np.diff(along)
    moves = step > 0  # a step across has no area, and no slope
    step, first, level = step[moves], along[:-1][moves], across[:-1][moves]
    slope = np.diff(across)[moves] / step
    enter, leave = np.clip(first, start, end), np.clip(first + step, start, end)
    area = float(np.sum((leave - enter) * (level + slope * ((enter + leave) / 2 - first))))
    if not corrected:
        return area
    most = high - low
    of_chance = most * ((1 - low) + (1 - high)) / 2
    beyond = area - of_chance
    # Scores that are all equal lie on the diagonal, but for rounding.
    return (1 + max(beyond, 0) / (most - of_chance)) / 2 if beyond > -1e-12 else math.nan
