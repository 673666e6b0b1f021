"""The numbers of a cohort as data: by finding, checkpoint, pair and subgroup."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.calibration import ReliabilityDiagram
from xferviewer.evaluation.choices import Adjustment, EvaluationChoices
from xferviewer.evaluation.common_findings import CommonFindings, common_findings
from xferviewer.evaluation.decision_curve import DecisionCurve
from xferviewer.evaluation.multilabel import MultilabelMetrics
from xferviewer.evaluation.operating_points import Confusion, OperatingPoint
from xferviewer.evaluation.referral import OracleDefinition, RetainedCurve
from xferviewer.evaluation.roc import AucInterval, RocCurve
from xferviewer.evaluation.selective import RiskCoverage
from xferviewer.evaluation.significance import PairedDelong
from xferviewer.evaluation.units import Unit
from xferviewer.evaluation.workload import Workload, workload

if TYPE_CHECKING:
    from xferviewer.evaluation.gaps import Gap
    from xferviewer.evaluation.subgroups import SubgroupMetric

REFERRAL_RATES = tuple(k / 20 for k in range(11))  # 0, 5 %, … 50 %
MULTILABEL_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)  # those of Krones, arXiv 2605.08819
ORACLE_RATES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
FEW_CASES = 20  # positives or negatives; a subgroup below is shown with a warning
ORACLE_DEFINITIONS: tuple[OracleDefinition, ...] = ("single", "cumulative", "collaborative")


@dataclass(frozen=True, slots=True, eq=False)
class FindingMetrics:
    """One checkpoint on one finding. What has no meaning is NaN or None.

    n_missing         labelled cases that this checkpoint has no score for.
    brier, nll        and `reliability` and `decision` are of probabilities only.
    curve             the exact ROC curve.
    operating_points  chosen on these very cases, which makes them look better than they are; the threshold 0.5 is not.
    retained          the referral curve at Youden's threshold, the most uncertain cases (over all findings) first.
    """

    interval: AucInterval
    average_precision: float
    n_missing: int
    brier: float
    nll: float
    reliability: ReliabilityDiagram | None
    curve: RocCurve
    operating_points: tuple[OperatingPoint, ...]
    retained: RetainedCurve | None
    decision: DecisionCurve | None

    @property
    def constant(self) -> bool:
        """All scores are equal: the AUC of 0.5 is that of no information, and there is no curve to draw."""
        return self.curve.thresholds.size <= 2

    @property
    def ece(self) -> float:
        """Expected calibration error in 15 bins of equal width; NaN unless the scores are probabilities."""
        return self.reliability.expected_error if self.reliability else math.nan


@dataclass(frozen=True, slots=True)
class PairMetrics:
    """Two checkpoints on one finding, paired by case; `p_adjusted` is Holm's over the pairs of the finding."""

    finding: str
    a: str
    b: str
    test: PairedDelong
    p_adjusted: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A checkpoint against the reference on one finding, paired by case: its AUC minus the reference's."""

    finding: str
    checkpoint: str
    test: PairedDelong
    p_adjusted: float


@dataclass(frozen=True, slots=True)
class ReferenceComparison:
    """Every other checkpoint against one; `p_adjusted` for all findings and checkpoints together, by `adjust`."""

    checkpoint: str
    adjust: Adjustment
    differences: tuple[Difference, ...]

    @property
    def family(self) -> int:
        """How many tests were adjusted together: those that have a p-value."""
        return sum(not math.isnan(difference.test.p_value) for difference in self.differences)


@dataclass(frozen=True, slots=True, eq=False)
class OperatingMetrics:
    """One checkpoint on one finding at its operating point, with the most uncertain cases gone to an expert.

    n_cases, n_referred  cases with a score, and how many of them are referred; also those whose label is not stated.
    referred             of the referred cases, those with the finding and those without it.
    confusion, auc       of the retained cases whose label is stated.
    curve                the same over all referral rates.
    risk                 the error rate of the calls over the share of cases that are kept, before any referral.
    """

    threshold: float
    n_cases: int
    n_referred: int
    referred: tuple[int, int]
    confusion: Confusion
    auc: AucInterval
    curve: RetainedCurve
    risk: RiskCoverage

    @property
    def prevalence(self) -> float:
        """Of the finding among all cases whose label is stated, referred or not; NaN without any."""
        positive = self.confusion.sensitivity.trials + self.referred[0]
        n = positive + self.confusion.specificity.trials + self.referred[1]
        return positive / n if n else math.nan

    def workload(self, level: float) -> Workload | None:
        """What this means for the work of a day where the prevalence is that of the cases; None without a class."""
        if not 0 < self.prevalence < 1:
            return None
        return workload(self.confusion, self.referred, self.prevalence, level)


