"""Every action of the table of actions, by key or menu, and what it does; a new row needs a line here."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QImage, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QDialogButtonBox,
    QFileDialog,
    QInputDialog,
    QLabel,
    QMenu,
    QMessageBox,
    QPushButton,
    QTextBrowser,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from xferviewer.gui.actions import ACTIONS, KEYED, cheat_sheet
from xferviewer.gui.app import Application
from xferviewer.gui.calibration_dialog import CalibrationDialog
from xferviewer.gui.film_raster import FilmRaster
from xferviewer.gui.films import Film
from xferviewer.gui.key_bindings import STANDARD, conflicts
from xferviewer.gui.mouse_bindings import STANDARD_MOUSE, mouse_rows
from xferviewer.gui.notify import Toast
from xferviewer.gui.palette import Palette
from xferviewer.gui.views.compare import LINKS
from xferviewer.gui.views.compare.looks import Look
from xferviewer.gui.views.preferences import PreferencesDialog
from xferviewer.gui.windowing import presets
from xferviewer.protocol import MeasureMaps, NetworkInput
from xferviewer.settings import read_settings, settings_file
from xferviewer.studies.film_notes import Measurement
from xferviewer.studies.image import OverlayPlane
from xferviewer.studies.regions import Box, Region
from xferviewer.studies.voi import Window

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
    application.window.choosing.paths_chosen.disconnect()
    application.window.choosing.paths_chosen.connect(heard.append)
    monkeypatch.setattr(QFileDialog, dialog, lambda *_, **__: answer)
    press(application, action)
    chosen = answer[0] if isinstance(answer, tuple) else answer
    assert heard == [[Path(p) for p in ([chosen] if isinstance(chosen, str) else chosen)]]
    monkeypatch.setattr(QFileDialog, dialog, lambda *_, **__: ("", "") if isinstance(answer, tuple) else "")
    press(application, action)
    assert len(heard) == 1  # nothing chosen, nothing opened


def box_titled(application: Application, title: str) -> QMessageBox:
    return next(box for box in application.window.findChildren(QMessageBox) if title in box.windowTitle())


def says(app: Application, bot: QtBot, place: int, words: str) -> None:
    """The text about how the film of a pane is shown comes to say this; it is written some 30 times a second."""
    corner = app.window.compare.panes[place]._corners["bottom_left"]
    bot.waitUntil(lambda: words in corner.text(), timeout=LONG)


def check_open_folder(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    opens(app, patch, "open_folder", "getExistingDirectory", "/somewhere")


def check_open_files(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    opens(app, patch, "open_files", "getOpenFileNames", (["/a.dcm", "/b.png"], ""))


def check_open_labels(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    opens(app, patch, "open_labels", "getOpenFileName", ("/labels.csv", ""))


def check_open_predictions(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    heard: list[list[Path]] = []
    app.window.choosing.predictions_chosen.disconnect()
    app.window.choosing.predictions_chosen.connect(heard.append)
    patch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: (["/a.csv", "/b.parquet"], ""))
    press(app, "open_predictions")
    patch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: ([], ""))
    press(app, "open_predictions")
    assert heard == [[Path("/a.csv"), Path("/b.parquet")]]


def check_open_regions(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    heard: list[Path] = []
    app.window.choosing.regions_chosen.disconnect()
    app.window.choosing.regions_chosen.connect(heard.append)
    patch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: ("/boxes.csv", ""))
    press(app, "open_regions")
    patch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: ("", ""))
    press(app, "open_regions")
    assert heard == [Path("/boxes.csv")]


def check_add_checkpoint(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    opens(app, patch, "add_checkpoint", "getExistingDirectory", "/checkpoint")


def check_describe_inputs(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/training")
    app.window.choosing.training_images_chosen.disconnect()
    with bot.waitSignal(app.window.choosing.training_images_chosen) as asked:
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


def check_import_published(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "import_published")
    assert app.importing.published is not None
    app.importing.published.reject()
    assert app.importing.published is None


def check_open_recent(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    shown: list[QMenu] = []
    patch.setattr(QMenu, "popup", lambda menu, *_: shown.append(menu))
    app.catalogues.note(app.folders.home / "of late")
    press(app, "open_recent")
    assert shown[0].actions()[0].text() == str(app.folders.home / "of late")


def check_open_catalogue(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    other = app.folders.home / "other.sqlite"
    patch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(other), ""))
    press(app, "open_catalogue")
    assert app.library.catalogue.path == other


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
    app.window.choosing.evaluation_chosen.disconnect()
    app.window.choosing.evaluation_chosen.connect(heard.append)
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


def check_export_notes(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    folder = app.folders.home / "tables"
    folder.mkdir()
    drawn(app, "ruler", (10, 20), (40, 60))
    press(app, "agree")
    patch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: "")
    press(app, "export_notes")
    patch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(folder))
    with bot.waitSignal(app.window.exporting_notes.told, timeout=LONG) as told:
        press(app, "export_notes")
    assert told.args[0] == "1 measurements and 1 notes of agreement on 1 images are written."
    (row,) = csv.DictReader((folder / "measurements.csv").read_text("utf-8").splitlines())
    shown = app.window.compare.panes[0]._measurements[0].words
    assert shown == f"{float(row['value']):.1f} {row['unit']} {row['calibration']}"
    (verdict,) = csv.DictReader((folder / "agreement.csv").read_text("utf-8").splitlines())
    assert (verdict["weights_sha256"], verdict["finding"]) == (app.session.active, app.session.finding)


def check_agree(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    pane, finding = app.window.compare.panes[0], app.session.finding
    press(app, "agree")
    (verdict,) = app.decisions.of(app.session.shown.reference.identity).verdicts
    score = app.session.scores.score(app.session.active, app.session.shown.reference.identity, finding)
    assert verdict.called == (score > 0.5)
    assert verdict.agrees
    assert f"✓ you agree: {finding} {'present' if verdict.called else 'absent'}" in pane._notes.text()
    assert not app.window.compare.panes[1]._notes.text()  # another checkpoint said that
    press(app, "next_finding")
    assert not pane._notes.text()
    press(app, "previous_finding")
    assert pane._notes.text()
    press(app, "agree")  # once more takes it back
    assert not pane._notes.text()
    press(app, "undo")
    assert pane._notes.text()


def check_disagree(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    identity = app.session.shown.reference.identity
    press(app, "agree")
    press(app, "disagree")
    (verdict,) = app.decisions.of(identity).verdicts
    assert not verdict.agrees
    assert "✗ you disagree" in app.window.compare.panes[0]._notes.text()
    app.session.show(None)
    press(app, "disagree")
    assert any("nothing to agree with" in toast.what for toast in app.window.findChildren(Toast))


def check_own_disagreements(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "own_disagreements")
    assert any("disagreed with no checkpoint" in toast.what for toast in app.window.findChildren(Toast))
    studies = []
    for row in (1, 3):
        app.library.show_study(row)
        studies.append(app.session.shown.study.id)
        press(app, "disagree")
    app.library.show_study(2)
    press(app, "agree")
    press(app, "own_disagreements")
    assert sorted(study.id for study in app.session.studies) == sorted(studies)
    assert app.session.case_list.title == f"{app.session.finding}: cases where you disagreed"
    press(app, "next_finding")
    app.session.set_case_list(None)
    press(app, "own_disagreements")
    assert app.session.case_list is None  # of another finding


def check_key_cases(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "key_cases")
    assert any("No image is a key image" in toast.what for toast in app.window.findChildren(Toast))
    studies = []
    for row in (1, 3):
        app.library.show_study(row)
        studies.append(app.session.shown.study.id)
        if row == 1:
            press(app, "key_image")
        else:
            app.decisions.set_note(app.session.shown.reference.identity, "to be asked")
    press(app, "key_cases")
    assert sorted(study.id for study in app.session.studies) == sorted(studies)


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
    assert app.window.evaluate.curves.isVisible()
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


def check_corner_text(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    pane = app.window.compare.panes[0]
    app.window.actions_by_name["mirror_sideways"].trigger()

    def seen() -> list[bool]:
        corners = [label.isVisible() for label in pane._corners.values() if label.text()]
        return [all(corners), any(corners), pane._warning.isVisible()]

    app.window.compare._hover(0, QPointF(3, 4))  # so that every corner has words
    assert seen() == [True, True, True]
    press(app, "corner_text")
    assert seen() == [False, True, True]
    assert pane._corners["top_right"].isVisible()
    press(app, "corner_text")
    assert seen() == [False, False, True]  # a warning is never hidden
    assert read_settings(settings_file())[0].corner_text == "none"
    press(app, "corner_text")
    assert seen() == [True, True, True]


def check_copy_picture(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    def copied() -> np.ndarray:
        press(app, "copy_picture")
        picture = QGuiApplication.clipboard().image().convertToFormat(QImage.Format.Format_RGB32)
        assert picture.height() > app.window.compare.films.height()  # the notice stands below
        return np.array(picture.constBits()).reshape(picture.height(), picture.width(), 4)

    named = copied()
    app.window.actions_by_name["hide_identity"].trigger()
    app.session.shown = replace(app.session.shown, study=app.session.shown.study._replace(patient_id="somebody"))
    hidden = copied()
    app.window.actions_by_name["hide_identity"].trigger()
    assert (hidden != named).any()
    app.window.actions_by_name["hide_identity"].trigger()
    app.session.shown = replace(app.session.shown, study=app.session.shown.study._replace(patient_id="nobody"))
    assert (copied() == hidden).all()  # whoever it is


def check_save_picture(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    path = app.folders.home / "films.png"
    for answer in (str(path), "", str(path / "below.png")):
        patch.setattr(QFileDialog, "getSaveFileName", lambda *_, answer=answer, **__: (answer, ""))
        press(app, "save_picture")
    assert QImage(str(path)).width() == app.window.compare.films.width()
    assert any("could not be saved" in toast.what for toast in app.window.findChildren(Toast))


def check_detach_films(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    compare = app.window.compare
    press(app, "detach_films")
    films = app.window.film_place.window_of_films
    bot.waitExposed(films)
    assert compare.window() is films
    assert app.window.film_place.back.isVisible()
    films.activateWindow()
    QTest.qWaitForWindowActive(films)
    compare.films.setFocus()
    bot.keyClick(compare.films, Qt.Key.Key_I)  # keys go on
    assert compare.looks[0].inverted
    bot.keyClick(compare.films, Qt.Key.Key_F11)
    assert films.isFullScreen()
    assert not app.window.isFullScreen()
    bot.keyClick(compare.films, Qt.Key.Key_F11)
    films.resize(1000, 600)
    films.close()
    assert compare.window() is app.window
    assert compare.isVisible()
    press(app, "detach_films")
    films = app.window.film_place.window_of_films
    assert films.height() == 600  # as it stood the last time; it is wider than the screen of the test
    with bot.waitSignal(app.window.paths_dropped) as dropped:
        films.paths_dropped.emit([app.folders.home])
    assert dropped.args == [[app.folders.home]]
    bot.mouseClick(app.window.film_place.back, Qt.MouseButton.LeftButton)
    assert compare.window() is app.window


def check_choose_layout(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    menu = app.window.compare.film_bar.layout_button.menu()
    steps = [Qt.Key.Key_Down] * 3 + [Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Return]

    def choose() -> None:  # two rows of three, by keys alone
        for key in steps:
            bot.keyClick(QApplication.activePopupWidget(), key)

    menu.aboutToShow.connect(lambda: QTimer.singleShot(50, choose))
    press(app, "choose_layout")
    bot.waitUntil(lambda: len(app.window.compare.panes) == 6)
    assert app.window.compare.pane_grid.grid == (2, 3)
    assert read_settings(settings_file())[0].layouts == (f"{app.session.shown.image.modality or '-'} 2x3",)


def check_layout_auto(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    app.window.film_commands.choose_grid((3, 4))
    assert len(app.window.compare.panes) == 12
    press(app, "layout_auto")
    assert [pane.digest for pane in app.window.compare.panes] == list(app.session.in_panes)
    assert read_settings(settings_file())[0].layouts == ()


def check_next_pane(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    app.window.film_commands.choose_grid((2, 2))
    for expected in (1, 2, 3, 0):
        press(app, "next_pane")
        assert app.window.compare.focus == expected
        assert [pane.property("active") for pane in app.window.compare.panes].index(True) == expected


def check_previous_pane(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "previous_pane")
    assert app.window.compare.focus == 1
    assert app.session.active == app.session.in_panes[1]


def check_maximise(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    panes = app.window.compare.panes
    press(app, "maximise")
    assert [pane.isVisible() for pane in panes] == [True, False]
    press(app, "next_pane")
    assert [pane.isVisible() for pane in panes] == [False, True]
    press(app, "maximise")
    assert [pane.isVisible() for pane in panes] == [True, True]


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
    assert app.session.finding == app.session.classifiers.findings[1]


def check_previous_finding(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "previous_finding")
    assert app.session.finding == app.session.classifiers.findings[-1]


def check_next_checkpoint(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "next_checkpoint")
    assert app.session.active == app.session.in_panes[1]


def check_disagreements(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    app.session.set_finding("Consolidation")
    app.session.operating_points.choose("Consolidation", dict.fromkeys(app.session.in_panes, 0.4))
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


def check_map_style(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    pane = app.window.compare.panes[0]
    film = pane._film.image
    seen = []
    for _ in range(3):
        seen.append((pane._overlay.isVisible(), bool(pane._contour.getData()[0].size)))
        press(app, "map_style")
    assert seen == [(True, False), (False, True), (True, True)]
    app.window.compare.overlay_bar.style_box.setCurrentIndex(1)
    values = pane._overlay.image / 255
    x, y = (axis.mean() for axis in pane._contour.getData())
    assert 0 <= x <= 96
    assert 0 <= y <= 96
    app.window.compare.overlay_bar.cut_off.setValue(100)
    assert pane._contour.getData()[0].size < values.size  # about the maximum alone
    assert (pane._film.image == film).all()


def check_map_scale(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    session, bar = app.session, app.window.compare.overlay_bar
    press(app, "map_scale")
    assert session.display.scale == "shared"
    shared = [pane._overlay.image.copy() for pane in app.window.compare.panes]
    press(app, "map_scale")
    assert session.display.scale == "fixed"
    assert bar.fixed.isVisible()
    index = {c.digest: c.findings.index(session.finding) for c in session.classifiers.checkpoints}
    strengths = [float(session.maps.of(digest).strengths[index[digest]]) for digest in index]
    assert session.display.fixed_strength == pytest.approx(max(strengths), abs=1e-4)
    for pane, before in zip(app.window.compare.panes, shared, strict=True):
        assert abs(pane._overlay.image.astype(int) - before).max() <= 1  # as long as the image is the same
    bar.fixed.setValue(2 * max(strengths))
    assert app.window.compare.panes[0]._overlay.image.max() == pytest.approx(shared[0].max() / 2, abs=2)
    assert "strength" in app.window.compare.panes[0]._bar.accessibleDescription()
    press(app, "map_scale")
    assert session.display.scale == "own"


def check_inputs(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    patch.setattr(app.engine, "explain", lambda *_, with_input, **__: asked.append(with_input) or 7)
    compare, image, shown = app.window.compare, app.window.compare.image, app.session.shown
    before = compare.panes[0].surface.height()
    press(app, "inputs")
    assert asked == [True]
    bot.waitUntil(lambda: compare.panes[0].surface.height() < 0.6 * before)
    assert "computing" in compare.panes[0].beside.words[0]
    first = app.session.classifiers.checkpoints[0]
    made = first.preprocessing
    seen = np.random.default_rng(1).random((made.channels, 5, 7), np.float32)
    mean, std = (np.array(each, np.float32)[:, None, None] for each in (made.mean, made.std))
    tensor = (seen - mean) / std
    app.inputs.take_in(NetworkInput(7, 1, shown.reference.identity, first.digest, (0, 0, 1, 1), tensor))
    expected = np.moveaxis(np.rint(seen * 255), 0, -1).squeeze()
    assert np.abs(compare.panes[0].beside.pixels.astype(int) - expected).max() <= 1
    words = " ".join(compare.panes[0].beside.words)
    assert f"values {tensor.min():.3f} to {tensor.max():.3f}" in words
    assert f"5 × 7 × {made.channels}" in words
    assert ("stores it inverted" in words) == image.inverted
    assert compare.panes[1].beside.pixels is None
    press(app, "next_study")
    assert asked == [True, True]  # with its maps
    press(app, "inputs")
    press(app, "next_study")
    assert asked == [True, True, False]
    assert compare.panes[0].beside is None


def check_planes(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    image = app.window.compare.image
    assert image is not None
    drawn = np.zeros(image.pixels.shape, np.bool_)
    drawn[2:5, 3:9] = True
    shown = app.session.shown
    overlaid = replace(image, overlays=(OverlayPlane(drawn),))
    app.window.compare.show_film(Film(str(shown.image.path), shown.frame, FilmRaster(overlaid), None))
    planes = app.window.compare.panes[0]._planes
    assert planes.isVisible()
    assert planes.image.sum() == 18
    press(app, "planes")
    assert not planes.isVisible()
    press(app, "planes")
    assert planes.isVisible()


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
    says(app, bot, 0, "inverted")


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
    assert not app.window.compare.looks[0].inverted


def turned(app: Application, action: str) -> np.ndarray:
    """What the pane beside the one in focus shows after an action, of a film without symmetry; fitted all the time."""
    compare = app.window.compare
    press(app, action)
    part = compare.panes[1].box.viewRect()
    shown = compare.looks[1].turn.of(compare.image.pixels)
    assert part.contains(QRectF(0, 0, shown.shape[1], shown.shape[0]))
    return shown


def check_turn_clockwise(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    assert (turned(app, "turn_clockwise") == np.rot90(app.window.compare.image.pixels, -1)).all()
    says(app, bot, 1, "turned 90°")


def check_turn_back(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    assert (turned(app, "turn_back") == np.rot90(app.window.compare.image.pixels, 1)).all()


def check_mirror_sideways(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    assert (turned(app, "mirror_sideways") == app.window.compare.image.pixels[:, ::-1]).all()


def check_mirror_upright(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    assert (turned(app, "mirror_upright") == app.window.compare.image.pixels[::-1]).all()


def check_auto_level(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "auto_level")
    window, values = app.window.compare.looks[1].window, app.window.compare.image.pixels
    ends = [window.centre - window.width / 2, window.centre + window.width / 2]
    assert ends == pytest.approx(np.percentile(values, [1, 99]).tolist(), abs=1)
    says(app, bot, 1, "auto level")


def _check_preset(place: int) -> Callable[[Application, QtBot, pytest.MonkeyPatch], None]:
    def check(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
        compare = app.window.compare
        offered = presets(compare.standing.raster(0))
        by_hand = Window(1234, 567)
        compare.set_window(by_hand)
        press(app, f"preset_{place}")
        expected = offered[place - 1].window if place <= len(offered) else by_hand
        assert [look.window for look in compare.looks] == [expected] * 2

    return check


for _place in range(1, 10):
    globals()[f"check_preset_{_place}"] = _check_preset(_place)


def check_drag_up(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    compare = app.window.compare
    press(app, "drag_up")
    compare.panes[0].box.windowed.emit(0, 40)
    before = compare.image.default_window().centre
    assert (compare.looks[0].window.centre > before) != compare.image.inverted
    assert app.settings.now.drag_up == "darker"
    press(app, "drag_up")
    assert read_settings(settings_file())[0].drag_up == "brighter"


def unlinks(app: Application, what: str, do: Callable[[], object], look: Callable[[Look], object]) -> None:
    """Both panes do it, then only the one in focus, then again both, and the choice is kept."""
    looks, action = app.window.compare.looks, app.window.actions_by_name[f"link_{what}"]
    assert action.isChecked()
    do()
    assert look(looks[0]) == look(looks[1])
    press(app, f"link_{what}")
    assert not action.isChecked()
    before = look(looks[1])
    do()
    assert look(looks[0]) != before
    assert look(looks[1]) == before
    assert read_settings(settings_file())[0].unlinked == (what,)
    press(app, f"link_{what}")
    do()
    assert look(looks[0]) == look(looks[1])


def check_keep_window(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    compare, image = app.window.compare, app.window.compare.image
    compare.set_window(Window(1234, 567))
    for name in ("  ", "My window"):
        press(app, "keep_window")
        dialog = app.window.findChildren(QInputDialog)[-1]
        assert f"W 567 L 1234, for films of {image.facts.modality} in" in dialog.labelText()
        dialog.setTextValue(name)
        dialog.accept()
        assert [own.name for own in compare.own_windows] == ([name] if name.strip() else [])
    kept = read_settings(settings_file())[0].window_presets
    assert kept == (f"{image.facts.modality} | {image.unit} | 1234.0 | 567.0 | LINEAR | My window",)
    compare.set_window(None)
    place = [preset.name for preset in compare.presets()].index("My window")
    press(app, f"preset_{place + 1}")
    assert {(look.window.centre, look.window.width) for look in compare.looks} == {(1234, 567)}
    says(app, bot, 1, "W 567 L 1234 My window" if not image.unit else "My window")


def check_film_menu(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    shown: list[QMenu] = []
    patch.setattr(QMenu, "popup", lambda menu, *_: shown.append(menu))
    press(app, "film_menu")
    texts = [action.text() for action in shown[0].actions()]
    assert texts[:5] == ["Window", "Links", "Turn", "Layout", "Tools"]
    app.window.compare.panes[1].box.menu_asked.emit()
    assert len(shown) == 2
    inverting = shown[1].actions()[0].menu()
    inverting.aboutToShow.emit()
    next(action for action in inverting.actions() if action.text() == "Invert").trigger()
    assert app.window.compare.looks[0].inverted


def check_link_pan(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    box = app.window.compare.panes[0].box
    app.window.compare.zoom(2)
    unlinks(app, "pan", lambda: box.moved.emit(box.viewRect().translated(7, 5)), lambda look: look.part.center())


def check_link_zoom(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    unlinks(app, "zoom", lambda: app.window.compare.zoom(1.5), lambda look: look.part.width())


def check_link_window(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    box = app.window.compare.panes[0].box
    unlinks(app, "window", lambda: box.windowed.emit(9, 4), lambda look: look.window)


def check_link_turn(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    unlinks(app, "turn", app.window.actions_by_name["turn_clockwise"].trigger, lambda look: look.turn)


def check_link_frame(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "link_frame")
    app.window.compare.panes[0].box.stepped.emit(1)  # the study has one image: a pane by itself leaves it not
    assert row_of(app) == 0
    press(app, "link_frame")
    app.window.compare.panes[0].box.stepped.emit(1)
    assert row_of(app) == 1


def check_link_all(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    looks = app.window.compare.looks
    press(app, "link_all")
    assert looks.linked == frozenset()
    press(app, "link_window")
    press(app, "link_all")
    assert looks.linked == frozenset(LINKS)
    assert app.window.compare.film_bar.links_button.text() == "Linked"


def drawn(app: Application, tool: str, begun: tuple[float, float], end: tuple[float, float]) -> tuple[Measurement, ...]:
    """What is kept of the shown frame after a tool was chosen by its key and drawn with in the second pane."""
    compare = app.window.compare
    if app.window.tool_commands.tools.kind != tool:
        press(app, f"tool_{tool}")
    box = compare.panes[1].box
    assert box.draws
    box.drawn.emit(QPointF(*begun), QPointF(*end), False)
    box.drawn.emit(QPointF(*begun), QPointF(*end), True)
    return app.decisions.of(app.session.shown.reference.identity).measurements


def check_tool_ruler(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    (ruler,) = drawn(app, "ruler", (10, 20), (40, 60))
    assert ruler == Measurement("ruler", ((10, 20), (40, 60)))
    words = [[item.words for item in pane._measurements] for pane in app.window.compare.panes]
    row, column = app.window.compare.image.spacing_mm
    length = math.hypot(30 * column, 40 * row)
    assert words == [[f"{length:.1f} mm {app.window.compare.image.spacing_source}"]] * 2


def check_tool_angle(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    assert drawn(app, "angle", (10, 10), (50, 10)) == ()
    box = app.window.compare.panes[1].box
    box.hovered.emit(QPointF(50, 40))
    assert app.window.compare.panes[0]._measurements[0].words == "90.0°"
    box.clicked.emit(QPointF(50, 30))
    (angle,) = app.decisions.of(app.session.shown.reference.identity).measurements
    assert angle == Measurement("angle", ((10, 10), (50, 10), (50, 30)))


def check_tool_ellipse(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    drawn(app, "ellipse", (10, 20), (40, 60))
    assert app.window.compare.panes[0]._measurements[0].words.startswith("mean ")


def check_tool_window(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "tool_ruler")
    press(app, "tool_window")
    assert not any(pane.box.draws for pane in app.window.compare.panes)


def check_remove_measurement(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    drawn(app, "ruler", (10, 20), (40, 60))
    assert len(drawn(app, "ruler", (1, 2), (4, 6))) == 2
    press(app, "remove_measurement")
    assert [len(pane._measurements) for pane in app.window.compare.panes] == [1, 1]


def check_undo(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    identity = app.session.shown.reference.identity
    drawn(app, "ruler", (10, 20), (40, 60))
    press(app, "key_image")
    press(app, "undo")
    assert not app.decisions.of(identity).is_key
    assert app.decisions.of(identity).measurements
    press(app, "undo")
    assert not app.window.compare.panes[0]._measurements
    press(app, "undo")  # nothing is left to undo
    assert not app.decisions.of(identity).measurements


def check_redo(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    session, digest = app.session, app.session.active
    begun = session.operating_points.threshold(digest, session.finding)
    for threshold in (0.6, 0.7):  # a slider is moved: one step
        session.operating_points.choose(session.finding, {digest: threshold})
    press(app, "undo")
    assert session.operating_points.threshold(digest, session.finding) == begun
    press(app, "redo")
    assert session.operating_points.threshold(digest, session.finding) == 0.7
    assert app.window.actions_by_name["undo"].text() == "Undo threshold"


def check_magnifier(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    compare, lenses = app.window.compare, app.window.tool_commands.lenses
    compare.set_window(Window(1500, 2000))
    press(app, "magnifier")
    compare.panes[0].box.hovered.emit(QPointF(48, 48))
    assert [glass.isVisible() for glass in lenses.glasses] == [True, True]
    glass = lenses.glasses[1]
    at = compare.panes[1].on_surface(QPointF(48, 48))
    assert (glass.geometry().center() - at.toPoint()).manhattanLength() <= 3
    times = 3 / compare.panes[1].box.viewPixelSize()[0]
    seen = glass.grab().toImage()
    column = 48 + 60 / times  # of the film, 60 pixels to the right of the middle of the glass
    expected = np.interp(column - 0.5, np.arange(96), compare.panes[1]._film.image[48 - 1 : 49].mean(axis=0))
    assert abs(seen.pixelColor(160, 100).red() - expected) < 12
    press(app, "magnifier")
    assert not any(glass.isVisible() for glass in lenses.glasses)


def check_key_image(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "key_image")
    assert all("key image" in pane._notes.text() for pane in app.window.compare.panes)
    assert app.decisions.of(app.session.shown.reference.identity).is_key
    press(app, "key_image")
    assert not any(pane._notes.isVisible() for pane in app.window.compare.panes)


def check_note(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "note")
    dialog = app.window.findChild(QInputDialog)
    dialog.setTextValue("a <b>shadow</b>\nbehind the heart")
    dialog.accept()
    assert "a &lt;b&gt;shadow&lt;/b&gt;<br>behind the heart" in app.window.compare.panes[1]._notes.text()
    assert app.decisions.of(app.session.shown.reference.identity).note.endswith("behind the heart")


def check_cine(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "cine")  # the study has one film: nothing moves, and nothing is ticked
    assert not app.window.tool_commands.cine.is_running
    assert not app.window.actions_by_name["cine"].isChecked()
    assert "nothing to play" in app.window.findChildren(Toast)[-1].what


def check_cine_faster(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "cine_faster")
    assert app.window.tool_commands.cine.per_second == 15
    assert read_settings(settings_file())[0].cine_per_second == 15


def check_cine_slower(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    for _ in range(20):
        press(app, "cine_slower")
    assert app.window.tool_commands.cine.per_second == 1


def check_blink(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    first, second = app.window.compare.panes
    press(app, "blink")
    bot.waitUntil(lambda: first.geometry() == second.geometry())
    seen = set()
    for _ in range(3):
        effect = second.graphicsEffect()
        seen.add(effect.opacity())
        bot.waitUntil(lambda effect=effect: second.graphicsEffect() is not effect, timeout=LONG)
    assert seen == {0.0, 1.0}
    press(app, "blink")
    bot.waitUntil(lambda: first.geometry() != second.geometry())
    assert second.graphicsEffect() is None


def check_fade(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    compare, fade = app.window.compare, app.window.tool_commands.fade
    app.window.actions_by_name["overlay"].trigger()
    press(app, "link_window")
    app.window.actions_by_name["corner_text"].trigger()
    app.window.actions_by_name["corner_text"].trigger()
    press(app, "fade")
    assert fade.slider.isVisible()
    compare.looks.set_window(0, Window(0, 2))  # white where anything is, in the first
    compare.looks.set_window(1, Window(60000, 2))  # black in the second
    bot.wait(20)
    middle = compare.films.rect().center()

    def brightness() -> int:
        return compare.films.grab().toImage().pixelColor(middle).red()

    names = [each.name for each in app.session.classifiers.checkpoints]
    assert [label.toolTip() for label in fade.findChildren(QLabel) if label.toolTip()] == names
    app.window.actions_by_name["corner_text"].trigger()  # all text again
    first, second = (pane._corners["top_right"] for pane in compare.panes)
    for share in (20, 80):  # words over words could not be read
        fade.slider.setValue(share)
        assert [first.isVisible(), second.isVisible()] == [share < 50, share > 50]
    for _ in range(2):
        app.window.actions_by_name["corner_text"].trigger()
    fade.slider.setValue(0)
    assert brightness() == 255
    fade.slider.setValue(40)
    assert brightness() == pytest.approx(0.6 * 255, abs=3)
    fade.slider.setValue(100)
    assert brightness() == 0
    press(app, "fade")
    assert not fade.slider.isVisible()
    bot.waitUntil(lambda: compare.panes[0].geometry() != compare.panes[1].geometry())


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
    app.opening.open_demo()
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


def cheat_sheet_shown(app: Application) -> str:
    return app.window.findChildren(QTextBrowser)[-1].toPlainText()


def check_palette(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "palette")
    palette = app.window.findChild(Palette)
    QTest.qWaitForWindowActive(palette)
    bot.waitUntil(palette.words.hasFocus)  # else Return is the key of the table behind it
    bot.keyClicks(palette.words, "anticlock")
    assert [palette.list.item(row).text() for row in range(palette.list.count())] == [
        "Film: Turn anticlockwise    Alt+Left"
    ]
    bot.keyClick(palette.words, Qt.Key.Key_Return)
    assert app.window.compare.looks[1].turn.quarters == 3
    press(app, "palette")
    palette = app.window.findChildren(Palette)[-1]
    bot.waitUntil(palette.words.hasFocus)
    assert palette.list.count() == len(ACTIONS)
    bot.keyClicks(palette.words, "film turn")
    first = palette.list.currentItem().text()
    bot.keyClick(palette.words, Qt.Key.Key_Down)
    assert palette.list.currentItem().text() != first
    palette.reject()


def check_preferences(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    def open_at(name: str) -> PreferencesDialog:
        press(app, "preferences")
        dialog = app.window.findChildren(PreferencesDialog)[-1]
        dialog.keys.table.selectRow([row.name for row in KEYED].index(name))
        return dialog

    def type_key(dialog: PreferencesDialog, key: str, button: str = "use") -> None:
        dialog.keys.key.setKeySequence(QKeySequence(key))
        getattr(dialog.keys, button).click()

    def ok(dialog: PreferencesDialog) -> QPushButton:
        return dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)

    dialog = open_at("invert")
    type_key(dialog, "O")
    assert "O: Show the map; Invert" in dialog.keys.fault.text()
    assert not ok(dialog).isEnabled()
    type_key(dialog, "H")
    assert "Look under the map" in dialog.keys.fault.text()
    type_key(dialog, "Ctrl+J")
    type_key(dialog, "J", "add")
    assert dialog.keys.fault.text() == ""
    ok(dialog).click()
    assert read_settings(settings_file())[0].keys == ("invert = Ctrl+J, J",)
    table = app.window.worklist.table
    for key, inverted in (("I", False), ("J", True), ("Ctrl+J", False)):
        QTest.keySequence(table, QKeySequence(key))
        assert app.window.compare.looks[0].inverted is inverted
    press(app, "cheat_sheet")
    assert "Ctrl+J, J" in cheat_sheet_shown(app)
    dialog = open_at("overlay")
    dialog.keys.clear.click()
    ok(dialog).click()
    assert app.window.actions_by_name["overlay"].shortcuts() == []
    dialog = open_at("overlay")
    dialog.keys.standard.click()
    ok(dialog).click()
    assert read_settings(settings_file())[0].keys == ()
    assert app.window.actions_by_name["overlay"].shortcut().toString() == "O"
    dialog = open_at("overlay")
    dialog.keys.clear.click()
    dialog.reject()
    assert app.window.actions_by_name["overlay"].shortcut().toString() == "O"


def check_cheat_sheet(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "cheat_sheet")
    text = cheat_sheet_shown(app)
    for row in ACTIONS:
        assert not row.keys or row.text in text


def check_device(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "device")
    assert box_titled(app, "Device and precision").text()


def check_about(app: Application, bot: QtBot, patch: pytest.MonkeyPatch) -> None:
    press(app, "about")
    assert "research" in box_titled(app, "About").text()


@pytest.mark.qt_log_ignore(r"does not support (raise|grabbing)", extend=True)  # a menu of the offscreen platform
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
    assert conflicts(STANDARD) == {}
    assert all(
        key in cheat_sheet(STANDARD, mouse_rows(STANDARD_MOUSE))
        for row in ACTIONS
        for key in row.keys
        if key not in "<>&"
    )


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
