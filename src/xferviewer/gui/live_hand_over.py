"""A threshold that was chosen on some cases by one checkpoint, handed over to others, or to another checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from xferviewer.evaluation.estimate import Estimate
from xferviewer.evaluation.groups import group_cases
from xferviewer.evaluation.hand_over import HandOver, HandOverRate, ThresholdRule, hand_over
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.compared_cases import Compared
from xferviewer.gui.live_numbers import LiveNumbers

Subset = tuple[str, str]
"""A column and a group of its cases, such as ("site", "A"); ("", ""): all cases."""

ALL: Subset = "", ""


@dataclass(frozen=True, slots=True)
class Side:
    """Where a threshold comes from or goes to: a checkpoint by its digest, and cases."""

    digest: str
    subset: Subset


@dataclass(frozen=True, slots=True, eq=False)
class HandedOver:
    """What came of it.

    overlap  both sides have some cases in common but not all, so that the changes have no interval
    """

    result: HandOver
    overlap: bool

    def change(self, rate: HandOverRate) -> Estimate:
        """Target less source; without an interval where none holds."""
        change = self.result.change[rate]
        return Estimate(change.value, np.nan, np.nan, change.level) if self.overlap else change


class LiveHandOver(QObject):
    """Computes hand-overs beside the window. `changed` says that one has been computed."""

    changed = Signal()

    def __init__(self, numbers: LiveNumbers, calculator: Calculator, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._numbers = numbers
        self._calculator = calculator
        self._compared: Compared | None = None
        self._subsets: dict[Subset, NDArray[np.bool_]] = {}
        self._known: dict[tuple[Side, Side, str], HandedOver | str] = {}

    def subsets(self, finding: str) -> dict[Subset, NDArray[np.bool_]]:
        """(n,) which of the compared cases are in each subset, all of them first; subsets without a case are absent."""
        compared = self._numbers.compared(finding)
        if compared is not self._compared:
            self._compared = compared
            self._known.clear()
            self._calculator.forget(self)
            self._subsets = {ALL: np.ones(compared.rows.size, dtype=bool)}
            for column, values in self._numbers.cases().columns.items():
                try:
                    groups = group_cases(values)
                except ValueError:
                    continue  # it tells cases apart rather than groups
                here = {name: member[compared.rows] for name, member in groups.items()}
                self._subsets |= {(column, name): member for name, member in here.items() if member.any()}
        return self._subsets

    def hand_over(self, finding: str, source: Side, target: Side, rule: ThresholdRule) -> HandedOver | str | None:
        """What the source's threshold does on the target; a sentence why nothing; None while it is computed."""
        subsets, key = self.subsets(finding), (source, target, repr(rule))
        if key not in self._known:
            compared, patients = self._numbers.compared(finding), np.array(self._numbers.cases().patients)
            owners = patients[compared.rows] if patients.size and (patients != "").all() else None
            masks = subsets[source.subset], subsets[target.subset]
            question = partial(_hand_over, compared, source.digest, target.digest, masks, rule, owners)
            self._calculator.ask(self, key, question, partial(self._take, key))
        return self._known.get(key)

    def _take(self, key: tuple[Side, Side, str], answer: HandedOver | str) -> None:
        self._known[key] = answer
        self.changed.emit()


def _hand_over(
    compared: Compared,
    source: str,
    target: str,
    masks: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    rule: ThresholdRule,
    patients: NDArray[np.str_] | None,
) -> HandedOver | str:
    here, there = masks
    same = bool((here == there).all())
    source_scores = compared.scores[compared.digests.index(source)][here]
    target_scores = compared.scores[compared.digests.index(target)][there]
    try:
        result = hand_over(
            compared.labels[here], source_scores, compared.labels[there], target_scores, rule,
            same_cases=same, patients=patients[here] if same and patients is not None else None,
        )  # fmt: skip
    except ValueError as error:
        return f"{error}."
    return HandedOver(result, overlap=not same and bool((here & there).any()))
