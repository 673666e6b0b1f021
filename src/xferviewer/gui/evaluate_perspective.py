"""The Evaluate perspective: what is compared, curves, and the panels of numbers around them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from xferviewer.gui.calculator import Calculator
from xferviewer.gui.live_groups import LiveGroups
from xferviewer.gui.live_hand_over import LiveHandOver
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.map_measuring import MapMeasuring
from xferviewer.gui.perspective import Perspective
from xferviewer.gui.session import Session
from xferviewer.gui.theme import Theme
from xferviewer.gui.views.curves import CurvesPanel
from xferviewer.gui.views.disagreement import DisagreementLine
from xferviewer.gui.views.evaluation_bar import EvaluationBar
from xferviewer.gui.views.hand_over import HandOverPanel
from xferviewer.gui.views.map_quality import CohortQualityPanel
from xferviewer.gui.views.metrics import MetricsTable
from xferviewer.gui.views.operating_point import OperatingPointPanel
from xferviewer.gui.views.oracle_curve import OracleCurvePanel
from xferviewer.gui.views.referral_curve import ReferralCurvePanel
from xferviewer.gui.views.subgroups import SubgroupsPanel


class EvaluatePerspective(Perspective):
    """Curves in the middle, the table of findings below, and at the right the panels of one decision each."""

    def __init__(
        self,
        session: Session,
        numbers: LiveNumbers,
        calculator: Calculator,
        measuring: MapMeasuring,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        curves = CurvesPanel(session, numbers, calculator, theme)
        super().__init__("evaluate", curves, parent)
        self.curves = curves
        self.bar = EvaluationBar(session)
        self.metrics = MetricsTable(session, numbers)
        self.operating_point = OperatingPointPanel(session, numbers, theme)
        self.disagreement = DisagreementLine(session, numbers, calculator)
        self.operating_point.add_below(self.disagreement)
        self.subgroups = SubgroupsPanel(session, numbers, LiveGroups(session, numbers, calculator, self), theme)
        self.hand_over = HandOverPanel(session, numbers, LiveHandOver(numbers, calculator, self), theme)
        self.referral_curve = ReferralCurvePanel(session, numbers, theme)
        self.oracle_curve = OracleCurvePanel(session, numbers, theme)
        self.map_quality = CohortQualityPanel(session, numbers, measuring, theme)
        self.map_quality.run_asked.connect(measuring.measure_cohort)
        self.map_quality.cancel_asked.connect(measuring.cancel)
        self.map_quality.command_asked.connect(measuring.copy_command)
        self._lay_out()

    def _lay_out(self) -> None:
        right, bottom = Qt.DockWidgetArea.RightDockWidgetArea, Qt.DockWidgetArea.BottomDockWidgetArea
        self.setCorner(Qt.Corner.BottomRightCorner, right)  # the decision panels are tables of many rows
        self.add_bar(self.tr("What is compared"), self.bar)
        self.add_panel("metrics", self.tr("Findings × checkpoints"), self.metrics, bottom, (1400, 340))
        points = self.add_panel("points", self.tr("Operating point"), self.operating_point, right, (612, 800))
        self.add_tab("subgroups", self.tr("Subgroups"), self.subgroups, points)
        self.add_tab("hand_over", self.tr("Hand-over"), self.hand_over, points)
        self.add_tab("referral", self.tr("Referral"), self.referral_curve, points)
        self.add_tab("oracle", self.tr("Oracle AUC"), self.oracle_curve, points)
        self.add_tab("map_quality", self.tr("Map quality"), self.map_quality, points)
