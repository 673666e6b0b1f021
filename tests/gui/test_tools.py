"""Tools by real mouse events: what is measured belongs to its image, wherever and whenever that is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.notify import Toast

LONG = 120_000
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


def send(target: QWidget, kind: QEvent.Type, at: QPoint, button: Qt.MouseButton, down: Qt.MouseButton) -> None:
    place, modifiers = QPointF(at), Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(target, QMouseEvent(kind, place, target.mapToGlobal(place), button, down, modifiers))


def drag_on_film(application: Application, pane: int, begun: QPointF, end: QPointF) -> None:
    """With the left button from one place of the film as stored to another."""
    compare = application.window.compare
    target = compare.panes[pane].surface.viewport()
    start, stop = (
        compare.panes[pane].on_surface(compare.standing.as_shown(pane, place)).toPoint() for place in (begun, end)
    )  # fmt: skip
    send(target, QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    for step in range(1, 6):
        send(target, QEvent.Type.MouseMove, start + (stop - start) * step / 5, NONE, LEFT)
    send(target, QEvent.Type.MouseButtonRelease, stop, LEFT, NONE)


def kept(application: Application) -> list[tuple[float, float]]:
    (measurement,) = application.decisions.of(application.session.shown.reference.identity).measurements
    return list(measurement.points)


@pytest.mark.parametrize("turns", [(), ("turn_clockwise", "mirror_sideways")])
def test_that_a_ruler_lies_where_the_hand_drew_it_also_on_a_turned_film(
    opened: Application, turns: tuple[str, ...], qtbot: QtBot
) -> None:
    for name in turns:
        opened.window.actions_by_name[name].trigger()
    opened.window.actions_by_name["tool_ruler"].trigger()
    window = opened.window.compare.looks[0].window
    drag_on_film(opened, 0, QPointF(20, 30), QPointF(60, 40))
    (x0, y0), (x1, y1) = kept(opened)
    pixel = opened.window.compare.panes[0].box.viewPixelSize()[0]
    assert (x0, y0, x1, y1) == pytest.approx((20, 30, 60, 40), abs=1.5 * pixel)
    assert opened.window.compare.looks[0].window == window
    drag_on_film(opened, 1, QPointF(20, 30), QPointF(20, 60))
    opened.window.actions_by_name["undo"].trigger()
    assert kept(opened) == [(x0, y0), (x1, y1)]


def test_that_measurements_stay_with_their_image_and_are_there_at_the_next_start(
    opened: Application, make_application: Callable[..., Application], qtbot: QtBot
) -> None:
    opened.window.actions_by_name["tool_ellipse"].trigger()
    drag_on_film(opened, 0, QPointF(20, 30), QPointF(60, 50))
    points = kept(opened)
    opened.library.step_study(1)
    qtbot.waitUntil(lambda: opened.window.compare.image is not None, timeout=LONG)
    assert not opened.window.compare.panes[0]._measurements
    opened.library.step_study(-1)
    qtbot.waitUntil(lambda: bool(opened.window.compare.panes[0]._measurements), timeout=LONG)
    again = make_application(opened.folders.home)
    again.library.refresh()
    again.library.show_study(0)
    assert kept(again) == points


def test_that_cine_goes_round_the_study_and_stays_where_it_is_stopped(stack: Application, qtbot: QtBot) -> None:
    compare, cine = stack.window.compare, stack.window.tool_commands.cine
    cine.set_rate(60)
    chosen: list[int] = []
    stack.session.image_changed.connect(lambda: chosen.append(stack.session.shown.index))
    seen: list[int] = []
    compare.looks.changed.connect(lambda _: seen.append(compare.standing.shown(0).index))
    stack.window.actions_by_name["cine"].trigger()
    assert stack.window.actions_by_name["cine"].isChecked()
    qtbot.waitUntil(lambda: len(seen) >= 6, timeout=LONG)
    assert chosen == []  # no network is asked about what flies by
    stack.window.actions_by_name["cine"].trigger()
    assert seen[:6] == [1, 2, 3, 0, 1, 2]
    assert not stack.window.actions_by_name["cine"].isChecked()
    assert chosen == [stack.session.shown.index]
    assert all(look.ahead == 0 for look in compare.looks)


def test_that_another_study_stops_cine(stack: Application) -> None:
    stack.window.actions_by_name["cine"].trigger()
    stack.library.show_study(0)
    assert not stack.window.tool_commands.cine.is_running


def test_that_notes_that_cannot_be_kept_are_told_and_shown_as_long_as_the_window_is_open(opened: Application) -> None:
    (opened.folders.home / "film_notes.sqlite").write_bytes(b"another program's " * 99)
    opened.window.actions_by_name["key_image"].trigger()
    assert any("cannot be kept" in toast.what for toast in opened.window.findChildren(Toast))
    assert "key image" in opened.window.compare.panes[0]._notes.text()


def test_that_an_angle_that_is_half_drawn_is_not_finished_on_another_image(opened: Application, qtbot: QtBot) -> None:
    opened.window.actions_by_name["tool_angle"].trigger()
    box = opened.window.compare.panes[0].box
    first = opened.session.shown.reference.identity
    drag_on_film(opened, 0, QPointF(20, 30), QPointF(60, 40))
    opened.library.step_study(1)
    qtbot.waitUntil(lambda: opened.window.compare.image is not None, timeout=LONG)
    box.clicked.emit(QPointF(30, 60))
    assert opened.session.shown.reference.identity != first
    assert opened.decisions.all() == {}


def test_that_escape_lets_go_of_an_angle_before_it_resets_the_film(opened: Application) -> None:
    compare, reset = opened.window.compare, opened.window.actions_by_name["reset"]
    opened.window.actions_by_name["tool_angle"].trigger()
    compare.zoom(2)
    part = compare.looks[0].part
    drag_on_film(opened, 0, QPointF(40, 40), QPointF(60, 40))
    assert len(compare.panes[0]._measurements) == 1
    reset.trigger()
    assert compare.panes[0]._measurements == []
    assert compare.looks[0].part == part
    compare.panes[0].box.clicked.emit(QPointF(40, 60))
    assert opened.decisions.all() == {}
    reset.trigger()
    assert compare.looks[0].part is None


@pytest.mark.parametrize("turns", [("turn_clockwise", "mirror_sideways")])
def test_that_a_point_of_a_measurement_is_dragged_to_another_place_and_the_one_under_the_mouse_is_removed(
    opened: Application, turns: tuple[str, ...]
) -> None:
    actions, compare = opened.window.actions_by_name, opened.window.compare
    for name in turns:
        actions[name].trigger()
    actions["tool_ruler"].trigger()
    drag_on_film(opened, 0, QPointF(20, 30), QPointF(60, 40))
    begun = kept(opened)
    drag_on_film(opened, 1, QPointF(60, 40), QPointF(60, 80))
    moved = kept(opened)
    pixel = compare.panes[0].box.viewPixelSize()[0]
    assert moved[0] == begun[0]
    assert moved[1] == pytest.approx((60, 80), abs=2 * pixel)
    actions["undo"].trigger()
    assert kept(opened) == begun
    drag_on_film(opened, 0, QPointF(80, 10), QPointF(80, 20))
    compare.panes[0].box.hovered.emit(compare.standing.as_shown(0, QPointF(20, 30)))
    actions["remove_measurement"].trigger()  # the older one, which the mouse is over
    assert kept(opened)[0] == pytest.approx((80, 10), abs=2 * pixel)


def test_that_what_is_undone_where_nobody_sees_it_is_told(opened: Application, qtbot: QtBot) -> None:
    opened.window.actions_by_name["key_image"].trigger()
    first = opened.session.shown.reference.identity
    opened.library.step_study(1)
    qtbot.waitUntil(lambda: opened.window.compare.image is not None, timeout=LONG)
    opened.window.actions_by_name["undo"].trigger()
    assert not opened.decisions.of(first).is_key
    told = [toast.what for toast in opened.window.findChildren(Toast)]
    assert told[-1:] == ["Undone on an image that is not shown: key image."]
    opened.library.step_study(-1)
    opened.window.actions_by_name["redo"].trigger()  # which is seen, and needs no words
    assert len(opened.window.findChildren(Toast)) == len(told)


def test_that_the_tool_of_the_left_button_is_ticked_written_above_the_films_and_seen_at_the_mouse(
    opened: Application,
) -> None:
    actions, button = opened.window.actions_by_name, opened.window.compare.film_bar.tools_button
    cursor = opened.window.compare.panes[1].surface.viewport().cursor
    assert (button.text(), actions["tool_window"].isChecked()) == ("Tools", True)
    actions["tool_ruler"].trigger()
    assert (button.text(), actions["tool_ruler"].isChecked()) == ("Tools: ruler", True)
    assert not actions["tool_window"].isChecked()
    assert cursor().shape() == Qt.CursorShape.CrossCursor
    actions["tool_ruler"].trigger()
    assert (button.text(), actions["tool_window"].isChecked()) == ("Tools", True)
    assert cursor().shape() == Qt.CursorShape.ArrowCursor
