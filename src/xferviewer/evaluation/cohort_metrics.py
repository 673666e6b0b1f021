"""All numbers of a cohort at once: what `xferviewer evaluate` writes and what the report draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.calibration import (
    brier,
    negative_log_likelihood,
    reliability_diagram,
)
from xferviewer.evaluation.cases import StatedCases
from xferviewer.evaluation.cohort import Cohort
from xferviewer.evaluation.groups import group_cases
from xferviewer.evaluation.metrics import (
    ORACLE_DEFINITIONS,
    ORACLE_RATES,
    REFERRAL_RATES,
    FindingMetrics,
    Group,
    GroupMetrics,
    Metrics,
    PairMetrics,
)
from xferviewer.evaluation.operating_points import (
    OperatingPoint,
    at_sensitivity,
    at_specificity,
    confusion_at,
    youden,
)
from xferviewer.evaluation.placements import Placements, placements
from xferviewer.evaluation.referral import oracle_auc, retained_curve
from xferviewer.evaluation.roc import auc_interval, roc_curve
from xferviewer.evaluation.significance import adjust, compare_placements
from xferviewer.evaluation.uncertainty import uncertainty


def evaluate(cohort: Cohort, aggregation: str = "max", level: float = 0.95) -> Metrics:
    """Compute everything that can be computed of a cohort; what cannot is NaN, None or absent, and said in a warning.

    The groups are those of the cohort's columns.
    """
    warnings = list(cohort.warnings)
    kinds = _score_kinds(cohort, warnings)
    unsure = [_case_uncertainty(of, kinds[name]) for name, of in zip(cohort.checkpoints, cohort.scores, strict=True)]
    findings: dict[str, dict[str, FindingMetrics]] = {}
    for k, finding in enumerate(cohort.findings):
        findings[finding] = {
            name: _finding_metrics(cohort.labels[:, k], cohort.scores[c, :, k], unsure[c], kinds[name], level)
            for c, name in enumerate(cohort.checkpoints)
            if not np.isnan(cohort.scores[c, :, k]).all()
        }
    warnings += _degenerate_findings(findings)
    return Metrics(
        cohort.unit,
        "none" if cohort.unit == "image" else aggregation,
        level,
        len(cohort.cases),
        cohort.checkpoints,
        kinds,
        findings,
        tuple(pair for k in range(len(cohort.findings)) for pair in _pairs(cohort, k, level)),
        {
            name: _oracle_aucs(cohort.labels, cohort.scores[c])
            for c, name in enumerate(cohort.checkpoints)
            if kinds[name] == "probability"
        },
        {column: _groups(cohort, column, findings, kinds, level, warnings) for column in cohort.columns},
        tuple(warnings),
    )


def _score_kinds(cohort: Cohort, warnings: list[str]) -> dict[str, str]:
    kinds = {}
    for name, scores in zip(cohort.checkpoints, cohort.scores, strict=True):
        outside = np.count_nonzero((scores < 0) | (scores > 1))
        kinds[name] = "score" if outside else "probability"
        if outside:
            warnings.append(
                f"{name}: {outside} of {np.count_nonzero(~np.isnan(scores))} scores lie outside [0, 1], so they are no "
                f"probabilities: no calibration, no Brier score and no referral for this checkpoint."
            )
    return kinds


def _case_uncertainty(scores: NDArray[np.float64], kind: str) -> NDArray[np.float64] | None:
    """Per case over all findings, NaN where there is no score at all; None unless the scores are probabilities."""
    if kind != "probability":
        return None
    unsure = np.full(len(scores), np.nan)
    present = ~np.isnan(scores).all(axis=1)
    unsure[present] = uncertainty(scores[present])
    return unsure


def _finding_metrics(
    labels: NDArray[np.float64],
    scores: NDArray[np.float64],
    unsure: NDArray[np.float64] | None,
    kind: str,
    level: float,
) -> FindingMetrics:
    present = ~np.isnan(scores)
    n_missing = int(np.count_nonzero(~present & ~np.isnan(labels)))
    y, s = labels[present], scores[present]
    curve = roc_curve(y, s)
    probability = kind == "probability"
    points = [
        OperatingPoint("0.5", 0.5, confusion_at(y, s, 0.5)) if probability and curve.n_positive else None,
        youden(curve),
        at_sensitivity(curve, 0.95),
        at_specificity(curve, 0.95),
    ]
    best = points[1]
    return FindingMetrics(
        auc_interval(y, s, level),
        curve.average_precision,
        n_missing,
        brier(y, s) if probability else math.nan,
        negative_log_likelihood(y, s) if probability else math.nan,
        reliability_diagram(y, s) if probability else None,
        curve,
        tuple(point for point in points if point),
        retained_curve(y, s, unsure[present], REFERRAL_RATES, best.threshold, level)
        if best and unsure is not None
        else None,
    )


def _degenerate_findings(findings: Mapping[str, Mapping[str, FindingMetrics]]) -> list[str]:
    warnings = []
    for finding, row in findings.items():
        for checkpoint, metrics in row.items():
            interval = metrics.interval
            if math.isnan(interval.auc):
                only = "negative" if interval.n_negative else "positive"
                count = interval.n_negative or interval.n_positive
                said = f"only {only} cases ({count})" if count else "no labelled case with a score"
                warnings.append(f"{finding}: {said} for {checkpoint}, so that the AUC has no meaning.")
            elif interval.degenerate:
                warnings.append(
                    f"{finding}: the variance of {checkpoint}'s AUC is estimated as zero ({interval.n_positive} "
                    f"positive, {interval.n_negative} negative cases); its interval says nothing."
                )
            elif math.isnan(interval.standard_error):
                warnings.append(f"{finding}: fewer than two cases of a class for {checkpoint}, so no interval.")
    return warnings


def _pairs(cohort: Cohort, finding: int, level: float) -> list[PairMetrics]:
    """Every pair of checkpoints, each on the cases that both have a score for."""
    labels, scores = cohort.labels[:, finding], cohort.scores[:, :, finding]
    usable = ~np.isnan(labels) & ~np.isnan(scores)
    with_finding = [c for c in range(len(scores)) if not np.isnan(scores[c]).all()]
    counted: dict[tuple[int, bytes], Placements] = {}

    def placed(checkpoint: int, common: NDArray[np.bool_]) -> Placements:
        key = checkpoint, np.packbits(common).tobytes()
        if key not in counted:
            cases = StatedCases(labels[common] == 1, scores[checkpoint : checkpoint + 1, common], 0)
            counted[key] = placements(cases)[0]
        return counted[key]

    tests = []
    for a, b in combinations(with_finding, 2):
        common = usable[a] & usable[b]
        tests.append((a, b, compare_placements(placed(a, common), placed(b, common), level)))
    adjusted = adjust([test.p_value for _, _, test in tests], "holm")
    name = cohort.findings[finding]
    return [
        PairMetrics(name, cohort.checkpoints[a], cohort.checkpoints[b], test, float(p))
        for (a, b, test), p in zip(tests, adjusted, strict=True)
    ]


def _oracle_aucs(labels: NDArray[np.float64], scores: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Over the findings that the checkpoint has and the cases that have them all."""
    has = ~np.isnan(scores).all(axis=0)
    whole = ~np.isnan(scores[:, has]).any(axis=1)
    y, p = labels[np.ix_(whole, has)], scores[np.ix_(whole, has)]
    return {name: oracle_auc(y, p, ORACLE_RATES, name) for name in ORACLE_DEFINITIONS}


