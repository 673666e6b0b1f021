"""How numbers are written in the window."""

from __future__ import annotations

import math

from xferviewer.evaluation.estimate import Estimate


def probability_text(probability: float) -> str:
    """Two decimals, but never 0.00 or 1.00: nothing is certain."""
    if probability < 0.005:
        return "< 0.01"
    return "> 0.99" if probability >= 0.995 else f"{probability:.2f}"


def short_probability_text(probability: float) -> str:
    """The same where there is little room: .82, <.01, >.99."""
    return probability_text(probability).replace(" ", "").replace("0.", ".")


def rate_text(value: float, digits: int = 3) -> str:
    """A rate or an AUC in [0, 1] without its leading zero: .914; "n/a" where it is not defined."""
    if math.isnan(value):
        return "n/a"
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if value < 1 else text


def interval_text(value: float, lower: float, upper: float, digits: int = 3) -> str:
    """A value with its interval: .914 [.871, .957]."""
    if math.isnan(value):
        return "n/a"
    if math.isnan(lower) or math.isnan(upper):
        return rate_text(value, digits)
    return f"{rate_text(value, digits)} [{rate_text(lower, digits)}, {rate_text(upper, digits)}]"


def difference_text(value: float, lower: float, upper: float, digits: int = 3) -> str:
    """A signed difference with its interval: +.034 [−.010, +.078]."""
    if math.isnan(value):
        return "n/a"
    signed = [_signed(number, digits) for number in (value, lower, upper)]
    return signed[0] if math.isnan(lower) or math.isnan(upper) else f"{signed[0]} [{signed[1]}, {signed[2]}]"


def _signed(value: float, digits: int) -> str:
    text = rate_text(abs(value), digits)
    return text if float(f"{value:.{digits}f}") == 0 else ("+" if value > 0 else "−") + text


def p_text(p: float) -> str:
    """A p-value: .034, < .001, n/a."""
    if math.isnan(p):
        return "n/a"
    return "< .001" if p < 0.001 else rate_text(p)


def score_kind_text(kind: str) -> str:
    """What stands beside a score: which of the meanings of a number between 0 and 1 it has."""
    return {"probability": "raw probability", "calibrated probability": "calibrated probability"}.get(kind, "score")


def estimate_text(estimate: Estimate, digits: int = 3) -> str:
    """A rate with its interval: .914 [.871, .957]."""
    return interval_text(estimate.value, estimate.lower, estimate.upper, digits)


def change_text(change: Estimate, digits: int = 3) -> str:
    """A difference of rates, with its sign: +.031 [−.010, +.072]."""
    return difference_text(change.value, change.lower, change.upper, digits)


def ratio_text(ratio: Estimate) -> str:
    """A ratio in [0, ∞] with its interval, in three figures: 12.4 [8.10, 19.0]."""
    if math.isnan(ratio.value):
        return "n/a"
    return f"{_figures(ratio.value)} [{_figures(ratio.lower)}, {_figures(ratio.upper)}]"


def _figures(value: float) -> str:
    if math.isinf(value):
        return "∞"
    if value < 0.001:
        return "0" if value == 0 else "<.001"
    digits = max(0, 2 - math.floor(math.log10(value)))
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if value < 1 else text


def threshold_text(threshold: float, *, probability: bool) -> str:
    """The condition of a positive call: p > .500; a score of its own scale in four figures."""
    if math.isinf(threshold):
        return "nobody" if threshold > 0 else "everybody"
    return f"p > {threshold:.3f}" if probability else f"score > {threshold:.4g}"


def rule_text(rule: str) -> str:
    """The name of a rule, such as "sensitivity ≥ 0.95", as the screen can write it."""
    return rule.replace(">=", "≥").replace("<=", "≤")
