"""Every action of the table of actions, by key or menu, and what it does; a new row needs a line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QMenu, QMessageBox, QToolButton
from pytestqt.qtbot import QtBot

from xferviewer.gui.actions import ACTIONS, cheat_sheet
from xferviewer.gui.app import Application
from xferviewer.gui.calibration_dialog import CalibrationDialog
from xferviewer.gui.notify import Toast
from xferviewer.protocol import MeasureMaps
from xferviewer.studies.regions import Box, Region

LONG = 120_000


def press(application: Application, name: str) -> None:
    """The action's first key while the worklist has the focus; actions without a key are triggered."""
    row = next(row for row in ACTIONS if row.name == name)
    table = application.window.worklist.table
    if not row.keys:
        application.window.actions_by_name[name].trigger()
        return
    application.window.activateWindow()
    table.setFocus()
    QTest.qWaitForWindowActive(application.window)
    QTest.keySequence(table, QKeySequence(row.keys[0]))


def row_of(application: Application) -> int:
    return application.session.position()


def opens(application: Application, monkeypatch: pytest.MonkeyPatch, action: str, dialog: str, answer: object) -> None:
    """The action asks by this dialog, and what is chosen is opened."""
    heard: list[list[Path]] = []
    application.window.paths_dropped.disconnect()
    application.window.paths_dropped.connect(heard.append)
    monkeypatch.setattr(QFileDialog, dialog, lambda *_, **__: answer)
    press(application, action)
    chosen = answer[0] if isinstance(answer, tuple) else answer
    assert heard == [[Path(p) for p in ([chosen] if isinstance(chosen, str) else chosen)]]
    monkeypatch.setattr(QFileDialog, dialog, lambda *_, **__: ("", "") if isinstance(answer, tuple) else "")
    press(application, action)
    assert len(heard) == 1  # nothing chosen, nothing opened


def box_titled(application: Application, title: str) -> QMessageBox:
    return next(box for box in application.window.findChildren(QMessageBox) if title in box.windowTitle())


