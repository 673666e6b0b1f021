"""Whole groups given to the parts of a split so that every part has its share of images and of each label.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011,
algorithm 1), with groups of images in the place of single examples: the rarest label first, each of its groups to the
part that wants most of that label. With pairs, also how often two labels meet is kept (Szymański and Kajdanowicz, "A
network perspective on stratification of multi-label data", LIDTA 2017). Why it is our own: docs/decisions/0080.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_STATES = (1.0, 0.0, -1.0)  # of a label; not stated, NaN, is what is left
_FEWEST_GROUPS = 4  # so few are put into order by lot


def evidence_of(labels: NDArray[np.float32], *, pairs: bool = False) -> NDArray[np.float64]:
    """What is to be spread evenly, (images, columns) of 0 and 1.

    labels  (images, findings) of 1, 0, -1 and NaN. Of each finding there is a column for every state that occurs but
            the commonest, which the size of a part implies.
    pairs   a column more for each two findings that are both present on some image
    """
    columns = []
    for column in labels.T:
        states = [column == state for state in _STATES]
        states.append(np.isnan(column))
        commonest = int(np.argmax([state.sum() for state in states]))
        columns += [state for place, state in enumerate(states) if place != commonest and state.any()]
    if pairs:
        present = labels == 1
        both = (present[:, first] & present[:, second] for first, second in combinations(range(labels.shape[1]), 2))
        columns += [column for column in both if column.any()]
    return np.array(columns, dtype=np.float64).T.reshape(len(labels), len(columns))


def by_group(
    groups: Sequence[str], evidence: NDArray[np.float64]
) -> tuple[list[str], NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """The names of the groups in their order, the place (n,) of each image's group, and evidence and sizes by group."""
    names, places = np.unique(np.array(groups, dtype=np.str_), return_inverse=True)
    sums = np.zeros((len(names), evidence.shape[1]))
    np.add.at(sums, places, evidence)
    return names.tolist(), places, sums, np.bincount(places, minlength=len(names)).astype(np.float64)


def assign_groups(
    evidence: NDArray[np.float64],
    sizes: NDArray[np.float64],
    shares: Sequence[float],
    random: np.random.Generator,
) -> NDArray[np.intp]:
    """The part of each group.

    evidence  (groups, columns): how many images of the group count for a column
    sizes     (groups,) in images
    shares    of the images that each part should have; they add up to 1
    """
    wanted = np.outer(shares, evidence.sum(axis=0))  # (parts, columns): what each part still lacks
    room = np.asarray(shares, dtype=np.float64) * sizes.sum()
    left = evidence.sum(axis=0)
    part_of = np.full(len(sizes), -1, dtype=np.intp)
    by_lot = random.permutation(len(sizes))
    waiting = [by_lot[np.argsort(-column[by_lot], kind="stable")] for column in evidence.T]

    def give(group: np.intp, desire: NDArray[np.float64]) -> None:
        part = _neediest(desire, room, random)
        part_of[group] = part
        wanted[part] -= evidence[group]
        room[part] -= sizes[group]
        left[:] -= evidence[group]

    while (left > 0).any():
        rarest = int(np.argmin(np.where(left > 0, left, np.inf)))
        for group in waiting[rarest]:
            if not evidence[group, rarest]:  # the others are sorted behind it
                break
            if part_of[group] < 0:
                give(group, wanted[:, rarest])
    for group in by_lot[np.argsort(-sizes[by_lot], kind="stable")]:
        if part_of[group] < 0:
            give(group, room)
    return part_of


def _neediest(desire: NDArray[np.float64], room: NDArray[np.float64], random: np.random.Generator) -> int:
    """The part that wants most; of several, the one with most room; of several, one drawn by lot."""
    best = np.flatnonzero(desire >= desire.max() - 1e-9)
    if len(best) > 1:
        best = best[room[best] >= room[best].max() - 1e-9]
    return int(best[0] if len(best) == 1 else random.choice(best))


def nested_order(
    evidence: NDArray[np.float64], sizes: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.intp]:
    """The groups in an order whose every beginning is stratified, so that 1 % lies in 5 % and that in 10 %.

    They are halved by `assign_groups`, each half is halved again, and so on: a beginning of any length is made of
    whole halves of halves.
    """
    order: list[int] = []

    def halve(groups: NDArray[np.intp]) -> None:
        if len(groups) < _FEWEST_GROUPS:
            order.extend(random.permutation(groups).tolist())
            return
        side = assign_groups(evidence[groups], sizes[groups], (0.5, 0.5), random)
        first = int(random.integers(2))
        if (side == side[0]).all():  # nothing to halve by: groups of very different sizes
            order.extend(random.permutation(groups).tolist())
            return
        halve(groups[side == first])
        halve(groups[side != first])

    halve(np.arange(len(sizes), dtype=np.intp))
    return np.array(order, dtype=np.intp)
