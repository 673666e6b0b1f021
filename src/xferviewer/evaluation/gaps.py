"""Gaps: how far a checkpoint's numbers lie apart between groups, and each group's from all others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import check_labels
from xferviewer.evaluation.estimate import Estimate, difference
from xferviewer.evaluation.significance import delong_unpaired
from xferviewer.evaluation.subgroups import SUBGROUP_METRICS, Subgroup, SubgroupMetric, SubgroupSettings, subgroups

LOWER_IS_BETTER: frozenset[SubgroupMetric] = frozenset({"brier", "debiased ece"})
AreaDifference = tuple[Estimate, float]
"""With its interval, and the p-value."""
NEITHER_IS_BETTER: frozenset[SubgroupMetric] = frozenset({"flag rate"})


@dataclass(frozen=True, slots=True)
class AgainstOthers:
    """One metric in one group, in all other cases, and the difference.

    difference  here - others: of areas with the interval and the p-value of the unpaired DeLong test, of rates with
                Newcombe's interval and those of the others likewise; their p-value is NaN.
    few         fewer than 20 positives or negatives, here or among the others.
    """

    group: str
    here: Estimate
    others: Estimate
    difference: Estimate
    p_value: float
    few: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """One metric over the groups; with sites as groups, the table that leaves one site out at a time.

    gap            the greatest value less the smallest, over the groups with 20 positives and 20 negatives, of which
                   there must be two; else NaN. Extremes differ by chance alone, the more so the more groups there are.
    highest        the group with the greatest value, and
    lowest         that with the smallest; None without a gap.
    spread         standard deviation (n - 1) of the groups' values, over the same groups.
    rows           one for each group, in their order, with those that have few cases.
    """

    metric: SubgroupMetric
    gap: float
    highest: str | None
    lowest: str | None
    spread: float
    rows: tuple[AgainstOthers, ...]

    @property
    def worst(self) -> str | None:
        """The group that the checkpoint serves worst; None without a gap, and where neither end is better."""
        if self.metric in NEITHER_IS_BETTER:
            return None
        return self.highest if self.metric in LOWER_IS_BETTER else self.lowest


def gaps(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: Mapping[str, NDArray[np.bool_]],
    settings: SubgroupSettings,
    patients: ArrayLike | None = None,
) -> dict[SubgroupMetric, Gap]:
    """The gap of every metric; arguments and errors as for `subgroups`.

    The others of a group are the cases of all other groups that are not in it: a case that belongs to no group, because
    its site is not stated, takes no part.
    """
    truth, values = check_labels(labels), np.asarray(scores, dtype=np.float64)
    others = others_of(groups, truth.size)
    of_groups = subgroups(truth, values, groups, settings, patients)
    of_others = subgroups(truth, values, others, settings, patients)

    def apart(name: str) -> AreaDifference:
        return area_difference(truth, values, groups[name], others[name], settings.level)

    metrics = [metric for metric in SUBGROUP_METRICS if all(metric in group.estimates for group in of_groups.values())]
    return {metric: gap(metric, of_groups, of_others, apart) for metric in metrics}


def others_of(groups: Mapping[str, NDArray[np.bool_]], n: int) -> dict[str, NDArray[np.bool_]]:
    """The others of each group, (n,) bool: the cases of all other groups that are not in it."""
    anywhere = np.logical_or.reduce([*groups.values(), np.zeros(n, dtype=bool)])
    return {name: anywhere & ~member for name, member in groups.items()}


def area_difference(
    labels: NDArray[np.float64],
    scores: NDArray[np.float64],
    here: NDArray[np.bool_],
    others: NDArray[np.bool_],
    level: float = 0.95,
) -> AreaDifference:
    """The area here less that of the others, and the p-value of the unpaired DeLong test."""
    test = delong_unpaired(labels[here], scores[here], labels[others], scores[others], level)
    return Estimate(test.difference, test.lower, test.upper, level), test.p_value


def gap(
    metric: SubgroupMetric,
    of_groups: Mapping[str, Subgroup],
    of_others: Mapping[str, Subgroup],
    apart: Callable[[str], AreaDifference],
) -> Gap:
    """The gap of one metric, from the numbers of each group and of its others; `apart` tells areas apart, by group."""
    rows = []
    for name, group in of_groups.items():
        here, others = group.estimates[metric], of_others[name].estimates[metric]
        by, p_value = apart(name) if metric == "auc" else (difference(here, others), math.nan)
        rows.append(AgainstOthers(name, here, others, by, p_value, group.few or of_others[name].few))
    counted = {
        name: group.estimates[metric].value
        for name, group in of_groups.items()
        if not group.few and not math.isnan(group.estimates[metric].value)
    }
    if len(counted) < 2:
        return Gap(metric, math.nan, None, None, math.nan, tuple(rows))
    highest, lowest = max(counted, key=counted.__getitem__), min(counted, key=counted.__getitem__)
    spread = float(np.std(list(counted.values()), ddof=1))
    return Gap(metric, counted[highest] - counted[lowest], highest, lowest, spread, tuple(rows))
