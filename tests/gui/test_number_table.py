"""The table that the decision panels share: what it shows, sorts and copies, and what takes longer than a frame."""

from __future__ import annotations

import math
import threading

import pytest
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from xferviewer.gui import theme
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.number_table import Cell, Head, NumberTable, NumberTableModel

COLUMNS = [Head("group"), Head("AUC", "area", colour="#56b4e9")]
ROWS = [Head("A"), Head("B"), Head("C")]
CELLS = [
    [Cell("a", rank="a"), Cell(".7", rank=0.7)],
    [Cell("c", rank="c"), Cell("n/a")],
    [Cell("b", rank="b"), Cell(".9", rank=0.9)],
]
UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


@pytest.fixture
def model(qtmodeltester: object) -> NumberTableModel:
    model = NumberTableModel(theme.read_theme("dark"))
    model.put(COLUMNS, ROWS, CELLS)
    qtmodeltester.check(model)
    return model


def titles(model: NumberTableModel) -> str:
    return "".join(model.headerData(row, Qt.Orientation.Vertical) for row in range(model.rowCount()))


def test_that_what_is_not_defined_comes_last_in_either_direction(model: NumberTableModel) -> None:
    model.sort(1, UP)
    assert titles(model) == "ACB"
    model.sort(1, DOWN)
    assert titles(model) == "CAB"
    model.sort(0, DOWN)
    assert titles(model) == "BCA"
    model.sort(-1, UP)
    assert titles(model) == "ABC"


def test_that_new_numbers_keep_the_order_and_the_chosen_row(model: NumberTableModel) -> None:
    model.sort(1, UP)
    chosen = QPersistentModelIndex(model.index(0, 1))
    resets = []
    model.modelReset.connect(lambda: resets.append(1))
    model.put(COLUMNS, ROWS, [[CELLS[0][0], Cell(".95", rank=0.95)], CELLS[1], CELLS[2]])
    assert titles(model) == "CAB"
    assert (chosen.row(), chosen.data()) == (1, ".95")
    assert model.place(chosen) == (0, 1)
    assert resets == []
    model.put(COLUMNS[:1], ROWS[:2], [[Cell("x")], [Cell("y")]])
    assert resets == [1]
    assert (model.rowCount(), model.columnCount()) == (2, 1)
    assert titles(model) == "AB"


def test_that_links_and_warnings_are_told_by_more_than_their_colour(model: NumberTableModel) -> None:
    colours = theme.read_theme("dark")
    model.put(
        [Head("n")], [Head("A"), Head("B ⚠", "few", warning=True, link=True)], [[Cell("4", link=True)], [Cell("0")]]
    )
    link, plain = model.index(0, 0), model.index(1, 0)
    assert link.data(Qt.ItemDataRole.FontRole).underline()
    assert QColor(link.data(Qt.ItemDataRole.ForegroundRole)).name() == colours.accent
    assert plain.data(Qt.ItemDataRole.FontRole) is None
    assert model.headerData(1, Qt.Orientation.Vertical, Qt.ItemDataRole.ForegroundRole).name() == colours.warning
    assert model.headerData(1, Qt.Orientation.Vertical, Qt.ItemDataRole.FontRole).underline()
    assert model.headerData(1, Qt.Orientation.Vertical, Qt.ItemDataRole.ToolTipRole) == "few"


def test_that_columns_are_wide_enough_for_their_longest_text_and_keep_a_width_given_by_hand(qtbot: QtBot) -> None:
    table = NumberTable(theme.read_theme("dark"), "numbers")
    qtbot.addWidget(table)
    widest = "1.000 [.000, 1.000]"
    table.put([Head("AUC", widest=widest)], [Head("A")], [[Cell(".7")]])
    assert table.columnWidth(0) > table.fontMetrics().horizontalAdvance(widest)
    table.setColumnWidth(0, 300)
    table.put([Head("AUC", widest=widest)], [Head("A")], [[Cell(".8")]])
    assert table.columnWidth(0) == 300


def test_that_a_choice_keeps_tuples_and_what_was_chosen(qtbot: QtBot) -> None:
    box = ChoiceBox[tuple[str, str]]("subset")
    qtbot.addWidget(box)
    assert box.value is None
    box.offer([("all", ("", "")), ("site A", ("site", "A"))], ("", ""))
    assert box.value == ("", "")
    box.choose(("site", "A"))
    box.offer([("all", ("", "")), ("site A", ("site", "A")), ("site B", ("site", "B"))], ("", ""))
    assert (box.value, box.currentText()) == (("site", "A"), "site A")
    box.offer([("all", ("", ""))], ("", ""))
    assert box.value == ("", "")


@pytest.fixture
def calculator(qapp: QApplication) -> Calculator:
    made = Calculator()
    yield made
    made.close()


def test_that_a_question_is_asked_once_and_answered_in_the_window_s_thread(
    calculator: Calculator, qtbot: QtBot
) -> None:
    gate, asked, answers = threading.Event(), [], []

    def question() -> int:
        asked.append(threading.current_thread())
        gate.wait(10)
        return 42

    def take(answer: int) -> None:
        answers.append((answer, threading.current_thread()))

    owner = object()
    for _ in range(3):
        calculator.ask(owner, "area", question, take)
    assert calculator.busy
    with qtbot.waitSignal(calculator.answered):
        gate.set()
    assert answers == [(42, threading.main_thread())]
    assert len(asked) == 1
    assert asked[0] is not threading.main_thread()
    assert not calculator.busy


def test_that_what_was_forgotten_is_not_taken_in_and_can_be_asked_anew(calculator: Calculator, qtbot: QtBot) -> None:
    gate, answers, owner = threading.Event(), [], object()
    calculator.ask(owner, "area", lambda: gate.wait(10) and "old", answers.append)
    calculator.ask(owner, "error", lambda: "never", answers.append)
    calculator.forget(owner)
    calculator.ask(owner, "area", lambda: "new", answers.append)
    gate.set()
    qtbot.waitUntil(lambda: not calculator.busy)
    assert answers == ["new"]


def test_that_an_error_of_a_question_is_raised_where_the_window_shows_errors(
    calculator: Calculator, qtbot: QtBot
) -> None:
    with qtbot.captureExceptions() as raised:
        calculator.ask(object(), "area", lambda: math.sqrt(-1), print)
        qtbot.waitUntil(lambda: not calculator.busy)
    assert [kind for kind, _, _ in raised] == [ValueError]
