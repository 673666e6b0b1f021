"""How numbers are printed in reports and tables; "n/a" for what has no meaning."""

from __future__ import annotations

import math

from xferviewer.evaluation.estimate import Estimate
from xferviewer.evaluation.intervals import Proportion
from xferviewer.evaluation.metrics import OperatingMetrics
from xferviewer.evaluation.roc import AucInterval
from xferviewer.evaluation.significance import PairedDelong


def printed(value: float, digits: int = 3) -> str:
    """A number with so many digits behind the point."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "n/a"


def printed_level(level: float) -> str:
    """A confidence level: "95 %"."""
    return f"{100 * level:g} %"


def printed_auc(interval: AucInterval) -> str:
    """The area with its interval."""
    if math.isnan(interval.auc):
        return "n/a"
    if math.isnan(interval.lower):
        return printed(interval.auc)
    return f"{interval.auc:.3f} [{interval.lower:.3f}, {interval.upper:.3f}]"


def printed_estimate(estimate: Estimate) -> str:
    """A difference with its interval."""
    if math.isnan(estimate.value):
        return "n/a"
    return f"{estimate.value:+.3f} [{printed(estimate.lower)}, {printed(estimate.upper)}]"


def printed_proportion(proportion: Proportion | None, level: float) -> str:
    """A proportion with Wilson's interval."""
    if proportion is None or not proportion.trials:
        return "n/a"
    lower, upper = proportion.interval(level)
    return f"{proportion.value:.3f} [{lower:.3f}, {upper:.3f}]"


def printed_f1(of: OperatingMetrics, level: float) -> str:
    """F1 with its interval."""
    lower, upper = of.confusion.f1_interval(level)
    return "n/a" if math.isnan(of.confusion.f1) else f"{of.confusion.f1:.3f} [{lower:.3f}, {upper:.3f}]"


def printed_workload(of: OperatingMetrics, level: float) -> str:
    """Of 100 cases: referred, flagged, cleared."""
    work = of.workload(level)
    if work is None:
        return "n/a"
    return ", ".join(f"{100 * share.value:.1f}" for share in (work.referred, work.flagged, work.cleared))


def printed_difference(test: PairedDelong) -> str:
    """A difference of areas with its interval."""
    if math.isnan(test.difference):
        return "n/a"
    return f"{test.difference:+.4f} [{printed(test.lower, 4)}, {printed(test.upper, 4)}]"


def printed_p(value: float) -> str:
    """A p-value with four digits."""
    if math.isnan(value):
        return "n/a"
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"
