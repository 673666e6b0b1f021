"""The numbers of the chosen cohort, computed when somebody looks and kept until something they rest on changes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from xferviewer.evaluation.choices import ReferralMeasure
from xferviewer.evaluation.margin_sweep import MarginSweep
from xferviewer.evaluation.members import MEMBER_MEASURES, Doubts
from xferviewer.evaluation.operating import case_uncertainty, has_doubts, referral_uncertainty
from xferviewer.evaluation.placements import Placements
from xferviewer.evaluation.referral_state import ReferralState, RetainedRates
from xferviewer.evaluation.referral_sweep import ReferralSweep
from xferviewer.evaluation.roc import AucInterval, RocCurve, delong_interval, roc_curve, thin
from xferviewer.evaluation.score_order import ScoreOrder
from xferviewer.evaluation.significance import PairedDelong, adjust, compare_placements
from xferviewer.gui.compared_cases import ComparedCases
from xferviewer.gui.session import Session

SIGNIFICANT = 0.05
_SETTLE_MS = 250
_DRAWN_POINTS = 600
_COMPUTED_AT_ONCE = 1_000_000  # scores: about half a second
_SLICE_SECONDS = 0.012
_SLIDER_RATES = tuple(percent / 100 for percent in range(101))


@dataclass(frozen=True, slots=True)
class Difference:
    """A checkpoint's AUC minus the reference's, on the same cases; `p_adjusted` for all differences of the table."""

    test: PairedDelong
    p_adjusted: float


class LiveNumbers(ComparedCases):
    """AUCs, differences, curves, counts and the referral of the session's cohort. `changed` says: ask again."""

    changed = Signal()
    filled = Signal()  # numbers that took long are known

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session, parent)
        self._aucs: dict[tuple[str, str], AucInterval] = {}
        self._curves: dict[tuple[str, str], RocCurve] = {}
        self._placements: dict[tuple[str, str], Placements] = {}
        self._tests: dict[tuple[str, str, str], PairedDelong] = {}
        self._differences: dict[tuple[str, str], Difference] | None = None
        self._best: dict[str, str] = {}
        self._along: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._orders: dict[tuple[str, str], ScoreOrder] = {}
        self._sweeps: dict[str, tuple[tuple[float, ...], ReferralSweep | MarginSweep]] = {}
        self._retained: dict[str, tuple[tuple[float, ...], tuple[AucInterval, ...]]] = {}
        self._unsure: dict[str, NDArray[np.float64]] = {}
        self._measure = session.uncertainty
        self._filled_findings: set[str] = set()
        self._is_filled = False
        self._filling: Iterator[str] = iter(())
        self._fill_timer = QTimer(self, interval=0)
        self._fill_timer.timeout.connect(self._fill)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._start_anew)
        session.predictions_changed.connect(self._settle_later)
        session.classifiers_changed.connect(self._start_anew)
        session.cohort_changed.connect(self._start_anew)
        session.comparison_changed.connect(self._start_anew)
        session.operating_points.changed.connect(self.changed)
        session.referral_changed.connect(self._refer_anew)

    @Slot()
    def _refer_anew(self) -> None:
        if self._measure != self._session.uncertainty:
            self._measure = self._session.uncertainty
            if self._measure in MEMBER_MEASURES:
                self.forget_cases()  # the same ones, laid out with how far members differ about them
            self._sweeps.clear()
            self._retained.clear()
            self._filling = self._fill_steps()
            if self._is_large:
                self._fill_timer.start()  # what is known is not counted again
        self.changed.emit()

    @Slot()
    def _settle_later(self) -> None:
        """Predictions come in by the dozen a second; numbers a few times a second are enough."""
        if not self._settle.isActive():
            self._settle.start()

    @Slot()
    def _start_anew(self) -> None:
        self.forget_cases()
        self._differences = None
        for kept in (
            self._aucs, self._curves, self._placements, self._tests, self._best, self._along,
            self._orders, self._sweeps, self._retained, self._unsure,
        ):  # fmt: skip
            kept.clear()
        self._filled_findings.clear()
        self._is_filled = False
        self._filling = self._fill_steps()
        if self._is_large:
            self._fill_timer.start()
        else:
            self._fill_timer.stop()
        self.changed.emit()

    # --- areas and differences

    def auc(self, finding: str, digest: str) -> AucInterval | None:
        """AUC with DeLong's interval on all compared cases; None for what has no scores for the finding."""
        compared = self.compared(finding)
        if digest not in compared.digests:
            return None
        key = finding, digest
        if key not in self._aucs:
            n_unstated = int(np.isnan(compared.labels).sum())
            self._aucs[key] = delong_interval(self._order(finding, digest).area(), n_unstated=n_unstated)
        return self._aucs[key]

    @property
    def reference(self) -> str:
        """Digest of what the differences are to."""
        scored = self._session.classifiers.all
        return self._session.comparison.reference or (scored[0].digest if scored else "")

    def difference(self, finding: str, digest: str) -> Difference | None:
        """A checkpoint against the reference; None for the reference itself and where one of them has no scores."""
        if self._differences is None:
            tests = {
                (name, other): self._test(name, other, self.reference)
                for name in self._session.classifiers.findings
                if self.reference in self.compared(name).digests and self.compared(name).has_both
                for other in self.compared(name).digests
                if other != self.reference
            }
            raw = [test.p_value for test in tests.values()]
            method = self._session.comparison.adjustment
            adjusted = raw if method == "none" else adjust(raw, method).tolist()
            self._differences = {
                key: Difference(test, p) for (key, test), p in zip(tests.items(), adjusted, strict=True)
            }
        return self._differences.get((finding, digest))

    def best(self, finding: str) -> str:
        """What has the largest AUC, if the paired test against every other says so (Holm over all pairs); else ""."""
        if finding not in self._best:
            compared = self.compared(finding)
            self._best[finding] = ""
            if compared.has_both and len(compared.digests) > 1:
                pairs = list(combinations(compared.digests, 2))
                adjusted = adjust([self._test(finding, a, b).p_value for a, b in pairs], "holm")
                areas = [interval.auc for d in compared.digests if (interval := self.auc(finding, d))]
                first = compared.digests[int(np.argmax(areas))]
                against = [p for pair, p in zip(pairs, adjusted.tolist(), strict=True) if first in pair]
                if all(p < SIGNIFICANT for p in against):
                    self._best[finding] = first
        return self._best[finding]

    def _test(self, finding: str, a: str, b: str) -> PairedDelong:
        key = finding, a, b
        if key not in self._tests:
            self._tests[key] = compare_placements(self._placed(finding, a), self._placed(finding, b))
        return self._tests[key]

    def _placed(self, finding: str, digest: str) -> Placements:
        key = finding, digest
        if key not in self._placements:
            self._placements[key] = self._order(finding, digest).placements()
        return self._placements[key]

    def mean_auc(self, digest: str) -> tuple[float, int, int]:
        """The mean AUC over the findings that have one, their number, and the number of findings with scores."""
        intervals = (self.auc(finding, digest) for finding in self._session.classifiers.findings)
        areas = [interval.auc for interval in intervals if interval is not None]
        defined = [area for area in areas if not math.isnan(area)]
        return (sum(defined) / len(defined) if defined else math.nan), len(defined), len(areas)

    # --- filling in what takes long

    def is_known(self, finding: str) -> bool:
        """Areas and differences of a finding can be read at once; else they are on their way and `filled` says when."""
        return not self._is_large or self._is_filled or finding in self._filled_findings

    @property
    def is_filling(self) -> bool:
        """Something is still counted in the background."""
        return self._fill_timer.isActive()

    @property
    def _is_large(self) -> bool:
        return self.cases().scores.size > _COMPUTED_AT_ONCE

    @Slot()
    def _fill(self) -> None:
        """Work for a few milliseconds, so that the window answers in between."""
        begun = time.perf_counter()
        for finding in self._filling:
            if finding:
                self._filled_findings.add(finding)
                self.filled.emit()
            if time.perf_counter() - begun > _SLICE_SECONDS:
                return
        self._is_filled = True
        self._fill_timer.stop()
        self.filled.emit()

    def _fill_steps(self) -> Iterator[str]:
        """Count all that the table shows, the chosen finding first; gives a finding's name when it is done."""
        first = self._session.finding
        findings = sorted(self._session.classifiers.findings, key=lambda finding: finding != first)
        for finding in findings:
            for digest in self.compared(finding).digests:
                self.auc(finding, digest)
                yield ""
                self._placed(finding, digest)
                yield ""
            if self.compared(finding).has_both:
                digests = self.compared(finding).digests
                against = [(other, self.reference) for other in digests if self.reference in digests]
                for a, b in (*combinations(digests, 2), *against):
                    if a != b:
                        self._test(finding, a, b)
                        yield ""
            yield finding
        for finding in findings:  # what the referral slider will ask for
            sweep = self.sweep(finding)
            if isinstance(sweep, ReferralSweep):
                yield from ("" for _ in sweep.retained_aucs(_SLIDER_RATES))
            yield ""

    # --- curves and referral

    def curve(self, finding: str, digest: str) -> RocCurve:
        """The exact ROC curve on all compared cases."""
        key = finding, digest
        if key not in self._curves:
            compared = self.compared(finding)
            self._curves[key] = roc_curve(compared.labels, compared.scores[compared.digests.index(digest)])
        return self._curves[key]

    def score_range(self, finding: str, digest: str) -> tuple[float, float]:
        """Between which scores a threshold can be: 0 and 1 for probabilities, else the least and the largest score."""
        compared = self.compared(finding)
        probability = self._session.classifiers.holds_probabilities(digest)
        if probability or digest not in compared.digests or not compared.rows.size:
            return 0.0, 1.0
        row = compared.scores[compared.digests.index(digest)]
        low, high = float(row.min()), float(row.max())
        return (low, high) if low < high else (low - 0.5, low + 0.5)

    def thresholds(self, finding: str) -> list[float]:
        """The operating points of the compared checkpoints, in their order."""
        return [self._session.operating_points.threshold(digest, finding) for digest in self.compared(finding).digests]

    def kept(self, finding: str, digest: str) -> NDArray[np.bool_]:
        """(n,) which of the compared cases a checkpoint keeps at the session's referral rate."""
        kept = np.ones(self.compared(finding).rows.size, dtype=bool)
        kept[self._referred(finding, digest)] = False
        return kept

    def _referred(self, finding: str, digest: str) -> NDArray[np.intp]:
        compared = self.compared(finding)
        if digest not in compared.digests or not compared.rows.size:
            return np.empty(0, dtype=np.intp)
        return self.sweep(finding).referred(
            self._session.referral_rate, compared.digests.index(digest), thresholds=self.thresholds(finding)
        )

    def retained_curve(self, finding: str, digest: str) -> RocCurve:
        """The ROC curve on what a checkpoint keeps at the session's referral rate, thinned for drawing."""
        key = finding, digest
        if key not in self._along:
            whole = self.curve(finding, digest)
            self._along[key] = (
                whole if whole.thresholds.size <= _DRAWN_POINTS else thin(whole, _DRAWN_POINTS)
            ).thresholds
        place = self.compared(finding).digests.index(digest)
        return self.sweep(finding).retained_curve(
            self._session.referral_rate, self._along[key], place, thresholds=self.thresholds(finding)
        )

    def state(self, finding: str) -> ReferralState:
        """Counts and rates of every compared checkpoint at its threshold and the session's referral rate."""
        return self.sweep(finding).at(self._session.referral_rate, self.thresholds(finding))

    def retained_auc(self, finding: str, digest: str) -> AucInterval:
        """AUC with DeLong's interval on the retained cases; NaN where a class is gone."""
        rate, thresholds = self._session.referral_rate, self.thresholds(finding)
        key = (rate, *thresholds)
        if self._retained.get(finding, ((), ()))[0] != key:
            self._retained[finding] = key, self.sweep(finding).retained_auc(rate, thresholds)
        return self._retained[finding][1][self.compared(finding).digests.index(digest)]

    def retained_along(self, finding: str, digest: str, rates: Sequence[float]) -> RetainedRates:
        """Counts and rates of one checkpoint at its threshold, at many referral rates."""
        place = self.compared(finding).digests.index(digest)
        return self.sweep(finding).along(rates, self._session.operating_points.threshold(digest, finding), place)

    def retained_aucs_along(self, finding: str, digest: str, rates: Sequence[float]) -> list[AucInterval]:
        """The AUC of one checkpoint on what it retains at many referral rates."""
        place, sweep, thresholds = (
            self.compared(finding).digests.index(digest),
            self.sweep(finding),
            self.thresholds(finding),
        )
        if isinstance(sweep, ReferralSweep) and not sweep.knows_all(rates):
            for _ in sweep.retained_aucs(rates):
                pass  # all rates at once cost as much as a few
        return [sweep.retained_auc(rate, thresholds)[place] for rate in rates]

    def referred_rows(self, finding: str, digest: str) -> NDArray[np.intp]:
        """Cases that a checkpoint refers at the session's rate, the most uncertain first."""
        return self.compared(finding).rows[self._referred(finding, digest)]

    def referred_studies(self, finding: str, digest: str) -> list[int]:
        """The studies of those cases."""
        return self.studies_of(self.referred_rows(finding, digest).tolist())

    def uncertainty_of(self, finding: str, digest: str) -> ReferralMeasure:
        """What makes a case of a finding uncertain for a checkpoint: as the session says, but where that takes
        probabilities and its scores are none, or takes members and it has none, the distance to the threshold.
        """
        measure = self._session.uncertainty
        if measure in MEMBER_MEASURES:
            compared, doubts = self.compared(finding), self._doubts(finding)
            place = compared.digests.index(digest) if digest in compared.digests else None
            known = (
                place is not None and measure in doubts and has_doubts(compared.scores[place], doubts[measure][place])
            )
            return measure if known else "finding"
        return measure if measure == "spread" or self._session.classifiers.holds_probabilities(digest) else "finding"

    def _doubts(self, finding: str) -> Doubts:
        """(C, n) by measure: how far the members of each compared column differ about each compared case."""
        cases, compared = self.cases(), self.compared(finding)
        places = [cases.checkpoints.index(digest) for digest in compared.digests]
        column = cases.findings.index(finding)
        return {measure: values[places][:, compared.rows, column] for measure, values in cases.doubts.items()}

    def uncertain(self, finding: str) -> NDArray[np.float64]:
        """(C, n) how uncertain each checkpoint is of each compared case: the larger, the sooner referred."""
        compared = self.compared(finding)
        if not compared.rows.size:
            return np.empty((len(compared.digests), 0))
        holds_probabilities = self._session.classifiers.holds_probabilities
        return referral_uncertainty(
            self._session.uncertainty,
            compared.scores,
            self.thresholds(finding),
            ["probability" if holds_probabilities(digest) else "score" for digest in compared.digests],
            lambda place: self._case_uncertainty(compared.digests[place])[compared.rows],
            self._doubts(finding),
        )

    def sweep(self, finding: str) -> ReferralSweep | MarginSweep:
        """The referral of a finding, each checkpoint by its own uncertainty."""
        compared = self.compared(finding)
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
                orders = [self._order(finding, digest) for digest in compared.digests]
                self._sweeps[finding] = moving, MarginSweep(orders, centres)
            else:
                sweep = ReferralSweep(compared.labels, compared.scores, self.uncertain(finding))
                self._sweeps[finding] = moving, sweep
        return self._sweeps[finding][1]

    def _order(self, finding: str, digest: str) -> ScoreOrder:
        key = finding, digest
        if key not in self._orders:
            compared = self.compared(finding)
            self._orders[key] = ScoreOrder(compared.labels, compared.scores[compared.digests.index(digest)])
        return self._orders[key]

    def _case_uncertainty(self, digest: str) -> NDArray[np.float64]:
        """(cases,) over all findings of a checkpoint; NaN where it has no score."""
        measure = self._session.uncertainty
        key = f"{measure} {digest}"
        if key not in self._unsure:
            cases = self.cases()
            scores = cases.scores[cases.checkpoints.index(digest)]
            self._unsure[key] = case_uncertainty(measure, scores, np.full(scores.shape[1], np.nan))
        return self._unsure[key]
