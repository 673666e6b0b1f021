"""Messages over the window."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from xferviewer.gui.notify import Notifier, Toast


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    widget.resize(800, 600)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def shown(window: QWidget) -> set[str]:
    return {toast.what for toast in window.findChildren(Toast) if not toast.isHidden()}


def test_that_the_newest_message_stays_and_the_oldest_goes_when_there_are_many(window: QWidget, qtbot: QtBot) -> None:
    notifier = Notifier(window)
    for number in range(6):
        notifier.tell(f"message {number}")
    qtbot.wait(1)
    assert shown(window) == {f"message {number}" for number in (2, 3, 4, 5)}


def test_that_a_lasting_message_outlives_passing_ones(window: QWidget, qtbot: QtBot) -> None:
    notifier = Notifier(window)
    notifier.tell("lost something", "why and what to do", lasting=True)
    for number in range(6):
        notifier.tell(f"message {number}")
    qtbot.wait(1)
    assert "lost something" in shown(window)
    assert "message 5" in shown(window)


def test_that_the_same_message_is_not_stacked_but_other_details_are(window: QWidget) -> None:
    notifier = Notifier(window)
    for details in ("first", "first", "second"):
        notifier.tell("The same.", details)
    assert [toast.details for toast in notifier._toasts] == ["first", "second"]


def test_that_messages_lie_inside_the_window_and_do_not_overlap(window: QWidget) -> None:
    notifier = Notifier(window)
    for number in range(4):
        notifier.tell(f"message {number}", "details " * 30, lasting=number == 1)
    places = [toast.geometry() for toast in notifier._toasts]
    assert all(window.rect().contains(place) for place in places)
    assert not any(a.intersects(b) for a in places for b in places if a is not b)


def test_that_details_can_be_copied(window: QWidget) -> None:
    Notifier(window).tell("What happened.", "Why. What to do.", lasting=True)
    toast = window.findChild(Toast)
    next(button for button in toast.findChildren(QPushButton) if "Copy" in button.text()).click()
    assert QGuiApplication.clipboard().text() == "What happened.\nWhy. What to do."
