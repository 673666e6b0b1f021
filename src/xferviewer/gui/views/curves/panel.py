"""The panel of curves: a tab for each kind, over what all of them rest on."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QMenu, QTabWidget, QToolButton, QVBoxLayout, QWidget

from xferviewer.gui.calculator import Calculator
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
from xferviewer.gui.views.curves.tab import Context, SeenTab
from xferviewer.gui.views.curves.words import basis


class CurvesPanel(QWidget):
    """The compared checkpoints as curves. Only the tab that is seen draws; its figure is asked for by signal."""

    save_asked = Signal(object)  # tuple[CurvePlot, ...]: one, or small multiples
    copy_asked = Signal(object)

    def __init__(
        self,
        session: Session,
        numbers: LiveNumbers,
        calculator: Calculator,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        context = Context(session, numbers, LiveCurves(session, numbers, calculator, self), theme)
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
        self.tabs.setCornerWidget(self._figure_button())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        layout.setSpacing(GRID)
        layout.addWidget(self.heading)
        layout.addWidget(self.tabs, 1)
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._say_basis)
        numbers.changed.connect(self._soon.start)
        session.finding_changed.connect(self._soon.start)

    def _figure_button(self) -> QToolButton:
        button = QToolButton()
        button.setText(self.tr("Figure"))
        button.setAccessibleName(self.tr("Save or copy the figure"))
        button.setToolTip(
            self.tr("Save or copy what this tab shows, with its caption. Saving writes the data beside it.")
        )
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        self.save = menu.addAction(self.tr("Save figure …"))
        self.copy = menu.addAction(self.tr("Copy figure"))
        self.save.triggered.connect(self._ask_to_save)
        self.copy.triggered.connect(self._ask_to_copy)
        menu.aboutToShow.connect(self._enable)
        button.setMenu(menu)
        return button

    @property
    def tab(self) -> SeenTab:
        """The tab that is seen."""
        tab = self.tabs.currentWidget()
        return tab if isinstance(tab, SeenTab) else self.roc

    @Slot()
    def _enable(self) -> None:
        """There is a figure where something is drawn."""
        for action in (self.save, self.copy):
            action.setEnabled(self.tab.has_figure)

    @Slot()
    def _ask_to_save(self) -> None:
        self.save_asked.emit(self.tab.figure())

    @Slot()
    def _ask_to_copy(self) -> None:
        self.copy_asked.emit(self.tab.figure())

    def showEvent(self, event: QShowEvent) -> None:
        """Say what changed while nobody looked."""
        super().showEvent(event)
        self._say_basis()

    @Slot()
    def _say_basis(self) -> None:
        if self.isVisible():
            self.heading.setText(basis(self._session, self._numbers))
