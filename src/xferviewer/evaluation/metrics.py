"""The numbers of a cohort as data: by finding, checkpoint, pair and subgroup."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.calibration import ReliabilityDiagram
from xferviewer.evaluation.cohort import Unit
from xferviewer.evaluation.operating_points import Confusion, OperatingPoint
from xferviewer.evaluation.referral import OracleDefinition, RetainedCurve
from xferviewer.evaluation.roc import AucInterval, RocCurve
from xferviewer.evaluation.significance import PairedDelong

REFERRAL_RATES = tuple(k / 20 for k in range(11))  # 0, 5 %, … 50 %
ORACLE_RATES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
FEW_CASES = 20  # positives or negatives; a subgroup below is shown with a warning
ORACLE_DEFINITIONS: tuple[OracleDefinition, ...] = ("single", "cumulative", "collaborative")


@dataclass(frozen=True, slots=True, eq=False)
class FindingMetrics:
    """One checkpoint on one finding. What has no meaning is NaN or None.

    n_missing         labelled cases that this checkpoint has no score for.
    brier, nll        and `reliability` are of probabilities only.
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


@dataclass(frozen=True, slots=True, eq=False)
class Metrics:
    """What a cohort shows.

    unit         what was counted; `aggregation` says how images were brought to it.
    score_kinds  by checkpoint: "probability", or "score" when a value lies outside [0, 1].
    findings     by finding and checkpoint; a checkpoint without a score for a finding is not there.
    oracle_auc   by checkpoint and definition, (ORACLE_RATES,); of probabilities only.
    groups       by column and value.
    """

    unit: Unit
    aggregation: str
    level: float
    n_cases: int
    checkpoints: tuple[str, ...]
    score_kinds: Mapping[str, str]
    findings: Mapping[str, Mapping[str, FindingMetrics]]
    pairs: tuple[PairMetrics, ...]
    oracle_auc: Mapping[str, Mapping[str, NDArray[np.float64]]]
    groups: Mapping[str, Mapping[str, Group]]
    warnings: tuple[str, ...]

    def mean_auc(self, checkpoint: str) -> tuple[float, int, int]:
        """The mean AUC over the findings that have one, their number, and the number of the checkpoint's findings."""
        areas = [row[checkpoint].interval.auc for row in self.findings.values() if checkpoint in row]
        defined = [area for area in areas if not math.isnan(area)]
        return (sum(defined) / len(defined) if defined else math.nan), len(defined), len(areas)
