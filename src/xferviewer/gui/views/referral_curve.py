"""The referral panel: sensitivity and specificity of what is retained, over the referral rate, against chance."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.rate_plot import RatePlot
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme

_RATES = np.linspace(0, 0.9, 46)


class ReferralCurvePanel(QWidget):
    """The active checkpoint's retained sensitivity and specificity with Wilson bands; dotted: referral by lot."""

    def __init__(self, session: Session, numbers: LiveNumbers, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        self._theme = theme
        self.heading = QLabel()
        self.heading.setWordWrap(True)
        self.plot = RatePlot(
            theme,
            self.tr("Retained sensitivity and specificity over the referral rate"),
            self.tr("referred to an expert (%)"),
            self.tr("on the retained cases"),
            100 * _RATES[-1],
            (2 * GRID, -2 * GRID),
        )
        self._marker = pg.InfiniteLine(
            angle=90, movable=True, pen=pg.mkPen(theme.accent), hoverPen=pg.mkPen(theme.text)
        )
        self._marker.setBounds((0, 90))
        self._marker.sigPositionChanged.connect(self._marker_moved)
        self.plot.addItem(self._marker)
        layout = QVBoxLayout(self)
        layout.addWidget(self.heading)
        layout.addWidget(self.plot, 1)
        numbers.changed.connect(self._draw)
        session.finding_changed.connect(self._draw)
        session.panes_changed.connect(self._draw)
        self._draw()

    @Slot()
    def _marker_moved(self) -> None:
        self._session.set_referral_rate(round(self._marker.value()) / 100)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what changed while nobody looked."""
        super().showEvent(event)
        self._draw()

    @Slot()
    def _draw(self) -> None:
        if not self.isVisible():
            return
        self.plot.clear_drawn()
        self._marker.blockSignals(True)
        self._marker.setValue(100 * self._session.referral_rate)
        self._marker.blockSignals(False)
        session, finding = self._session, self._session.finding
        compared, checkpoint = self._numbers.compared(finding), session.scored_as(session.active)
        if checkpoint is None or session.active not in compared.digests:
            self.heading.setText(self.tr("The active checkpoint was not trained for this finding."))
            return
        if not compared.n_positive or not compared.n_negative:
            self.heading.setText(self.tr("Referral needs predicted cases with and without the finding."))
            return
        measure = {
            "finding": self.tr("its score near the threshold"),
            "probability": self.tr("its probability near 0.5"),
            "case": self.tr("the case's probabilities near 0.5"),
            "entropy": self.tr("the mean entropy of the case's findings"),
            "spread": self.tr("the checkpoints' scores apart"),
        }[self._numbers.uncertainty_of(finding)]
        self.heading.setText(
            self.tr("<b>{0}</b>, {1} · most uncertain first: {2}; bands: 95 % Wilson").format(
                finding, checkpoint.name, measure
            )
        )
        self._draw_rates(finding, compared.digests.index(session.active))

    def _draw_rates(self, finding: str, at: int) -> None:
        session = self._session
        thresholds = [session.threshold(digest, finding) for digest in self._numbers.compared(finding).digests]
        sweep = self._numbers.sweep(finding)
        states = [sweep.at(float(rate), thresholds) for rate in _RATES]
        colour = style_of(session.place_of(session.active)).colour
        for name, dash in (("sensitivity", Qt.PenStyle.SolidLine), ("specificity", Qt.PenStyle.DashLine)):
            middle, lower, upper = (
                np.array([getattr(state, f"{name}{part}")[at] for state in states]) for part in ("", "_lower", "_upper")
            )
            defined = ~np.isnan(middle)
            percent = 100 * _RATES[defined]
            band = pg.mkColor(colour)
            band.setAlpha(40 if name == "sensitivity" else 24)
            # A pen that draws nothing: without any pen pyqtgraph makes no curve, and there is nothing to fill between.
            edges = [pg.PlotCurveItem(percent, values[defined], pen=pg.mkPen(0, 0, 0, 0)) for values in (lower, upper)]
            fill = pg.FillBetweenItem(*edges, brush=band)
            line = pg.PlotDataItem(percent, middle[defined], pen=pg.mkPen(colour, width=2, style=dash))
            by_lot = pg.PlotDataItem(
                [0, 90], [middle[0], middle[0]], pen=pg.mkPen(self._theme.faint, style=Qt.PenStyle.DotLine)
            )
            for item in (*edges, fill, by_lot):
                self.plot.draw(item)
            self.plot.draw(line, name)
        self.plot.legend.addItem(by_lot, self.tr("referred by lot"))
