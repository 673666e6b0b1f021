"""The figures of an evaluation as data, from one set of metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xferviewer.evaluation.intervals import wilson
from xferviewer.evaluation.metrics import FindingMetrics, Metrics
from xferviewer.evaluation.precision_recall import precision_recall
from xferviewer.evaluation.precision_recall import thin as thin_precision_recall
from xferviewer.evaluation.referral import RetainedCurve
from xferviewer.evaluation.roc import thin
from xferviewer.exchange.checkpoint_styles import checkpoint_styles
from xferviewer.exchange.curve_plot import (
    Caption,
    Curve,
    CurveKind,
    CurvePlot,
    ForestColumn,
    ForestPlot,
    Guide,
)

POINTS_OF_A_DRAWN_CURVE = 400  # more than the pixels of a panel's side
_DIAGONAL = np.array([0.0, 1.0])


@dataclass(frozen=True, slots=True)
class Origin:
    """What a caption says of where a figure comes from: the cohort, and the digest of the command that makes it."""

    cohort: str = ""
    command_digest: str = ""


def roc_plot(metrics: Metrics, finding: str, origin: Origin = Origin(), *, bands: bool = True) -> CurvePlot:
    """ROC curves of one finding; a band is Wilson's interval of the sensitivity at each threshold."""
    rows, styles = metrics.findings[finding], checkpoint_styles(metrics.checkpoints)
    curves = []
    for name, metric in rows.items():
        if _has_curve(metric):
            curve = thin(metric.curve, POINTS_OF_A_DRAWN_CURVE)
            lower, upper = wilson(curve.true_positives, curve.n_positive, metrics.level) if bands else (None, None)
            interval = metric.interval
            note = f"AUC {_with_interval(interval.auc, interval.lower, interval.upper)}"
            x, y = curve.false_positive_rate, curve.true_positive_rate
            curves.append(Curve(name, styles[name], x, y, lower, upper, note=note))
    said = f"Bands: {_level(metrics)} Wilson intervals of the sensitivity at each threshold." if bands else ""
    return CurvePlot(
        "roc",
        f"{finding}: ROC",
        "1 - specificity",
        "sensitivity",
        tuple(curves),
        _caption(metrics, finding, curves, origin, f"{said} Thin line: chance."),
        (Guide("chance", _DIAGONAL, _DIAGONAL),),
    )


def precision_recall_plot(metrics: Metrics, finding: str, origin: Origin = Origin()) -> CurvePlot:
    """Precision over recall of one finding; a band is Wilson's interval of the precision at each threshold."""
    rows, styles = metrics.findings[finding], checkpoint_styles(metrics.checkpoints)
    curves, guides = [], {}
    for name, metric in rows.items():
        if _has_curve(metric):
            curve = thin_precision_recall(precision_recall(metric.curve), POINTS_OF_A_DRAWN_CURVE)
            # Steps, because no straight line joins two points: between them precision is that of the next.
            x = np.repeat(np.append([0.0], curve.recall), 2)[1:-1]
            lower, upper = (np.repeat(bound, 2) for bound in wilson(curve.true_positives, curve.called, metrics.level))
            note = f"AP {curve.average_precision:.3f}"
            curves.append(Curve(name, styles[name], x, np.repeat(curve.precision, 2), lower, upper, note=note))
            guides[curve.baseline] = Guide("prevalence", _DIAGONAL, np.repeat(curve.baseline, 2))
    said = f"Bands: {_level(metrics)} Wilson intervals of the precision at each threshold. Thin line: prevalence."
    return CurvePlot(
        "precision-recall",
        f"{finding}: precision and recall",
        "recall (sensitivity)",
        "precision (PPV)",
        tuple(curves),
        _caption(metrics, finding, curves, origin, said),
        tuple(guides.values()),
    )


