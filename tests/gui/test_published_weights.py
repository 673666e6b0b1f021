"""The dialog for published weights with its real child process, against a small server and a mirror folder."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from xferviewer.checkpoints import read_checkpoint
from xferviewer.gui.app import Application
from xferviewer.gui.views.import_dialog import ImportDialog
from xferviewer.gui.views.import_dialog.published_dialog import PublishedDialog
from xferviewer.processes import own_command

MakeApplication = Callable[..., Application]
NAME = "timm/test_resnet.r160_in1k"
LONG = 120_000

_MAKE = """
import sys, timm, torch
from safetensors.torch import save_file
torch.manual_seed(0)
save_file(timm.create_model("test_resnet", num_classes=1000).state_dict(), sys.argv[1])
"""


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("published") / "model.safetensors"
    subprocess.run([sys.executable, "-c", _MAKE, file], check=True)
    return file


@pytest.fixture
def application(make_application: MakeApplication) -> Application:
    return make_application()


@dataclass
class Hub:
    """What was asked for; and whether the second half of an answer may be sent."""

    content: bytes
    asked: list[str] = field(default_factory=list)
    may_end: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def hub(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    served = Hub(weights.read_bytes())
    served.may_end.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._head()
            half = len(served.content) // 2
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # who asked may have gone
                self.wfile.write(served.content[:half])
                served.may_end.wait(30)
                self.wfile.write(served.content[half:])

        def do_HEAD(self) -> None:
            self._head()

        def _head(self) -> None:
            served.asked.append(self.command)
            self.send_response(200)
            self.send_header("Content-Length", str(len(served.content)))
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listening.server_address[1]}")
    yield served
    served.may_end.set()
    listening.shutdown()
    listening.server_close()
    thread.join()


def opened(application: Application, qtbot: QtBot, name: str = NAME) -> PublishedDialog:
    """The dialog with a name that was typed."""
    application.window.published_asked.emit()
    dialog = application.importing.published
    assert dialog is not None
    qtbot.keyClicks(dialog.name, name)
    return dialog


def settled(dialog: PublishedDialog, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: bool(dialog.facts.text() or dialog.fault.text()), timeout=LONG)


def imported(application: Application, qtbot: QtBot) -> ImportDialog:
    """The import dialog on the weights, looked at."""
    qtbot.waitUntil(lambda: application.importing.dialog is not None, timeout=LONG)
    dialog = application.importing.dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.client.work is None and bool(dialog.findings.names), timeout=LONG)
    return dialog


def test_that_nothing_is_asked_of_the_network_until_a_person_lets_it(
    application: Application, qtbot: QtBot, hub: Hub
) -> None:
    dialog = opened(application, qtbot)
    settled(dialog, qtbot)
    assert "test_resnet" in dialog.facts.text()
    assert "The setting hub is off" in dialog.fault.text()
    assert not dialog.fetch.isEnabled()
    assert hub.asked == []
    dialog.network.click()
    assert application.settings.now.hub == "on"
    qtbot.waitUntil(dialog.fetch.isEnabled, timeout=LONG)
    assert f"{len(hub.content) / 1e6:,.1f} MB" in dialog.facts.text()
    assert dialog.fault.text() == ""
    assert set(hub.asked) == {"HEAD"}


def test_that_fetched_weights_become_a_compared_checkpoint_and_the_shown_command_makes_the_same(
    application: Application, qtbot: QtBot, hub: Hub, tmp_path: Path
) -> None:
    application.settings.keep(hub="on")
    dialog = opened(application, qtbot)
    qtbot.waitUntil(dialog.fetch.isEnabled, timeout=LONG)
    qtbot.mouseClick(dialog.fetch, Qt.MouseButton.LeftButton)
    questions = imported(application, qtbot)
    assert len(questions.findings.names) == 1000
    qtbot.waitUntil(questions.import_.isEnabled, timeout=LONG)
    words = shlex.split(questions.command.text())
    assert words[:4] == ["xferviewer", "import-checkpoint", NAME, "--from-hub"]
    with qtbot.waitSignal(application.importing.imported, timeout=LONG) as told:
        qtbot.mouseClick(questions.import_, Qt.MouseButton.LeftButton)
    made = read_checkpoint(Path(told.args[0]["checkpoint"]))
    assert "apache" in made.card.license.lower()  # as timm says
    assert hub.asked.count("GET") == 1
    words[words.index("--out") + 1] = str(tmp_path / "again")
    subprocess.run([*own_command(words[1]), *words[2:]], check=True, capture_output=True)
    again = read_checkpoint(tmp_path / "again")
    assert again.card.weights_sha256 == made.card.weights_sha256
    assert again.preprocessing == made.preprocessing
    assert again.card.findings == made.card.findings


def test_that_a_mirror_is_taken_before_the_network_and_without_it(
    application: Application, qtbot: QtBot, hub: Hub, weights: Path, tmp_path: Path
) -> None:
    (tmp_path / f"{NAME.removeprefix('timm/')}.safetensors").write_bytes(weights.read_bytes())
    dialog = opened(application, qtbot)
    settled(dialog, qtbot)
    dialog.mirror.setText(str(tmp_path))
    dialog.mirror.editingFinished.emit()
    qtbot.waitUntil(dialog.fetch.isEnabled, timeout=LONG)
    assert str(tmp_path) in dialog.facts.text()
    qtbot.mouseClick(dialog.fetch, Qt.MouseButton.LeftButton)
    imported(application, qtbot)
    assert hub.asked == []


def test_that_closing_the_dialog_ends_a_download_and_leaves_nothing(
    application: Application, qtbot: QtBot, hub: Hub
) -> None:
    hub.may_end.clear()
    application.settings.keep(hub="on")
    dialog = opened(application, qtbot)
    qtbot.waitUntil(dialog.fetch.isEnabled, timeout=LONG)
    qtbot.mouseClick(dialog.fetch, Qt.MouseButton.LeftButton)
    kept = application.folders.home / "weights"
    qtbot.waitUntil(lambda: any(kept.glob(".*.part")), timeout=LONG)
    assert dialog.bar.isVisible()
    dialog.reject()
    assert application.importing.published is None
    assert not any(kept.iterdir())
    assert application.importing.dialog is None


def test_that_a_name_that_is_none_is_said_with_those_that_are_near(
    application: Application, qtbot: QtBot, hub: Hub
) -> None:
    dialog = opened(application, qtbot, "timm/test_resnet")
    settled(dialog, qtbot)
    assert NAME in dialog.fault.text()
    assert not dialog.fetch.isEnabled()
    assert hub.asked == []
