"""The referral panel: what is retained, over the referral rate, against referral by lot and the best there could be."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QComboBox, QWidget

from xferviewer.evaluation.referral_state import ideal_rates
from xferviewer.evaluation.uncertainty import n_referred
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.number_panel import NumberPanel
from xferviewer.gui.rate_plot import RatePlot
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme

RATES = np.linspace(0, 0.9, 46)


@dataclass(frozen=True, slots=True, eq=False)
class Retained:
    """One rate over the referral rates, arrays (RATES,): with its interval, by lot, and at best (None: not known)."""

    name: str
    middle: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    ideal: NDArray[np.float64] | None


class _Curve:
    """The items of one rate, made once; a slider only changes their data."""

    def __init__(self, plot: RatePlot, dash: Qt.PenStyle, alpha: int) -> None:
        self._alpha = alpha
        self._dash = dash
        nothing = pg.mkPen(0, 0, 0, 0)  # without any pen pyqtgraph makes no curve, and there is nothing to fill between
        self._edges = [pg.PlotCurveItem(pen=nothing) for _ in range(2)]
        self.band = pg.FillBetweenItem(*self._edges)
        self.line = pg.PlotDataItem()
        self.by_lot, self.ideal = pg.PlotDataItem(), pg.PlotDataItem()
        plot.pen_by_theme(self.by_lot, "faint", Qt.PenStyle.DotLine)
        plot.pen_by_theme(self.ideal, "faint", Qt.PenStyle.DashDotLine)
        self._items = (*self._edges, self.band, self.by_lot, self.ideal, self.line)
        for item in self._items:
            plot.addItem(item)

    def show(self, retained: Retained | None, colour: str) -> None:
        for item in self._items:
            item.setVisible(retained is not None)
        if retained is None:
            return
        defined = ~np.isnan(retained.middle)
        percent = 100 * RATES[defined]
        ground = pg.mkColor(colour)
        ground.setAlpha(self._alpha)
        for edge, values in zip(self._edges, (retained.lower, retained.upper), strict=True):
            edge.setData(percent, values[defined])
        self.band.setBrush(ground)
        self.line.setPen(pg.mkPen(colour, width=2, style=self._dash))
        self.line.setData(percent, retained.middle[defined])
        self.by_lot.setData([0, 100 * RATES[-1]], [retained.middle[0]] * 2)
        self.ideal.setVisible(retained.ideal is not None)
        if retained.ideal is not None:
            self.ideal.setData(100 * RATES, retained.ideal)


class ReferralCurvePanel(NumberPanel):
    """The active checkpoint's retained rates, or its AUC; drag the upright line to change the referral rate."""

    def __init__(self, session: Session, numbers: LiveNumbers, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(session, numbers, parent)
        self.what = QComboBox()
        self.what.setAccessibleName(self.tr("What is drawn over the referral rate"))
        self.what.addItem(self.tr("sensitivity, specificity"), "rates")
        self.what.addItem(self.tr("AUC"), "auc")
        self.plot = RatePlot(
            theme,
            self.tr("What is retained over the referral rate"),
            self.tr("referred to an expert (%)"),
            self.tr("on the retained cases"),
            100 * RATES[-1],
            (2 * GRID, -2 * GRID),
        )
        self.curves = (
            _Curve(self.plot, Qt.PenStyle.SolidLine, 40),
            _Curve(self.plot, Qt.PenStyle.DashLine, 24),
        )
        self._marker = pg.InfiniteLine(angle=90, movable=True)
        self.plot.pen_by_theme(self._marker, "accent")
        self._marker.setBounds((0, 90))
        self._marker.sigPositionChanged.connect(self._marker_moved)
        self.plot.addItem(self._marker)
        self._drawn: tuple[object, ...] = ()
        self.add_beside_heading(self.what)
        self.content.addWidget(self.plot, 1)
        self.what.currentIndexChanged.connect(self.refresh_soon)

    @Slot()
    def _marker_moved(self) -> None:
        self.session.set_referral_rate(round(self._marker.value()) / 100)

    def refresh(self) -> None:
        """Draw what the session says."""
        self._marker.blockSignals(True)
        self._marker.setValue(100 * self.session.referral_rate)
        self._marker.blockSignals(False)
        self.heading.setText(self._heading())
        shown = self._retained()
        colour = style_of(self.session.classifiers.place_of(self.session.active)).colour
        for curve, retained in zip(self.curves, (*shown, None, None), strict=False):
            curve.show(retained, colour)
        self._name_curves([retained.name for retained in shown])

    def _name_curves(self, names: list[str]) -> None:
        if tuple(names) == self._drawn:
            return
        self._drawn = tuple(names)
        self.plot.legend.clear()
        for curve, name in zip(self.curves, names, strict=False):
            self.plot.legend.addItem(curve.line, name)
        if names:
            self.plot.legend.addItem(self.curves[0].by_lot, self.tr("referred by lot"))
            if self.curves[0].ideal.isVisible():
                self.plot.legend.addItem(self.curves[0].ideal, self.tr("best possible"))

    def _heading(self) -> str:
        session, finding = self.session, self.session.finding
        compared, checkpoint = self.numbers.compared(finding), session.classifiers.find(session.active)
        if checkpoint is None or session.active not in compared.digests:
            return self.tr("The active checkpoint was not trained for this finding.")
        if not compared.has_both:
            return self.tr("Referral needs predicted cases with and without the finding.")
        measure = {
            "finding": self.tr("its score near the threshold"),
            "probability": self.tr("its probability near 0.5"),
            "case": self.tr("the case's probabilities near 0.5"),
            "entropy": self.tr("the mean entropy of the case's findings"),
            "spread": self.tr("the checkpoints' scores apart"),
            "member-spread": self.tr("its members' scores apart"),
            "mutual-information": self.tr("mutual information of case and member"),
        }[self.numbers.referral.uncertainty_of(finding, session.active)]
        interval = self.tr("95 % Wilson") if self.what.currentData() == "rates" else self.tr("95 % DeLong")
        return self.tr("<b>{0}</b>, {1} · most uncertain first: {2}; bands: {3}").format(
            escape(finding), escape(checkpoint.name), measure, interval
        )

    def _retained(self) -> list[Retained]:
        session, numbers, finding = self.session, self.numbers, self.session.finding
        compared = numbers.compared(finding)
        if session.active not in compared.digests or not compared.has_both:
            return []
        rates = RATES.tolist()
        if self.what.currentData() == "auc":
            areas = numbers.referral.retained_aucs_along(finding, session.active, rates)
            middle, lower, upper = (np.array([getattr(a, name) for a in areas]) for name in ("auc", "lower", "upper"))
            return [Retained(self.tr("AUC"), middle, lower, upper, None)]
        at = numbers.referral.retained_along(finding, session.active, rates)
        referred = np.array([n_referred(compared.rows.size, rate) for rate in rates], dtype=np.int64)
        tp, fn, tn, fp = (int(n[0]) for n in (at.true_positive, at.false_negative, at.true_negative, at.false_positive))
        return [
            Retained(
                self.tr("sensitivity"), at.sensitivity, at.sensitivity_lower, at.sensitivity_upper,
                ideal_rates(tp, fn, referred),
            ),
            Retained(
                self.tr("specificity"), at.specificity, at.specificity_lower, at.specificity_upper,
                ideal_rates(tn, fp, referred),
            ),
        ]  # fmt: skip
