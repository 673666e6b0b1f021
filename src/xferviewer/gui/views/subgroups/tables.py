"""The two tables of the subgroups panel as heads and cells: each group, and each group left out."""

from __future__ import annotations

from collections.abc import Mapping

from xferviewer.evaluation.estimate import Estimate
from xferviewer.evaluation.gaps import Gap
from xferviewer.evaluation.hand_over import HandOver
from xferviewer.evaluation.metrics import FEW_CASES
from xferviewer.evaluation.subgroups import Subgroup, SubgroupMetric
from xferviewer.gui.live_groups import GroupState, GroupTable
from xferviewer.gui.number_table import Cell, Head
from xferviewer.gui.number_text import change_text, estimate_text, p_text, rule_text, threshold_text

METRICS: tuple[tuple[SubgroupMetric, str, str], ...] = (
    ("auc", "AUC", "area under the ROC curve, on all its cases; 95 % DeLong"),
    ("sensitivity", "sensitivity", "of its retained positives, those that are flagged; 95 % Wilson"),
    ("specificity", "specificity", "of its retained negatives, those that are cleared; 95 % Wilson"),
    ("ppv", "PPV", "of its flagged cases, those that are positive; 95 % Wilson"),
    ("flag rate", "flag rate", "of its retained cases, those that are flagged; 95 % Wilson"),
    (
        "debiased ece",
        "debiased ECE",
        "calibration error less what a group of this size shows by chance; 95 % bootstrap",
    ),
)
"""What the table shows, with its title and what it means."""

_RATE, _CHANGE = "1.000 [.000, 1.000]", "+.000 [−.000, +.000]"
_COMPUTING = Cell("…", "being computed")

Table = tuple[list[Head], list[Head], list[list[Cell]]]
"""Titles of the columns, titles of the rows, cells."""


def each_group(table: GroupTable, state: GroupState, gap: Gap, compared: str, *, probabilities: bool) -> Table:
    """A row for each group; `gap` is of the metric titled `compared`, whose differences stand at the end."""
    columns = [
        Head("cases"), Head("present"), Head("absent"),
        *(Head(title, tip, widest=_RATE) for _, title, tip in METRICS),
        Head(f"{compared} − others", "less that of all other groups together", widest=_CHANGE),
        Head("p", "unpaired DeLong test of the areas; for rates, see the interval of the difference", widest="<.001"),
    ]  # fmt: skip
    rows, cells = [], []
    for apart in gap.rows:
        name, group = apart.group, state.groups[apart.group]
        rows.append(_group_head(name, group))
        cells.append([Cell(str(n), rank=n) for n in table.sizes[name]])
        computed = {"auc": name in table.areas, "debiased ece": name in table.errors or not probabilities}
        for metric, _, tip in METRICS:
            estimate = group.estimates[metric]
            known = computed.get(metric, True)
            cells[-1].append(_rate(estimate, f"{tip}\n{_n_of(metric, table, name, group)}") if known else _COMPUTING)
        cells[-1] += [
            Cell(change_text(apart.difference), rank=apart.difference.value),
            Cell(p_text(apart.p_value), rank=apart.p_value),
        ]
    return columns, rows, cells


def each_left_out(table: GroupTable, found: Mapping[str, HandOver] | None, *, probabilities: bool) -> Table:
    """A row for each group: what a threshold chosen on all others does there. `found` is None while it is computed."""
    columns = [
        Head("cases"),
        Head("AUC others", widest=_RATE), Head("AUC here", widest=_RATE), Head("AUC change", widest=_CHANGE),
        Head("p", "unpaired DeLong test of the areas", widest="<.001"),
        Head("positive if", "chosen on the others", widest="score > 0.0000"),
    ]  # fmt: skip
    for short in ("sens.", "spec."):
        columns += [Head(f"{short} others", widest=_RATE), Head(f"{short} here", widest=_RATE)]
        columns.append(Head(f"{short} change", widest=_CHANGE))
    cells = []
    for name in table.names:
        n = table.sizes[name][0]
        cells.append([Cell(str(n), rank=n), *_area_cells(table, name)])
        if found is None:
            cells[-1] += [_COMPUTING] * 7
        elif name not in found:
            cells[-1] += [Cell("n/a", "the others are of one class only, so that no threshold can be chosen")] * 7
        else:
            cells[-1] += _hand_over_cells(found[name], probabilities=probabilities)
    return columns, [Head(name, "click to read its cases", link=True) for name in table.names], cells


def _group_head(name: str, group: Subgroup) -> Head:
    if not group.few:
        return Head(name, "click to read its cases", link=True)
    counts = f"{group.n_positive} present and {group.n_negative} absent are retained"
    return Head(f"{name} ⚠", f"fewer than {FEW_CASES} of a kind: {counts}", link=True, warning=True)


def _rate(estimate: Estimate, tip: str) -> Cell:
    return Cell(estimate_text(estimate), tip, estimate.value)


def _n_of(metric: SubgroupMetric, table: GroupTable, name: str, group: Subgroup) -> str:
    """What the number of a group rests on."""
    confusion = group.confusion
    share = {
        "sensitivity": confusion.sensitivity, "specificity": confusion.specificity, "ppv": confusion.ppv,
        "flag rate": confusion.flag_rate,
    }.get(metric)  # fmt: skip
    if share is not None:
        return f"{share.successes} of {share.trials}"
    _, n_positive, n_negative = table.sizes[name]
    return f"{n_positive} present, {n_negative} absent"


def _area_cells(table: GroupTable, name: str) -> list[Cell]:
    areas = table.areas.get(name)
    if areas is None:
        return [_COMPUTING] * 4
    difference, p_value = areas.apart
    return [
        _rate(areas.others, "on all cases of the others; 95 % DeLong"),
        _rate(areas.here, "on all its cases; 95 % DeLong"),
        Cell(change_text(difference), "here less others; 95 % unpaired DeLong", difference.value),
        Cell(p_text(p_value), rank=p_value),
    ]


def _hand_over_cells(over: HandOver, *, probabilities: bool) -> list[Cell]:
    threshold = over.source.threshold
    cells = [Cell(threshold_text(threshold, probability=probabilities), rule_text(over.rule), threshold)]
    for rate in ("sensitivity", "specificity"):
        for of in (over.source, over.target):
            share = of.confusion.sensitivity if rate == "sensitivity" else of.confusion.specificity
            cells.append(_rate(of.rates[rate], f"{share.successes} of {share.trials}; 95 % Wilson"))
        cells.append(Cell(change_text(over.change[rate]), "here less others; 95 % Newcombe", over.change[rate].value))
    return cells
