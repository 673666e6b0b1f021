"""Metrics as the dictionary of `metrics.json`. Keys may be added, these stay; undefined values are None."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from xferviewer.evaluation.estimate import Estimate
from xferviewer.evaluation.gaps import Gap
from xferviewer.evaluation.intervals import Proportion
from xferviewer.evaluation.metrics import (
    MULTILABEL_THRESHOLDS,
    ORACLE_RATES,
    REFERRAL_RATES,
    FindingMetrics,
    FindingsTogether,
    Group,
    GroupMetrics,
    Metrics,
    OperatingMetrics,
    PairMetrics,
    ReferenceComparison,
)
from xferviewer.evaluation.operating_points import Confusion, OperatingPoint
from xferviewer.evaluation.referral import RetainedCurve
from xferviewer.evaluation.roc import AucInterval, separated_auc_bound
from xferviewer.evaluation.significance import PairedDelong
from xferviewer.evaluation.workload import Workload

VERSION = 1  # of the layout of metrics.json


def metrics_dict(metrics: Metrics) -> dict[str, Any]:
    """The numbers as plain dictionaries, lists, strings, ints, floats and None, ready for `json.dumps`."""
    common = metrics.common_findings
    means = {name: metrics.mean_auc(name) for name in metrics.checkpoints}
    return {
        "version": VERSION,
        "unit": metrics.unit,
        "aggregation": metrics.aggregation,
        "level": metrics.level,
        "cases": metrics.choices.cases,
        "where": [{"column": column, "value": value} for column, value in metrics.choices.where],
        "n_cases": metrics.n_cases,
        "checkpoints": list(metrics.checkpoints),
        "score_kinds": dict(metrics.score_kinds),
        "findings": {
            finding: {name: _finding(one, metrics.level) for name, one in row.items()}
            for finding, row in metrics.findings.items()
        },
        "means": {
            name: {"auc": _number(mean), "n_defined": n_defined, "n_findings": n_findings}
            for name, (mean, n_defined, n_findings) in means.items()
        },
        "common_findings": list(common.common),
        "common_means": {name: _number(metrics.mean_auc(name, common.common)[0]) for name in metrics.checkpoints},
        "left_out": [{"finding": each.finding, "without": list(each.without)} for each in common.left_out],
        "pairs": [_pair(pair) for pair in metrics.pairs],
        "referral": _referral(metrics),
        "groups": {
            column: {value: _group(group, metrics.level) for value, group in groups.items()}
            for column, groups in metrics.groups.items()
        },
        "gaps": {
            column: {
                finding: {name: {metric: _gap(gap) for metric, gap in of.items()} for name, of in row.items()}
                for finding, row in of_column.items()
            }
            for column, of_column in metrics.gaps.items()
        },
        "reference": _reference(metrics.reference) if metrics.reference else None,
        "operating": _operating(metrics),
        "multilabel": {
            "thresholds": list(MULTILABEL_THRESHOLDS),
            "checkpoints": {name: _together(rows) for name, rows in metrics.multilabel.items()},
        },
        "warnings": [*metrics.warnings, *common.sentences()],
    }


def _together(rows: Sequence[FindingsTogether]) -> dict[str, Any]:
    """All findings of a checkpoint at once, a number for each threshold."""
    return {
        "n_cases": rows[0].n_cases,
        "mean_accuracy": _numbers(row.metrics.mean_accuracy for row in rows),
        "subset_accuracy": _numbers(row.metrics.subset_accuracy for row in rows),
        "false_negative_rate": _numbers(row.metrics.fnr_mean for row in rows),
        "disparity": _numbers(row.metrics.disparity for row in rows),
        "f1_micro": _numbers(row.metrics.f1_micro for row in rows),
        "calibration_error_as_published": _numbers(row.published_calibration for row in rows),
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _interval(interval: AucInterval) -> dict[str, Any]:
    described = {
        "n_positive": interval.n_positive,
        "n_negative": interval.n_negative,
        "auc": _number(interval.auc),
        "auc_standard_error": _number(interval.standard_error),
        "auc_lower": _number(interval.lower),
        "auc_upper": _number(interval.upper),
        "auc_degenerate": interval.degenerate,
    }
    if interval.auc in (0, 1):
        bound = separated_auc_bound(interval.n_positive, interval.n_negative, interval.level)
        described["auc_clopper_pearson_bound"] = _number(bound if interval.auc == 1 else 1 - bound)
    return described


def _finding(metrics: FindingMetrics, level: float) -> dict[str, Any]:
    reliability = metrics.reliability
    return {
        **_interval(metrics.interval),
        "n_missing": metrics.n_missing,
        "n_unstated": metrics.interval.n_unstated,
        "average_precision": _number(metrics.average_precision),
        "brier": _number(metrics.brier),
        "nll": _number(metrics.nll),
        "ece": _number(metrics.ece),
        "mce": _number(reliability.maximum_error) if reliability else None,
        "operating_points": [_operating_point(point, level) for point in metrics.operating_points],
    }


def _operating_point(point: OperatingPoint, level: float) -> dict[str, Any]:
    return {
        "rule": point.rule,
        "threshold": _number(point.threshold),
        "ties": _numbers(point.ties),
        **_confusion(point.confusion, level),
    }


def _confusion(confusion: Confusion, level: float) -> dict[str, Any]:
    lower, upper = confusion.f1_interval(level)
    return {
        "true_positive": confusion.true_positive,
        "false_positive": confusion.false_positive,
        "true_negative": confusion.true_negative,
        "false_negative": confusion.false_negative,
        "sensitivity": _proportion(confusion.sensitivity, level),
        "specificity": _proportion(confusion.specificity, level),
        "ppv": _proportion(confusion.ppv, level),
        "npv": _proportion(confusion.npv, level),
        "accuracy": _proportion(confusion.accuracy, level),
        "f1": {"value": _number(confusion.f1), "lower": _number(lower), "upper": _number(upper)},
    }


def _proportion(proportion: Proportion, level: float) -> dict[str, float | None]:
    lower, upper = proportion.interval(level)
    return {"value": _number(proportion.value), "lower": _number(lower), "upper": _number(upper)}


def _pair(pair: PairMetrics) -> dict[str, Any]:
    names = {"finding": pair.finding, "a": pair.a, "b": pair.b}
    return {**names, **_test(pair.test, pair.p_adjusted, "auc_a", "auc_b")}


def _test(test: PairedDelong, p_adjusted: float, auc_a: str, auc_b: str) -> dict[str, Any]:
    return {
        "n_positive": test.n_positive,
        "n_negative": test.n_negative,
        auc_a: _number(test.auc_a),
        auc_b: _number(test.auc_b),
        "difference": _number(test.difference),
        "standard_error": _number(test.standard_error),
        "z": _number(test.z),
        "p": _number(test.p_value),
        "p_adjusted": _number(p_adjusted),
        "lower": _number(test.lower),
        "upper": _number(test.upper),
        "degenerate": test.degenerate,
    }


def _reference(comparison: ReferenceComparison) -> dict[str, Any]:
    return {
        "checkpoint": comparison.checkpoint,
        "adjust": comparison.adjust,
        "family": comparison.family,
        "differences": [
            {
                "finding": of.finding,
                "checkpoint": of.checkpoint,
                **_test(of.test, of.p_adjusted, "auc", "auc_reference"),
            }
            for of in comparison.differences
        ],
    }


def _operating(metrics: Metrics) -> dict[str, Any]:
    choices = metrics.choices
    return {
        "point": str(choices.point),
        "referral_rate": choices.referral_rate,
        "uncertainty": choices.uncertainty,
        "findings": {
            finding: {name: _operating_metrics(one, metrics.level) for name, one in row.items()}
            for finding, row in metrics.operating.items()
        },
    }


def _operating_metrics(metrics: OperatingMetrics, level: float) -> dict[str, Any]:
    return {
        "threshold": _number(metrics.threshold),
        "n_cases": metrics.n_cases,
        "n_referred": metrics.n_referred,
        "n_retained": metrics.n_cases - metrics.n_referred,
        "referred_positive": metrics.referred[0],
        "referred_negative": metrics.referred[1],
        **_confusion(metrics.confusion, level),
        "retained_auc": _interval(metrics.auc),
        "workload_per_100": _workload(metrics.workload(level)),
        "aurc": _number(metrics.risk.aurc),
        "aurc_optimal": _number(metrics.risk.optimal),
    }


def _workload(work: Workload | None) -> dict[str, Any] | None:
    if work is None:
        return None
    shares = {"referred": work.referred, "flagged": work.flagged, "cleared": work.cleared, "missed": work.missed}
    return {"prevalence": _number(work.prevalence), **{name: _estimate(of, 100) for name, of in shares.items()}}


def _estimate(estimate: Estimate, times: float = 1) -> dict[str, float | None]:
    return {part: _number(times * getattr(estimate, part)) for part in ("value", "lower", "upper")}


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "gap": _number(gap.gap),
        "highest": gap.highest,
        "lowest": gap.lowest,
        "groups": {
            row.group: {
                **_estimate(row.here),
                "others": _estimate(row.others),
                "difference": _estimate(row.difference),
                "p": _number(row.p_value),
                "few": row.few,
            }
            for row in gap.rows
        },
    }


def _referral(metrics: Metrics) -> dict[str, Any]:
    return {
        "uncertainty": "0.5 - |p - 0.5|, mean over the findings of a case",
        "threshold": "Youden, chosen on these cases",
        "rates": list(REFERRAL_RATES),
        "findings": {
            finding: {name: _retained(one.retained) for name, one in row.items() if one.retained}
            for finding, row in metrics.findings.items()
        },
        "oracle_rates": list(ORACLE_RATES),
        "oracle_auc": {
            name: {definition: _numbers(areas) for definition, areas in of.items()}
            for name, of in metrics.oracle_auc.items()
        },
    }


def _retained(curve: RetainedCurve) -> dict[str, Any]:
    def of_states(name: str) -> list[float | None]:
        return _numbers(np.ravel([getattr(state, name) for state in curve.states]))

    return {
        "threshold": _number(curve.threshold),
        "n_referred": [state.n_referred for state in curve.states],
        "referred_positive": [int(state.referred_positive[0]) for state in curve.states],
        "random_referred_positive": _numbers(curve.random_referred_positive),
        **{
            name + end: of_states(name + end)
            for name in ("sensitivity", "specificity")
            for end in ("", "_lower", "_upper")
        },
        "auc": _numbers(interval.auc for interval in curve.auc),
        "auc_lower": _numbers(interval.lower for interval in curve.auc),
        "auc_upper": _numbers(interval.upper for interval in curve.auc),
        "ideal_sensitivity": _numbers(curve.ideal_sensitivity),
        "ideal_specificity": _numbers(curve.ideal_specificity),
        "random_sensitivity": _number(curve.random_sensitivity),
        "random_specificity": _number(curve.random_specificity),
        "random_auc": _number(curve.random_auc),
    }


def _group(group: Group, level: float) -> dict[str, Any]:
    return {
        "n": group.n_cases,
        "findings": {
            finding: {name: _group_metrics(one, level) for name, one in row.items()}
            for finding, row in group.findings.items()
        },
    }


def _group_metrics(metrics: GroupMetrics, level: float) -> dict[str, Any]:
    return {
        **_interval(metrics.interval),
        "few": metrics.few,
        "brier": _number(metrics.brier),
        "ece": _number(metrics.ece),
        "threshold": _number(metrics.threshold),
        "at_threshold": _confusion(metrics.confusion, level) if metrics.confusion else None,
    }
