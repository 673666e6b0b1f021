"""What whoever starts the application for the first time is told and asked, once: notice, computer, demo cohort."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from xferviewer.gui.device_words import computer_line, parity_lines
from xferviewer.gui.engine_client import EngineState
from xferviewer.gui.field import heading, said
from xferviewer.gui.theme import GRID
from xferviewer.protocol import CheckpointOpened, DeviceOffer

_WIDTH = 180 * GRID


class FirstStart(QDialog):
    """Both buttons acknowledge the notice; Esc puts it off to the next start. The engine's words come when they can."""

    acknowledged = Signal()
    demo_asked = Signal()

    def __init__(self, checkpoints: int, parent: QWidget | None = None) -> None:
        """`checkpoints` is how many are opened, and checked, at this start."""
        super().__init__(parent)
        self._checkpoints = checkpoints
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Before you begin"))
        self.setFixedWidth(_WIDTH)
        self.computer = said(self.tr("The engine is starting; it will say what this computer has to compute on."))
        self.parity = said()
        self.demo = QPushButton(self.tr("I understand: open the demo cohort"))
        self.own = QPushButton(self.tr("I understand: begin with my own images"))
        self.demo.setDefault(True)
        self.own.setAutoDefault(False)
        self.demo.clicked.connect(self._begin_with_demo)
        self.own.clicked.connect(self._begin)
        self._build()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6 * GRID, 5 * GRID, 6 * GRID, 5 * GRID)
        layout.setSpacing(2 * GRID)
        for title, *words in (
            (
                self.tr("For research, not for diagnosis"),
                _wrapped(
                    self.tr(
                        "xferviewer compares image classifiers. It is no medical device, and nothing it shows may be "
                        "used to decide about a patient. Images and predictions stay on this computer."
                    )
                ),
            ),
            (self.tr("What computes here"), self.computer, self.parity),
            (
                self.tr("Something to begin with"),
                _wrapped(
                    self.tr(
                        "The demo cohort is synthetic: chest films of three sites that no patient was in front of, "
                        "with their findings, and checkpoints that were trained on such films. The menu (☰, File) has "
                        "it at any time."
                    )
                ),
            ),
        ):
            layout.addWidget(heading(title))
            for each in words:
                layout.addWidget(each)
            layout.addSpacing(2 * GRID)
        layout.addStretch(1)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.own)
        buttons.addWidget(self.demo)
        layout.addLayout(buttons)
        self.parity.hide()
        self.demo.setFocus()

    @Slot(object)
    def show_state(self, state: EngineState) -> None:
        """Say so where the engine cannot be had: the rest of the dialog needs none."""
        if state.state in ("restarting", "stopped"):
            self.computer.setText(self.tr("The engine is not running, so that it is not known what can compute here."))
            self.adjustSize()

    def show_computer(self, offers: Sequence[DeviceOffer]) -> None:
        """What this computer has to compute on, and why not the rest."""
        lines = [line for offer in offers if (line := computer_line(offer))]
        self.computer.setText("\n".join(lines))
        self._show_parity(self.tr("The checkpoints are opened and their numbers compared with those of the CPU …"))

    def show_in_use(self, in_use: Sequence[tuple[str, CheckpointOpened]]) -> None:
        """What the checkpoints that are opened by now compute on, with their names, and what the check gave."""
        lines = parity_lines(in_use)
        if len(in_use) < self._checkpoints:
            lines.append(self.tr("{0} of {1} checkpoints are opened …").format(len(in_use), self._checkpoints))
        self._show_parity("\n".join(lines))

    def _show_parity(self, text: str) -> None:
        self.parity.setText(text)
        self.parity.setVisible(bool(text) and self._checkpoints > 0)
        self.adjustSize()

    @Slot()
    def _begin(self) -> None:
        self.acknowledged.emit()
        self.accept()

    @Slot()
    def _begin_with_demo(self) -> None:
        self._begin()
        self.demo_asked.emit()


def _wrapped(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    return label
