"""What labels that a source left uncertain (-1) or blank count as, when they are used (Irvin et al. 2019).

A cohort keeps them as the source has them. A policy turns them into targets of a loss: numbers in [0, 1], NaN where the
loss leaves a finding out. U-MultiClass has a target of three classes instead.

The smoothed policies of Pham et al. 2021 (Interpreting chest X-rays via CNNs that exploit hierarchical disease
dependencies and uncertainty labels) draw a number each time that an image is accessed: here from the seed, the epoch
and the row of the cohort, so that a repeated or resumed job sees the same numbers, whatever the order of the batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

ABSENT, PRESENT, UNCERTAIN, LEFT_OUT = 0, 1, 2, -1
"""Classes of U-MultiClass, in the order of its three outputs, and what its loss leaves out."""

LSR_ONES, LSR_ZEROS = (0.55, 0.85), (0.0, 0.3)
"""Between which numbers uncertain labels are drawn: close to present, close to absent."""


class UncertainPolicy(StrEnum):
    """What an uncertain label counts as."""

    IGNORE = "U-Ignore"
    ZEROS = "U-Zeros"
    ONES = "U-Ones"
    MULTI_CLASS = "U-MultiClass"
    LSR_ONES = "LSR-Ones"
    LSR_ZEROS = "LSR-Zeros"


class BlankPolicy(StrEnum):
    """What a label that is not stated counts as. CheXpert's reading is absent: what a report does not mention."""

    ABSENT = "absent"
    NOT_STATED = "not stated"


def targets(
    labels: NDArray[np.float32],
    policy: UncertainPolicy,
    blank: BlankPolicy = BlankPolicy.NOT_STATED,
    *,
    rows: Sequence[int] | NDArray[np.integer] | None = None,
    seed: int = 0,
    epoch: int = 0,
) -> NDArray[np.float32]:
    """The targets of a loss for labels (n, findings) of 1, 0, -1 and NaN: float32 in [0, 1], NaN where left out.

    rows  (n,) which rows of the cohort these are; by default the first n. Only the smoothed policies look at it.
    Raises ValueError for U-MultiClass, whose targets are classes (`classes`), and for other labels.
    """
    _refuse_others(labels)
    if policy == UncertainPolicy.MULTI_CLASS:
        raise ValueError("U-MultiClass has a target of three classes for each finding: ask for its classes.")
    found = _blanks_filled(labels, blank)
    uncertain = labels == -1
    if policy == UncertainPolicy.IGNORE:
        found[uncertain] = np.nan
    elif policy in (UncertainPolicy.ZEROS, UncertainPolicy.ONES):
        found[uncertain] = float(policy == UncertainPolicy.ONES)
    elif uncertain.any():
        low, high = LSR_ONES if policy == UncertainPolicy.LSR_ONES else LSR_ZEROS
        numbers = range(len(labels)) if rows is None else [int(row) for row in rows]
        for at in np.flatnonzero(uncertain.any(axis=1)).tolist():
            drawn = np.random.default_rng([seed, epoch, numbers[at]]).uniform(low, high, size=(labels.shape[1],))
            found[at, uncertain[at]] = drawn[uncertain[at]]
    return found


def classes(labels: NDArray[np.float32], blank: BlankPolicy = BlankPolicy.NOT_STATED) -> NDArray[np.int64]:
    """U-MultiClass: ABSENT, PRESENT or UNCERTAIN, LEFT_OUT where not stated; int64 (n, findings).

    A network of this policy has three outputs a finding; its probability of the finding is the softmax over the
    first two (Irvin et al. 2019). Raises ValueError for other labels than 1, 0, -1 and NaN.
    """
    _refuse_others(labels)
    filled = _blanks_filled(labels, blank)
    found = np.full(labels.shape, LEFT_OUT, dtype=np.int64)
    found[filled == 0] = ABSENT
    found[filled == 1] = PRESENT
    found[filled == -1] = UNCERTAIN
    return found


def _blanks_filled(labels: NDArray[np.float32], blank: BlankPolicy) -> NDArray[np.float32]:
    found = labels.astype(np.float32, copy=True)
    if blank == BlankPolicy.ABSENT:
        found[np.isnan(found)] = 0.0
    return found


def _refuse_others(labels: NDArray[np.float32]) -> None:
    if labels.ndim != 2 or not (np.isnan(labels) | np.isin(labels, (-1.0, 0.0, 1.0))).all():
        raise ValueError("labels should be (n, findings) of 1, 0, -1 and NaN.")
