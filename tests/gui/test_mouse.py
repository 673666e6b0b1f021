"""What the mouse does is what a person chose, by real events; what is chosen is there at the next start."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QMenu, QWidget
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.mouse_bindings import CHOICES, Mouse
from xferviewer.gui.views.preferences import PreferencesDialog
from xferviewer.settings import read_settings, settings_file

LONG = 120_000
BUTTONS = {
    "left_drag": Qt.MouseButton.LeftButton,
    "middle_drag": Qt.MouseButton.MiddleButton,
    "right_drag": Qt.MouseButton.RightButton,
}
NONE = Qt.MouseButton.NoButton


def send(target: QWidget, kind: QEvent.Type, at: QPoint, button: Qt.MouseButton, down: Qt.MouseButton) -> None:
    place, modifiers = QPointF(at), Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(target, QMouseEvent(kind, place, target.mapToGlobal(place), button, down, modifiers))


def drag(application: Application, button: Qt.MouseButton, by: QPoint) -> None:
    target = application.window.compare.panes[0].surface.viewport()
    begun = target.rect().center()
    send(target, QEvent.Type.MouseButtonPress, begun, button, button)
    for step in range(1, 6):
        send(target, QEvent.Type.MouseMove, begun + by * step / 5, NONE, button)
    send(target, QEvent.Type.MouseButtonRelease, begun + by, button, NONE)


def wheel(application: Application, modifiers: Qt.KeyboardModifier) -> None:
    target = application.window.compare.panes[0].surface.viewport()
    at = QPointF(target.rect().center())
    no_phase = Qt.ScrollPhase.NoScrollPhase
    turned = QWheelEvent(at, target.mapToGlobal(at), QPoint(), QPoint(0, -120), NONE, modifiers, no_phase, False)
    QApplication.sendEvent(target, turned)


def deed(application: Application, act: Callable[[], None], qtbot: QtBot) -> str:
    """What came of an act of the mouse."""
    compare, library = application.window.compare, application.library
    library.show_study(2)
    qtbot.waitUntil(lambda: compare.image is not None, timeout=LONG)
    compare.zoom(2)
    look, row = compare.looks[0], application.session.position()
    act()
    after = compare.looks[0]
    if application.session.position() != row:
        return "step"
    if after.window != look.window:
        return "window"
    if after.part.size() != look.part.size():
        return "zoom"
    return "pan" if after.part != look.part else "nothing"


def choose(application: Application, mouse: Mouse) -> None:
    """In the preferences, box by box."""
    dialog = application.window.preferring.ask()
    assert isinstance(dialog, PreferencesDialog)
    dialog.tabs.setCurrentWidget(dialog.mouse)
    for gesture, box in dialog.mouse.boxes.items():
        box.setCurrentIndex(list(CHOICES[gesture]).index(getattr(mouse, gesture)))
        box.activated.emit(box.currentIndex())
    dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()


def test_that_buttons_and_wheel_do_what_was_chosen(opened: Application, qtbot: QtBot) -> None:
    plain, ctrl = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
    for mouse in (
        Mouse(),
        Mouse("step", "window", "nothing", "zoom", "step"),
        Mouse("pan", "nothing", "step", "nothing", "nothing"),
        Mouse("zoom", "step", "window", "step", "zoom"),
    ):
        choose(opened, mouse)
        assert read_settings(settings_file())[0].mouse == opened.settings.now.mouse
        for gesture, button in BUTTONS.items():
            does = deed(opened, lambda button=button: drag(opened, button, QPoint(30, 60)), qtbot)
            assert does == getattr(mouse, gesture), gesture
        assert deed(opened, lambda: wheel(opened, plain), qtbot) == mouse.wheel
        assert deed(opened, lambda: wheel(opened, ctrl), qtbot) == mouse.ctrl_wheel


def test_that_panes_made_later_and_the_next_start_obey_too(
    opened: Application, make_application: Callable[..., Application]
) -> None:
    choose(opened, Mouse(left_drag="zoom", wheel="zoom"))
    opened.window.film_commands.choose_grid((2, 2))
    assert [pane.box.mouse for pane in opened.window.compare.panes] == [Mouse(left_drag="zoom", wheel="zoom")] * 4
    again = make_application(opened.folders.home, read_settings(settings_file())[0])
    assert again.window.compare.gestures.mouse == Mouse(left_drag="zoom", wheel="zoom")


def test_that_a_tool_has_the_left_button_whatever_it_does_otherwise(opened: Application, qtbot: QtBot) -> None:
    choose(opened, Mouse(left_drag="pan"))
    opened.window.actions_by_name["tool_ruler"].trigger()
    assert deed(opened, lambda: drag(opened, Qt.MouseButton.LeftButton, QPoint(30, 60)), qtbot) == "nothing"
    assert len(opened.decisions.of(opened.session.shown.reference.identity).measurements) == 1


def test_that_a_double_click_does_what_was_chosen(opened: Application) -> None:
    done: list[str] = []
    for name in ("maximise", "full_screen", "cine"):
        opened.window.actions_by_name[name].triggered.disconnect()
        opened.window.actions_by_name[name].triggered.connect(lambda *_, name=name: done.append(name))
    target = opened.window.compare.panes[0].surface.viewport()
    left, at = Qt.MouseButton.LeftButton, target.rect().center()
    for chosen in CHOICES["double_click"]:
        choose(opened, Mouse(double_click=chosen))
        done.clear()
        for kind, down in (
            (QEvent.Type.MouseButtonPress, left),
            (QEvent.Type.MouseButtonRelease, NONE),
            (QEvent.Type.MouseButtonDblClick, left),
            (QEvent.Type.MouseButtonRelease, NONE),
        ):
            send(target, kind, at, left, down)
        assert done == ([] if chosen == "nothing" else [chosen])


def test_that_a_click_of_the_right_button_opens_the_menu_and_a_drag_does_not(
    opened: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[QMenu] = []
    monkeypatch.setattr(QMenu, "popup", lambda menu, *_: shown.append(menu))
    drag(opened, Qt.MouseButton.RightButton, QPoint(30, 60))
    assert shown == []
    target = opened.window.compare.panes[1].surface.viewport()
    right, at = Qt.MouseButton.RightButton, target.rect().center()
    send(target, QEvent.Type.MouseButtonPress, at, right, right)
    send(target, QEvent.Type.MouseButtonRelease, at, right, NONE)
    assert len(shown) == 1
    assert opened.window.compare.focus == 1


def test_that_the_held_key_is_the_one_that_was_chosen(opened: Application, qtbot: QtBot) -> None:
    dialog = opened.window.preferring.ask()
    row = dialog.keys.table.rowCount() - 1
    assert dialog.keys.table.item(row, 2).text() == "H"
    dialog.keys.table.selectRow(row)
    qtbot.keyClick(dialog.keys.key, Qt.Key.Key_J)
    dialog.keys.use.click()
    dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()
    overlay, table = opened.window.compare.panes[0]._overlay, opened.window.worklist.table
    qtbot.keyPress(table, Qt.Key.Key_H)
    assert overlay.isVisible()
    qtbot.keyPress(table, Qt.Key.Key_J)
    assert not overlay.isVisible()
    qtbot.keyRelease(table, Qt.Key.Key_J)
    assert overlay.isVisible()
    opened.window.worklist.search.setFocus()
    qtbot.keyPress(opened.window.worklist.search, Qt.Key.Key_J)  # a letter like any other there
    assert overlay.isVisible()


def test_that_own_windows_are_renamed_changed_and_removed_and_the_theme_is_kept(
    opened: Application, qtbot: QtBot
) -> None:
    compare, ok = opened.window.compare, QDialogButtonBox.StandardButton.Ok
    for name in ("One", "Two"):
        asked = opened.window.film_commands.ask_name_of_window()
        asked.setTextValue(name)
        asked.accept()
    dialog = opened.window.preferring.ask()
    page = dialog.windows
    page.table.item(0, 2).setText("")
    assert "needs a name" in page.fault.text()
    assert not dialog.buttons.button(ok).isEnabled()
    page.table.item(0, 2).setText("Uno")
    page.table.item(0, 4).setText("0")
    assert "Row 1 cannot be kept" in page.fault.text()
    page.table.item(0, 4).setText("77.5")
    assert page.fault.text() == ""
    page.table.selectRow(1)
    qtbot.mouseClick(page.remove, Qt.MouseButton.LeftButton)
    dialog.buttons.button(ok).click()
    (own,) = compare.own_windows
    before = compare.image.default_window()
    assert (own.name, own.window.width, own.window.centre) == ("Uno", 77.5, before.centre)
    assert len(read_settings(settings_file())[0].window_presets) == 1
    dialog = opened.window.preferring.ask()
    dialog.appearance.box.choose("light")
    dialog.appearance.box.activated.emit(1)
    dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()
    assert read_settings(settings_file())[0].theme == "light"
