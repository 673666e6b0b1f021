"""Panels that share their place as tabs: which is seen first, what is remembered, and layouts from before they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QDockWidget, QLabel
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.perspective import Perspective

MakeApplication = Callable[..., Application]


def evaluating(application: Application, qtbot: QtBot) -> dict[str, QDockWidget]:
    """The docks of the Evaluate perspective by name, once it is laid out."""
    application.window.show()
    application.window.show_perspective("evaluate")
    perspective = application.window.perspectives["evaluate"]
    qtbot.waitUntil(lambda: perspective.was_shown)
    return {dock.objectName(): dock for dock in perspective.findChildren(QDockWidget)}


def in_front(docks: dict[str, QDockWidget]) -> set[str]:
    """The panels whose place is inside the window: a tab behind another one lies outside."""
    return {name for name, dock in docks.items() if dock.isVisible() and dock.geometry().right() >= 0}


def test_that_the_operating_point_is_seen_first_and_again_after_a_reset(
    make_application: MakeApplication, qtbot: QtBot
) -> None:
    application = make_application()
    docks = evaluating(application, qtbot)
    assert in_front(docks) == {"metrics", "points"}
    docks["subgroups"].raise_()
    qtbot.waitUntil(lambda: in_front(docks) == {"metrics", "subgroups"})
    docks["hand_over"].close()
    application.window.actions_by_name["reset_layout"].trigger()
    qtbot.waitUntil(lambda: in_front(docks) == {"metrics", "points"})
    assert not docks["hand_over"].isHidden()
    assert application.window.perspectives["evaluate"].tabifiedDockWidgets(docks["hand_over"])


def test_that_the_tab_in_front_is_remembered(make_application: MakeApplication, qtbot: QtBot) -> None:
    application = make_application()
    docks = evaluating(application, qtbot)
    docks["hand_over"].raise_()
    qtbot.waitUntil(lambda: in_front(docks) == {"metrics", "hand_over"})
    application.window.close()
    again = evaluating(make_application(application.folders.home), qtbot)
    qtbot.waitUntil(lambda: in_front(again) == {"metrics", "hand_over"})


def test_that_panels_are_there_with_a_layout_that_was_saved_before_they_were(
    make_application: MakeApplication, tmp_path: Path, qtbot: QtBot
) -> None:
    right = Qt.DockWidgetArea.RightDockWidgetArea
    old = Perspective("evaluate", QLabel("curves"))
    qtbot.addWidget(old)
    old.add_panel("metrics", "Metrics", QLabel("table"), Qt.DockWidgetArea.BottomDockWidgetArea, (1400, 340))
    old.add_panel("referral", "Referral", QLabel("plot"), right, (520, 800))
    old.resize(1400, 800)
    old.show()
    qtbot.waitUntil(lambda: old.was_shown)
    home = tmp_path / "old"
    home.mkdir()
    settings = QSettings(str(home / "layout.ini"), QSettings.Format.IniFormat)
    settings.setValue("panels/evaluate", old.saveState())
    settings.sync()
    application = make_application(home)
    docks = evaluating(application, qtbot)
    qtbot.wait(20)
    for name in ("points", "subgroups", "hand_over", "referral", "metrics"):
        assert not docks[name].isHidden(), name
        docks[name].raise_()
        qtbot.waitUntil(lambda name=name: name in in_front(docks))
        assert docks[name].width() > 100, name
