"""The window's side of the engine: crashes, hangs and nonsense, by a small child that speaks the protocol."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from xferviewer import protocol
from xferviewer.gui import engine_client
from xferviewer.gui.engine_client import EngineClient
from xferviewer.protocol import ImageReference
from xferviewer.saliency_methods import MapChoice

LONG = 60_000

# argv: what to do wrong, and a file that counts the starts. A path that holds "deadly" kills it.
_ENGINE = """
import os, signal, sys
import numpy as np
from xferviewer import protocol

fault, counted = sys.argv[1], sys.argv[2]
with open(counted, "a") as file:
    file.write("start\\n")

def send(message):
    sys.stdout.buffer.write(protocol.encode(message))
    sys.stdout.buffer.flush()

send(protocol.EngineStarted(os.getpid(), "0"))
decoder, cancelled = protocol.Decoder(), set()
while data := os.read(0, 65536):
    for message in decoder.feed(data):
        match message:
            case protocol.OpenCheckpoints():
                if fault == "opening":
                    os.kill(os.getpid(), signal.SIGKILL)
                for folder in message.folders:
                    send(protocol.CheckpointOpened(message.request, folder, folder, "CPU fp32 · no", "cpu", "fp32", ()))
                send(protocol.Finished(message.request, len(message.folders), len(message.folders), False))
            case protocol.ExplainImage():
                if "deadly" in message.image.path:
                    os.kill(os.getpid(), signal.SIGKILL)
                send(protocol.Finished(message.request, 0, 0, False))
            case protocol.MeasureMaps():
                for image in message.images:
                    if "deadly" in image.path:
                        os.kill(os.getpid(), signal.SIGKILL)
                    values = np.ones((6, 1))
                    send(protocol.MapMeasured(message.request, message.kind, image.identity, "a", "f", (), (), values))
                send(protocol.Finished(message.request, len(message.images), len(message.images), False))
            case protocol.PredictImages():
                if fault == "nonsense" and len(open(counted).readlines()) == 1:
                    os.write(1, b"Segmentation what?")
                if fault == "hang" and len(open(counted).readlines()) == 1:
                    send(protocol.Heartbeat(message.request, 1000.0))
                    os.read(0, 1)
                for image in message.images:
                    if "deadly" in image.path:
                        os.kill(os.getpid(), signal.SIGKILL)
                    for checkpoint in message.checkpoints:
                        logits = np.full(2, float(image.identity), np.float32)
                        send(protocol.Predicted(message.request, image.identity, checkpoint, logits))
                send(protocol.Finished(message.request, len(message.images), len(message.images), False))
"""


class Heard(QObject):
    """What a client said, in order."""

    def __init__(self, client: EngineClient) -> None:
        super().__init__()
        self.predicted: dict[tuple[str, str], float] = {}
        self.twice: list[str] = []
        self.failed: list[protocol.Failed] = []
        self.interrupted: list[str] = []
        self.states: list[str] = []
        client.predicted.connect(self._take_in)
        client.failed.connect(self.failed.append)
        client.interrupted.connect(self.interrupted.append)
        client.state_changed.connect(lambda state: self.states.append(state.state))

    def _take_in(self, message: protocol.Predicted) -> None:
        key = message.identity, message.checkpoint
        if key in self.predicted:
            self.twice.append(message.identity)
        self.predicted[key] = float(message.logits[0])


@pytest.fixture
def engine(tmp_path: Path, request: pytest.FixtureRequest, qtbot: QtBot) -> Iterator[EngineClient]:
    """A client of the pretended engine with the fault that the test's parameter names."""
    fault = getattr(request, "param", "none")
    client = EngineClient(command=[sys.executable, "-c", _ENGINE, fault, str(tmp_path / "starts")])
    client.open_checkpoints(["a", "b"], "cpu", "fp32")
    yield client
    client.stop()
    client.deleteLater()


def images(count: int, *deadly: int) -> list[ImageReference]:
    return [ImageReference(str(n), f"/{'deadly' if n in deadly else 'film'}/{n}.dcm") for n in range(count)]


def starts(tmp_path: Path) -> int:
    return len((tmp_path / "starts").read_text().splitlines())


def test_that_an_image_that_kills_the_engine_each_time_is_given_up_and_the_rest_done(
    engine: EngineClient, tmp_path: Path, qtbot: QtBot
) -> None:
    heard = Heard(engine)
    with qtbot.waitSignal(engine.finished, timeout=LONG, check_params_cb=lambda end: end.request == request):
        engine.start()
        request = engine.predict(images(9, 4), ["a", "b"])
    assert {identity for identity, _ in heard.predicted} == {str(n) for n in range(9) if n != 4}
    assert len(heard.predicted) == 2 * 8
    assert [message.identity for message in heard.failed] == ["4"]
    assert heard.failed[0].request == request
    assert heard.failed[0].why
    assert heard.failed[0].todo
    assert starts(tmp_path) == 4
    assert len(heard.interrupted) == 3
    assert "5 images are still to be predicted" in heard.interrupted[0]
    assert heard.twice == []


