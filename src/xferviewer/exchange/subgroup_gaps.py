"""How far apart the subgroups of a column lie: what the report shows of them at a glance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xferviewer.evaluation.metrics import Group, GroupMetrics


@dataclass(frozen=True, slots=True)
class Gap:
    """The lowest and the highest value of one number among the groups that are large enough to be compared."""

    lowest_group: str
    lowest: float
    highest_group: str
    highest: float

    @property
    def width(self) -> float:
        """The highest value minus the lowest, 0 or more."""
        return self.highest - self.lowest


@dataclass(frozen=True, slots=True)
class FindingGaps:
    """The gaps of one checkpoint on one finding; None where fewer than two groups can be compared."""

    finding: str
    checkpoint: str
    n_groups: int
    auc: Gap | None
    sensitivity: Gap | None
    specificity: Gap | None


def subgroup_gaps(groups: Mapping[str, Group]) -> list[FindingGaps]:
    """The gaps of every finding and checkpoint between the groups of a column.

    Groups of fewer than 20 positives or 20 negatives are left out: their extremes are those of chance.
    """
    members: dict[tuple[str, str], dict[str, GroupMetrics]] = {}
    for value, group in groups.items():
        for finding, row in group.findings.items():
            for checkpoint, metrics in row.items():
                of = members.setdefault((finding, checkpoint), {})
                if not metrics.few:
                    of[value] = metrics
    return [
        FindingGaps(
            finding,
            checkpoint,
            len(of),
            _gap((value, metrics.interval.auc) for value, metrics in of.items()),
            _gap((value, m.confusion.sensitivity.value) for value, m in of.items() if m.confusion),
            _gap((value, m.confusion.specificity.value) for value, m in of.items() if m.confusion),
        )
        for (finding, checkpoint), of in members.items()
    ]


def _gap(values: Iterable[tuple[str, float]]) -> Gap | None:
    defined = [(value, group) for group, value in values if not math.isnan(value)]
    if len(defined) < 2:
        return None
    (lowest, low_group), (highest, high_group) = min(defined), max(defined)
    return Gap(low_group, lowest, high_group, highest)