def check_open_folder(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    opens(app, patch, "open_folder", "getExistingDirectory", "/somewhere")


def check_open_files(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    opens(app, patch, "open_files", "getOpenFileNames", (["/a.dcm", "/b.png"], ""))


def check_open_labels(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    opens(app, patch, "open_labels", "getOpenFileName", ("/labels.csv", ""))


def check_open_predictions(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    heard: list[list[Path]] = []
    app.window.predictions_chosen.disconnect()
    app.window.predictions_chosen.connect(heard.append)
    patch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: (["/a.csv", "/b.parquet"], ""))
    press(app, "open_predictions")
    patch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: ([], ""))
    press(app, "open_predictions")
    assert heard == [[Path("/a.csv"), Path("/b.parquet")]]


def check_open_regions(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    heard: list[Path] = []
    app.window.regions_chosen.disconnect()
    app.window.regions_chosen.connect(heard.append)
    patch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: ("/boxes.csv", ""))
    press(app, "open_regions")
    patch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: ("", ""))
    press(app, "open_regions")
    assert heard == [Path("/boxes.csv")]


def check_add_checkpoint(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    opens(app, patch, "add_checkpoint", "getExistingDirectory", "/checkpoint")


def check_describe_inputs(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/training")
    app.window.describe_asked.disconnect()
    with bot.waitSignal(app.window.describe_asked) as asked:
        press(app, "describe_inputs")
    assert asked.args == [Path("/training")]


def check_import_checkpoint(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    weights = app.folders.home / "empty.pth"
    weights.write_bytes(b"")
    for answer in (str(weights), ""):
        patch.setattr(QFileDialog, "getOpenFileName", lambda *_, answer=answer, **__: (answer, ""))
        press(app, "import_checkpoint")
        assert (app.importing.dialog is not None) == bool(answer)
        if app.importing.dialog is not None:
            bot.waitUntil(lambda: "It is empty" in app.importing.dialog.file.refused.text(), timeout=LONG)
            app.importing.dialog.reject()
    patch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: ("/somewhere/net.onnx", ""))
    app.window.checkpoints.import_.click()
    assert app.importing.dialog is None  # refused with the reason


def check_open_demo(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    with bot.waitSignal(app.window.demo_asked):
        press(app, "open_demo")
    assert app.library.indexing
    with bot.waitSignal(app.library.index_finished, timeout=LONG):
        app.library.cancel_index()


def check_refused_files(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "refused_files")
    assert "labels.csv" in box_titled(app, "efused").detailedText()


def check_export_evaluation(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    heard: list[Path] = []
    app.window.export_asked.disconnect()
    app.window.export_asked.connect(heard.append)
    patch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: "/somewhere")
    press(app, "export_evaluation")
    patch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: "")
    press(app, "export_evaluation")
    assert heard == [Path("/somewhere")]


def check_copy_command(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "copy_command")
    into, line = QGuiApplication.clipboard().text().splitlines()
    assert into.startswith(f"cd {app.folders.home / 'evaluations'}")
    assert line.startswith("xferviewer evaluate --labels")


def check_quit(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "quit")
    assert not app.window.isVisible()


def check_perspective_read(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    app.window.show_perspective("train")
    app.window.actions_by_name["perspective_read"].trigger()
    assert app.window.compare.isVisible()
    assert app.window.worklist.table.hasFocus()


def check_perspective_evaluate(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "perspective_evaluate")
    assert app.window.curves.isVisible()
    assert not app.window.compare.isVisible()


def check_perspective_train(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "perspective_train")
    assert app.window.jobs.isVisible()


def check_new_job(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "new_job")
    assert app.window.training.form.isVisible()


def check_full_screen(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "full_screen")
    assert app.window.isFullScreen()
    press(app, "full_screen")
    assert not app.window.isFullScreen()


def check_hide_identity(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    patient = app.session.shown.study.patient_id
    model, pane = app.window.worklist.model, app.window.compare.panes[0]
    assert patient in pane._corners["top_left"].text()
    press(app, "hide_identity")
    for row in range(model.rowCount()):
        assert app.session.studies[row].patient_id not in model.data(model.index(row, 0))
    assert patient not in pane._corners["top_left"].text()
    press(app, "hide_identity")
    assert patient in pane._corners["top_left"].text()


def check_reset_layout(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    dock = app.window.worklist.parentWidget()
    dock.close()
    assert not app.window.worklist.isVisible()
    press(app, "reset_layout")
    assert app.window.worklist.isVisible()


def check_next_study(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "next_study")
    assert row_of(app) == 1
    assert app.window.worklist.table.currentIndex().row() == 1


def check_previous_study(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    app.library.show_study(5)
    press(app, "previous_study")
    assert row_of(app) == 4


def check_first_study(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    app.library.show_study(5)
    press(app, "first_study")
    assert row_of(app) == 0


def check_last_study(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "last_study")
    assert row_of(app) == len(app.session.studies) - 1


def check_next_image(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "next_image")
    assert row_of(app) == 1


def check_previous_image(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    app.library.show_study(2)
    press(app, "previous_image")
    assert row_of(app) == 1


def check_next_finding(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "next_finding")
    assert app.session.finding == app.session.findings()[1]


def check_previous_finding(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "previous_finding")
    assert app.session.finding == app.session.findings()[-1]


def check_next_checkpoint(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "next_checkpoint")
    assert app.session.active == app.session.in_panes[1]


def check_disagreements(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    app.session.set_finding("Consolidation")
    app.session.set_thresholds("Consolidation", dict.fromkeys(app.session.in_panes, 0.4))
    press(app, "disagreements")
    assert app.session.case_list is not None
    assert 0 < len(app.session.studies) < 24


def check_checkpoint_1(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    app.session.set_active(app.session.in_panes[1])
    press(app, "checkpoint_1")
    assert app.session.active == app.session.in_panes[0]


def check_checkpoint_2(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "checkpoint_2")
    assert app.session.active == app.session.in_panes[1]


def check_checkpoint_3(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "checkpoint_3")  # there is none: nothing happens
    assert app.session.active == app.session.in_panes[0]


def check_checkpoint_4(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "checkpoint_4")
    assert app.session.active == app.session.in_panes[0]


def check_overlay(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    assert app.window.compare.panes[0]._overlay.isVisible()
    press(app, "overlay")
    assert not app.window.compare.panes[0]._overlay.isVisible()
    assert not app.window.compare.overlay_bar.visible_box.isChecked()
    press(app, "overlay")
    assert app.window.compare.panes[0]._overlay.isVisible()


def check_difference(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    bot.waitUntil(lambda: bool(app.window.live_maps.numbers().compared), timeout=LONG)
    press(app, "difference")
    assert "−1" in app.window.compare.panes[1]._bar.accessibleDescription()


def check_regions(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    app.session.set_marked((Region(app.session.finding, (Box(10, 20, 30, 40),)),))
    assert app.window.compare.panes[0]._outline.getData()[0].size
    press(app, "regions")
    assert not app.window.compare.panes[0]._outline.getData()[0].size


def measures(app: Application, patch: pytest.MonkeyPatch, action: str) -> MeasureMaps:
    """What the action asks the engine for."""
    asked: list[MeasureMaps] = []
    patch.setattr(app.engine, "measure", lambda request: asked.append(request) or 7)
    press(app, action)
    (request,) = asked
    return request


def check_measure_curves(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    request = measures(app, patch, "measure_curves")
    assert (request.kind, request.findings, len(request.checkpoints)) == ("curves", (app.session.finding,) * 2, 2)
    assert request.images == (app.session.shown.reference,)


def check_measure_random_weights(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    assert measures(app, patch, "measure_random_weights").kind == "randomisation"


def check_measure_cohort(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "measure_cohort")
    assert any("No image here has a region" in toast.what for toast in app.window.findChildren(Toast))


def check_invert(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    before = app.window.compare.panes[0]._film.image.astype(int)
    press(app, "invert")
    after = app.window.compare.panes[0]._film.image
    assert abs(255 - before - after).max() <= 1
    assert "inverted" in app.window.compare.panes[0]._corners["bottom_left"].text()


def check_fit(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    before = app.window.compare.panes[0].box.viewRect()
    app.window.compare.zoom(3)
    press(app, "fit")
    assert app.window.compare.panes[1].box.viewRect().height() == pytest.approx(before.height(), rel=0.02)


def check_zoom_in(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    before = app.window.compare.panes[0].box.viewRect().width()
    press(app, "zoom_in")
    assert app.window.compare.panes[0].box.viewRect().width() < before


def check_zoom_out(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    before = app.window.compare.panes[0].box.viewRect().width()
    press(app, "zoom_out")
    assert app.window.compare.panes[0].box.viewRect().width() > before


def check_reset(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    before = app.window.compare.panes[0].box.viewRect().width()
    app.window.actions_by_name["invert"].trigger()
    app.window.compare.zoom(3)
    press(app, "reset")
    assert app.window.compare.panes[0].box.viewRect().width() == pytest.approx(before)
    assert not app.session.display.inverted


def check_more_referral(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "more_referral")
    assert app.window.referral.rate.value() == 16


def check_less_referral(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "less_referral")
    assert app.window.referral.rate.value() == 14


def check_calibrate(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, str, str]] = []
    app.window.calibration_asked.disconnect()
    app.window.calibration_asked.connect(lambda *asked: heard.append(asked))
    press(app, "calibrate")
    dialog = app.window.findChild(CalibrationDialog)
    dialog.method.setCurrentIndex(1)
    bot.keyClicks(dialog.split, " 2")
    bot.mouseClick(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok), Qt.MouseButton.LeftButton)
    assert heard == [(app.session.active, "platt", "open catalogue 2")]


def check_cancel_work(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    app.open_demo()
    with bot.waitSignal(app.library.index_finished, timeout=LONG) as ended:
        press(app, "cancel_work")
    assert ended.args[0].cancelled or ended.args[0].images  # the index may have been quicker


def check_pause_work(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "pause_work")
    assert app.predicting.paused


def check_resume_work(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "cancel_work")
    assert app.predicting.paused
    press(app, "resume_work")
    assert not app.predicting.paused


def check_failed_images(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "failed_images")
    assert "Every image" in box_titled(app, "could not be predicted").text()


def check_cheat_sheet(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "cheat_sheet")
    text = box_titled(app, "Keys").text()
    for row in ACTIONS:
        assert not row.keys or row.text in text


def check_device(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "device")
    assert box_titled(app, "Device and precision").text()


def check_about(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "about")
    assert "research" in box_titled(app, "About").text()


@pytest.mark.parametrize("name", [row.name for row in ACTIONS])
def test_that_the_action_does_what_it_says(
    opened: Application, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    check: Callable[[Application, QtBot, pytest.MonkeyPatch], None] = globals()[f"check_{name}"]
    check(opened, qtbot, monkeypatch)


def test_that_the_menu_holds_every_action_and_no_key_has_two_meanings(opened: Application) -> None:
    button = next(b for b in opened.window.findChildren(QToolButton) if b.accessibleName() == "Menu")
    held = {action for menu in button.menu().findChildren(QMenu) for action in menu.actions()}
    assert held == set(opened.window.actions_by_name.values())
    keys = [QKeySequence(key).toString() for row in ACTIONS for key in row.keys]
    assert len(keys) == len(set(keys))
    assert all(key in cheat_sheet() for row in ACTIONS for key in row.keys if key not in "<>&")


def test_that_arrow_keys_move_a_slider_that_has_the_focus_and_not_the_studies(
    opened: Application, qtbot: QtBot
) -> None:
    slider = opened.window.referral.rate
    opened.window.activateWindow()
    slider.setFocus()
    qtbot.waitUntil(slider.hasFocus)
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert slider.value() == 16
    assert row_of(opened) == 0


def test_that_all_studies_can_be_stepped_through_by_keyboard_alone(opened: Application, qtbot: QtBot) -> None:
    for _ in range(len(opened.session.studies) - 1):
        press(opened, "next_study")
    assert row_of(opened) == len(opened.session.studies) - 1
    press(opened, "next_study")
    assert row_of(opened) == len(opened.session.studies) - 1