def calibration_plot(metrics: Metrics, finding: str, origin: Origin = Origin()) -> CurvePlot:
    """Observed rate over mean probability in bins, with Wilson's interval and the number of cases of each."""
    rows, styles = metrics.findings[finding], checkpoint_styles(metrics.checkpoints)
    curves = []
    for name, metric in rows.items():
        diagram = metric.reliability
        if diagram is not None and diagram.counts.size:
            lower, upper = diagram.observed_interval(metrics.level)
            note = f"ECE {metric.ece:.3f}"
            x, y, counts = diagram.mean_probability, diagram.observed, diagram.counts
            curves.append(Curve(name, styles[name], x, y, lower, upper, counts, note))
    said = f"Area of a mark: share of the cases. Bars: {_level(metrics)} Wilson intervals. Thin line: as it should be."
    return CurvePlot(
        "calibration",
        f"{finding}: calibration",
        "mean probability",
        "observed rate",
        tuple(curves),
        _caption(metrics, finding, curves, origin, said),
        (Guide("as it should be", _DIAGONAL, _DIAGONAL),),
    )


def referral_plot(
    metrics: Metrics,
    finding: str,
    origin: Origin = Origin(),
    retained: Mapping[str, RetainedCurve] | None = None,
    explanation: str = "",
) -> CurvePlot:
    """Sensitivity on the retained cases over the referral rate; None: at the operating points of the metrics."""
    styles, choices = checkpoint_styles(metrics.checkpoints), metrics.choices
    if retained is None:
        retained = {name: of.curve for name, of in metrics.operating[finding].items()}
        point = "the thresholds chosen" if choices.thresholds else f"operating point {choices.point}"
        explanation = f"At {point}, the most uncertain cases first (measure: {choices.uncertainty})."
    curves, guides = [], []
    for name, curve in retained.items():
        y, lower, upper = (
            np.array([float(getattr(state, part)[0]) for state in curve.states])
            for part in ("sensitivity", "sensitivity_lower", "sensitivity_upper")
        )
        if not np.isnan(y).all():
            curves.append(Curve(name, styles[name], 100 * curve.rates, y, lower, upper))
            ends = 100 * curve.rates[[0, -1]]
            guides.append(Guide(f"{name} by lot", ends, np.repeat(curve.random_sensitivity, 2), styles[name].colour))
    said = f"{explanation} Bands: {_level(metrics)} Wilson intervals. Thin lines: what referring by lot would leave."
    end = max((float(curve.x[-1]) for curve in curves), default=100.0)
    return CurvePlot(
        "referral",
        f"{finding}: referral of the most uncertain",
        "referred (%)",
        "sensitivity on the rest",
        tuple(curves),
        _caption(metrics, finding, curves, origin, said),
        tuple(guides),
        (0.0, end),
    )


def risk_coverage_plot(metrics: Metrics, finding: str, origin: Origin = Origin()) -> CurvePlot:
    """Error rate of the calls at the operating points over the share of cases that are kept, the most certain first."""
    styles, choices = checkpoint_styles(metrics.checkpoints), metrics.choices
    curves = []
    for name, of in metrics.operating[finding].items():
        n = of.risk.risk.size
        if n:
            points = np.unique(np.linspace(0, n - 1, min(n, POINTS_OF_A_DRAWN_CURVE)).round().astype(np.intp))
            lower, upper = (bound[points] for bound in of.risk.band(metrics.level))
            x, y, note = of.risk.coverage[points], of.risk.risk[points], f"AURC {of.risk.aurc:.3f}"
            curves.append(Curve(name, styles[name], x, y, lower, upper, note=note))
    point = "the thresholds chosen" if choices.thresholds else f"operating point {choices.point}"
    said = (
        f"Calls at {point}; the most certain cases first (measure: {choices.uncertainty}). "
        f"Bands: {_level(metrics)} Wilson intervals."
    )
    return CurvePlot(
        "risk-coverage",
        f"{finding}: risk and coverage",
        "coverage",
        "error rate",
        tuple(curves),
        _caption(metrics, finding, curves, origin, said),
        (),
        y_range=None,
    )


