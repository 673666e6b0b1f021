"""The panel of curves: a tab for each kind, over what all of them rest on."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QTabWidget, QVBoxLayout, QWidget

from xferviewer.gui.live_curves import LiveCurves
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme
from xferviewer.gui.views.curves.all_findings import AllFindingsTab
from xferviewer.gui.views.curves.calibration import CalibrationTab
from xferviewer.gui.views.curves.decision import DecisionTab
from xferviewer.gui.views.curves.precision_recall import PrecisionRecallTab
from xferviewer.gui.views.curves.risk_coverage import RiskCoverageTab
from xferviewer.gui.views.curves.roc import RocTab
from xferviewer.gui.views.curves.tab import Context
from xferviewer.gui.views.curves.words import basis


class CurvesPanel(QWidget):
    """The compared checkpoints as curves. Only the tab that is seen draws."""

    def __init__(self, session: Session, numbers: LiveNumbers, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        context = Context(session, numbers, LiveCurves(session, numbers), theme)
        self.heading = QLabel()
        self.heading.setWordWrap(True)
        self.roc = RocTab(context)
        self.precision_recall = PrecisionRecallTab(context)
        self.calibration = CalibrationTab(context)
        self.decision = DecisionTab(context)
        self.risk_coverage = RiskCoverageTab(context)
        self.all_findings = AllFindingsTab(context)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setAccessibleName(self.tr("Kinds of curves"))
        for tab in (
            self.roc, self.precision_recall, self.calibration, self.decision, self.risk_coverage, self.all_findings
        ):  # fmt: skip
            self.tabs.addTab(tab, tab.title)
            self.tabs.setTabToolTip(self.tabs.count() - 1, tab.mouse_habits)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        layout.setSpacing(GRID)
        layout.addWidget(self.heading)
        layout.addWidget(self.tabs, 1)
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._say_basis)
        numbers.changed.connect(self._soon.start)
        session.finding_changed.connect(self._soon.start)

    def showEvent(self, event: QShowEvent) -> None:
        """Say what changed while nobody looked."""
        super().showEvent(event)
        self._say_basis()

    @Slot()
    def _say_basis(self) -> None:
        if self.isVisible():
            self.heading.setText(basis(self._session, self._numbers))
