"""Subgroups of the compared cases, live: what no slider moves is kept; a step of a slider is one count over codes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from xferviewer.evaluation.calibration_tests import calibration_error_interval
from xferviewer.evaluation.cohort import Cohort as ScoredCohort
from xferviewer.evaluation.estimate import Estimate
from xferviewer.evaluation.gaps import AreaDifference, Gap, area_difference, gap, others_of
from xferviewer.evaluation.hand_over import HandOver, ThresholdRule, hand_over
from xferviewer.evaluation.operating_points import Confusion
from xferviewer.evaluation.roc import auc_interval
from xferviewer.evaluation.subgroup_metrics import crossed_groups
from xferviewer.evaluation.subgroups import Subgroup, SubgroupMetric, SubgroupSettings, rates_of
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.compared_cases import Compared
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.session import Session

_UNKNOWN = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """What is computed once for a group: its area, that of its others, and how far they lie apart."""

    here: Estimate
    others: Estimate
    apart: AreaDifference


_UNKNOWN_AREAS = Areas(_UNKNOWN, _UNKNOWN, (_UNKNOWN, math.nan))


@dataclass(slots=True, eq=False)
class GroupTable:
    """One checkpoint and one finding by groups, on the compared cases.

    names    the groups that have a compared case, in their order
    members  (n,) bool by name
    cells    (n,) int64: four for each group, absent then present, each not flagged then flagged; the last is for cases
             that belong to no group or whose label is not stated. The flag is added at each step.
    sizes    by name: cases, with the finding, without it
    patients (n,) whose case it is; None where not all are known

    What the calculator has found is by name of the group: areas, expected calibration errors of the group and of its
    others, and by rule what its threshold does in each group when chosen on the others.
    """

    compared: Compared
    scores: NDArray[np.float64]
    names: tuple[str, ...]
    members: dict[str, NDArray[np.bool_]]
    cells: NDArray[np.int64]
    sizes: dict[str, tuple[int, int, int]]
    patients: NDArray[np.str_] | None
    areas: dict[str, Areas] = field(default_factory=dict)
    errors: dict[str, Estimate] = field(default_factory=dict)
    errors_of_others: dict[str, Estimate] = field(default_factory=dict)
    left_out: dict[str, Mapping[str, HandOver]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class GroupState:
    """The groups at the thresholds and the referral rate of now; counts are those of what is retained."""

    groups: Mapping[str, Subgroup]
    others: Mapping[str, Subgroup]


class LiveGroups(QObject):
    """The subgroups of the session's comparison. `changed` says that what takes longer has been computed."""

    changed = Signal()

    def __init__(
        self, session: Session, numbers: LiveNumbers, calculator: Calculator, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        self._calculator = calculator
        self._cases: ScoredCohort | None = None
        self._columns: tuple[str, ...] = ()
        self._members: dict[str, NDArray[np.bool_]] = {}
        self._tables: dict[tuple[str, str], GroupTable] = {}
        self.why_no_groups = ""
        calculator.answered.connect(self.changed)

    # --- who belongs where

    def members(self) -> Mapping[str, NDArray[np.bool_]]:
        """(cases,) bool by the name of the group; none where nothing is grouped by, or `why_no_groups` says why."""
        cases, columns = self._numbers.cases(), self._session.comparison.group_by
        if self._cases is not cases or self._columns != columns:
            self._cases, self._columns = cases, columns
            self._tables.clear()
            self._calculator.forget(self)
            self.why_no_groups, self._members = "", {}
            if columns:
                try:
                    self._members = crossed_groups(cases.columns, columns)
                except ValueError as error:
                    self.why_no_groups = f"{error}"
        return self._members

    def table(self, finding: str, digest: str) -> GroupTable:
        """What of a finding and a compared checkpoint does not depend on a slider."""
        members, compared = self.members(), self._numbers.compared(finding)
        key = finding, digest
        table = self._tables.get(key)
        if table is None or table.compared is not compared:
            table = self._tables[key] = self._lay_out(compared, compared.digests.index(digest), members)
        return table

    def _lay_out(self, compared: Compared, place: int, members: Mapping[str, NDArray[np.bool_]]) -> GroupTable:
        here = {name: member[compared.rows] for name, member in members.items()}
        here = {name: member for name, member in here.items() if member.any()}
        cells = np.full(compared.rows.size, 4 * len(here), dtype=np.int64)
        positive, negative = compared.labels == 1, compared.labels == 0
        for code, member in enumerate(here.values()):
            cells[member & negative] = 4 * code
            cells[member & positive] = 4 * code + 2
        sizes = {
            name: (int(member.sum()), int((member & positive).sum()), int((member & negative).sum()))
            for name, member in here.items()
        }
        patients = np.array(self._numbers.cases().patients)[compared.rows]
        return GroupTable(
            compared, compared.scores[place], tuple(here), here, cells, sizes,
            patients if patients.size and (patients != "").all() else None,
        )  # fmt: skip

    def rows_of(self, finding: str, digest: str, group: str) -> NDArray[np.intp]:
        """The cases of a group, by their rows of `numbers.cases()`."""
        table = self.table(finding, digest)
        return table.compared.rows[table.members[group]]

    # --- at the sliders

    def state(
        self, finding: str, digest: str, metrics: Collection[SubgroupMetric], compared: SubgroupMetric
    ) -> GroupState:
        """Every group and its others at the checkpoint's threshold, on what it keeps.

        metrics, compared  what to tell of the groups, and of their others.
        """
        table = self.table(finding, digest)
        threshold = self._session.operating_points.threshold(digest, finding)
        n_groups, kept = len(table.names), self._numbers.referral.kept(finding, digest)
        flagged = table.cells + (table.scores > threshold)
        counts = np.bincount(flagged[kept], minlength=4 * n_groups)[: 4 * n_groups].reshape(n_groups, 4)
        total = counts.sum(axis=0)
        groups, others = {}, {}
        for name, own in zip(table.names, counts, strict=True):
            areas = table.areas.get(name, _UNKNOWN_AREAS)
            errors = table.errors.get(name, _UNKNOWN), table.errors_of_others.get(name, _UNKNOWN)
            groups[name] = _subgroup(own, areas.here, errors[0], {*metrics, compared})
            others[name] = _subgroup(total - own, areas.others, errors[1], {compared})
        return GroupState(groups, others)

    def gap(self, finding: str, digest: str, metric: SubgroupMetric, state: GroupState) -> Gap:
        """How far a metric lies apart between the groups, and each group's from its others."""
        areas = self.table(finding, digest).areas

        def apart(name: str) -> AreaDifference:
            return areas.get(name, _UNKNOWN_AREAS).apart

        return gap(metric, state.groups, state.others, apart)

    # --- what takes longer

    def compute(self, finding: str, digest: str, *, others: bool) -> None:
        """Ask for what no slider moves and is not known yet: areas, and the calibration errors of probabilities.

        others  the calibration errors of the others, too.
        """
        table = self.table(finding, digest)
        if table.names and not table.areas:
            self._calculator.ask(self, (table, "areas"), partial(_areas, table), table.areas.update)
        if self._session.classifiers.holds_probabilities(digest):
            self._ask_errors(table, table.members, table.errors)
            if others:
                self._ask_errors(table, others_of(table.members, table.scores.size), table.errors_of_others)

    def _ask_errors(
        self, table: GroupTable, masks: Mapping[str, NDArray[np.bool_]], known: dict[str, Estimate]
    ) -> None:
        for name, mask in masks.items():
            if name not in known:
                topic = table, "others" if known is table.errors_of_others else "groups", name
                self._calculator.ask(self, topic, partial(_error, table, mask), partial(known.__setitem__, name))

    def left_out(self, finding: str, digest: str, rule: ThresholdRule) -> Mapping[str, HandOver] | None:
        """What a threshold that the rule chose on all other groups does in each; None while it is computed."""
        table = self.table(finding, digest)
        topic = repr(rule)
        if topic not in table.left_out:
            self._calculator.ask(
                self, (table, topic), partial(_left_out, table, rule), partial(table.left_out.__setitem__, topic)
            )
        return table.left_out.get(topic)


def _subgroup(
    counts: NDArray[np.intp], area: Estimate, error: Estimate, metrics: Collection[SubgroupMetric]
) -> Subgroup:
    """From counts of absent not flagged, absent flagged, present not flagged, present flagged."""
    true_negative, false_positive, false_negative, true_positive = map(int, counts)
    confusion = Confusion(true_positive, false_positive, true_negative, false_negative)
    estimates: dict[SubgroupMetric, Estimate] = {"auc": area, "debiased ece": error}
    estimates |= rates_of(confusion, metrics=metrics)
    n_positive, n_negative = confusion.sensitivity.trials, confusion.specificity.trials
    return Subgroup(n_positive + n_negative, n_positive, n_negative, confusion, estimates)


def _areas(table: GroupTable) -> dict[str, Areas]:
    labels, scores = table.compared.labels, table.scores
    found = {}
    for name, others in others_of(table.members, scores.size).items():
        member = table.members[name]
        here, elsewhere = (auc_interval(labels[mask], scores[mask]) for mask in (member, others))
        found[name] = Areas(
            Estimate(here.auc, here.lower, here.upper),
            Estimate(elsewhere.auc, elsewhere.lower, elsewhere.upper),
            area_difference(labels, scores, member, others),
        )
    return found


def _error(table: GroupTable, mask: NDArray[np.bool_]) -> Estimate:
    """As `subgroups` computes it, with the same resamples."""
    chosen = SubgroupSettings(threshold=math.nan)
    patients = None if table.patients is None else table.patients[mask]
    return calibration_error_interval(
        table.compared.labels[mask], table.scores[mask],
        level=chosen.level, patients=patients, resamples=chosen.resamples, seed=chosen.seed,
    ).debiased  # fmt: skip


def _left_out(table: GroupTable, rule: ThresholdRule) -> dict[str, HandOver]:
    labels, scores, found = table.compared.labels, table.scores, {}
    for name, others in others_of(table.members, scores.size).items():
        member = table.members[name]
        try:
            found[name] = hand_over(labels[others], scores[others], labels[member], scores[member], rule)
        except ValueError:  # the others are of one class: no rule finds a threshold on them
            continue
    return found