def decision_plot(metrics: Metrics, finding: str, origin: Origin = Origin()) -> CurvePlot:
    """Net benefit over the threshold probability, beside treating everybody and nobody (Vickers and Elkin 2006)."""
    styles = checkpoint_styles(metrics.checkpoints)
    decisions = {name: of.decision for name, of in metrics.findings[finding].items() if of.decision and _has_curve(of)}
    curves = [Curve(name, styles[name], of.thresholds, of.net_benefit) for name, of in decisions.items()]
    # Where checkpoints are measured on other cases, everybody is somebody else, too.
    everybody = {of.treat_all.tobytes(): Guide("everybody", of.thresholds, of.treat_all) for of in decisions.values()}
    guides = [*everybody.values(), Guide("nobody", _DIAGONAL, np.zeros(2))]
    highest = max((float(of.prevalence) for of in decisions.values()), default=1.0)
    return CurvePlot(
        "decision",
        f"{finding}: decision curve",
        "threshold probability",
        "net benefit",
        tuple(curves),
        _caption(metrics, finding, curves, origin, "Thin lines: everybody and nobody is called positive."),
        tuple(guides),
        y_range=(-0.25 * highest, 1.05 * highest),
    )


def auc_forest(metrics: Metrics, origin: Origin = Origin()) -> ForestPlot:
    """Every AUC with its interval."""
    styles = checkpoint_styles(metrics.checkpoints)
    columns = []
    for name in metrics.checkpoints:
        of = [row[name].interval if name in row else None for row in metrics.findings.values()]
        values, lower, upper = (
            np.array([np.nan if interval is None else getattr(interval, part) for interval in of], dtype=np.float64)
            for part in ("auc", "lower", "upper")
        )
        degenerate = np.array([interval is not None and interval.degenerate for interval in of], dtype=bool)
        columns.append(ForestColumn(name, styles[name], values, lower, upper, degenerate))
    said = f"AUC with {_level(metrics)} DeLong intervals. Line: chance. Hollow marks: the variance cannot be estimated."
    kinds = {name: metrics.score_kinds[name] for name in metrics.checkpoints}
    caption = Caption("", metrics.unit, {}, kinds, origin.cohort, origin.command_digest, said)
    return ForestPlot("AUC by finding", "AUC", tuple(metrics.findings), tuple(columns), 0.5, caption)


CURVE_PLOTS: Mapping[CurveKind, Callable[[Metrics, str, Origin], CurvePlot]] = {
    "roc": roc_plot,
    "precision-recall": precision_recall_plot,
    "calibration": calibration_plot,
    "referral": referral_plot,
    "risk-coverage": risk_coverage_plot,
    "decision": decision_plot,
}
"""The plots of a finding."""


def _has_curve(metric: FindingMetrics) -> bool:
    """Both classes are there and the scores tell cases apart."""
    return not np.isnan(metric.interval.auc) and not metric.constant


def _caption(metrics: Metrics, finding: str, curves: Sequence[Curve], origin: Origin, explanation: str) -> Caption:
    intervals = {name: row.interval for name, row in metrics.findings[finding].items()}
    shown = [curve.name for curve in curves] or list(intervals)
    return Caption(
        finding,
        metrics.unit,
        {name: (intervals[name].n_positive, intervals[name].n_negative) for name in shown if name in intervals},
        {name: metrics.score_kinds[name] for name in shown},
        origin.cohort,
        origin.command_digest,
        explanation.strip(),
    )


def _level(metrics: Metrics) -> str:
    return f"{metrics.level:.0%}" if round(metrics.level, 2) == metrics.level else f"{metrics.level:.1%}"


def _with_interval(value: float, lower: float, upper: float) -> str:
    if np.isnan(lower):
        return f"{value:.3f}"
    return f"{value:.3f} [{lower:.3f}, {upper:.3f}]"
