"""The Oracle AUC panel: the mean AUC over findings when an expert answers the referred cases, in its three forms."""

from __future__ import annotations

from html import escape

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal, Slot
from PySide6.QtWidgets import QLabel, QWidget

from xferviewer.evaluation.referral import OracleDefinition, oracle_auc, oracle_referrals
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.number_panel import NumberPanel
from xferviewer.gui.number_text import rate_text, score_kind_text
from xferviewer.gui.rate_plot import RatePlot
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme

RATES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)  # those of Krones, arXiv 2605.08819
DEFINITIONS: tuple[OracleDefinition, ...] = ("single", "cumulative", "collaborative")
_DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashLine)


class _Told(QObject):
    done = Signal(object, object)  # what was asked for, {definition: (RATES,)}


class _Work(QRunnable):
    """Counts the three curves beside the window: a large cohort takes seconds."""

    def __init__(self, asked: object, labels: NDArray[np.float64], probabilities: NDArray[np.float64]) -> None:
        super().__init__()
        self._asked, self._labels, self._probabilities = asked, labels, probabilities
        self.told = _Told()

    def run(self) -> None:
        found = {name: oracle_auc(self._labels, self._probabilities, RATES, name) for name in DEFINITIONS}
        self.told.done.emit(self._asked, found)


class OracleCurvePanel(NumberPanel):
    """The active checkpoint over all its findings, on the cases that have a score for each of them."""

    def __init__(self, session: Session, numbers: LiveNumbers, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(session, numbers, parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._cases: object = None
        self._asked: object = None
        self._n = 0
        self.found: dict[str, NDArray[np.float64]] = {}
        self.plot = RatePlot(
            theme,
            self.tr("Oracle AUC over the referral rate"),
            self.tr("referred in one step (%)"),
            self.tr("mean AUC, referred cases answered right"),
            100 * RATES[-1],
            (2 * GRID, -2 * GRID),
        )
        self.table = QLabel()
        self.table.setTextFormat(Qt.TextFormat.RichText)
        self.table.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.content.addWidget(self.plot, 1)
        self.content.addWidget(self.table)

    @property
    def names(self) -> dict[str, str]:
        """What each form is called on screen."""
        return {
            "single": self.tr("per-case referral"),
            "cumulative": self.tr("cumulative, as published (Krones)"),
            "collaborative": self.tr("oracle-collaborative (Kivlichan)"),
        }

    def refresh(self) -> None:
        """Count anew where the cases or the active checkpoint are others: no slider changes these curves."""
        cases, digest = self.numbers.cases(), self.session.active
        asked = (id(cases), digest)
        if cases is self._cases and asked == self._asked:
            return
        self._cases = cases  # kept, so that no other object can have its identity
        self._asked = asked
        self.found = {}
        if digest not in cases.checkpoints or not self.session.classifiers.holds_probabilities(digest):
            self._draw(self.tr("The Oracle AUC needs probabilities."))
            return
        scores = cases.scores[cases.checkpoints.index(digest)]
        has = ~np.isnan(scores).all(axis=0)
        whole = ~np.isnan(scores[:, has]).any(axis=1)
        labels = cases.labels[np.ix_(whole, has)]
        if not whole.any() or not ((labels == 1).any(axis=0) & (labels == 0).any(axis=0)).any():
            self._draw(self.tr("The Oracle AUC needs predicted cases with and without a finding."))
            return
        self._n = int(whole.sum())
        self._draw(self.tr("Counting …"))
        work = _Work(asked, labels, scores[np.ix_(whole, has)])
        work.told.done.connect(self._take_in)
        self._pool.start(work)

    @Slot(object, object)
    def _take_in(self, asked: object, found: dict[str, NDArray[np.float64]]) -> None:
        if asked == self._asked:
            self.found = found
            checkpoint = self.session.classifiers.find(self.session.active)
            name = checkpoint.name if checkpoint is not None else ""
            what = self.tr("mean over its findings of the AUC when the referred cases get their labels")
            kind = score_kind_text(self.session.scores.kind(self.session.active))
            rests = self.tr("{0} cases, unit: {1}, {2}").format(self._n, self.numbers.cases().unit, kind)
            self._draw(f"<b>{escape(name)}</b> · {what} · {rests}")

    def _draw(self, heading: str) -> None:
        self.heading.setText(heading)
        self.plot.clear_drawn()
        colour = style_of(self.session.classifiers.place_of(self.session.active)).colour
        for name, dash in zip(DEFINITIONS, _DASHES, strict=True):
            if name in self.found:
                pen = pg.mkPen(colour, width=2, style=dash)
                percent = [100 * rate for rate in RATES]
                self.plot.draw(pg.PlotDataItem(percent, self.found[name], pen=pen), self.names[name])
        self.table.setText(self._table() if self.found else "")

    def _table(self) -> str:
        rows = ["".join(f"<td align='right'>&nbsp;{rate:.0%}</td>" for rate in RATES)]
        lines = [f"<tr><td>{self.tr('referred')}</td>{rows[0]}</tr>"]
        for name in DEFINITIONS:
            cells = "".join(f"<td align='right'>&nbsp;{rate_text(area)}</td>" for area in self.found[name])
            lines.append(f"<tr><td>{self.names[name]}</td>{cells}</tr>")
        told = oracle_referrals(self._n, RATES, "cumulative")
        cells = "".join(f"<td align='right'>&nbsp;{count}</td>" for count in told)
        lines.append(f"<tr><td>{self.tr('cases answered, cumulative')}</td>{cells}</tr>")
        return f"<table>{''.join(lines)}</table>"

    def stop(self) -> None:
        """Wait for the count that is under way."""
        self._pool.waitForDone()
