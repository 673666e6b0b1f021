"""What the checkpoints do at their operating points when the most uncertain cases go to an expert."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.choices import EvaluationChoices, OperatingRule, ReferralMeasure
from xferviewer.evaluation.members import MEMBER_MEASURES, MemberMeasure
from xferviewer.evaluation.metrics import REFERRAL_RATES, FindingMetrics, OperatingMetrics
from xferviewer.evaluation.operating_points import Confusion, at_sensitivity, at_specificity, youden
from xferviewer.evaluation.referral import retained_curve_of
from xferviewer.evaluation.referral_sweep import ReferralSweep
from xferviewer.evaluation.roc import RocCurve, roc_curve
from xferviewer.evaluation.selective import risk_coverage
from xferviewer.evaluation.uncertainty import uncertainty


def threshold_of(rule: OperatingRule, curve: RocCurve, kind: str) -> float:
    """The threshold that a rule finds on a curve of scores of this kind; NaN where the curve lacks a class."""
    if rule.rule == "fixed":
        return rule.value if rule.value is not None else 0.5 if kind == "probability" else 0.0
    if rule.rule == "youden":
        point = youden(curve)
    else:
        value = 0.5 if rule.value is None else rule.value
        point = at_sensitivity(curve, value) if rule.rule == "sensitivity" else at_specificity(curve, value)
    return point.threshold if point else math.nan


def referral_uncertainty(
    measure: ReferralMeasure,
    scores: NDArray[np.float64],
    thresholds: Sequence[float],
    kinds: Sequence[str],
    per_case: Callable[[int], NDArray[np.float64]],
    doubts: Mapping[MemberMeasure, NDArray[np.float64]],
) -> NDArray[np.float64]:
    """How unsure each checkpoint is of each case of one finding, (C, n): the larger, the sooner referred.

    scores      (C, n) of the finding; NaN where missing, and only "spread" looks at several checkpoints at once.
    thresholds  (C,) of the finding.
    kinds       (C,) "probability", or "score": of those only the distance to the threshold and the spread have a
                meaning, and the distance stands for every other measure.
    per_case    the measures that rest on all findings of a case, (n,), of the checkpoint at a place.
    doubts      (C, n) of the finding by measure: how far the members of each checkpoint's column differ. A plain
                checkpoint has none, and the distance to its threshold stands for them.
    """
    if measure == "spread":
        spread = np.empty(scores.shape[1])
        whole = ~np.isnan(scores).any(axis=0)
        spread[whole] = np.ascontiguousarray(scores[:, whole]).std(axis=0)
        partly = ~whole & ~np.isnan(scores).all(axis=0)
        spread[~whole] = np.nan
        spread[partly] = np.nanstd(scores[:, partly], axis=0)
        return np.broadcast_to(spread, scores.shape)
    rows: list[NDArray[np.float64]] = []
    for c, row in enumerate(scores):
        if measure in MEMBER_MEASURES:
            known = doubts[measure][c] if measure in doubts else np.full(row.shape, np.nan)
            rows.append(known if has_doubts(row, known) else -np.abs(row - thresholds[c]))
        elif measure == "finding" or kinds[c] != "probability":
            rows.append(-np.abs(row - thresholds[c]))
        elif measure == "probability":
            rows.append(-np.abs(row - 0.5))  # not 0.5 less it, which rounds different distances to one
        else:
            rows.append(per_case(c))
    return np.stack(rows)


def has_doubts(scores: NDArray[np.float64], doubts: NDArray[np.float64]) -> bool:
    """It is known of every case with a score, (n,), how far the members of the column differ about it."""
    scored = ~np.isnan(scores)
    return bool(scored.any() and not np.isnan(doubts[scored]).any())


def case_uncertainty(
    measure: ReferralMeasure, scores: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Over all findings of a case, (n,), for "case", "entropy" and "margin"; NaN where there is no score at all.

    scores (n, K) probabilities of one checkpoint; thresholds (K,), NaN for findings without one.
    """
    if measure == "margin":
        scores = np.where(np.isnan(thresholds), np.nan, scores)
    unsure = np.full(len(scores), np.nan)
    present = ~np.isnan(scores).all(axis=1)
    if measure == "entropy":
        unsure[present] = uncertainty(scores[present], "entropy")
    elif measure == "margin":
        unsure[present] = uncertainty(scores[present], "margin", thresholds)
    else:
        unsure[present] = uncertainty(scores[present])
    return unsure


