"""The curves of the chosen cohort: computed when a panel draws them, kept until the cases or the scores change."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from xferviewer.evaluation.calibration import (
    Binning,
    ReliabilityDiagram,
    brier,
    negative_log_likelihood,
    reliability_diagram,
)
from xferviewer.evaluation.calibration_tests import (
    CalibrationErrorInterval,
    CoxRecalibration,
    calibration_error_interval,
    cox_recalibration,
)
from xferviewer.evaluation.decision_curve import DecisionCurve, NetBenefitBand, decision_curve, net_benefit_band
from xferviewer.evaluation.intervals import wilson
from xferviewer.evaluation.precision_recall import PrecisionRecallCurve, precision_recall
from xferviewer.evaluation.precision_recall import thin as thin_precision_recall
from xferviewer.evaluation.roc import RocCurve, thin
from xferviewer.evaluation.selective import RiskCoverage, risk_coverage
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.session import Session

_T = TypeVar("_T")
_NEAREST_PIXELS = 24


class Lack(Enum):
    """Why nothing can be drawn for a checkpoint."""

    TRAINING = auto()  # it was not trained for the finding
    CALIBRATION = auto()  # calibrated probabilities are wanted, and it has none of the finding
    SCORES = auto()  # it has not predicted a case yet, or none that all others have
    POSITIVES = auto()
    NEGATIVES = auto()
    SPREAD = auto()  # all its scores are the same number
    PROBABILITIES = auto()  # its scores are of a scale of their own


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What is said of a checkpoint's probabilities beside its reliability diagram."""

    diagram: ReliabilityDiagram
    brier: float
    negative_log_likelihood: float
    cox: CoxRecalibration


