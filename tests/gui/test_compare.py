"""The panes: linked pan, zoom and window, by real mouse events on the films; maps; corner text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.film_raster import FilmRaster
from xferviewer.gui.films import Film
from xferviewer.gui.notify import Toast
from xferviewer.gui.views.compare import CompareView
from xferviewer.gui.views.compare.pane import Pane
from xferviewer.settings import read_settings, settings_file
from xferviewer.studies.images import present, read_image

LONG = 120_000


def film(pane: Pane) -> QWidget:
    """What the mouse of a pane goes to."""
    viewport: QWidget = pane._graphics.viewport()
    return viewport


def send(target: QWidget, kind: QEvent.Type, at: QPoint, button: Qt.MouseButton, down: Qt.MouseButton) -> None:
    place = QPointF(at)
    none = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(target, QMouseEvent(kind, place, target.mapToGlobal(place), button, down, none))


def drag(pane: Pane, button: Qt.MouseButton, by: QPoint, steps: int = 5) -> None:
    """Press, move in steps, let go: as a hand does it."""
    target = film(pane)
    start = target.rect().center()
    send(target, QEvent.Type.MouseButtonPress, start, button, button)
    for step in range(1, steps + 1):
        send(target, QEvent.Type.MouseMove, start + by * step / steps, Qt.MouseButton.NoButton, button)
    send(target, QEvent.Type.MouseButtonRelease, start + by, button, Qt.MouseButton.NoButton)


def wheel(pane: Pane, clicks: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    target = film(pane)
    at = QPointF(target.rect().center())
    event = QWheelEvent(
        at, target.mapToGlobal(at), QPoint(), QPoint(0, 120 * clicks), Qt.MouseButton.NoButton, modifiers,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(target, event)


def views(application: Application) -> list[QRectF]:
    return [pane.box.viewRect() for pane in application.window.compare.panes]


def pixels(application: Application) -> list[np.ndarray[Any, Any]]:
    """What each pane shows of the film: uint8."""
    return [np.array(pane._film.image) for pane in application.window.compare.panes]


def same(one: QRectF, other: QRectF) -> bool:
    """Equal but for rounding; panes of slightly different shape show a little more at their edges."""
    return (one.center() - other.center()).manhattanLength() < 0.02 * one.width()


def test_that_each_checkpoint_has_a_pane_with_the_same_film(opened: Application) -> None:
    panes = opened.window.compare.panes
    assert [pane.digest for pane in panes] == [c.weights_sha256 for c in opened.session.classifiers.checkpoints]
    first, second = pixels(opened)
    assert (first == second).all()
    assert len(np.unique(first)) > 30


def test_that_the_screen_at_the_file_s_window_is_the_presentation_that_networks_see(opened: Application) -> None:
    shown = opened.session.shown
    expected = np.rint(present(read_image(shown.image.path)) * 255)
    assert np.abs(pixels(opened)[0] - expected).max() <= 1


def test_that_a_middle_drag_pans_all_panes(opened: Application) -> None:
    before = views(opened)
    drag(opened.window.compare.panes[1], Qt.MouseButton.MiddleButton, QPoint(60, 30))
    after = views(opened)
    for old, new in zip(before, after, strict=True):
        assert new.center().x() < old.center().x()  # the film follows the hand to the right
        assert new.center().y() < old.center().y()
        assert new.width() == pytest.approx(old.width(), rel=0.02)
    assert same(after[0], after[1])


def test_that_a_right_drag_upwards_zooms_all_panes_about_the_centre(opened: Application) -> None:
    before = views(opened)
    drag(opened.window.compare.panes[0], Qt.MouseButton.RightButton, QPoint(0, -60))
    after = views(opened)
    for old, new in zip(before, after, strict=True):
        assert new.width() < 0.9 * old.width()
        assert same(old, new)


def test_that_ctrl_and_wheel_zooms_and_the_wheel_alone_steps(opened: Application, qtbot: QtBot) -> None:
    before = views(opened)
    wheel(opened.window.compare.panes[0], 2, Qt.KeyboardModifier.ControlModifier)
    assert all(new.width() < old.width() for old, new in zip(before, views(opened), strict=True))
    assert opened.session.position() == 0
    wheel(opened.window.compare.panes[1], -1)
    assert opened.session.position() == 1
    wheel(opened.window.compare.panes[1], 1)
    assert opened.session.position() == 0


def test_that_a_touchpad_steps_once_for_what_a_wheel_clicks_once(opened: Application) -> None:
    box = opened.window.compare.panes[0].box
    steps: list[int] = []
    box.stepped.disconnect()
    box.stepped.connect(steps.append)
    for _ in range(16):
        box._turn_wheel(-15)
    assert steps == [1, 1]
    box._turn_wheel(0)  # sideways
    box._turn_wheel(60)
    box._turn_wheel(60)
    assert steps == [1, 1, -1]


@pytest.mark.parametrize("inverted", [False, True])
def test_that_dragging_up_makes_all_panes_brighter_also_when_inverted(opened: Application, inverted: bool) -> None:
    if inverted:
        opened.window.actions_by_name["invert"].trigger()
    before = pixels(opened)
    drag(opened.window.compare.panes[1], Qt.MouseButton.LeftButton, QPoint(0, -40))
    after = pixels(opened)
    for old, new in zip(before, after, strict=True):
        assert new.mean() > old.mean() + 3
        assert (new.astype(int) - old >= 0).all()
    assert opened.window.compare.looks[0].window.explanation == "set by hand"


def test_that_dragging_right_widens_the_window(opened: Application) -> None:
    width = opened.window.compare.image.default_window().width
    drag(opened.window.compare.panes[0], Qt.MouseButton.LeftButton, QPoint(40, 0))
    assert opened.window.compare.looks[0].window.width > width
    assert opened.window.compare.looks[0].window.centre == opened.window.compare.image.default_window().centre


def test_that_reset_goes_to_all_panes(opened: Application) -> None:
    films, fitted = pixels(opened), views(opened)
    drag(opened.window.compare.panes[0], Qt.MouseButton.LeftButton, QPoint(30, -40))
    drag(opened.window.compare.panes[0], Qt.MouseButton.RightButton, QPoint(0, -60))
    opened.window.actions_by_name["invert"].trigger()
    assert not (pixels(opened)[1] == films[1]).all()
    opened.window.actions_by_name["reset"].trigger()
    for old, new in zip(films, pixels(opened), strict=True):
        assert (old == new).all()
    for old, new in zip(fitted, views(opened), strict=True):
        assert new.width() == pytest.approx(old.width())
        assert new.center() == old.center()
    assert not any(look.inverted for look in opened.window.compare.looks)


def test_that_the_overlay_never_changes_the_window(opened: Application) -> None:
    drag(opened.window.compare.panes[0], Qt.MouseButton.LeftButton, QPoint(30, -40))
    window, films, bar = opened.window.compare.looks[0].window, pixels(opened), opened.window.compare.overlay_bar
    bar.opacity.setValue(80)
    bar.cut_off.setValue(60)
    bar.colour_map.setCurrentIndex(bar.colour_map.findData("viridis"))
    bar.scale.setCurrentIndex(1)
    bar.visible_box.click()
    display = opened.session.display
    assert (display.overlay_opacity, display.cut_off, display.colour_map) == (0.8, 0.6, "viridis")
    assert (display.scale, display.overlay_visible) == ("shared", False)
    assert opened.window.compare.looks[0].window == window
    assert all((old == new).all() for old, new in zip(films, pixels(opened), strict=True))


def test_that_the_map_lies_over_the_part_that_the_network_saw_and_only_above_the_cut_off(opened: Application) -> None:
    session, finding = opened.session, opened.session.finding
    for pane in opened.window.compare.panes:
        explained = session.maps.of(pane.digest)
        values = explained.maps[session.classifiers.checkpoint(pane.digest).findings.index(finding)]
        assert pane._overlay.isVisible()
        assert (pane._overlay.image == np.rint(values * 255)).all()
        rows, columns = opened.window.compare.image.pixels.shape
        _, left, bottom, _ = explained.crop
        placed = pane._overlay.mapRectToParent(pane._overlay.boundingRect())
        assert placed.left() == pytest.approx(left * columns)
        assert placed.bottom() == pytest.approx(bottom * rows)
        table = pane._overlay.lut
        cut = round(session.display.cut_off * 255)
        assert (table[:cut, 3] == 0).all()
        assert (table[cut:, 3] == round(session.display.overlay_opacity * 255)).all()


def test_that_maps_on_a_shared_scale_keep_their_strength(opened: Application) -> None:
    session = opened.session
    session.set_display(replace(session.display, scale="shared"))
    index = {c.weights_sha256: c.findings.index(session.finding) for c in session.classifiers.checkpoints}
    strengths = [float(session.maps.of(digest).strengths[index[digest]]) for digest in index]
    peaks = [pane._overlay.image.max() for pane in opened.window.compare.panes]
    assert max(peaks) == 255
    assert min(peaks) == pytest.approx(255 * min(strengths) / max(strengths), abs=1)


def test_that_a_finding_that_was_not_trained_has_no_map(opened: Application) -> None:
    opened.session.set_finding("Effusion")  # the transformer was not trained for it
    efficientnet, vit = opened.window.compare.panes
    assert efficientnet._overlay.isVisible()
    assert not vit._overlay.isVisible()
    assert "not trained" in vit._corners["top_right"].text()


def test_that_holding_h_looks_under_the_map_while_the_worklist_has_the_focus(opened: Application, qtbot: QtBot) -> None:
    table = opened.window.worklist.table
    table.setFocus()
    pane = opened.window.compare.panes[0]
    qtbot.keyPress(table, Qt.Key.Key_H)
    assert not pane._overlay.isVisible()
    qtbot.keyRelease(table, Qt.Key.Key_H)
    assert pane._overlay.isVisible()
    qtbot.keyPress(opened.window.worklist.search, Qt.Key.Key_H)  # a letter like any other there
    assert opened.session.display.overlay_visible


def test_that_a_held_key_that_is_let_go_in_another_program_hides_no_map(opened: Application, qtbot: QtBot) -> None:
    overlay = opened.window.compare.panes[0]._overlay
    qtbot.keyPress(opened.window.worklist.table, Qt.Key.Key_H)
    assert not overlay.isVisible()
    QApplication.sendEvent(QApplication.instance(), QEvent(QEvent.Type.ApplicationDeactivate))
    assert overlay.isVisible()


def test_that_h_is_a_letter_in_the_search_field(opened: Application, qtbot: QtBot) -> None:
    search = opened.window.worklist.search
    opened.window.activateWindow()
    search.setFocus()
    qtbot.waitUntil(search.hasFocus)
    qtbot.keyPress(search, Qt.Key.Key_H)
    assert opened.window.compare.panes[0]._overlay.isVisible()
    assert search.text() == "h"
    qtbot.keyRelease(search, Qt.Key.Key_H)


def test_that_the_next_study_keeps_the_links_and_starts_fitted_in_its_own_window(
    opened: Application, qtbot: QtBot
) -> None:
    drag(opened.window.compare.panes[0], Qt.MouseButton.LeftButton, QPoint(30, -40))
    drag(opened.window.compare.panes[0], Qt.MouseButton.RightButton, QPoint(0, -60))
    opened.library.step_study(1)
    compare = opened.window.compare
    path = opened.session.shown.image.path
    qtbot.waitUntil(lambda: (film := compare.standing.film(0)) is not None and film.path == path, timeout=LONG)
    rows, columns = compare.image.pixels.shape
    assert opened.window.compare.looks[0].window is None
    assert all(view.contains(QRectF(0, 0, columns, rows)) for view in views(opened))
    drag(compare.panes[1], Qt.MouseButton.MiddleButton, QPoint(50, 0))
    after = views(opened)
    assert same(after[0], after[1])


def shown_alone(compare: CompareView) -> list[str]:
    return [pane.digest for pane in compare.panes if pane.isVisible()]


def test_that_a_film_which_was_read_ahead_is_drawn_once_in_each_pane(
    opened: Application, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, session = opened.window.compare, opened.session
    opened.library.step_study(1)
    qtbot.waitUntil(lambda: compare.image is not None and compare.image.identity == session.shown.image.identity)
    opened.library.step_study(-1)
    drawn: list[Pane] = []
    set_film = Pane.set_film
    monkeypatch.setattr(Pane, "set_film", lambda pane, *film: (drawn.append(pane), set_film(pane, *film)))
    opened.library.step_study(1)
    assert compare.image is not None
    assert compare.image.identity == session.shown.image.identity
    assert drawn == compare.panes
    assert (pixels(opened)[0] == np.rint(present(read_image(session.shown.image.path)) * 255)).mean() > 0.99


def test_that_a_double_click_shows_one_pane_alone_and_all_again(opened: Application, qtbot: QtBot) -> None:
    compare = opened.window.compare
    digests = shown_alone(compare)
    for expected in ([digests[1]], digests):
        pane = next(pane for pane in compare.panes if pane.digest == digests[1])
        target = film(pane)
        at = target.rect().center()
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        send(target, QEvent.Type.MouseButtonPress, at, left, left)
        send(target, QEvent.Type.MouseButtonRelease, at, left, none)
        send(target, QEvent.Type.MouseButtonDblClick, at, left, left)
        send(target, QEvent.Type.MouseButtonRelease, at, left, none)
        qtbot.waitUntil(lambda expected=expected: shown_alone(compare) == expected)
    assert (pixels(opened)[0] == pixels(opened)[1]).all()


def test_that_a_click_on_a_pane_makes_its_checkpoint_the_active_one(opened: Application, qtbot: QtBot) -> None:
    pane = opened.window.compare.panes[1]
    qtbot.mouseClick(film(pane), Qt.MouseButton.LeftButton, pos=film(pane).rect().center())
    assert opened.session.active == pane.digest
    assert opened.window.compare.panes[1].property("active")
    assert not opened.window.compare.panes[0].property("active")
    assert "<b>vit</b>" in opened.window.referral.summary.text()


def test_that_the_corner_names_the_pixel_under_the_cursor(opened: Application, qtbot: QtBot) -> None:
    pane = opened.window.compare.panes[0]
    send(
        film(pane), QEvent.Type.MouseMove, film(pane).rect().center(), Qt.MouseButton.NoButton, Qt.MouseButton.NoButton
    )
    qtbot.waitUntil(lambda: "row" in pane._corners["bottom_right"].text())
    text = pane._corners["bottom_right"].text()
    row, column = (int(part.split()[-1]) for part in text.split(":")[0].split(","))
    assert text.endswith(f": {opened.window.compare.image.pixels[row, column]:g}")


def test_that_the_value_under_a_still_cursor_is_that_of_the_slice_that_is_shown(
    stack: Application, qtbot: QtBot
) -> None:
    pane, compare = stack.window.compare.panes[0], stack.window.compare
    at = film(pane).rect().center()
    send(film(pane), QEvent.Type.MouseMove, at, Qt.MouseButton.NoButton, Qt.MouseButton.NoButton)
    qtbot.waitUntil(lambda: "row" in pane._corners["bottom_right"].text())
    place, before = pane._corners["bottom_right"].text().split(":")
    compare.image.pixels[:] = 7  # so that the next slice says something else
    wheel(pane, -1)
    qtbot.waitUntil(lambda: compare.standing.raster(0) is not None and stack.session.shown.index == 1, timeout=LONG)
    qtbot.waitUntil(lambda: pane._corners["bottom_right"].text() == f"{place}:{before}", timeout=LONG)
    pane.box.left.emit()
    assert pane._corners["bottom_right"].text() == ""


def test_that_the_magnifying_glass_goes_with_the_mouse_and_shows_the_film_that_is_there(stack: Application) -> None:
    lenses, compare = stack.window.tool_commands.lenses, stack.window.compare
    lenses.toggle()
    compare.panes[0].box.hovered.emit(QPointF(48, 48))
    glass = lenses.glasses[1]
    assert glass.isVisible()
    painted: list[object] = []
    glass.paintEvent = lambda event: painted.append(event)
    QApplication.processEvents()
    painted.clear()
    compare.invert()
    QApplication.processEvents()
    assert painted
    compare.panes[0].box.left.emit()
    assert not any(each.isVisible() for each in lenses.glasses)


def test_that_a_drag_over_a_film_in_colour_says_that_there_is_no_window(opened: Application) -> None:
    compare = opened.window.compare
    grey = compare.standing.raster(0).image
    coloured = replace(grey, pixels=np.zeros((*grey.pixels.shape, 3), np.uint8), windows=(), voi_lut=None)
    shown = compare.standing.shown(0)
    compare.show_film(Film(str(shown.image.path), shown.frame, FilmRaster(coloured), None))
    drag(compare.panes[0], Qt.MouseButton.LeftButton, QPoint(30, 0))
    assert [toast.what for toast in opened.window.findChildren(Toast)] == [
        "A film in colour is shown as it is stored: there is no window to set."
    ]
    assert compare.looks[0].window is None


def test_that_a_misleading_colour_map_is_marked_and_the_choice_is_there_at_the_next_start(
    opened: Application, qtbot: QtBot
) -> None:
    box = opened.window.compare.overlay_bar.colour_map
    assert "⚠" not in box.currentText()
    box.setCurrentIndex(box.findData("jet"))
    assert box.currentText() == "jet ⚠"
    assert "edges that are not there" in box.toolTip()
    opened.window.compare.overlay_bar.opacity.setValue(70)
    qtbot.waitUntil(lambda: read_settings(settings_file())[0].colour_map == "jet")
    assert read_settings(settings_file())[0].overlay_opacity == 0.7


@pytest.fixture
def twins(cohort: Path, tmp_path: Path) -> Path:
    """The same film stored as MONOCHROME1 and as MONOCHROME2: low is white in the one, black in the other."""
    folder = tmp_path / "twins"
    folder.mkdir()
    for path in sorted((cohort / "A" / "images").glob("*.dcm")):
        dataset = pydicom.dcmread(path)
        if not dataset.file_meta.TransferSyntaxUID.is_compressed and "VOILUTSequence" not in dataset:
            break
    top = 2**dataset.BitsStored - 1
    stored = dataset.pixel_array
    for name, photometric, values, centre in (
        ("one", "MONOCHROME1", top - stored, top - 1800.0 + 1),
        ("two", "MONOCHROME2", stored, 1800.0),
    ):
        dataset.PhotometricInterpretation = photometric
        dataset.PresentationLUTShape = "INVERSE" if photometric == "MONOCHROME1" else "IDENTITY"
        dataset.PixelData = values.astype(stored.dtype).tobytes()
        dataset.WindowCenter, dataset.WindowWidth = centre, 1500.0
        dataset.VOILUTFunction = "LINEAR"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        dataset.StudyInstanceUID, dataset.PatientID = pydicom.uid.generate_uid(), name
        dataset.save_as(folder / f"{name}.dcm", enforce_file_format=True)
    return folder


def test_that_a_monochrome1_film_and_its_twin_give_the_same_screen_pixels_also_after_reset(
    make_application: Callable[..., Application], twins: Path, checkpoints: list[Path], qtbot: QtBot
) -> None:
    application: Application = make_application()
    application.window.show()
    application.checkpoints.open(checkpoints[:1])
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG):
        application.opening.open([twins])
    compare, seen = application.window.compare, {}
    for row, name in enumerate(("one", "two")):
        application.library.show_study(row)
        path = str(twins / f"{name}.dcm")
        qtbot.waitUntil(
            lambda path=path: (film := compare.standing.film(0)) is not None and film.path == path,
            timeout=LONG,
        )
        as_filed = pixels(application)[0]
        before = compare.panes[0].box.viewRect()
        drag(compare.panes[0], Qt.MouseButton.LeftButton, QPoint(20, -30))
        dragged = pixels(application)[0]
        application.window.actions_by_name["invert"].trigger()
        inverted = pixels(application)[0]
        application.window.actions_by_name["reset"].trigger()
        assert (pixels(application)[0] == as_filed).all()
        assert compare.panes[0].box.viewRect() == before
        seen[name] = (as_filed, dragged, inverted)
    for one, two, tolerance in zip(seen["one"], seen["two"], (0, 1, 1), strict=True):
        assert np.abs(one.astype(int) - two).max() <= tolerance
    assert np.abs(seen["one"][0].astype(int) - seen["one"][1]).max() > 10


def test_that_a_film_that_vanished_is_told_in_its_pane(opened: Application, tmp_path: Path, qtbot: QtBot) -> None:
    session, shown = opened.session, opened.session.shown
    gone = shown.image._replace(path=str(tmp_path / "gone.dcm"))
    session.show(replace(shown, images=(gone,)))
    compare = opened.window.compare
    qtbot.waitUntil(lambda: (film := compare.standing.film(0)) is not None and film.error is not None, timeout=LONG)
    assert "gone.dcm" in compare.panes[0]._centre.text()
    assert compare.panes[0]._film.image is None


def test_that_a_label_without_words_does_not_cover_the_film(opened: Application) -> None:
    for pane in opened.window.compare.panes:
        pane.set_orientation("", "")
        pane.set_corner("bottom_right", "")
        assert not any(label.isVisible() for label in (*pane._letters.values(), pane._corners["bottom_right"]))
        pane.set_orientation("R", "H")
        assert all(label.isVisible() for label in pane._letters.values())
