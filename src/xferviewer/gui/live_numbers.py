"""The numbers of the open cohort, computed when somebody looks and kept until something they rest on changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from xferviewer.evaluation.referral_sweep import ReferralState, ReferralSweep
from xferviewer.evaluation.roc import AucInterval, RocCurve, auc_interval, roc_curve, thin
from xferviewer.evaluation.uncertainty import uncertainty
from xferviewer.gui.session import Session

_SETTLE_MS = 250


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The cases that one finding is compared on: those that every checkpoint trained for it has predicted.

    digests        (C,) checkpoints trained for the finding
    rows           (n,) rows of the cohort
    labels         (n,) 1, 0 or NaN
    probabilities  (C, n) raw probabilities of the finding
    cases          (C, n, findings) raw probabilities of all findings; NaN where a checkpoint was not trained
    """

    finding: str
    digests: tuple[str, ...]
    rows: NDArray[np.intp]
    labels: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    cases: NDArray[np.float64]

    @property
    def n_positive(self) -> int:
        """Cases with the finding."""
        return int((self.labels == 1).sum())

    @property
    def n_negative(self) -> int:
        """Cases without it."""
        return int((self.labels == 0).sum())


class LiveNumbers(QObject):
    """AUCs, curves, counts and the referral of the session's cohort. `changed` says: ask again."""

    changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._compared: dict[str, Compared] = {}
        self._aucs: dict[tuple[str, str], AucInterval] = {}
        self._curves: dict[tuple[str, str], RocCurve] = {}
        self._sweeps: dict[str, tuple[tuple[object, ...], ReferralSweep]] = {}
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._start_anew)
        session.predictions_changed.connect(self._settle_later)
        session.checkpoints_changed.connect(self._start_anew)
        session.cohort_changed.connect(self._start_anew)
        session.thresholds_changed.connect(self.changed)
        session.referral_changed.connect(self.changed)

    @Slot()
    def _settle_later(self) -> None:
        """Predictions come in by the dozen a second; numbers a few times a second are enough."""
        if not self._settle.isActive():
            self._settle.start()

    @Slot()
    def _start_anew(self) -> None:
        self._compared.clear()
        self._aucs.clear()
        self._curves.clear()
        self._sweeps.clear()
        self.changed.emit()

    def compared(self, finding: str) -> Compared:
        """The cases and probabilities that the numbers of a finding rest on."""
        if finding not in self._compared:
            session = self._session
            findings = session.findings()
            digests = tuple(c.weights_sha256 for c in session.checkpoints if finding in c.trained_findings)
            tables = [session.scores(digest, findings) for digest in digests]
            cases = np.stack(tables) if tables else np.empty((0, len(session.cohort.identities), len(findings)))
            column = findings.index(finding) if finding in findings else 0
            of_finding = cases[:, :, column] if findings else np.empty(cases.shape[:2])
            rows = np.flatnonzero(~np.isnan(of_finding).any(axis=0)) if tables else np.empty(0, dtype=np.intp)
            self._compared[finding] = Compared(
                finding, digests, rows, session.cohort.truth(finding)[rows], of_finding[:, rows], cases[:, rows]
            )
        return self._compared[finding]

    def auc(self, finding: str, digest: str) -> AucInterval | None:
        """AUC with DeLong's interval on all compared cases; None for a checkpoint that was not trained for it."""
        compared = self.compared(finding)
        if digest not in compared.digests:
            return None
        key = finding, digest
        if key not in self._aucs:
            row = compared.probabilities[compared.digests.index(digest)]
            self._aucs[key] = auc_interval(compared.labels, row)
        return self._aucs[key]

    def curve(self, finding: str, digest: str) -> RocCurve:
        """The exact ROC curve on all compared cases."""
        key = finding, digest
        if key not in self._curves:
            compared = self.compared(finding)
            row = compared.probabilities[compared.digests.index(digest)]
            self._curves[key] = roc_curve(compared.labels, row)
        return self._curves[key]

    def retained_curve(self, finding: str, digest: str) -> RocCurve:
        """The ROC curve on what a checkpoint keeps at the session's referral rate, thinned for drawing."""
        compared, sweep = self.compared(finding), self.sweep(finding)
        place = compared.digests.index(digest)
        kept = np.ones(compared.rows.size, dtype=bool)
        kept[sweep.referred(self._session.referral_rate, place)] = False
        return thin(roc_curve(compared.labels[kept], compared.probabilities[place][kept]))

    def state(self, finding: str) -> ReferralState:
        """Counts and rates of every compared checkpoint at its threshold and the session's referral rate."""
        thresholds = [self._session.threshold(digest, finding) for digest in self.compared(finding).digests]
        return self.sweep(finding).at(self._session.referral_rate, thresholds)

    def retained_auc(self, finding: str, digest: str) -> AucInterval:
        """AUC with DeLong's interval on the retained cases; NaN where a class is gone."""
        digests = self.compared(finding).digests
        return self.sweep(finding).retained_auc(self._session.referral_rate)[digests.index(digest)]

    def referred_rows(self, finding: str, digest: str) -> NDArray[np.intp]:
        """Rows of the cohort that a checkpoint refers at the session's rate, the most uncertain first."""
        compared = self.compared(finding)
        if digest not in compared.digests or not compared.rows.size:
            return np.empty(0, dtype=np.intp)
        place = compared.digests.index(digest)
        return compared.rows[self.sweep(finding).referred(self._session.referral_rate, place)]

    def sweep(self, finding: str) -> ReferralSweep:
        """The referral of a finding, each checkpoint by its own uncertainty."""
        order, kept = self._order_of(finding), self._sweeps.get(finding)
        if kept is not None and kept[0] == order:
            return kept[1]
        compared = self.compared(finding)
        sweep = ReferralSweep(compared.labels, compared.probabilities, self._uncertain(compared))
        self._sweeps[finding] = order, sweep
        return sweep

    def _uncertain(self, compared: Compared) -> NDArray[np.float64]:
        if not compared.rows.size:
            return np.empty((len(compared.digests), 0))
        rows: Sequence[NDArray[np.float64]] = [
            uncertainty(
                probabilities, "margin", self._session.threshold(digest, compared.finding)
            )
            if self._session.uncertainty == "finding"
            else uncertainty(cases)
            for digest, probabilities, cases in zip(
                compared.digests, compared.probabilities, compared.cases, strict=True
            )
        ]  # fmt: skip
        return np.stack(rows)

    def _order_of(self, finding: str) -> tuple[object, ...]:
        """What the order of referral rests on beside the predictions."""
        if self._session.uncertainty == "case":
            return ("case",)
        return ("finding", *(self._session.threshold(digest, finding) for digest in self.compared(finding).digests))