class LiveCurves(QObject):
    """The evaluation's curves by finding and digest. What sliders move is computed anew, what they do not is kept.

    `changed` says that the bootstrap has answered.
    """

    changed = Signal()

    def __init__(
        self, session: Session, numbers: LiveNumbers, calculator: Calculator, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        self._calculator = calculator
        self._cases: object = None
        self._kept: dict[Hashable, tuple[Hashable, Any]] = {}

    def _keep(self, key: Hashable, make: Callable[[], _T], at: Hashable = None) -> _T:
        """What was made for this key from the present cases, and for these values of what sliders move."""
        cases = self._numbers.cases()
        if cases is not self._cases:
            self._cases = cases
            self._kept.clear()
            self._calculator.forget(self)
        if key not in self._kept or self._kept[key][0] != at:
            self._kept[key] = at, make()
        found: _T = self._kept[key][1]
        return found

    def _keep_later(
        self, key: Hashable, make_question: Callable[[], Callable[[], _T]], at: Hashable = None
    ) -> _T | None:
        """The same for what takes longer than a frame: None until the calculator has answered."""

        def take(answer: _T) -> None:
            self._kept[key] = at, answer
            self.changed.emit()

        def ask() -> None:
            self._calculator.ask(self, (key, at), make_question(), take)

        return self._keep(key, ask, at)

    def _patients(self, finding: str) -> NDArray[np.str_] | None:
        """(n,) whose compared cases they are, for the bootstrap to draw; None where not all are known."""
        patients = np.array(self._numbers.cases().patients)[self._numbers.compared(finding).rows]
        return patients if patients.size and (patients != "").all() else None

    def scores(self, finding: str, digest: str) -> NDArray[np.float64]:
        """(n,) the scores of the compared cases."""
        compared = self._numbers.compared(finding)
        row: NDArray[np.float64] = compared.scores[compared.digests.index(digest)]
        return row

    def lack(self, finding: str, digest: str, *, probabilities: bool = False, spread: bool = True) -> Lack | None:
        """Why there is no curve; None where there is one. Some need probabilities, some need scores that differ."""
        found = self._keep(("lack", finding, digest), lambda: self._lack(finding, digest))
        if found not in (None, Lack.SPREAD):
            return found
        if probabilities and not self._session.classifiers.holds_probabilities(digest):
            return Lack.PROBABILITIES
        return found if spread else None

    def _lack(self, finding: str, digest: str) -> Lack | None:
        compared = self._numbers.compared(finding)
        if digest not in compared.digests or not compared.rows.size:
            return self._lack_of_scores(finding, digest)
        if not compared.n_positive:
            return Lack.POSITIVES
        if not compared.n_negative:
            return Lack.NEGATIVES
        return Lack.SPREAD if self._numbers.curve(finding, digest).thresholds.size <= 2 else None

    def _lack_of_scores(self, finding: str, digest: str) -> Lack:
        if not self._session.classifiers.is_trained(digest, finding):
            return Lack.TRAINING
        calibrated = self._session.scores.kind(digest) == "calibrated probability"
        return Lack.CALIBRATION if calibrated and digest not in self._numbers.compared(finding).digests else Lack.SCORES

    # --- ROC

    def roc(self, finding: str, digest: str, points: int) -> RocCurve:
        """The ROC curve for drawing, by about `points` of its points at most."""
        return self._keep(("roc", finding, digest, points), lambda: thin(self._numbers.curve(finding, digest), points))

    def roc_band(self, finding: str, digest: str, points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Wilson's 95 % interval (lower, upper) of the sensitivity at each point of that curve, (k,) each.

        It holds point by point, as if the false-positive rate of the point had been chosen beforehand.
        """
        curve = self.roc(finding, digest, points)
        return self._keep(("band", finding, digest, points), lambda: wilson(curve.true_positives, curve.n_positive))

    def point_at(self, finding: str, digest: str, false_positive_rate: float) -> int:
        """The point of the exact curve with the highest sensitivity at no more than this false-positive rate."""
        curve = self._numbers.curve(finding, digest)
        most = np.floor(false_positive_rate * curve.n_negative + 1e-9)
        return max(int(np.searchsorted(curve.false_positives, most, side="right")) - 1, 0)

    def nearest_point(
        self, finding: str, digest: str, at: tuple[float, float], pixel: tuple[float, float]
    ) -> tuple[int, float]:
        """The point of the exact curve nearest to a place, and how many pixels they are apart."""
        curve = self._numbers.curve(finding, digest)
        away = np.hypot((curve.false_positive_rate - at[0]) / pixel[0], (curve.true_positive_rate - at[1]) / pixel[1])
        point = int(np.argmin(away))
        return point, float(away[point])

    def nearest_curve(
        self, finding: str, at: tuple[float, float], pixel: tuple[float, float]
    ) -> tuple[str, int] | None:
        """The checkpoint and the point of its exact curve next to a place; None where none is near."""
        digests = [d for d in self._numbers.compared(finding).digests if self.lack(finding, d) is None]
        found = [(self.nearest_point(finding, digest, at, pixel), digest) for digest in digests]
        near = [(away, digest, point) for (point, away), digest in found if away < _NEAREST_PIXELS]
        return min(near)[1:] if near else None

    def threshold_of(self, finding: str, digest: str, point: int) -> float:
        """The threshold at a point of the exact curve, as a number that a slider can hold: its ends are infinite."""
        threshold = float(self._numbers.curve(finding, digest).thresholds[point])
        if np.isfinite(threshold):
            return threshold
        scores = self.scores(finding, digest)
        return float(scores.max() if threshold > 0 else np.nextafter(scores.min(), -np.inf))

    def cases_between(self, finding: str, digest: str, first: int, second: int) -> NDArray[np.intp]:
        """The cases that lie between two points of the exact curve, the highest score first.

        They are those with a stated label whose score is above one threshold and not above the other.
        """
        compared, scores = self._numbers.compared(finding), self.scores(finding, digest)
        low, high = sorted(float(self._numbers.curve(finding, digest).thresholds[point]) for point in (first, second))
        inside = np.flatnonzero((scores > low) & (scores <= high) & ~np.isnan(compared.labels))
        return compared.rows[inside[np.argsort(-scores[inside], kind="stable")]]

    # --- precision and recall

    def precision_recall(self, finding: str, digest: str) -> PrecisionRecallCurve:
        """The exact precision-recall curve."""
        return self._keep(("pr", finding, digest), lambda: precision_recall(self._numbers.curve(finding, digest)))

    def drawn_precision_recall(self, finding: str, digest: str, points: int) -> PrecisionRecallCurve:
        """The same for drawing, by `points` of its points at most."""
        return self._keep(
            ("pr", finding, digest, points),
            lambda: thin_precision_recall(self.precision_recall(finding, digest), points),
        )

    # --- calibration

    def calibration(self, finding: str, digest: str, bins: int, binning: Binning) -> Calibration:
        """The reliability diagram in these bins, and the measures of calibration."""

        def make() -> Calibration:
            labels, scores = self._numbers.compared(finding).labels, self.scores(finding, digest)
            return Calibration(
                reliability_diagram(labels, scores, bins, binning),
                brier(labels, scores),
                negative_log_likelihood(labels, scores),
                self._keep(("cox", finding, digest), lambda: cox_recalibration(labels, scores)),
            )

        return self._keep(("calibration", finding, digest, bins, binning), make)

    def calibration_error(
        self, finding: str, digest: str, bins: int, binning: Binning
    ) -> CalibrationErrorInterval | None:
        """The expected calibration error in these bins with its bootstrap interval; None while it is computed."""

        def question() -> Callable[[], CalibrationErrorInterval]:
            labels, scores = self._numbers.compared(finding).labels, self.scores(finding, digest)
            patients = self._patients(finding)
            return partial(calibration_error_interval, labels, scores, bins, binning, patients=patients)

        return self._keep_later(("ece", finding, digest), question, at=(bins, binning))

    # --- decision curves

    def decision(self, finding: str, digest: str, thresholds: tuple[float, ...]) -> DecisionCurve:
        """The net benefit at these thresholds, which lie between 0 and 1; of each number of them the last is kept."""
        labels, scores = self._numbers.compared(finding).labels, self.scores(finding, digest)
        return self._keep(
            ("decision", finding, digest, len(thresholds)),
            lambda: decision_curve(labels, scores, thresholds),
            at=thresholds,
        )

    def decision_band(self, finding: str, digest: str, thresholds: tuple[float, ...]) -> NetBenefitBand | None:
        """The bootstrap's 95 % percentiles of that net benefit; None while they are computed."""

        def question() -> Callable[[], NetBenefitBand]:
            labels, scores = self._numbers.compared(finding).labels, self.scores(finding, digest)
            return partial(net_benefit_band, labels, scores, thresholds, patients=self._patients(finding))

        return self._keep_later(("decision band", finding, digest), question, at=thresholds)

    # --- risk and coverage

    def risk_coverage(self, finding: str, digest: str) -> RiskCoverage:
        """Errors at the session's threshold over what is left to the checkpoint, the most uncertain left out first."""
        threshold = self._session.operating_points.threshold(digest, finding)
        measure = self._numbers.referral.uncertainty_of(finding, digest)

        def make() -> RiskCoverage:
            compared, scores = self._numbers.compared(finding), self.scores(finding, digest)
            uncertain = self._numbers.referral.uncertain(finding)[compared.digests.index(digest)]

            def order() -> NDArray[np.intp]:
                stated = np.flatnonzero(~np.isnan(compared.labels))
                return stated[np.argsort((scores if measure == "finding" else uncertain)[stated])]

            # Uncertainties that rise, or rise and fall again as the distance to a threshold does along the scores, are
            # sorted in a third of the time; which of two equal ones comes first does not matter.
            ordered = self._keep(("order", finding, digest), order, at=measure)
            wrong = (scores[ordered] > threshold) != (compared.labels[ordered] == 1)
            return risk_coverage(wrong, uncertain[ordered])

        return self._keep(("risk", finding, digest), make, at=(threshold, measure))
