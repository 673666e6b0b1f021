"""By keyboard alone: everything is named, reached by Tab and seen when it has the focus; nothing needs a mouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QDockWidget,
    QFileDialog,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QScrollBar,
    QTabBar,
    QTextEdit,
    QWidget,
    QWidgetAction,
)
from pytestqt.qtbot import QtBot
from tests.gui.test_screenshots import is_seen, pixels

from xferviewer.gui.app import Application
from xferviewer.gui.column_dialog import ColumnDialog
from xferviewer.gui.palette import Palette
from xferviewer.gui.top_bar import PERSPECTIVES
from xferviewer.gui.views.import_dialog import ImportDialog
from xferviewer.gui.views.preferences import PreferencesDialog

LONG = 120_000
INTERACTIVE = (
    QAbstractButton, QComboBox, QAbstractSlider, QAbstractSpinBox, QLineEdit, QKeySequenceEdit, QPlainTextEdit,
    QTextEdit, QAbstractItemView, QTabBar,
)  # fmt: skip
PARTS_OF_QT = ("qt_", "ScrollLeftButton", "ScrollRightButton")
LEAST_CONTRAST = 3.0  # WCAG 2.2, 1.4.11 and 2.4.13: of what shows the focus to what was there before
LEAST_CHANGED = 40  # pixels: a line along one side of a small control


def spoken(widget: QWidget) -> str:
    """What a screen reader calls it. Of a combo box Qt tells its choice on Linux, and the name beside it."""
    if isinstance(widget, QComboBox):
        return widget.accessibleName()
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name).strip() if interface is not None else ""


def interactive(window: QWidget) -> Iterator[QWidget]:
    """What a person can press, choose, slide, type into or move through, without the parts that Qt makes of it."""
    for widget in window.findChildren(QWidget):
        inner = isinstance(widget.parent(), (QComboBox, QAbstractSpinBox, QLineEdit, QKeySequenceEdit, QDockWidget))
        inner = inner or isinstance(widget, QHeaderView)  # named by its table
        popup = widget.window().windowType() == Qt.WindowType.Popup  # the list of a combo box
        own = widget.objectName().startswith(PARTS_OF_QT) or type(widget).__name__ == "QTableCornerButton"
        if isinstance(widget, INTERACTIVE) and not isinstance(widget, QScrollBar) and not (inner or popup or own):
            yield widget


def ancestors(widget: QWidget) -> Iterator[QWidget]:
    while (parent := widget.parentWidget()) is not None:
        yield parent
        widget = parent


def unnamed(window: QWidget) -> list[str]:
    return [f"{type(w).__name__} in {type(w.parentWidget()).__name__}" for w in interactive(window) if not spoken(w)]


def test_that_everything_in_the_window_has_a_name_that_is_spoken(opened: Application) -> None:
    """In all perspectives; hidden parts, too: those of other tabs, other findings, other jobs. And all menus."""
    found = list(interactive(opened.window))
    assert len(found) > 300
    assert unnamed(opened.window) == []
    menus = [menu for menu in opened.window.findChildren(QMenu) if not isinstance(menu.parent(), QLineEdit)]
    assert len(menus) > 15
    for menu in menus:
        menu.aboutToShow.emit()
        entries = [entry for entry in menu.actions() if not (entry.isSeparator() or isinstance(entry, QWidgetAction))]
        assert all(entry.text().strip() or entry.menu() for entry in entries)


def dialogs(app: Application, folder: Path) -> dict[str, Callable[[], QWidget | None]]:
    """Every dialog of the window, opened as the window opens it."""
    window, actions = app.window, app.window.actions_by_name

    def newest(name: str, kind: type[QWidget] = QDialog) -> Callable[[], QWidget | None]:
        def open_it() -> QWidget | None:
            before = set(window.findChildren(kind))
            actions[name].trigger()
            return next(iter(set(window.findChildren(kind)) - before), None)

        return open_it

    def column() -> QWidget | None:
        window._ask_column(app.session.active)
        return window.findChildren(ColumnDialog)[-1]

    def data_set() -> QWidget | None:
        app.training.datasets.ask()
        return app.training.datasets.dialog

    def importing() -> QWidget | None:
        dialog = ImportDialog(app.session, folder, window)
        dialog.show()
        return dialog

    def published() -> QWidget | None:
        actions["import_published"].trigger()
        return app.importing.published

    named = ("preferences", "palette", "calibrate", "cheat_sheet", "about", "device", "refused_files", "failed_images",
             "note", "keep_window")  # fmt: skip
    return {
        **{name: newest(name) for name in named},
        "column": column, "data set": data_set, "import": importing, "published": published, "first start": app.welcome,
    }  # fmt: skip


def test_that_everything_in_every_dialog_has_a_name_and_is_reached_by_tab(
    opened: Application, tmp_path: Path, qtbot: QtBot
) -> None:
    for name, open_it in dialogs(opened, tmp_path / "checkpoints").items():
        dialog = open_it()
        assert dialog is not None, name
        qtbot.waitUntil(lambda dialog=dialog: dialog.isAncestorOf(QApplication.focusWidget() or opened.window))
        assert unnamed(dialog) == [], name
        assert spoken(dialog) or dialog.windowTitle(), name
        assert unreached(dialog, tabbed(dialog)) == [], name
        dialog.close()


# --- Tab


def focusable(window: QWidget) -> list[QWidget]:
    """What Tab is to reach: whatever is seen, enabled and takes the focus by Tab."""
    return [
        widget
        for widget in interactive(window)
        if is_seen(widget) and widget.isEnabled() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]


def tabbed(window: QWidget) -> list[QWidget]:
    """Where Tab leads, until it comes round."""
    window.activateWindow()
    QTest.qWaitForWindowActive(window)
    begun, found = None, []
    for _ in range(400):
        QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
        at = QApplication.focusWidget()
        if at is None or at is begun:
            break
        begun = begun or at
        if found and at is found[-1]:
            break  # a trap: Tab leads nowhere
        found.append(at)
    return found


def unreached(window: QWidget, visited: list[QWidget]) -> list[str]:
    reached = {id(widget) for stop in visited for widget in (stop, *ancestors(stop))}
    reached |= {id(stop.focusProxy()) for stop in visited if stop.focusProxy() is not None}
    # of buttons that exclude one another Tab reaches the one that is chosen; arrows lead to the others
    groups = {id(stop.group()) for stop in visited if isinstance(stop, QAbstractButton) and stop.group() is not None}
    return [
        f"{type(widget).__name__} {spoken(widget)}"
        for widget in focusable(window)
        if id(widget) not in reached
        and not (isinstance(widget, QAbstractButton) and widget.group() is not None and id(widget.group()) in groups)
    ]


_PANELS = ("TopBar", "CompareView", "CurvesPanel", "TrainingPanel", "ReferralBar", "EvaluationBar")


def panel_of(widget: QWidget) -> QWidget | None:
    """The dock, the bar or the middle that it belongs to."""
    belongs = (up for up in ancestors(widget) if isinstance(up, QDockWidget) or type(up).__name__ in _PANELS)
    return next(belongs, None)


# --- what has the focus is seen


def luminance(colour: np.ndarray) -> np.ndarray:
    """Relative luminance (n,) of colours (n, 3) from 0 to 255: WCAG 2.2."""
    part = colour / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def marked(before: np.ndarray, after: np.ndarray) -> int:
    """How many pixels differ with a contrast that is seen."""
    changed = before != after
    one, other = (
        luminance(np.stack([(picture[changed] >> shift) & 255 for shift in (16, 8, 0)], axis=1).astype(float))
        for picture in (before, after)
    )
    contrast = (np.maximum(one, other) + 0.05) / (np.minimum(one, other) + 0.05)
    return int((contrast >= LEAST_CONTRAST).sum())


def around(widget: QWidget) -> np.ndarray:
    window = widget.window()
    area = QRect(widget.mapTo(window, QPoint()), widget.size()).adjusted(-3, -3, 3, 3)
    return pixels(window.grab(area.intersected(window.rect())).toImage())


@pytest.mark.parametrize("colours", ["dark", "light"])
def test_that_tab_reaches_everything_panel_by_panel_and_where_it_is_is_seen(
    opened: Application, colours: str, qtbot: QtBot
) -> None:
    window = opened.window
    QApplication.setCursorFlashTime(0)
    for perspective in PERSPECTIVES:
        window.show_perspective(perspective)
        qtbot.waitUntil(lambda perspective=perspective: window.perspectives[perspective].was_shown)
        qtbot.wait(1)
        stops = tabbed(window)
        assert unreached(window, stops) == []
        assert [spoken(stop) for stop in stops if not is_seen(stop)] == []
        panels = [panel_of(stop) for stop in stops]
        entered = [panel for place, panel in enumerate(panels) if place == 0 or panels[place - 1] is not panel]
        if len(entered) > 1 and entered[0] is entered[-1]:
            entered.pop()  # the round began in the middle of it
        assert len(entered) == len({id(panel) for panel in entered}), [type(panel).__name__ for panel in entered]
        assert [spoken(stop) for stop in stops if how_much_is_marked(stop, stops) < LEAST_CHANGED] == []


def how_much_is_marked(stop: QWidget, stops: list[QWidget]) -> int:
    """How many pixels tell that this has the focus."""
    rest = next(other for other in stops if not stop.isAncestorOf(other) and other is not stop)
    rest.setFocus(Qt.FocusReason.TabFocusReason)
    before = around(stop)
    stop.setFocus(Qt.FocusReason.TabFocusReason)
    return marked(before, around(stop))


# --- a morning without a mouse


def press(key: Qt.Key | str, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """A key to whatever has the keyboard: a menu, a dialog, or the window."""
    target = QApplication.activePopupWidget() or QApplication.focusWidget() or QApplication.activeWindow()
    assert target is not None
    if isinstance(key, str):
        QTest.keyClicks(target, key)
    else:
        QTest.keyClick(target, key, modifiers)


def command(words: str, qtbot: QtBot) -> None:
    """Anything that has no key, by the palette."""
    ctrl_shift = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    press(Qt.Key.Key_P, ctrl_shift)
    qtbot.waitUntil(lambda: isinstance(QApplication.activeWindow(), Palette))
    qtbot.waitUntil(lambda: isinstance(QApplication.focusWidget(), QLineEdit))
    press(words)
    press(Qt.Key.Key_Return)


def tab_to(named: str) -> QWidget:
    """Tab until what is called so has the focus."""
    for _ in range(200):
        at = QApplication.focusWidget()
        if at is not None and named in spoken(at):
            return at
        press(Qt.Key.Key_Tab)
    raise AssertionError(f"Tab does not lead to {named}")


@pytest.mark.qt_log_ignore(r"does not support (raise|grabbing)", extend=True)
def test_that_a_person_without_a_mouse_reads_evaluates_exports_and_prefers(
    opened: Application, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, cohort: Path, tmp_path: Path
) -> None:
    window, session, compare = opened.window, opened.session, opened.window.compare
    ctrl = Qt.KeyboardModifier.ControlModifier
    window.activateWindow()
    QTest.qWaitForWindowActive(window)

    # a folder is opened; the system's own dialog, which has its keys, is answered for
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(cohort / "B"))
    with qtbot.waitSignal(opened.library.index_finished, timeout=LONG):
        press(Qt.Key.Key_O, ctrl)

    # the next study, from the list; another checkpoint in the pane
    tab_to("Worklist")
    row = session.position()
    press(Qt.Key.Key_Down)
    assert session.position() == row + 1
    qtbot.waitUntil(lambda: compare.image is not None, timeout=LONG)
    active = session.active
    press(Qt.Key.Key_Right, ctrl)
    assert session.active != active
    press("Y")
    assert opened.decisions.of(session.shown.reference.identity).verdicts[0].agrees

    # window and level by a preset; the map away; how strong it is
    press("3")
    assert compare.looks[0].window == compare.presets()[2].window
    tab_to("Films of the compared checkpoints")
    shown = session.display.overlay_visible
    press("o")
    assert session.display.overlay_visible != shown
    opacity = tab_to("Opacity")
    before = session.display.overlay_opacity
    press(Qt.Key.Key_Right)
    assert session.display.overlay_opacity > before, opacity

    # evaluate: the threshold at which cases are referred, the share that is referred, the export
    press(Qt.Key.Key_2, ctrl)
    qtbot.waitUntil(lambda: window.evaluate.curves.isVisible())
    tab_to("hreshold")
    threshold = session.operating_points.threshold(session.active, session.finding)
    press(Qt.Key.Key_Right)
    assert session.operating_points.threshold(session.active, session.finding) > threshold
    rate = session.referral_rate
    press(".")
    assert session.referral_rate > rate
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(tmp_path / "evaluation"))
    opened.window.choosing.evaluation_chosen.disconnect()
    with qtbot.waitSignal(window.choosing.evaluation_chosen, timeout=LONG) as asked:
        press(Qt.Key.Key_E, ctrl)
    assert asked.args == [tmp_path / "evaluation"]

    # the preferences: another page, another choice, and away
    press(Qt.Key.Key_Comma, ctrl)
    qtbot.waitUntil(lambda: isinstance(QApplication.activeWindow(), PreferencesDialog))
    dialog = QApplication.activeWindow()
    tab_to("Keys")  # the bar of the tabs, which Qt calls by the one that is chosen
    press(Qt.Key.Key_Right)
    assert dialog.tabs.currentWidget() is dialog.mouse
    tab_to("Wheel")
    press(Qt.Key.Key_Down)
    tab_to("OK")
    press(Qt.Key.Key_Space)
    assert compare.gestures.mouse.wheel == "zoom"
    window.activateWindow()  # as window managers do by themselves when a dialog is closed
    QTest.qWaitForWindowActive(window)
    command("preferences", qtbot)
    qtbot.waitUntil(lambda: isinstance(QApplication.activeWindow(), PreferencesDialog), timeout=LONG)
    again = QApplication.activeWindow()
    press(Qt.Key.Key_Escape)
    assert not again.isVisible()
