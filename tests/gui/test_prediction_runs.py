"""A run in the background is paused, goes on, computes nothing twice, and names the images that it could not read."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pydicom
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from xferviewer import protocol
from xferviewer.gui.app import Application
from xferviewer.gui.notify import Toast
from xferviewer.gui.prediction_run import PredictionRun
from xferviewer.resources import bundled_checkpoints
from xferviewer.settings import Settings

LONG = 120_000
LEFT = Qt.MouseButton.LeftButton


def started(make_application, folder: Path, checkpoints: list[Path]) -> Application:
    chosen = Settings(device="cpu", notice_seen=True, checkpoints=tuple(map(str, checkpoints)))
    application: Application = make_application(chosen=chosen)
    application.window.show()
    application.start()
    application.opening.open([folder])
    return application


def damage(film: Path) -> None:
    """Leave the header as it is, and take the sense out of the pixel data."""
    dataset = pydicom.dcmread(film)
    assert dataset.file_meta.TransferSyntaxUID.is_compressed
    dataset.PixelData = dataset.PixelData[:20] + b"\x55" * (len(dataset.PixelData) - 28) + dataset.PixelData[-8:]
    dataset.save_as(film)


def test_that_a_paused_run_stands_still_and_goes_on_with_the_rest(make_application, cohort: Path, qtbot: QtBot) -> None:
    networks = bundled_checkpoints()  # the small ones of other tests are done before anybody can press a button
    application = started(make_application, cohort, networks)
    work, predicting = application.window.status.work, application.predicting
    answers: Counter[tuple[str, str]] = Counter()
    application.engine.predicted.connect(lambda message: answers.update([(message.identity, message.checkpoint)]))
    qtbot.waitUntil(lambda: len(answers) >= 1, timeout=LONG)

    qtbot.mouseClick(work.pause, LEFT)

    assert not predicting.running
    assert work.isVisible()
    assert "paused" in work.text.text()
    assert (work.pause.isVisible(), work.go_on.isVisible(), work.cancel.isVisible()) == (False, True, True)
    qtbot.wait(500)  # what was on its way has come
    at_rest, shown = len(answers), work.text.text()
    qtbot.wait(1500)
    assert (len(answers), work.text.text()) == (at_rest, shown)
    assert at_rest < 24 * len(networks)

    with qtbot.waitSignal(predicting.finished, timeout=LONG) as ended:
        qtbot.mouseClick(work.go_on, LEFT)
        assert work.pause.isVisible()
        assert not work.go_on.isVisible()
    assert not work.isVisible()
    assert ended.args[0].kept + ended.args[0].total == 24
    assert len(answers) == 24 * len(networks)
    assert max(answers.values()) == 1
    for button in (work.pause, work.go_on, work.cancel):
        assert button.toolTip()


def test_that_damaged_films_are_told_of_once_and_listed_with_their_reasons(
    make_application, cohort: Path, checkpoints: list[Path], tmp_path: Path, qtbot: QtBot
) -> None:
    folder = tmp_path / "films"
    shutil.copytree(cohort / "A" / "images", folder)
    films = [film for film in sorted(folder.iterdir()) if _is_compressed(film)]
    whole = films[1].read_bytes()
    damage(films[0])
    damage(films[1])
    application = started(make_application, folder, checkpoints)
    with qtbot.waitSignal(application.predicting.finished, timeout=LONG) as ended:
        pass

    assert (ended.args[0].done, ended.args[0].failed) == (12, 2)
    toasts = [toast.what for toast in application.window.findChildren(Toast)]
    assert [text for text in toasts if "could not be" in text] == ["10 images are predicted, 2 could not be."]
    application.window.actions_by_name["failed_images"].trigger()
    box = next(box for box in application.window.findChildren(QMessageBox) if "could not" in box.windowTitle())
    assert "2 images" in box.text()
    assert box.detailedText().count("could not be decoded") == 2
    assert [film.name in box.detailedText() for film in films[:3]] == [True, True, False]

    films[1].write_bytes(whole)
    application.window.actions_by_name["pause_work"].trigger()
    with qtbot.waitSignal(application.predicting.finished, timeout=LONG) as ended:
        application.window.actions_by_name["resume_work"].trigger()
    assert (ended.args[0].done, ended.args[0].failed, ended.args[0].kept) == (2, 1, 10)


def _is_compressed(film: Path) -> bool:
    header = pydicom.dcmread(film, stop_before_pixels=True)
    return bool(header.file_meta.TransferSyntaxUID.is_compressed)


def test_that_a_further_checkpoint_asks_the_others_for_nothing(
    make_application, cohort: Path, checkpoints: list[Path], qtbot: QtBot
) -> None:
    application = started(make_application, cohort / "A", checkpoints[:1])
    with qtbot.waitSignal(application.predicting.finished, timeout=LONG):
        pass
    answered: list[protocol.Predicted] = []
    application.engine.predicted.connect(answered.append)

    with qtbot.waitSignal(application.predicting.finished, timeout=LONG):
        application.checkpoints.add(checkpoints[1:])

    added = application.session.classifiers.checkpoints[1]
    assert Counter(message.checkpoint for message in answered) == {added.digest: 12}


def test_that_a_run_asks_each_image_for_what_it_lacks_in_the_given_order() -> None:
    images = [protocol.ImageReference(name, f"{name}.png") for name in "abcde"]
    run = PredictionRun({"e": ["x"], "a": ["x", "y"], "c": ["x"], "d": ["y", "x"]}, kept=1)

    asked = [("".join(image.identity for image in group), set(digests)) for group, digests in run.groups(images)]

    assert asked == [("ad", {"x", "y"}), ("ce", {"x"})]
    assert [run.answer("a", "x"), run.answer("b", "x"), run.answer("a", "y", failed=True)] == [False, False, True]
    assert (run.progress.done, run.progress.total, run.progress.failed, run.progress.kept) == (1, 4, 1, 1)
