"""How a cohort is evaluated: everything that a person chooses, in the window or on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from xferviewer.evaluation.aggregation import Aggregation
from xferviewer.evaluation.members import MemberMeasure
from xferviewer.evaluation.units import Unit

CaseRule = Literal["each", "common"]
"""On which cases a checkpoint is measured: "each": on its own, all that it has a score for; "common": on those that
every checkpoint that has the finding has a score for."""

Adjustment = Literal["holm", "bh", "bonferroni", "none"]

ReferralMeasure = Literal["finding", "probability", "case", "entropy", "margin", "spread"] | MemberMeasure
"""What makes a case uncertain, so that it is referred.

"finding"      the score of the finding lies near its threshold.
"probability"  the probability of the finding lies near 0.5.
"case"         the probabilities of the case lie near 0.5, in the mean over its findings.
"entropy"      the entropy of its probabilities, in the mean over its findings.
"margin"       the probabilities lie near their thresholds, in the mean over its findings.
"spread"       the checkpoints differ, as the standard deviation of their scores of the finding.

Those of `MemberMeasure` say how far the members of each column differ about the finding; for a
plain checkpoint the distance to its threshold stands for them.
"""

PointRule = Literal["fixed", "youden", "sensitivity", "specificity"]


@dataclass(frozen=True, slots=True)
class OperatingRule:
    """How the threshold of each finding and checkpoint is found.

    rule   "fixed": at `value`. "youden": the greatest sensitivity + specificity - 1. "sensitivity": the highest
           threshold that reaches `value`, "specificity": the lowest one.
    value  a threshold, or a rate in [0, 1]; None with "fixed" is 0.5 for probabilities and 0, its logit, for other
           scores.
    """

    rule: PointRule = "fixed"
    value: float | None = None

    def __str__(self) -> str:
        if self.rule == "youden":
            return "youden"
        value = 0.5 if self.value is None else self.value
        return repr(value) if self.rule == "fixed" else f"{self.rule}:{value!r}"


@dataclass(frozen=True, slots=True)
class EvaluationChoices:
    """How a cohort is evaluated. The defaults choose nothing: every finding, every checkpoint on its own cases.

    unit, aggregation  what is counted, and how scores of images become those of a study or patient.
    level              of all confidence intervals, in (0, 1).
    by                 columns to make subgroups by, each alone or several crossed; None: every column of the cohort.
    where              only cases with these values of columns (`cohort.select`).
    findings           what is reported, () all. How uncertain a case is rests on all findings of the cohort anyway.
    cases              on which cases each checkpoint is measured.
    reference          the checkpoint that all others are compared with, "" none.
    adjust             how the p-values of all these comparisons are adjusted for their number.
    point              how thresholds are found, but for those in `thresholds`, by (checkpoint, finding); ("", finding)
                       holds for all checkpoints, ("", "") for everything.
    referral_rate      share of the cases that goes to an expert, in [0, 1]; `uncertainty`: which ones go first.
    """

    unit: Unit = "image"
    aggregation: Aggregation = "max"
    level: float = 0.95
    by: tuple[tuple[str, ...], ...] | None = None
    where: tuple[tuple[str, str], ...] = ()
    findings: tuple[str, ...] = ()
    cases: CaseRule = "each"
    reference: str = ""
    adjust: Adjustment = "holm"
    point: OperatingRule = OperatingRule()
    thresholds: Mapping[tuple[str, str], float] = field(default_factory=dict)
    referral_rate: float = 0.0
    uncertainty: ReferralMeasure = "finding"

    def threshold(self, checkpoint: str, finding: str) -> float | None:
        """The threshold that was named for a checkpoint and a finding; None where `point` finds it."""
        for key in ((checkpoint, finding), ("", finding), ("", "")):
            if key in self.thresholds:
                return self.thresholds[key]
        return None
