"""The window's side of the engine process: starts it, talks to it, and brings it back when it dies.

Every request is kept until it is answered. When the engine crashes or hangs, it is started again, the checkpoints are
opened again and what was not answered is asked again, so that no work is lost and none is done twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QProcess, QTimer, Signal, Slot

from xferviewer import protocol
from xferviewer.gui.engine_requests import EngineRequests
from xferviewer.processes import own_command
from xferviewer.saliency_methods import MapChoice

log = logging.getLogger(__name__)

# What the engine prints when it dies: Python's fault handler, which names our own source files and nothing else.
_FAULT_LINES = ("Fatal Python error", "Current thread", "Thread", "  File", "MemoryError", "terminate called")

_MOST_SECONDS_WITHOUT_HEARTBEAT = 60.0
_MOST_CRASHES_WITHOUT_ANSWER = 2


@dataclass(frozen=True, slots=True)
class EngineState:
    """What the window says about the engine: "starting", "ready", "restarting" or "stopped", and what computes."""

    state: str
    device: str = ""


class EngineClient(QObject):
    """One long-lived engine process.

    Signals carry the frozen dataclasses of `protocol` as objects, so that arrays pass uncopied.
    """

    state_changed = Signal(object)  # EngineState
    devices_listed = Signal(object)  # protocol.DevicesListed
    checkpoint_opened = Signal(object)  # protocol.CheckpointOpened
    warned = Signal(object)  # protocol.Warned
    input_measured = Signal(object)  # protocol.InputMeasured
    predicted = Signal(object)  # protocol.Predicted
    explained = Signal(object)  # protocol.Explained
    network_input = Signal(object)  # protocol.NetworkInput
    explaining = Signal(object)  # protocol.ExplainProgress
    failed = Signal(object)  # protocol.Failed
    finished = Signal(object)  # protocol.Finished
    map_measured = Signal(object)  # protocol.MapMeasured
    measuring_progressed = Signal(object)  # protocol.MeasuringProgressed
    measuring_failed = Signal(object)  # protocol.Failed: one image, or all of a request to measure maps
    interrupted = Signal(str)  # a sentence for the user: the engine died, and what happens now

    def __init__(self, parent: QObject | None = None, command: Iterable[str] | None = None) -> None:
        super().__init__(parent)
        self._command = list(command) if command is not None else own_command("engine")
        self._process: QProcess | None = None
        self._decoder = protocol.Decoder()
        self._requests = EngineRequests()
        self._crashes_without_answer = 0
        self._opened = False  # this engine has opened the checkpoints, as far as they can be
        self.in_use: dict[str, protocol.CheckpointOpened] = {}  # by digest: on what each checkpoint computes
        self._last_sign = time.monotonic()
        self._stopping = False
        self.state = EngineState("stopped")
        self._watch = QTimer(self, interval=1000)
        self._watch.timeout.connect(self._look_for_a_hang)

    @property
    def process_id(self) -> int:
        """The engine's process id; 0 while there is none."""
        return int(self._process.processId()) if self._process is not None else 0

    def start(self) -> None:
        """Start the engine process; what was asked before it lives is sent when it does."""
        self._stopping = False
        self._opened = False
        self._decoder = protocol.Decoder()
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.SeparateChannels)
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(self._read_log)
        process.errorOccurred.connect(self._could_not_start)
        process.finished.connect(self._ended)
        self._process = process
        self._last_sign = time.monotonic()
        self._set_state(EngineState("starting"))
        process.start(self._command[0], self._command[1:])
        for message in self._requests.unanswered():
            self._write(message)
        self._watch.start()

    def stop(self) -> None:
        """End the engine process; it holds nothing that is not held elsewhere."""
        self._stopping = True
        self._watch.stop()
        process, self._process = self._process, None
        if process is not None:
            process.closeWriteChannel()
            if not process.waitForFinished(2000):
                process.kill()
                process.waitForFinished(2000)
            process.deleteLater()
        self._set_state(EngineState("stopped"))

    def open_checkpoints(self, folders: Iterable[str], device: str, precision: str) -> int:
        """Load these checkpoints in place of those before. Returns the request's number."""
        self.in_use = {}
        return self._ask(self._requests.open_checkpoints(folders, device, precision))

    def explain(
        self,
        image: protocol.ImageReference,
        generation: int,
        checkpoints: Iterable[str],
        choice: MapChoice,
        findings: Iterable[str] = (),
        *,
        with_input: bool = False,
    ) -> int:
        """Ask for probabilities and maps of the visible image; an older such request is no longer of interest."""
        return self._ask(
            self._requests.explain(image, generation, checkpoints, choice, findings, with_input=with_input)
        )

    def predict(self, images: Iterable[protocol.ImageReference], checkpoints: Iterable[str]) -> int:
        """Ask for logits of many images in the background. Returns the request's number."""
        return self._ask(self._requests.predict(images, checkpoints))

    def measure(self, request: protocol.MeasureMaps) -> int:
        """Ask how good maps are; its number is given here and returned."""
        return self._ask(self._requests.measure(request))

    def cancel(self, request: int) -> None:
        """Stop a background request, or the maps of the visible image; `finished` follows."""
        if self._requests.can_be_cancelled(request):
            self._write(protocol.CancelRequest(request))

    def _ask(
        self, message: protocol.OpenCheckpoints | protocol.ExplainImage | protocol.PredictImages | protocol.MeasureMaps
    ) -> int:
        self._write(message)
        return message.request

    def _write(self, message: protocol.Message) -> None:
        if self._process is not None and self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.write(protocol.encode(message))

    @Slot()
    def _read(self) -> None:
        if self._process is None:
            return
        self._last_sign = time.monotonic()
        try:
            for message in self._decoder.feed(bytes(self._process.readAllStandardOutput().data())):
                self._receive(message)
        except protocol.ProtocolError:
            self._kill("spoke nonsense")

    def _receive(self, message: protocol.Message) -> None:
        match message:
            case protocol.Heartbeat():
                if message.request and message.seconds > self._requests.most_seconds(message.request):
                    self._kill("did not answer for minutes")
            case protocol.DevicesListed():
                self.devices_listed.emit(message)
            case protocol.CheckpointOpened():
                self._note_opened(message)
            case protocol.Warned():
                self.warned.emit(message)
            case protocol.InputMeasured():
                self.input_measured.emit(message)
            case protocol.Predicted():
                self._note_answer(message)
                self.predicted.emit(message)
            case protocol.Explained():
                self._crashes_without_answer = 0
                self.explained.emit(message)
            case protocol.NetworkInput():
                self.network_input.emit(message)
            case protocol.MapMeasured():
                self._crashes_without_answer = 0
                self.map_measured.emit(message)
            case protocol.MeasuringProgressed():
                self._crashes_without_answer = 0
                self.measuring_progressed.emit(message)
            case protocol.Failed() if self._requests.is_measuring(message.request):
                self.measuring_failed.emit(message)
            case protocol.ExplainProgress():
                self.explaining.emit(message)
            case protocol.Failed():
                self._note_answer(message)
                self.failed.emit(message)
            case protocol.Finished():
                self._note_end(message)

    def _note_opened(self, message: protocol.CheckpointOpened) -> None:
        if not self._requests.is_opening(message.request):
            return  # it is being opened anew
        self.in_use[message.checkpoint] = message
        names = dict.fromkeys(f"{opened.kind.upper()} {opened.precision}" for opened in self.in_use.values())
        self._set_state(EngineState("ready", ", ".join(names)))
        self.checkpoint_opened.emit(message)

    def _note_answer(self, message: protocol.Predicted | protocol.Failed) -> None:
        if message.identity:  # opening a checkpoint is no answer: what comes after it may bring the engine down again
            self._crashes_without_answer = 0
            self._requests.note_answer(message)

    def _note_end(self, message: protocol.Finished) -> None:
        if self._requests.is_opening(message.request):
            self._opened = True
        self.finished.emit(self._requests.note_end(message))

    @Slot()
    def _read_log(self) -> None:
        """Keep the traces of a crash; other lines may name files, and through them patients."""
        if self._process is not None:
            text = bytes(self._process.readAllStandardError().data()).decode(errors="replace")
            for line in text.splitlines():
                if line.startswith(_FAULT_LINES):
                    log.error("engine: %s", line)

    @Slot(QProcess.ProcessError)
    def _could_not_start(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and not self._stopping:
            self._watch.stop()
            self._set_state(EngineState("stopped"))
            why = self._process.errorString() if self._process else ""
            self.failed.emit(
                protocol.Failed(0, "", "", "The engine could not be started.", f"{why}.", "Install xferviewer again.")
            )

    @Slot(int, QProcess.ExitStatus)
    def _ended(self, code: int, status: QProcess.ExitStatus) -> None:
        if self._stopping or self._process is None:
            return
        self._watch.stop()
        self._process.deleteLater()
        self._process = None
        crashed = status == QProcess.ExitStatus.CrashExit
        log.error("the engine ended (%s %d)", "signal" if crashed else "code", code)
        self._crashes_without_answer += 1
        if self._crashes_without_answer > _MOST_CRASHES_WITHOUT_ANSWER:
            self._give_up_on_first()
        left = self._requests.n_images_left()
        waiting = f"; {left} images are still to be predicted" if left else ""
        self._set_state(EngineState("restarting"))
        self.interrupted.emit(f"The engine stopped unexpectedly and is started again{waiting}. Nothing is lost.")
        QTimer.singleShot(min(4000, 250 * 2**self._crashes_without_answer), self, self._restart)

    @Slot()
    def _restart(self) -> None:
        if not self._stopping and self._process is None:
            self.start()

    def _give_up_on_first(self) -> None:
        """The same work brings the engine down again and again: leave out what it fell over, keep the rest."""
        self._crashes_without_answer = 0
        given_up = None if self._opened else self._requests.give_up_opening()
        given_up = given_up or self._requests.give_up_first()
        if given_up is not None and given_up.measuring:
            self.measuring_failed.emit(given_up.failure)
            self.finished.emit(protocol.Finished(given_up.failure.request, 0, 0, cancelled=True))
        elif given_up is not None:
            self.failed.emit(given_up.failure)

    @Slot()
    def _look_for_a_hang(self) -> None:
        if time.monotonic() - self._last_sign > _MOST_SECONDS_WITHOUT_HEARTBEAT:
            self._kill("gave no sign of life for a minute")

    def _kill(self, why: str) -> None:
        log.error("the engine %s and is killed", why)
        self._last_sign = time.monotonic()
        if self._process is not None:
            self._process.kill()

    def _set_state(self, state: EngineState) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)
