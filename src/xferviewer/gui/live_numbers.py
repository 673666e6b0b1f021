"""The numbers of the chosen cohort, computed when somebody looks and kept until something they rest on changes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from xferviewer.evaluation.members import MEMBER_MEASURES
from xferviewer.evaluation.placements import Placements
from xferviewer.evaluation.referral_sweep import ReferralSweep
from xferviewer.evaluation.roc import AucInterval, RocCurve, delong_interval, roc_curve
from xferviewer.evaluation.score_order import ScoreOrder
from xferviewer.evaluation.significance import PairedDelong, adjust, compare_placements
from xferviewer.gui.compared_cases import ComparedCases
from xferviewer.gui.live_referral import LiveReferral
from xferviewer.gui.session import Session

SIGNIFICANT = 0.05
_SETTLE_MS = 250
_COMPUTED_AT_ONCE = 1_000_000  # scores: about half a second
_SLICE_SECONDS = 0.012
_SLIDER_RATES = tuple(percent / 100 for percent in range(101))


@dataclass(frozen=True, slots=True)
class Difference:
    """A checkpoint's AUC minus the reference's, on the same cases; `p_adjusted` for all differences of the table."""

    test: PairedDelong
    p_adjusted: float


class LiveNumbers(ComparedCases):
    """AUCs, differences and curves of the session's cohort, and its `referral`. `changed` says: ask again."""

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
        self._orders: dict[tuple[str, str], ScoreOrder] = {}
        self.referral = LiveReferral(session, self)
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
            self.referral.forget_order()
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
        for kept in (self._aucs, self._curves, self._placements, self._tests, self._best, self._orders):
            kept.clear()
        self.referral.forget()
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
            self._aucs[key] = delong_interval(self.order(finding, digest).area(), n_unstated=n_unstated)
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
            self._placements[key] = self.order(finding, digest).placements()
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
            sweep = self.referral.sweep(finding)
            if isinstance(sweep, ReferralSweep):
                yield from ("" for _ in sweep.retained_aucs(_SLIDER_RATES))
            yield ""

    # --- curves and points

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

    def order(self, finding: str, digest: str) -> ScoreOrder:
        """The compared cases by the score of a checkpoint."""
        key = finding, digest
        if key not in self._orders:
            compared = self.compared(finding)
            self._orders[key] = ScoreOrder(compared.labels, compared.scores[compared.digests.index(digest)])
        return self._orders[key]
