"""What computes, at the top of the window, and the menu that chooses it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from xferviewer.gui.device_words import device_line, precision_line
from xferviewer.gui.engine_client import EngineState
from xferviewer.protocol import DeviceOffer, DevicesListed

_DEVICES = ("auto", "cuda", "mps", "cpu")
_PRECISIONS = ("fp32", "bf16", "fp16")


class DeviceButton(QToolButton):
    """Says what is really in use; its menu holds what was chosen. What this computer has not cannot be chosen."""

    chosen = Signal(str, str)  # device, precision

    def __init__(self, details: QAction, parent: QWidget | None = None) -> None:
        """`details` is the action that shows what the checks of each checkpoint gave."""
        super().__init__(parent)
        self.setObjectName("device")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setAccessibleName(self.tr("Device and precision"))
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self._devices = self._group(menu, self.tr("Device"), _DEVICES)
        self._precisions = self._group(menu, self.tr("Precision"), _PRECISIONS)
        menu.addSeparator()
        menu.addAction(details)
        self.setMenu(menu)
        self._offers: tuple[DeviceOffer, ...] = ()
        self._choice = ("auto", "fp32")
        self.show_state(EngineState("starting"))
        self._show_choice()

    def _group(self, menu: QMenu, title: str, values: Sequence[str]) -> dict[str, QAction]:
        menu.addSection(title)
        group = QActionGroup(menu)
        group.triggered.connect(self._take_choice)
        actions = {}
        for value in values:
            actions[value] = group.addAction(value)
            actions[value].setCheckable(True)
            menu.addAction(actions[value])
        return actions

    def choose(self, device: str, precision: str) -> None:
        """Show that these were chosen."""
        self._choice = (device, precision)
        self._show_choice()

    @Slot(object)
    def show_devices(self, message: DevicesListed) -> None:
        """Offer what this computer has, and say why it has not the rest."""
        self._offers = message.devices
        self._show_choice()

    @Slot(object)
    def show_state(self, state: EngineState) -> None:
        """Device and precision, or what the engine is doing instead."""
        words = {
            "starting": self.tr("engine: starting …"),
            "restarting": self.tr("engine: starting again …"),
            "stopped": self.tr("engine: stopped"),
        }
        self.setText(words.get(state.state, self.tr("device: {0}").format(state.device)))

    @Slot(QAction)
    def _take_choice(self, _action: QAction) -> None:
        device = next(name for name, action in self._devices.items() if action.isChecked())
        precision = next(name for name, action in self._precisions.items() if action.isChecked())
        if (device, precision) != self._choice:
            self.choose(device, precision)
            self.chosen.emit(device, precision)

    def _show_choice(self) -> None:
        device, precision = self._choice
        self._devices[device].setChecked(True)
        self._precisions[precision].setChecked(True)
        for name, action in self._devices.items():
            text, refused = device_line(name, self._offers)
            _show(action, text, refused, chosen=name == device)
        for name, action in self._precisions.items():
            text, refused = precision_line(name, device, self._offers)
            _show(action, text, refused, chosen=name == precision)


def _show(action: QAction, text: str, refused: str, *, chosen: bool) -> None:
    """What was chosen can be seen even where it cannot be had."""
    action.setText(text)
    action.setToolTip(refused)
    action.setEnabled(not refused or chosen)
