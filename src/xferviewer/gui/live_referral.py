"""What is referred of the chosen cohort at the session's rate, and how the rest is judged then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.choices import ReferralMeasure
from xferviewer.evaluation.margin_sweep import MarginSweep
from xferviewer.evaluation.members import MEMBER_MEASURES, Doubts
from xferviewer.evaluation.operating import case_uncertainty, has_doubts, referral_uncertainty
from xferviewer.evaluation.referral_state import ReferralState, RetainedRates
from xferviewer.evaluation.referral_sweep import ReferralSweep
from xferviewer.evaluation.roc import AucInterval, RocCurve, thin
from xferviewer.gui.session import Session

if TYPE_CHECKING:
    from xferviewer.gui.live_numbers import LiveNumbers

_DRAWN_POINTS = 600


class LiveReferral:
    """The referral of each finding: cases in the order in which a checkpoint refers them, kept until that changes."""

    def __init__(self, session: Session, numbers: LiveNumbers) -> None:
        self._session = session
        self._numbers = numbers
        self._along: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._sweeps: dict[str, tuple[tuple[float, ...], ReferralSweep | MarginSweep]] = {}
        self._retained: dict[str, tuple[tuple[float, ...], tuple[AucInterval, ...]]] = {}
        self._unsure: dict[str, NDArray[np.float64]] = {}

    def forget(self) -> None:
        """The cases are others, or their scores."""
        self._along.clear()
        self._unsure.clear()
        self.forget_order()

    def forget_order(self) -> None:
        """What is uncertain is judged by another measure."""
        self._sweeps.clear()
        self._retained.clear()

    def kept(self, finding: str, digest: str) -> NDArray[np.bool_]:
        """(n,) which of the compared cases a checkpoint keeps at the session's referral rate."""
        kept = np.ones(self._numbers.compared(finding).rows.size, dtype=bool)
        kept[self._referred(finding, digest)] = False
        return kept

    def _referred(self, finding: str, digest: str) -> NDArray[np.intp]:
        compared = self._numbers.compared(finding)
        if digest not in compared.digests or not compared.rows.size:
            return np.empty(0, dtype=np.intp)
        return self.sweep(finding).referred(
            self._session.referral_rate, compared.digests.index(digest), thresholds=self._numbers.thresholds(finding)
        )

    def retained_curve(self, finding: str, digest: str) -> RocCurve:
        """The ROC curve on what a checkpoint keeps at the session's referral rate, thinned for drawing."""
        key = finding, digest
        if key not in self._along:
            whole = self._numbers.curve(finding, digest)
            self._along[key] = (
                whole if whole.thresholds.size <= _DRAWN_POINTS else thin(whole, _DRAWN_POINTS)
            ).thresholds
        place = self._numbers.compared(finding).digests.index(digest)
        return self.sweep(finding).retained_curve(
            self._session.referral_rate, self._along[key], place, thresholds=self._numbers.thresholds(finding)
        )

    def state(self, finding: str) -> ReferralState:
        """Counts and rates of every compared checkpoint at its threshold and the session's referral rate."""
        return self.sweep(finding).at(self._session.referral_rate, self._numbers.thresholds(finding))

    def retained_auc(self, finding: str, digest: str) -> AucInterval:
        """AUC with DeLong's interval on the retained cases; NaN where a class is gone."""
        rate, thresholds = self._session.referral_rate, self._numbers.thresholds(finding)
        key = (rate, *thresholds)
        if self._retained.get(finding, ((), ()))[0] != key:
            self._retained[finding] = key, self.sweep(finding).retained_auc(rate, thresholds)
        return self._retained[finding][1][self._numbers.compared(finding).digests.index(digest)]

    def retained_along(self, finding: str, digest: str, rates: Sequence[float]) -> RetainedRates:
        """Counts and rates of one checkpoint at its threshold, at many referral rates."""
        place = self._numbers.compared(finding).digests.index(digest)
        return self.sweep(finding).along(rates, self._session.operating_points.threshold(digest, finding), place)

    def retained_aucs_along(self, finding: str, digest: str, rates: Sequence[float]) -> list[AucInterval]:
        """The AUC of one checkpoint on what it retains at many referral rates."""
        place, sweep = self._numbers.compared(finding).digests.index(digest), self.sweep(finding)
        thresholds = self._numbers.thresholds(finding)
        if isinstance(sweep, ReferralSweep) and not sweep.knows_all(rates):
            for _ in sweep.retained_aucs(rates):
                pass  # all rates at once cost as much as a few
        return [sweep.retained_auc(rate, thresholds)[place] for rate in rates]

    def referred_rows(self, finding: str, digest: str) -> NDArray[np.intp]:
        """Cases that a checkpoint refers at the session's rate, the most uncertain first."""
        return self._numbers.compared(finding).rows[self._referred(finding, digest)]

    def referred_studies(self, finding: str, digest: str) -> list[int]:
        """The studies of those cases."""
        return self._numbers.studies_of(self.referred_rows(finding, digest).tolist())

    def uncertainty_of(self, finding: str, digest: str) -> ReferralMeasure:
        """What makes a case of a finding uncertain for a checkpoint: as the session says, but where that takes
        probabilities and its scores are none, or takes members and it has none, the distance to the threshold.
        """
        measure = self._session.uncertainty
        if measure in MEMBER_MEASURES:
            compared, doubts = self._numbers.compared(finding), self._doubts(finding)
            place = compared.digests.index(digest) if digest in compared.digests else None
            known = (
                place is not None and measure in doubts and has_doubts(compared.scores[place], doubts[measure][place])
            )
            return measure if known else "finding"
        return measure if measure == "spread" or self._session.classifiers.holds_probabilities(digest) else "finding"

    def _doubts(self, finding: str) -> Doubts:
        """(C, n) by measure: how far the members of each compared column differ about each compared case."""
        cases, compared = self._numbers.cases(), self._numbers.compared(finding)
        places = [cases.checkpoints.index(digest) for digest in compared.digests]
        column = cases.findings.index(finding)
        return {measure: values[places][:, compared.rows, column] for measure, values in cases.doubts.items()}

    def uncertain(self, finding: str) -> NDArray[np.float64]:
        """(C, n) how uncertain each checkpoint is of each compared case: the larger, the sooner referred."""
        compared = self._numbers.compared(finding)
        if not compared.rows.size:
            return np.empty((len(compared.digests), 0))
        holds_probabilities = self._session.classifiers.holds_probabilities
        return referral_uncertainty(
            self._session.uncertainty,
            compared.scores,
            self._numbers.thresholds(finding),
            ["probability" if holds_probabilities(digest) else "score" for digest in compared.digests],
            lambda place: self._case_uncertainty(compared.digests[place])[compared.rows],
            self._doubts(finding),
        )

    def sweep(self, finding: str) -> ReferralSweep | MarginSweep:
        """The referral of a finding, each checkpoint by its own uncertainty."""
        compared = self._numbers.compared(finding)
        measures = [self.uncertainty_of(finding, digest) for digest in compared.digests]
        near_a_score = all(measure in ("finding", "probability") for measure in measures)
        # Where an order rests on all findings of a case, those of other scales still rest on their thresholds.
        moving = () if near_a_score else tuple(
            self._session.operating_points.threshold(digest, finding)
            for digest, measure in zip(compared.digests, measures, strict=True)
            if measure == "finding"
        )  # fmt: skip
        if self._sweeps.get(finding, (None,))[0] != moving:
            if near_a_score:
                centres = [0.5 if measure == "probability" else None for measure in measures]
                orders = [self._numbers.order(finding, digest) for digest in compared.digests]
                self._sweeps[finding] = moving, MarginSweep(orders, centres)
            else:
                sweep = ReferralSweep(compared.labels, compared.scores, self.uncertain(finding))
                self._sweeps[finding] = moving, sweep
        return self._sweeps[finding][1]

    def _case_uncertainty(self, digest: str) -> NDArray[np.float64]:
        """(cases,) over all findings of a checkpoint; NaN where it has no score."""
        measure = self._session.uncertainty
        key = f"{measure} {digest}"
        if key not in self._unsure:
            cases = self._numbers.cases()
            scores = cases.scores[cases.checkpoints.index(digest)]
            self._unsure[key] = case_uncertainty(measure, scores, np.full(scores.shape[1], np.nan))
        return self._unsure[key]
