"""The numbers of a cohort by subgroup, each at the threshold that was chosen on the whole cohort, and their gaps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.calibration import brier, reliability_diagram
from xferviewer.evaluation.cohort import Cohort
from xferviewer.evaluation.gaps import Gap, gaps
from xferviewer.evaluation.groups import group_cases
from xferviewer.evaluation.metrics import FindingMetrics, Group, GroupMetrics, OperatingMetrics
from xferviewer.evaluation.operating_points import OperatingPoint, confusion_at
from xferviewer.evaluation.roc import auc_interval
from xferviewer.evaluation.subgroups import SubgroupMetric, SubgroupSettings

GAP_METRICS: tuple[SubgroupMetric, ...] = ("auc", "sensitivity", "specificity", "flag rate")

MANY_GROUPS = 200


def crossed_groups(columns: Mapping[str, Sequence[str]], crossed: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """The cases of each group of a column, or of each combination of the groups of several, without the empty ones.

    Groups are those of `groups.group_cases`, combinations are named like "A + F". Raises ValueError as it does, with
    the column's name, and for more than 200 groups: they are no table that anybody reads.
    """
    of_columns = []
    for column in crossed:
        try:
            of_columns.append(group_cases(columns[column]))
        except ValueError as error:
            raise ValueError(f"{column} is no column to group by: {error}.") from error
    combinations: dict[str, NDArray[np.bool_]] = {}
    for names in product(*of_columns):
        member = np.logical_and.reduce([of[name] for of, name in zip(of_columns, names, strict=True)])
        if len(crossed) == 1 or member.any():
            combinations[" + ".join(names)] = member
        if len(combinations) > MANY_GROUPS:
            raise ValueError(f"{' + '.join(crossed)} are no columns to group by: more than {MANY_GROUPS} combinations.")
    return combinations


def subgroup_metrics(
    cohort: Cohort,
    scores: NDArray[np.float64],
    members: Mapping[str, NDArray[np.bool_]],
    findings: Mapping[str, Mapping[str, FindingMetrics]],
    kinds: Mapping[str, str],
    level: float,
) -> dict[str, Group]:
    """The metrics of each group; scores (C, n, K), NaN where a checkpoint is not to be measured on a case."""
    groups = {}
    for value, member in members.items():
        rows: dict[str, dict[str, GroupMetrics]] = {}
        for finding, of_finding in findings.items():
            k = cohort.findings.index(finding)
            rows[finding] = {}
            for c, name in enumerate(cohort.checkpoints):
                if name in of_finding:
                    used = member & ~np.isnan(scores[c, :, k])
                    threshold = _youden_threshold(of_finding[name].operating_points)
                    rows[finding][name] = _group_metrics(
                        cohort.labels[used, k], scores[c, used, k], threshold, kinds[name], level
                    )
        groups[value] = Group(int(member.sum()), rows)
    return groups


def _youden_threshold(points: Sequence[OperatingPoint]) -> float:
    return next((point.threshold for point in points if point.rule == "Youden"), math.nan)


def _group_metrics(
    labels: NDArray[np.float64], scores: NDArray[np.float64], threshold: float, kind: str, level: float
) -> GroupMetrics:
    probability = kind == "probability"
    return GroupMetrics(
        auc_interval(labels, scores, level),
        brier(labels, scores) if probability else math.nan,
        reliability_diagram(labels, scores).expected_error if probability else math.nan,
        threshold,
        None if math.isnan(threshold) else confusion_at(labels, scores, threshold),
    )


def subgroup_gaps(
    cohort: Cohort,
    scores: NDArray[np.float64],
    members: Mapping[str, NDArray[np.bool_]],
    operating: Mapping[str, Mapping[str, OperatingMetrics]],
    level: float,
) -> dict[str, dict[str, dict[SubgroupMetric, Gap]]]:
    """How far apart the groups lie at the operating points, by finding, checkpoint and metric of `GAP_METRICS`.

    scores  as for `subgroup_metrics`. Fewer than two groups have no gaps.
    """
    if len(members) < 2:
        return {}
    found: dict[str, dict[str, dict[SubgroupMetric, Gap]]] = {}
    for finding, row in operating.items():
        k = cohort.findings.index(finding)
        found[finding] = {}
        for name, of in row.items():
            values = scores[cohort.checkpoints.index(name), :, k]
            used = ~np.isnan(values)
            groups = {group: member[used] for group, member in members.items()}
            settings = SubgroupSettings(of.threshold, probabilities=False, level=level)
            of_metrics = gaps(cohort.labels[used, k], values[used], groups, settings)
            found[finding][name] = {metric: of_metrics[metric] for metric in GAP_METRICS}
    return found
