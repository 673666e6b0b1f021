"""The calibration tab: the reliability diagram, how the probabilities are distributed, and the measures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtWidgets import QComboBox, QSpinBox, QVBoxLayout, QWidget

from xferviewer.exchange.checkpoint_styles import CheckpointStyle
from xferviewer.gui.number_text import interval_text, rate_text
from xferviewer.gui.views.curves.plot import CurvePlot, pen_of
from xferviewer.gui.views.curves.tab import Context, CurveTab

_MOST_BINS = 50


class CalibrationTab(CurveTab):
    """Observed rate over mean probability, a dot for each bin; below, how many cases have which probability."""

    probabilities_only = True
    needs_spread = False

    def __init__(self, context: Context) -> None:
        below = self.tr("probability")
        plot = CurvePlot(context.theme, self.tr("Reliability diagram"), "", self.tr("observed rate"))
        self.histogram = CurvePlot(context.theme, self.tr("Cases by probability"), below, self.tr("cases"))
        area = QWidget()
        layout = QVBoxLayout(area)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(plot, 5)
        layout.addWidget(self.histogram, 2)
        super().__init__(
            context,
            self.tr("Calibration"),
            plot,
            [],
            "",
            area=area,
        )
