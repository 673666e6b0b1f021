"""The tab of decision curves: what acting on the probabilities is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PySide6.QtWidgets import QComboBox

from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.exchange.curve_plot import Curve, CurvePlot, Guide
from xferviewer.gui.number_text import rate_text
from xferviewer.gui.views.curves.plot import ZoomPlot, pen_of
from xferviewer.gui.views.curves.tab import Context, CurveTab
from xferviewer.gui.views.curves.words import signed_text

_GRID = 200
_TIMES_PREVALENCE = 4
_LEAST_RANGE = 0.1


class DecisionTab(CurveTab):
    """Net benefit over the threshold probability, against acting on everybody and on nobody."""

    probabilities_only = True
    needs_spread = False

    def __init__(self, context: Context) -> None:
        name, below, beside = self.tr("Decision curves"), self.tr("threshold probability"), self.tr("net benefit")
        plot = ZoomPlot(context.theme, name, below, beside)
        super().__init__(
            context,
            self.tr("Decision"),
            plot,
            [
                (self.tr("at"), self.tr("The threshold probability p: who acts from there on holds one needed action "
                                        "for worth (1 − p) / p needless ones")),
                (self.tr("net benefit\nless all"), self.tr("True positives per case, less false positives weighted by "
                                                           "the odds of the threshold; the same less that of acting on "
                                                           "everybody")),
                (self.tr("avoided\nof 100"), self.tr("Needless actions avoided per 100 cases against acting on "
                                                     "everybody, at no fewer needed ones")),
            ],
            self.tr(
                "Dashed: acting on everybody; zero: on nobody. Dot: the operating point. It means what it says only "
                "where probabilities are calibrated. Drag, wheel: zoom; double click: all."
            ),
            area=plot,
        )  # fmt: skip
        self._live.changed.connect(self.draw_anew)
        self.range = QComboBox()
        self.range.setAccessibleName(self.tr("Range of thresholds"))
        self.range.addItem(self.tr("near prevalence"), "prevalence")
        self.range.addItem(self.tr("0 to 1"), "all")
        self.range.setToolTip(self.tr("Thresholds up to four times the prevalence, or all"))
        self.range.currentIndexChanged.connect(self.draw_soon)
        self.controls.addWidget(self.range)
        self._add_intervals(
            self.tr("Bands: 95 % percentiles of the net benefit at each threshold over 2,000 bootstrap resamples, "
                    "of patients where they are known, else of cases")
        )  # fmt: skip

    # --- drawing

    def rests_on(self) -> tuple[object, ...]:
        """Thresholds move the dots."""
        thresholds = self._numbers.thresholds(self._session.finding)
        return *super().rests_on(), self.range.currentData(), self.intervals.currentData(), *thresholds

    def _prevalence(self) -> float:
        compared = self._numbers.compared(self._session.finding)
        return compared.n_positive / (compared.n_positive + compared.n_negative)

    def thresholds(self) -> tuple[float, ...]:
        """Where the net benefit is computed: from just above 0 to the end of the axis."""
        return tuple((self._end() * np.arange(1, _GRID) / _GRID).tolist())

    def _end(self) -> float:
        near = min(max(_TIMES_PREVALENCE * self._prevalence(), _LEAST_RANGE), 1.0)
        return near if self.range.currentData() == "prevalence" else 1.0

    def draw_frame(self, drawn: Sequence[str]) -> None:
        """Everybody and nobody, over the range that the prevalence gives; the dots."""
        prevalence, thresholds, end = self._prevalence(), self.thresholds(), self._end()
        self.plot.set_home((0.0, end), _ends_of_benefit(prevalence))
        everybody = self._live.decision(self._session.finding, drawn[0], thresholds).treat_all
        # Far below the axis the line is not drawn: it goes to minus infinity.
        seen = everybody > -2 * prevalence
        x = np.array(thresholds)
        self.plot.line("everybody", x[seen], everybody[seen], self.plot.guide_pen(), z=-20)
        self.plot.line("nobody", [0, end], [0, 0], self.plot.axis_pen(), z=-20)
        at = {digest: self._session.operating_points.threshold(digest, self._session.finding) for digest in drawn}
        dotted = [digest for digest in drawn if 0 < at[digest] < 1]
        self.plot.dots(
            "operating points",
            [at[digest] for digest in dotted],
            [self._net_benefit_at(digest, at[digest])[0] for digest in dotted],
            [self.style_of(digest).colour for digest in dotted],
        )

    def draw_checkpoint(self, digest: str, style: CheckpointStyle) -> None:
        """The net benefit, and how far the active one's may be off."""
        finding, thresholds = self._session.finding, self.thresholds()
        x = np.array(thresholds)
        self.plot.line(
            ("benefit", digest), x, self._live.decision(finding, digest, thresholds).net_benefit, pen_of(style)
        )
        band = self._live.decision_band(finding, digest, thresholds) if self.has_interval(digest) else None
        if band is not None:
            self.plot.band(("band", digest), x, band.lower, band.upper, style.colour)

    def figure_of(self, drawn: Sequence[str], names: Mapping[str, str]) -> CurvePlot:
        """The net benefits over the range that is chosen, everybody and nobody."""
        finding, thresholds, prevalence = self._session.finding, self.thresholds(), self._prevalence()
        x, curves, bands = np.array(thresholds), [], ""
        for digest in drawn:
            lower = upper = None
            band = self._live.decision_band(finding, digest, thresholds) if self.has_interval(digest) else None
            if band is not None:
                lower, upper = band.lower, band.upper
                bands = f"Bands: 95 % of {band.resamples:,} bootstrap resamples, threshold by threshold. "
            y = self._live.decision(finding, digest, thresholds).net_benefit
            curves.append(Curve(names[digest], self.style_of(digest), x, y, lower, upper))
        everybody = Guide("everybody", x, self._live.decision(finding, drawn[0], thresholds).treat_all)
        nobody = Guide("nobody", x[[0, -1]], np.zeros(2))
        caption = self.caption(f"{bands}Thin lines: everybody and nobody is called positive.")
        return CurvePlot(
            "decision", f"{finding}: decision curve", "threshold probability", "net benefit", tuple(curves),
            caption, (everybody, nobody), (0.0, self._end()), _ends_of_benefit(prevalence),
        )  # fmt: skip

    def _net_benefit_at(self, digest: str, threshold: float) -> tuple[float, float, float]:
        """Net benefit, the same less that of acting on everybody, and needless actions avoided per 100."""
        curve = self._live.decision(self._session.finding, digest, (threshold,))
        benefit = float(curve.net_benefit[0])
        return benefit, benefit - float(curve.treat_all[0]), float(curve.interventions_avoided[0])

    def show_cursor(self, drawn: Sequence[str]) -> str:
        """The threshold under the mouse."""
        at = self._threshold_at_cursor()
        self.plot.show_cursor(at)
        if at is None:
            self.plot.mark([], [], [])
            return self.tr("at the operating points")
        self.plot.mark(
            [at] * len(drawn),
            [float(self._net_benefit_on_grid(digest, at)[0]) for digest in drawn],
            [self.style_of(digest).colour for digest in drawn],
        )
        return self.tr("at threshold probability {0}").format(rate_text(at))

    def _threshold_at_cursor(self) -> float | None:
        """The threshold of the grid next to the mouse: any other would cost a pass over the cases."""
        if self.cursor_at is None:
            return None
        thresholds = np.array(self.thresholds())
        return float(thresholds[np.argmin(np.abs(thresholds - self.cursor_at.x()))])

    def _net_benefit_on_grid(self, digest: str, threshold: float) -> tuple[float, float, float]:
        thresholds = self.thresholds()
        curve, place = self._live.decision(self._session.finding, digest, thresholds), thresholds.index(threshold)
        benefit = float(curve.net_benefit[place])
        return benefit, benefit - float(curve.treat_all[place]), float(curve.interventions_avoided[place])

    def cells(self, digest: str) -> Sequence[str]:
        """At the mouse, else at the operating point."""
        at = self._threshold_at_cursor()
        threshold = self._session.operating_points.threshold(digest, self._session.finding) if at is None else at
        if not 0 < threshold < 1:
            return (rate_text(threshold), "n/a", "n/a")
        benefit, more, avoided = (
            self._net_benefit_at(digest, threshold) if at is None else self._net_benefit_on_grid(digest, at)
        )
        return rate_text(threshold), f"{signed_text(benefit, 4)}\n{signed_text(more, 4)}", signed_text(avoided, 1)


def _ends_of_benefit(prevalence: float) -> tuple[float, float]:
    """The upright axis: no net benefit is above the prevalence."""
    return -0.3 * prevalence, 1.1 * prevalence
