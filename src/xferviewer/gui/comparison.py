"""How checkpoints are compared: which cases are counted how, where thresholds come from, which cases are looked at."""

from __future__ import annotations

from dataclasses import dataclass

from xferviewer.evaluation.aggregation import Aggregation
from xferviewer.evaluation.choices import Adjustment
from xferviewer.evaluation.units import Unit


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the checkpoints are compared, in all panels of the Evaluate perspective alike.

    unit         what is counted: images, or studies or patients by `aggregation` of their images
    calibrated   scores are calibrated probabilities, where a checkpoint has a calibration; else raw ones
    reference    digest of the checkpoint that the others' differences are to; empty: the first one
    adjustment   of the p-values of all differences that the table shows
    only         column and value that cases must have to be counted, such as ("site", "A"); None: all cases
    group_by     the columns that the subgroups are made by
    """

    unit: Unit = "image"
    aggregation: Aggregation = "max"
    calibrated: bool = False
    reference: str = ""
    adjustment: Adjustment = "holm"
    only: tuple[str, str] | None = None
    group_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseList:
    """Studies that the worklist is narrowed to because a number was clicked.

    title    what they are, for people: "Effusion: missed by lite0-probe"
    studies  the catalogue's numbers, in the order to read them in
    n_cases  cases behind the number, with those that have no film here
    """

    title: str
    studies: tuple[int, ...]
    n_cases: int


@dataclass(frozen=True, slots=True)
class ThresholdOrigin:
    """How an operating point was chosen, and on which cases: there it looks better than it is elsewhere.

    rule    "Youden", "sensitivity >= 0.95", …, or "set by hand"
    cohort  name of the cohort whose cases the rule was applied to; empty: no case had a part in it
    only    column and value that those cases had, as in `Comparison.only`
    """

    rule: str = "set by hand"
    cohort: str = ""
    only: tuple[str, str] | None = None


BY_HAND = ThresholdOrigin()
