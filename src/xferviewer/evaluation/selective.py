"""Selective prediction: how the error rate falls when the least certain decisions are left out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.intervals import wilson
from xferviewer.evaluation.uncertainty import referral_order


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """The error rate among the k most certain of n decisions, for k = 1 … n; NaN areas without a decision.

    coverage  (n,) k / n.
    risk      (n,) in [0, 1]; within a block of equal uncertainty its errors are spread evenly.
    aurc      mean of `risk`: the area under the risk-coverage curve (Geifman and El-Yaniv, NeurIPS 2017).
    optimal   the least possible area at this number of errors, all errors last.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    aurc: float
    optimal: float

    @property
    def excess(self) -> float:
        """E-AURC: what the order of the decisions costs."""
        return self.aurc - self.optimal

    @property
    def augrc(self) -> float:
        """The mean over k of (errors among the k most certain) / n: the generalised area (Traub et al., NeurIPS 2024).

        Unlike in `aurc`, an error counts once for each coverage that includes it, whatever the coverage.
        """
        return float(np.mean(self.risk * self.coverage)) if self.risk.size else math.nan

    def band(self, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Wilson's interval (lower, upper) of the risk at each coverage, (n,) each; pointwise, not for all at once."""
        decided = np.arange(1, self.risk.size + 1)
        return wilson(self.risk * decided, decided, level)

    def coverage_at(self, risk: float) -> float:
        """The greatest coverage whose error rate is at most `risk`; 0 where none is, NaN without a decision."""
        if not self.risk.size:
            return math.nan
        reached = np.flatnonzero(self.risk <= risk)
        return float(self.coverage[reached[-1]]) if reached.size else 0.0

    def risk_at(self, coverage: float) -> float:
        """The error rate among the ceil(coverage · n) most certain decisions; coverage in (0, 1]."""
        if not 0 < coverage <= 1:
            raise ValueError(f"a coverage lies in (0, 1], got {coverage}")
        return float(self.risk[math.ceil(coverage * self.risk.size - 1e-9) - 1]) if self.risk.size else math.nan


def risk_coverage(wrong: ArrayLike, uncertain: ArrayLike) -> RiskCoverage:
    """The risk-coverage curve of decisions.

    wrong (n,) bool: the decision was an error; uncertain (n,): larger = left out sooner. Raises ValueError for other
    shapes or a NaN.
    """
    errors, values = np.asarray(wrong, dtype=np.float64), np.asarray(uncertain, dtype=np.float64)
    if errors.ndim != 1 or errors.shape != values.shape or not np.isin(errors, (0, 1)).all():
        raise ValueError("expected errors (n,) of true or false and uncertainties (n,)")
    n = errors.size
    certain_first = referral_order(values)[::-1]
    ordered = values[certain_first]
    edges = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, [n]))
    errors_before = np.concatenate(([0.0], np.cumsum(errors[certain_first])))[edges]
    counted = np.arange(1, n + 1)
    risk = np.interp(counted, edges, errors_before) / counted
    n_errors = int(errors.sum())
    later = np.arange(1, n_errors + 1)
    optimal = float(np.sum(later / (n - n_errors + later))) / n if n else math.nan
    return RiskCoverage(counted / max(n, 1), risk, float(risk.mean()) if n else math.nan, optimal)
