"""The line above the films: presets by their names, links, turning; links outlive a study, unrelated films stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyqtgraph as pg
import pytest
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.views.compare.film_box import FilmBox
from xferviewer.settings import Settings
from xferviewer.studies.voi import Window

LONG = 120_000


def entries(application: Application) -> dict[str, Callable[[], None]]:
    """What the button of the window offers, by name."""
    menu = application.window.compare.film_bar.window_button.menu()
    menu.aboutToShow.emit()
    return {action.text().split("\t")[0]: action.trigger for action in menu.actions() if action.text()}


def test_that_the_button_offers_the_windows_of_file_and_modality_by_their_names(
    stack: Application, qtbot: QtBot
) -> None:
    compare = stack.window.compare
    offered = entries(stack)
    assert list(offered)[:4] == ["SOFT TISSUE", "LUNGS", "Auto level", "Whole range"]
    offered["LUNGS"]()
    assert compare.looks[1].window == Window(-600, 1500, "LINEAR", "LUNGS")
    qtbot.waitUntil(lambda: compare.film_bar.window_button.text() == "W 1500 L -600 HU LUNGS", timeout=LONG)
    entries(stack)["Bone"]()
    qtbot.waitUntil(lambda: "W 1800 L 400 HU Bone" in compare.panes[0]._corners["bottom_left"].text(), timeout=LONG)
    entries(stack)["SOFT TISSUE"]()
    assert compare.looks[0].window is None


def test_that_stepping_within_a_series_keeps_part_and_window_and_another_series_begins_anew(
    stack: Application, qtbot: QtBot
) -> None:
    compare = stack.window.compare
    compare.zoom(2)
    compare.set_window(Window(10, 20))
    part = compare.looks[0].part
    stack.library.step(1)
    qtbot.waitUntil(lambda: compare.image is not None, timeout=LONG)
    assert [(look.window, look.part) for look in compare.looks] == [(Window(10, 20), part)] * 2
    for _ in range(2):
        stack.library.step(1)
    qtbot.waitUntil(lambda: compare.image is not None, timeout=LONG)
    assert stack.session.shown.image.series_uid == "1.2.3.2"
    assert [(look.window, look.part) for look in compare.looks] == [(None, None)] * 2


def test_that_a_pane_that_steps_by_itself_shows_another_image_and_its_neighbour_stays(
    stack: Application, qtbot: QtBot
) -> None:
    compare = stack.window.compare
    stack.window.actions_by_name["link_frame"].trigger()
    for _ in range(3):
        compare.panes[1].box.stepped.emit(1)
    compare.panes[1].box.stepped.emit(1)  # beyond the last image of the study: nothing
    qtbot.waitUntil(lambda: compare.standing.raster(1) is not None, timeout=LONG)
    assert [compare.standing.shown(pane).index for pane in (0, 1)] == [0, 3]
    qtbot.waitUntil(lambda: "image 4 of 4" in compare.panes[1]._corners["bottom_left"].text(), timeout=LONG)
    # It shows another series now: what is done to the first pane is not for it.
    compare.set_window(Window(10, 20))
    compare.zoom(2)
    assert compare.looks[0].window == Window(10, 20)
    assert (compare.looks[1].window, compare.looks[1].part) == (None, None)
    compare.panes[1].box.stepped.emit(-1)  # and back in the series of its neighbour
    qtbot.waitUntil(lambda: compare.standing.raster(1) is not None, timeout=LONG)
    compare.set_window(Window(30, 40))
    assert compare.looks[1].window == Window(30, 40)


def test_that_links_outlive_a_study_and_a_start(
    opened: Application, make_application: Callable[..., Application], qtbot: QtBot
) -> None:
    compare = opened.window.compare
    opened.window.actions_by_name["link_window"].trigger()
    opened.library.step_study(1)
    qtbot.waitUntil(lambda: compare.image is not None, timeout=LONG)
    compare.set_window(Window(10, 20))
    assert [look.window for look in compare.looks] == [Window(10, 20), None]
    again = make_application(chosen=replace(opened.settings.now, checkpoints=()))
    assert not again.window.actions_by_name["link_window"].isChecked()
    assert again.window.actions_by_name["link_pan"].isChecked()
    assert again.window.compare.film_bar.links_button.text() == "Partly linked"


def test_that_reset_goes_to_what_is_linked_and_to_nothing_else(opened: Application) -> None:
    compare = opened.window.compare
    compare.set_window(Window(10, 20))
    compare.zoom(2)
    opened.window.actions_by_name["link_window"].trigger()
    opened.window.actions_by_name["reset"].trigger()
    assert (compare.looks[0].window, compare.looks[0].part) == (None, None)
    assert (compare.looks[1].window, compare.looks[1].part) == (Window(10, 20), None)


def test_that_upwards_darkens_from_the_start_where_it_was_so_chosen(
    make_application: Callable[..., Application],
) -> None:
    application: Application = make_application(chosen=Settings(device="cpu", notice_seen=True, drag_up="darker"))
    assert not application.window.compare.gestures.up_is_brighter
    assert application.window.actions_by_name["drag_up"].isChecked()


def test_that_what_is_painted_is_what_the_raster_gives_pixel_for_pixel(opened: Application, qtbot: QtBot) -> None:
    """At one to one, turned, the picture of the pane holds the film as it would be drawn whole."""
    compare = opened.window.compare
    pane = compare.panes[0]
    opened.window.actions_by_name["overlay"].trigger()
    opened.window.actions_by_name["turn_clockwise"].trigger()
    compare.set_window(Window(1500, 2000))
    box = pane.box
    centre = compare.looks.part(0).center()
    width, height = box.width(), box.height()
    part = compare.looks.part(0)
    part.setSize(part.size().__class__(width, height))
    part.moveCenter(centre)
    part.moveTo(round(part.left()), round(part.top()))
    compare.looks.move(0, part)
    qtbot.wait(20)
    assert box.viewPixelSize()[0] == pytest.approx(1)
    picture = pane._graphics.viewport().grab().toImage()
    expected = np.rot90(pane._film.image, -1)
    at = box.mapViewToDevice(box.mapSceneToView(box.scenePos()).__class__(0, 0)).toPoint()
    shown = np.array([[picture.pixelColor(at.x() + x, at.y() + y).red() for x in range(20, 60)] for y in range(20, 60)])
    assert (shown == expected[20:60, 20:60]).all()


def test_that_a_pane_without_size_has_no_scale_and_no_error(qtbot: QtBot) -> None:
    view = pg.GraphicsView()
    qtbot.addWidget(view)
    box = FilmBox()
    view.setCentralItem(box)
    view.resize(100, 100)
    view.show()
    assert box.viewPixelSize()[0] > 0
    view.resize(0, 0)
    box.setGeometry(0, 0, 0, 0)
    box._matrixNeedsUpdate, box._viewPixelSizeCache = True, None  # as after any change of the view
    assert box.viewPixelSize() == (0.0, 0.0)
