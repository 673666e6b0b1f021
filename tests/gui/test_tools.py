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