@dataclass(frozen=True, slots=True, eq=False)
class GroupMetrics:
    """One checkpoint on one finding among the cases of a subgroup.

    confusion  at `threshold`, the one that Youden's rule chose on the whole cohort; None without one.
    """

    interval: AucInterval
    brier: float
    ece: float
    threshold: float
    confusion: Confusion | None

    @property
    def few(self) -> bool:
        """Fewer than 20 positives or 20 negatives: too few to compare groups by."""
        return min(self.interval.n_positive, self.interval.n_negative) < FEW_CASES


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A subgroup: the number of its cases, and its metrics by finding and checkpoint."""

    n_cases: int
    findings: Mapping[str, Mapping[str, GroupMetrics]]


@dataclass(frozen=True, slots=True)
class FindingsTogether:
    """A checkpoint over all its findings at one threshold, on the cases that have a score for each of them.

    published_calibration  the "calibration error" as published by Krones (arXiv 2605.08819), which is none.
    """

    n_cases: int
    metrics: MultilabelMetrics
    published_calibration: float


@dataclass(frozen=True, slots=True, eq=False)
class Metrics:
    """What a cohort shows.

    choices      how it was evaluated.
    unit         what was counted; `aggregation` says how images were brought to it.
    score_kinds  by checkpoint: "probability", or "score" when a value lies outside [0, 1].
    findings     by finding and checkpoint; a checkpoint without a score for a finding is not there.
    oracle_auc   by checkpoint and definition, (ORACLE_RATES,); of probabilities only.
    groups       by column and value; crossed columns by their names with + between them.
    gaps         between these groups at the operating point, by column, finding, checkpoint and metric.
    reference    None where no checkpoint was named as the reference.
    operating    by finding and checkpoint; not there where no threshold could be found.
    multilabel   by checkpoint, at each of MULTILABEL_THRESHOLDS; of probabilities and of several findings only.
    """

    choices: EvaluationChoices
    unit: Unit
    aggregation: str
    n_cases: int
    checkpoints: tuple[str, ...]
    score_kinds: Mapping[str, str]
    findings: Mapping[str, Mapping[str, FindingMetrics]]
    pairs: tuple[PairMetrics, ...]
    oracle_auc: Mapping[str, Mapping[str, NDArray[np.float64]]]
    groups: Mapping[str, Mapping[str, Group]]
    gaps: Mapping[str, Mapping[str, Mapping[str, Mapping[SubgroupMetric, Gap]]]]
    reference: ReferenceComparison | None
    operating: Mapping[str, Mapping[str, OperatingMetrics]]
    multilabel: Mapping[str, tuple[FindingsTogether, ...]]
    warnings: tuple[str, ...]

    @property
    def level(self) -> float:
        """Of all intervals."""
        return self.choices.level

    @property
    def common_findings(self) -> CommonFindings:
        """The reported findings that every checkpoint has scores for, and those that are left out of comparisons."""
        having = {name: [f for f, row in self.findings.items() if name in row] for name in self.checkpoints}
        return common_findings(having)

    def mean_auc(self, checkpoint: str, among: Collection[str] | None = None) -> tuple[float, int, int]:
        """The mean AUC over the findings that have one, their number, and the number of the checkpoint's findings.

        among  only these findings
        """
        areas = [
            row[checkpoint].interval.auc
            for finding, row in self.findings.items()
            if checkpoint in row and (among is None or finding in among)
        ]
        defined = [area for area in areas if not math.isnan(area)]
        return (sum(defined) / len(defined) if defined else math.nan), len(defined), len(areas)
