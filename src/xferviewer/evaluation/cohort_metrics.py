"""All numbers of a cohort at once: what `xferviewer evaluate` writes and what the report draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xferviewer.errors import UnusableChoice
from xferviewer.evaluation.calibration import (
    brier,
    negative_log_likelihood,
    reliability_diagram,
)
from xferviewer.evaluation.choices import EvaluationChoices, ReferralMeasure
from xferviewer.evaluation.cohort import Cohort
from xferviewer.evaluation.decision_curve import decision_curve
from xferviewer.evaluation.members import MEMBER_MEASURES
from xferviewer.evaluation.metrics import (
    MULTILABEL_THRESHOLDS,
    ORACLE_DEFINITIONS,
    ORACLE_RATES,
    REFERRAL_RATES,
    FindingMetrics,
    FindingsTogether,
    Metrics,
)
from xferviewer.evaluation.multilabel import multilabel_metrics, published_calibration_error
from xferviewer.evaluation.operating import OperatingPoints
from xferviewer.evaluation.operating_points import (
    OperatingPoint,
    at_sensitivity,
    at_specificity,
    confusion_at,
    youden,
)
from xferviewer.evaluation.paired_checkpoints import PairedCheckpoints, compare_with
from xferviewer.evaluation.referral import mean_of_defined, oracle_aucs, retained_curve
from xferviewer.evaluation.roc import delong_interval, roc_curve
from xferviewer.evaluation.sorted_cases import area_under
from xferviewer.evaluation.subgroup_metrics import crossed_groups, subgroup_gaps, subgroup_metrics
from xferviewer.evaluation.uncertainty import uncertainty

_DEFAULT = EvaluationChoices()


def evaluate(cohort: Cohort, choices: EvaluationChoices = _DEFAULT) -> Metrics:
    """Compute everything that can be computed of a cohort; what cannot is NaN, None or absent, and said in a warning.

    The cohort has been brought to `choices.unit` and its cases chosen before (`mixed_units.cohort_of_tables`). Raises
    UnusableChoice for a finding, a reference or a column to group by that the cohort does not have.
    """
    _check(cohort, choices)
    warnings = list(cohort.warnings)
    _check_members(cohort, choices.uncertainty, warnings)
    kinds = _score_kinds(cohort, warnings)
    measured = _common_scores(cohort, warnings) if choices.cases == "common" else cohort.scores
    reported = [k for k, name in enumerate(cohort.findings) if not choices.findings or name in choices.findings]
    unsure = [_case_uncertainty(of, kinds[name]) for name, of in zip(cohort.checkpoints, cohort.scores, strict=True)]
    findings: dict[str, dict[str, FindingMetrics]] = {}
    paired: list[PairedCheckpoints] = []
    for k in reported:
        findings[cohort.findings[k]] = {
            name: _finding_metrics(cohort.labels[:, k], measured[c, :, k], unsure[c], kinds[name], choices.level)
            for c, name in enumerate(cohort.checkpoints)
            if not np.isnan(measured[c, :, k]).all()
        }
        of_finding = np.ascontiguousarray(measured[:, :, k])
        paired.append(
            PairedCheckpoints(cohort.findings[k], cohort.checkpoints, cohort.labels[:, k], of_finding, choices.level)
        )
    warnings += _degenerate_findings(findings)
    points = OperatingPoints(
        cohort.findings, cohort.checkpoints, cohort.labels, measured, cohort.scores, cohort.doubts, kinds, findings,
        choices,
    )  # fmt: skip
    operating = {cohort.findings[k]: points.metrics(k) for k in reported}
    members = _members(cohort, choices, warnings)
    return Metrics(
        choices,
        cohort.unit,
        "none" if cohort.unit == "image" else choices.aggregation,
        len(cohort.cases),
        cohort.checkpoints,
        kinds,
        findings,
        tuple(pair for of_finding in paired for pair in of_finding.pairs()),
        {
            name: _oracle_aucs(cohort.labels, measured[c], reported)
            for c, name in enumerate(cohort.checkpoints)
            if kinds[name] == "probability"
        },
        {
            column: subgroup_metrics(cohort, measured, of, findings, kinds, choices.level)
            for column, of in members.items()
        },
        {column: subgroup_gaps(cohort, measured, of, operating, choices.level) for column, of in members.items()},
        compare_with(choices.reference, paired, choices.adjust) if choices.reference else None,
        operating,
        {
            name: together
            for c, name in enumerate(cohort.checkpoints)
            if kinds[name] == "probability" and (together := _findings_together(cohort.labels, measured[c], reported))
        },
        tuple(warnings),
    )


def _findings_together(
    labels: NDArray[np.float64], scores: NDArray[np.float64], reported: Sequence[int]
) -> tuple[FindingsTogether, ...]:
    """At each threshold, over the findings that the checkpoint has and the cases that have them all; of one: ()."""
    having = np.array([k for k in reported if not np.isnan(scores[:, k]).all()], dtype=np.intp)
    whole = ~np.isnan(scores[:, having]).any(axis=1)
    if having.size < 2 or not whole.any():
        return ()
    y, p = labels[np.ix_(whole, having)], scores[np.ix_(whole, having)]
    return tuple(
        FindingsTogether(len(y), multilabel_metrics(y, p, threshold), published_calibration_error(y, p, threshold))
        for threshold in MULTILABEL_THRESHOLDS
    )


def _check(cohort: Cohort, choices: EvaluationChoices) -> None:
    columns = [column for crossed in choices.by or () for column in crossed]
    for what, asked, there in (
        ("finding", choices.findings, cohort.findings),
        ("checkpoint", [choices.reference] if choices.reference else [], cohort.checkpoints),
        ("column to group by", columns, tuple(cohort.columns)),
    ):
        for name in asked:
            if name not in there:
                raise UnusableChoice(
                    f"There is no {what} called {name}.",
                    f"There are {', '.join(there) or 'none'}.",
                    "Name one of these.",
                )


def _check_members(cohort: Cohort, measure: ReferralMeasure, warnings: list[str]) -> None:
    """Where the members of columns choose the cases for an expert, some column has members; those without are said."""
    if measure not in MEMBER_MEASURES:
        return
    doubts = cohort.doubts.get(measure, np.full(cohort.scores.shape, np.nan))
    lacking = np.any(~np.isnan(cohort.scores) & np.isnan(doubts), axis=(1, 2))
    without = ", ".join(name for name, lacks in zip(cohort.checkpoints, lacking.tolist(), strict=True) if lacks)
    if lacking.all():
        raise UnusableChoice(
            f"The cases cannot be referred by {measure}.",
            f"{without}: no table says how far the members of a column differ, and a plain checkpoint has none.",
            "Predict with --augment, --mc-dropout or --ensemble, or choose another --uncertainty.",
        )
    if without:
        warnings.append(
            f"{without}: not known how far members differ about every case, so that the distance to the threshold "
            f"stands for {measure}."
        )


def _common_scores(cohort: Cohort, warnings: list[str]) -> NDArray[np.float64]:
    """The scores (C, n, K) without those of cases that another checkpoint that has the finding lacks a score for."""
    scores = cohort.scores.copy()
    lost = []
    for k, finding in enumerate(cohort.findings):
        having = np.flatnonzero(~np.isnan(scores[:, :, k]).all(axis=1))
        missing = np.isnan(scores[having, :, k])
        some = missing.any(axis=0) & ~missing.all(axis=0)
        if some.any():
            of_finding = scores[:, :, k]
            of_finding[:, some] = np.nan
            lost.append(f"{finding} {np.count_nonzero(some)}")
            if np.isnan(of_finding).all():
                warnings.append(f"{finding}: no case has a score of every checkpoint, so that nothing is compared.")
    if lost:
        warnings.append(
            f"Cases that some checkpoints have a score for and others have not are left out of all: {', '.join(lost)}."
        )
    return scores


def _score_kinds(cohort: Cohort, warnings: list[str]) -> dict[str, str]:
    kinds = {}
    for name, scores in zip(cohort.checkpoints, cohort.scores, strict=True):
        outside = np.count_nonzero((scores < 0) | (scores > 1))
        kinds[name] = "score" if outside else "probability"
        if outside:
            warnings.append(
                f"{name}: {outside} of {np.count_nonzero(~np.isnan(scores))} scores lie outside [0, 1], so they are no "
                f"probabilities: no calibration, no Brier score, and no referral but by the distance to a threshold."
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
    area = area_under(np.diff(curve.true_positives)[::-1], np.diff(curve.false_positives)[::-1])
    return FindingMetrics(
        delong_interval(area, level, n_unstated=int(np.count_nonzero(np.isnan(y)))),
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
        decision_curve(y, s) if probability and curve.n_positive + curve.n_negative else None,
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
            elif metrics.constant:
                warnings.append(
                    f"{finding}: {checkpoint} gives all cases the same score ({interval.n_positive} positive, "
                    f"{interval.n_negative} negative cases), so that its AUC is 0.5 and says nothing."
                )
            elif interval.degenerate:
                warnings.append(
                    f"{finding}: the variance of {checkpoint}'s AUC is estimated as zero ({interval.n_positive} "
                    f"positive, {interval.n_negative} negative cases); its interval says nothing."
                )
            elif math.isnan(interval.standard_error):
                warnings.append(f"{finding}: fewer than two cases of a class for {checkpoint}, so no interval.")
    return warnings


def _oracle_aucs(
    labels: NDArray[np.float64], scores: NDArray[np.float64], reported: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Over the reported findings that the checkpoint has and the cases that have a score for all its findings."""
    has = ~np.isnan(scores).all(axis=0)
    whole = ~np.isnan(scores[:, has]).any(axis=1)
    y, p = labels[np.ix_(whole, has)], scores[np.ix_(whole, has)]
    shown = np.isin(np.flatnonzero(has), reported)
    # Contiguous, because the last digit of a sum depends on the order in which memory is walked through.
    return {
        name: mean_of_defined(np.ascontiguousarray(areas[:, shown]))
        for name, areas in oracle_aucs(y, p, ORACLE_RATES, ORACLE_DEFINITIONS).items()
    }


def _members(
    cohort: Cohort, choices: EvaluationChoices, warnings: list[str]
) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """The cases of each group, by column or crossed columns; a column that is none to group by has no group."""
    by = [(name,) for name in cohort.columns] if choices.by is None else choices.by
    members: dict[str, dict[str, NDArray[np.bool_]]] = {}
    for crossed in by:
        try:
            members["+".join(crossed)] = crossed_groups(cohort.columns, crossed)
        except ValueError as error:
            warnings.append(str(error))
            members["+".join(crossed)] = {}
    return members
