"""The bar at the top: menu, perspectives, research notice, the finding shown everywhere, and the device."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QButtonGroup, QComboBox, QLabel, QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from xferviewer import RESEARCH_NOTICE
from xferviewer.gui.actions import ACTIONS
from xferviewer.gui.device_button import DeviceButton
from xferviewer.gui.session import Session

PERSPECTIVES = ("read", "evaluate", "train")


class TopBar(QToolBar):
    """Its buttons trigger the window's actions; the finding is the session's."""

    def __init__(self, session: Session, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setWindowTitle(self.tr("Perspectives"))
        self.setObjectName("top")
        self.setMovable(False)
        self.setFloatable(False)
        self.menu = self._menu(actions)
        menu_button = QToolButton()
        menu_button.setText("☰")
        menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu_button.setAccessibleName(self.tr("Menu"))
        menu_button.setMenu(self.menu)
        self.addWidget(menu_button)
        self._buttons = QButtonGroup(self)
        for name, title in zip(PERSPECTIVES, (self.tr("Read"), self.tr("Evaluate"), self.tr("Train")), strict=True):
            button = QToolButton()
            button.setText(title)
            button.setCheckable(True)
            button.setObjectName("perspective")
            button.clicked.connect(actions[f"perspective_{name}"].trigger)
            self._buttons.addButton(button, PERSPECTIVES.index(name))
            self.addWidget(button)
        spacer = QWidget()
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(spacer)
        notice = QLabel(RESEARCH_NOTICE)
        notice.setObjectName("notice")
        self.addWidget(notice)
        self.addSeparator()
        label = QLabel(self.tr("  finding "))
        self.finding = QComboBox()
        self.finding.setAccessibleName(self.tr("Finding shown everywhere"))
        self.finding.setMinimumContentsLength(16)
        label.setBuddy(self.finding)
        self.addWidget(label)
        self.addWidget(self.finding)
        self.addSeparator()
        self.device = DeviceButton(actions["device"])
        self.addWidget(self.device)
        session.classifiers_changed.connect(self._fill_findings)
        session.finding_changed.connect(self._show_finding)
        self.finding.textActivated.connect(session.set_finding)
        self._fill_findings()

    def _menu(self, actions: Mapping[str, QAction]) -> QMenu:
        menu = QMenu(self)
        below: dict[str, QMenu] = {}
        for row in ACTIONS:
            if row.menu not in below:
                below[row.menu] = menu.addMenu(self.tr(row.menu))
                below[row.menu].setToolTipsVisible(True)  # why something cannot be chosen
            below[row.menu].addAction(actions[row.name])
        return menu

    def show_perspective(self, name: str) -> None:
        """Mark the perspective that is shown."""
        self._buttons.button(PERSPECTIVES.index(name)).setChecked(True)

    @Slot()
    def _fill_findings(self) -> None:
        self.finding.clear()
        self.finding.addItems(self._session.classifiers.findings)
        self._show_finding()

    @Slot()
    def _show_finding(self) -> None:
        self.finding.setCurrentText(self._session.finding)