class OperatingPoints:
    """The thresholds of a cohort's checkpoints and the order in which they refer its cases.

    labels    (n, K) of 1, 0, NaN.
    measured  (C, n, K) scores, NaN where a checkpoint is not to be measured on a case.
    predicted (C, n, K) all scores: what makes a case uncertain rests on these.
    doubts    (C, n, K) by measure: how far the members of each checkpoint's column differ.
    """

    def __init__(
        self,
        findings: Sequence[str],
        checkpoints: Sequence[str],
        labels: NDArray[np.float64],
        measured: NDArray[np.float64],
        predicted: NDArray[np.float64],
        doubts: Mapping[MemberMeasure, NDArray[np.float64]],
        kinds: Mapping[str, str],
        known: Mapping[str, Mapping[str, FindingMetrics]],
        choices: EvaluationChoices,
    ) -> None:
        self._findings, self._checkpoints = findings, checkpoints
        self._labels, self._measured, self._predicted = labels, measured, predicted
        self._doubts = doubts
        self._kinds = [kinds[name] for name in checkpoints]
        self._known, self._choices = known, choices
        self._thresholds: dict[tuple[int, int], float] = {}
        self._per_case: dict[int, NDArray[np.float64]] = {}

    def threshold(self, checkpoint: int, finding: int) -> float:
        """The threshold of a checkpoint for a finding, by their places; NaN where none can be found."""
        key = checkpoint, finding
        if key not in self._thresholds:
            name, of = self._checkpoints[checkpoint], self._findings[finding]
            named = self._choices.threshold(name, of)
            self._thresholds[key] = self._found(checkpoint, finding) if named is None else named
        return self._thresholds[key]

    def _found(self, checkpoint: int, finding: int) -> float:
        rule, kind = self._choices.point, self._kinds[checkpoint]
        metrics = self._known.get(self._findings[finding], {}).get(self._checkpoints[checkpoint])
        if metrics is not None:
            return threshold_of(rule, metrics.curve, kind)
        row = self._measured[checkpoint, :, finding]
        present = ~np.isnan(row)
        return threshold_of(rule, roc_curve(self._labels[present, finding], row[present]), kind)

    def metrics(self, finding: int) -> dict[str, OperatingMetrics]:
        """What each checkpoint that has the finding does, by its name."""
        measured = self._measured[:, :, finding]
        having = [c for c in range(len(measured)) if not np.isnan(measured[c]).all()]
        thresholds = [self.threshold(c, finding) for c in having]
        if not having:
            return {}
        unsure = referral_uncertainty(
            self._choices.uncertainty,
            np.ascontiguousarray(measured[having]),
            thresholds,
            [self._kinds[c] for c in having],
            lambda place: self._case_uncertainty(having[place]),
            {measure: values[having, :, finding] for measure, values in self._doubts.items()},
        )
        return {
            self._checkpoints[c]: self._at(self._labels[:, finding], measured[c], unsure[place], threshold)
            for place, (c, threshold) in enumerate(zip(having, thresholds, strict=True))
            if not math.isnan(threshold)
        }

    def _case_uncertainty(self, checkpoint: int) -> NDArray[np.float64]:
        if checkpoint not in self._per_case:
            measure = self._choices.uncertainty
            thresholds = [
                self.threshold(checkpoint, k) if measure == "margin" else math.nan for k in range(len(self._findings))
            ]
            self._per_case[checkpoint] = case_uncertainty(
                measure, self._predicted[checkpoint], np.array(thresholds, dtype=np.float64)
            )
        return self._per_case[checkpoint]

    def _at(
        self, labels: NDArray[np.float64], scores: NDArray[np.float64], unsure: NDArray[np.float64], threshold: float
    ) -> OperatingMetrics:
        rate, level = self._choices.referral_rate, self._choices.level
        used = ~np.isnan(scores)
        labels, scores, unsure = labels[used], scores[used], unsure[used]
        sweep = ReferralSweep(labels, scores, unsure, level)
        state = sweep.at(rate, threshold)
        stated = ~np.isnan(labels)
        negatives = int(np.count_nonzero(labels == 0))
        counts = state.true_positive, state.false_positive, state.true_negative, state.false_negative
        return OperatingMetrics(
            threshold,
            sweep.n_cases,
            state.n_referred,
            (int(state.referred_positive[0]), negatives - int(state.true_negative[0] + state.false_positive[0])),
            Confusion(*(int(count[0]) for count in counts)),
            sweep.retained_auc(rate)[0],
            retained_curve_of(sweep, REFERRAL_RATES, threshold),
            risk_coverage((scores[stated] > threshold) != (labels[stated] == 1), unsure[stated]),
        )
