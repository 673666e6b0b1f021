"""What computes: the devices of this computer, what each open checkpoint uses, and the choice of another one."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from xferviewer import protocol
from xferviewer.gui import device_words, dialogs
from xferviewer.gui.engine_client import EngineClient
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.main_window import MainWindow
from xferviewer.gui.open_checkpoints import OpenCheckpoints
from xferviewer.gui.predicting import Predicting
from xferviewer.gui.session import Session


class Devices(QObject):
    """Between the engine, which says what there is, and the window's button, which chooses."""

    offers_changed = Signal(object)  # tuple[protocol.DeviceOffer, ...]: what this computer has
    in_use_changed = Signal(object)  # list[tuple[str, protocol.CheckpointOpened]]: by name, what each computes on

    def __init__(
        self,
        session: Session,
        engine: EngineClient,
        predicting: Predicting,
        checkpoints: OpenCheckpoints,
        settings: KeptSettings,
        window: MainWindow,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._engine = engine
        self._predicting = predicting
        self._checkpoints = checkpoints
        self._settings = settings
        self._window = window
        self._offers: tuple[protocol.DeviceOffer, ...] = ()
        button = window.top.device
        button.choose(settings.now.device, settings.now.precision)
        button.chosen.connect(self._use)
        window.device_asked.connect(self._show_details)
        engine.state_changed.connect(button.show_state)
        engine.devices_listed.connect(button.show_devices)
        engine.devices_listed.connect(self._keep_offers)
        engine.checkpoint_opened.connect(self._show_in_use)

    @Slot(str, str)
    def _use(self, device: str, precision: str) -> None:
        """Compute everything there from now on; what was stored for it is shown again, the rest is computed."""
        self._settings.keep(device=device, precision=precision)
        self._predicting.use(device, precision)
        self._checkpoints.open_again()

    @Slot(object)
    def _keep_offers(self, message: protocol.DevicesListed) -> None:
        self._offers = message.devices
        self.offers_changed.emit(message.devices)

    def _in_use(self) -> list[tuple[str, protocol.CheckpointOpened]]:
        known = self._session.classifiers.checkpoint
        checkpoints = ((known(digest), opened) for digest, opened in self._engine.in_use.items())
        return [(checkpoint.name, opened) for checkpoint, opened in checkpoints if checkpoint is not None]

    @Slot(object)
    def _show_in_use(self, _message: protocol.CheckpointOpened) -> None:
        in_use = self._in_use()
        self._window.top.device.setToolTip(device_words.tool_tip(in_use))
        self.in_use_changed.emit(in_use)

    @Slot()
    def _show_details(self) -> None:
        dialogs.show_devices(self._window, device_words.details(self._offers, self._in_use()))