def test_that_maps_whose_measuring_kills_the_engine_are_given_up_and_others_are_measured(
    engine: EngineClient, tmp_path: Path, qtbot: QtBot
) -> None:
    heard = Heard(engine)
    failed: list[protocol.Failed] = []
    measured: list[protocol.MapMeasured] = []
    engine.measuring_failed.connect(failed.append)
    engine.map_measured.connect(measured.append)
    with qtbot.waitSignal(engine.finished, timeout=LONG, check_params_cb=lambda end: end.request == last):
        engine.start()
        deadly = engine.measure(protocol.MeasureMaps(0, "localisation", tuple(images(3, 0)), ("a",), "", "gradcam"))
        last = engine.measure(protocol.MeasureMaps(0, "localisation", tuple(images(2)), ("a",), "", "gradcam"))
    assert [message.request for message in failed] == [deadly]
    assert failed[0].why
    assert failed[0].todo
    assert [(message.request, message.identity) for message in measured] == [(last, "0"), (last, "1")]
    assert heard.failed == []  # a map that cannot be measured is no image that cannot be predicted
    assert starts(tmp_path) == 4


def test_that_a_deadly_visible_image_costs_only_itself(engine: EngineClient, tmp_path: Path, qtbot: QtBot) -> None:
    heard = Heard(engine)
    with qtbot.waitSignal(engine.finished, timeout=LONG, check_params_cb=lambda end: end.request == request):
        engine.start()
        engine.explain(ImageReference("x", "/deadly/x.dcm"), 1, ["a"], MapChoice())
        request = engine.predict(images(3), ["a"])
    assert len(heard.predicted) == 3
    assert [message.identity for message in heard.failed] == ["x"]


@pytest.mark.parametrize("engine", ["nonsense", "hang"], indirect=True)
def test_that_an_engine_that_hangs_or_babbles_is_started_again_and_finishes(
    engine: EngineClient, tmp_path: Path, qtbot: QtBot
) -> None:
    heard = Heard(engine)
    with qtbot.waitSignal(engine.finished, timeout=LONG, check_params_cb=lambda end: end.request == request) as ended:
        engine.start()
        request = engine.predict(images(3), ["a"])
    assert (ended.args[0].done, ended.args[0].total) == (3, 3)
    assert heard.predicted == {("0", "a"): 0.0, ("1", "a"): 1.0, ("2", "a"): 2.0}
    assert starts(tmp_path) == 2
    assert "started again" in heard.interrupted[0]
    assert heard.states == ["starting", "ready", "restarting", "starting", "ready"]


@pytest.mark.parametrize("engine", ["opening"], indirect=True)
def test_that_checkpoints_that_bring_the_engine_down_are_told_and_not_tried_for_ever(
    engine: EngineClient, tmp_path: Path, qtbot: QtBot
) -> None:
    heard = Heard(engine)
    engine.predict(images(2), ["a"])
    with qtbot.waitSignal(engine.failed, timeout=LONG):
        engine.start()
    assert "checkpoints could not be opened" in heard.failed[0].what
    assert starts(tmp_path) == 3


def test_that_an_engine_without_a_sign_of_life_is_killed_and_replaced(
    engine: EngineClient, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.start()
    qtbot.waitUntil(lambda: engine.state.state == "ready", timeout=LONG)
    first = engine.process_id
    monkeypatch.setattr(engine_client, "_MOST_SECONDS_WITHOUT_HEARTBEAT", 0.5)
    with qtbot.waitSignal(engine.interrupted, timeout=LONG):
        os.kill(first, signal.SIGSTOP)
    monkeypatch.undo()
    qtbot.waitUntil(lambda: engine.process_id not in (0, first), timeout=LONG)


def test_that_an_engine_that_cannot_be_started_is_told_in_three_parts(qtbot: QtBot, tmp_path: Path) -> None:
    client = EngineClient(command=[str(tmp_path / "no such program")])
    with qtbot.waitSignal(client.failed, timeout=LONG) as failed:
        client.start()
    assert all((failed.args[0].what, failed.args[0].why, failed.args[0].todo))
    assert client.state.state == "stopped"
    client.stop()


def test_that_a_stopped_engine_leaves_no_process(engine: EngineClient, qtbot: QtBot) -> None:
    engine.start()
    qtbot.waitUntil(lambda: engine.state.state == "ready", timeout=LONG)
    process = engine.process_id
    engine.stop()
    assert engine.process_id == 0
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_that_a_frame_in_many_pieces_is_one_message(engine: EngineClient, qtbot: QtBot) -> None:
    heard = Heard(engine)
    frame = protocol.encode(protocol.Predicted(1, "7", "a", np.arange(5, dtype=np.float32)))
    engine.start()
    for start in range(0, len(frame), 7):
        for message in engine._decoder.feed(frame[start : start + 7]):
            engine._receive(message)
    assert heard.predicted == {("7", "a"): 0.0}
