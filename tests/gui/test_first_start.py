"""The first start: the notice, what computes here and the demo cohort in one dialog, which does not come again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from xferviewer import protocol
from xferviewer.gui.app import Application
from xferviewer.gui.engine_client import EngineState
from xferviewer.gui.library import Library
from xferviewer.gui.views.first_start import FirstStart
from xferviewer.resources import resource
from xferviewer.settings import Settings, read_settings, settings_file

LONG = 120_000

CPU = protocol.DeviceOffer("cpu", "A processor", 16 << 30, "torch", ("fp32",), (), "")
CARD = protocol.DeviceOffer("cuda", "A card", 48 << 30, "CUDA", ("fp32",), (), "", 1)
NO_CARD = protocol.DeviceOffer("cuda", "", None, "", (), (), "The driver of the graphics card is too old.")
NO_METAL = protocol.DeviceOffer("mps", "", None, "", (), (), "No Metal.")
PASSED = protocol.ParityCheck("cuda", "fp32", "CUDA fp32 · A card", True, 1e-6, 1e-4, 2e-7, 1e-4, "")
FAILED = protocol.ParityCheck("cuda", "bf16", "CUDA bf16 · A card", False, 0.9, 0.2, 0.05, 0.01, "They differ.")


def first_start(application: Application, monkeypatch: pytest.MonkeyPatch) -> FirstStart:
    """The dialog of an application that starts for the first time, without its engine."""
    monkeypatch.setattr(application.engine, "start", lambda: None)
    application.window.show()
    application.start()
    (dialog,) = application.window.findChildren(FirstStart)
    return dialog


def words(dialog: FirstStart) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel) if label.isVisibleTo(dialog))


@pytest.fixture
def fresh(make_application: Callable[..., Application], checkpoints: list[Path]) -> Application:
    return make_application(chosen=Settings(device="cpu", checkpoints=tuple(map(str, checkpoints))))


def test_that_the_notice_is_acknowledged_by_a_key_and_comes_no_more(
    fresh: Application, make_application: Callable[..., Application], monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    dialog = first_start(fresh, monkeypatch)
    assert "not for diagnosis" in words(dialog)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is dialog.demo)
    qtbot.keyClick(dialog.demo, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert QApplication.focusWidget() is dialog.own
    qtbot.keyClick(dialog.own, Qt.Key.Key_Space)
    assert read_settings(settings_file())[0].notice_seen
    assert not fresh.library.indexing
    again = make_application(chosen=read_settings(settings_file())[0])
    monkeypatch.setattr(again.engine, "start", lambda: None)
    again.start()
    assert not again.window.findChildren(FirstStart)


def test_that_return_acknowledges_and_opens_the_demo_cohort(
    fresh: Application, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(Library, "index", lambda _self, path: opened.append(path))
    dialog = first_start(fresh, monkeypatch)
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert opened == [resource("demo")]
    assert read_settings(settings_file())[0].notice_seen


def test_that_escape_puts_the_notice_off_to_the_next_start(
    fresh: Application, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    dialog = first_start(fresh, monkeypatch)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert not read_settings(settings_file())[0].notice_seen


def opened_on(application: Application, place: int, device: str, *checks: protocol.ParityCheck) -> None:
    """What the engine says when it has opened a checkpoint there."""
    checkpoint = application.session.classifiers.checkpoints[place]
    message = protocol.CheckpointOpened(0, str(checkpoint.folder), checkpoint.digest, device, "cuda", "fp32", checks)
    application.engine.in_use[checkpoint.digest] = message
    application.engine.checkpoint_opened.emit(message)


def test_that_devices_and_parity_checks_are_shown_as_the_engine_tells_of_them(
    fresh: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = first_start(fresh, monkeypatch)
    assert "starting" in dialog.computer.text()
    fresh.engine.devices_listed.emit(protocol.DevicesListed((CARD, NO_METAL, CPU)))
    assert dialog.computer.text().splitlines() == ["CUDA: A card, 48 GiB", "CPU: A processor, 16 GiB"]
    names = [checkpoint.name for checkpoint in fresh.session.classifiers.checkpoints]
    opened_on(fresh, 0, "CUDA fp32 · A card", FAILED, PASSED)
    first, refused, progress = dialog.parity.text().splitlines()
    assert first.startswith(f"{names[0]}: ")
    assert "2e-07" in first
    assert "0.0001" in first
    assert "CUDA bf16: They differ." in refused
    assert "1 of 2" in progress
    opened_on(fresh, 1, "CUDA fp32 · A card", PASSED)
    assert dialog.parity.text().splitlines()[0].startswith(", ".join(names))
    assert "of 2" not in dialog.parity.text()


def test_that_an_old_driver_and_an_engine_that_is_not_there_are_said(
    fresh: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = first_start(fresh, monkeypatch)
    fresh.engine.devices_listed.emit(protocol.DevicesListed((NO_CARD, NO_METAL, CPU)))
    assert "CUDA: not here. The driver of the graphics card is too old." in dialog.computer.text()
    assert "Metal" not in dialog.computer.text()
    fresh.engine.state_changed.emit(EngineState("stopped"))
    assert "not running" in dialog.computer.text()


def test_that_the_checks_of_a_real_engine_arrive(
    make_application: Callable[..., Application], checkpoints: list[Path], qtbot: QtBot
) -> None:
    application = make_application(chosen=Settings(device="cpu", checkpoints=(str(checkpoints[0]),)))
    application.window.show()
    application.start()
    (dialog,) = application.window.findChildren(FirstStart)
    qtbot.waitUntil(lambda: "reference" in dialog.parity.text(), timeout=LONG)
    assert "CPU: " in dialog.computer.text()
    assert dialog.parity.text().startswith("efficientnet: computed on CPU fp32")


def test_that_every_button_says_what_it_does(fresh: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = first_start(fresh, monkeypatch)
    assert [button.text() for button in dialog.findChildren(QPushButton)] == [dialog.own.text(), dialog.demo.text()]
    assert all("I understand" in button.text() for button in (dialog.own, dialog.demo))