def _groups(
    cohort: Cohort,
    column: str,
    findings: Mapping[str, Mapping[str, FindingMetrics]],
    kinds: Mapping[str, str],
    level: float,
    warnings: list[str],
) -> dict[str, Group]:
    try:
        members = group_cases(cohort.columns[column])
    except ValueError as error:
        warnings.append(f"{column} is no column to group by: {error}.")
        return {}
    groups = {}
    for value, member in members.items():
        rows: dict[str, dict[str, GroupMetrics]] = {}
        for k, finding in enumerate(cohort.findings):
            rows[finding] = {}
            for c, name in enumerate(cohort.checkpoints):
                if name in findings[finding]:
                    used = member & ~np.isnan(cohort.scores[c, :, k])
                    threshold = _youden_threshold(findings[finding][name].operating_points)
                    y, s = cohort.labels[used, k], cohort.scores[c, used, k]
                    rows[finding][name] = _group_metrics(y, s, threshold, kinds[name], level)
        groups[value] = Group(int(member.sum()), rows)
    return groups


def _youden_threshold(points: Sequence[OperatingPoint]) -> float:
    return next((point.threshold for point in points if point.rule == "Youden"), math.nan)


def _group_metrics(
    labels: NDArray[np.float64], scores: NDArray[np.float64], threshold: float, kind: str, level: float
) -> GroupMetrics:
    probability = kind == "probability"
    return GroupMetrics(
        auc_interval(labels, scores, level),
        brier(labels, scores) if probability else math.nan,
        reliability_diagram(labels, scores).expected_error if probability else math.nan,
        threshold,
        None if math.isnan(threshold) else confusion_at(labels, scores, threshold),
    )
