"""Several answers about one case as one score, and how far they differ: ensembles, test-time augmentation, dropout.

The probability of the column is the mean of its members' probabilities (BenchmarkTransformers does so over ten crops;
Lakshminarayanan et al., arXiv 1612.01474, over an ensemble; Gal and Ghahramani, arXiv 1506.02142, over dropout). The
results do not depend on the order of the members, nor on other cases, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.recalibration import Recalibrator
from xferviewer.evaluation.scores import ScoreKind, Task, scores_from_logits

MemberMeasure = Literal["member-spread", "mutual-information"]
"""How far the members of a column differ about a finding of a case.

"member-spread"       standard deviation of the members' scores, over all of them (divisor M).
"mutual-information"  entropy of the mean probability less the mean entropy of the members', in bit, of the finding
                      present or absent (Houlsby et al., arXiv 1112.5745, eq. 2): what is uncertain because the members
                      differ, and not because they all say 0.5.
"""

MEMBER_MEASURES: tuple[MemberMeasure, ...] = ("member-spread", "mutual-information")

Doubts = dict[MemberMeasure, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """Scores (n, findings) float64 of a column, and its members' disagreement, the same shape each; NaN: unknown.

    The disagreement is counted when it is asked for: of a large cohort it takes longer than the mean.

    A case that one member has no score of has none here: a mean of the others would be that of another ensemble.
    """

    scores: NDArray[np.float64]
    doubts: Mapping[MemberMeasure, NDArray[np.float64]]


class _CountedWhenAsked(Mapping[MemberMeasure, NDArray[np.float64]]):
    """The disagreement of members, in order, with probabilities, in order, counted once each."""

    def __init__(self, members: NDArray[np.float64], probabilities: NDArray[np.float64]) -> None:
        self._members, self._probabilities = members, probabilities
        self._counted = Doubts()

    def __getitem__(self, measure: MemberMeasure) -> NDArray[np.float64]:
        if measure not in self._counted:
            spread = measure == "member-spread"
            self._counted[measure] = _deviation(self._members) if spread else _information(self._probabilities)
        return self._counted[measure]

    def __iter__(self) -> Iterator[MemberMeasure]:
        return iter(MEMBER_MEASURES)

    def __len__(self) -> int:
        return len(MEMBER_MEASURES)


def combine(scores: ArrayLike) -> Combined:
    """The mean of members' scores, (members, n, findings); the mutual information is NaN where they are none in [0, 1].

    Raises ValueError for another shape or no member.
    """
    members = _in_order(scores)
    return Combined(_mean(members), _CountedWhenAsked(members, members))


def combine_logits(logits: ArrayLike) -> Combined:
    """The same of members' logits of each finding: the score is the logit of the mean probability, ln p - ln (1 - p).

    Computed without leaving the scale of logs, so that a score that is certain to the last bit stays finite. The spread
    is that of the logits. Raises ValueError for another shape or no member.
    """
    members = _in_order(logits)
    present, absent = -np.logaddexp(0, -members[0]), -np.logaddexp(0, members[0])
    for row in members[1:]:
        present, absent = np.logaddexp(present, -np.logaddexp(0, -row)), np.logaddexp(absent, -np.logaddexp(0, row))
    same = members[0] == members[-1]
    mean = np.where(same, members[0], np.clip(present - absent, members[0], members[-1]))
    probabilities = np.exp(-np.logaddexp(0, -members))
    return Combined(mean, _CountedWhenAsked(members, probabilities))


def combine_passes(
    logits: ArrayLike,
    task: Task,
    kind: ScoreKind = "probability",
    recalibrators: Sequence[Recalibrator | None] | None = None,
) -> Combined:
    """The column of one checkpoint asked several times: (passes, n, findings) float32 as the network gave them.

    Each pass is made a score by `scores_from_logits`, calibrated ones by the recalibrators of the plain checkpoint, and
    these are combined. Raises ValueError as that, and for another shape or no pass.
    """
    given = np.asarray(logits, dtype=np.float32)
    if given.ndim != 3 or not given.shape[0]:
        raise ValueError(f"expected logits of shape (passes, n, findings), got {given.shape}")
    if kind == "logit":
        return combine_logits([finding_logits(each, task) for each in given])
    rows = scores_from_logits(given.reshape(-1, given.shape[2]), task, kind, recalibrators)
    return combine(rows.reshape(given.shape))


def finding_logits(logits: ArrayLike, task: Task) -> NDArray[np.float64]:
    """(n, findings): the number whose sigmoid is the probability of each finding.

    The network's own output, but for classes that exclude each other: x_k - ln sum over the others of exp x_j.
    """
    x = np.asarray(logits, dtype=np.float64)
    if task != "multi-class":
        return x
    others = [np.logaddexp.reduce(np.delete(x, column, axis=1), axis=1) for column in range(x.shape[1])]
    odds: NDArray[np.float64] = x - np.stack(others, axis=1)
    return odds


def _in_order(scores: ArrayLike) -> NDArray[np.float64]:
    """Members of each number in ascending order, so that no sum depends on how they were named; NaN comes last."""
    members = np.array(scores, dtype=np.float64)
    if members.ndim != 3 or not members.shape[0]:
        raise ValueError(f"expected (members, n, findings), got {members.shape}")
    members.sort(axis=0)
    return members


def _total(members: NDArray[np.float64]) -> NDArray[np.float64]:
    """One member after the other: numpy's own sum takes another order where there is a single number to a member."""
    total: NDArray[np.float64] = members[0].copy()
    for row in members[1:]:
        total += row
    return total


def _mean(members: NDArray[np.float64]) -> NDArray[np.float64]:
    # Rounding may carry the mean of all but equal members past them: that of equal ones is that member.
    within: NDArray[np.float64] = np.clip(_total(members) / len(members), members[0], members[-1])
    return within


def _deviation(members: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation: NDArray[np.float64] = np.sqrt(_total((members - _mean(members)) ** 2) / len(members))
    return deviation


def _information(members: NDArray[np.float64]) -> NDArray[np.float64]:
    if np.any((members < 0) | (members > 1)):
        return np.full(members.shape[1:], np.nan)
    gained = _entropy(_mean(members)) - _total(_entropy(members)) / len(members)
    # Rounding may leave less than nothing of members that are all but equal.
    return np.where(members[0] == members[-1], 0.0, np.maximum(gained, 0.0))


def _entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """In bit, of a finding present with probability p or absent."""
    q = 1 - p
    with np.errstate(divide="ignore", invalid="ignore"):
        return -(np.where(p > 0, p * np.log2(p), 0 * p) + np.where(q > 0, q * np.log2(q), 0 * q))
