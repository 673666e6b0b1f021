"""The table models keep Qt's own rules, also while their rows change."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application


def cells(model: QAbstractItemModel, role: Qt.ItemDataRole = Qt.ItemDataRole.DisplayRole) -> list[list[object]]:
    """Every cell of a table."""
    rows, columns = range(model.rowCount()), range(model.columnCount())
    return [[model.data(model.index(row, column), role) for column in columns] for row in rows]


def test_that_the_worklist_model_keeps_the_rules_while_it_is_sorted_searched_and_renamed(
    opened: Application, qtmodeltester: ModelTester, qtbot: QtBot
) -> None:
    model = opened.window.worklist.model
    qtmodeltester.check(model)
    for column in range(model.columnCount()):
        for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
            opened.window.worklist.table.sortByColumn(column, order)
    opened.library.search("A000005-00001")
    assert model.rowCount() == len(opened.session.studies) < 24
    opened.library.search("")
    model.set_hide_identity(True)
    opened.session.set_finding("Edema")
    opened.session.set_referral_rate(0.5)
    opened.checkpoints.open([opened.session.classifiers.checkpoints[0].folder])
    assert model.rowCount() == 24


def test_that_sorting_by_probability_and_disagreement_orders_the_studies(opened: Application) -> None:
    model, table, session = opened.window.worklist.model, opened.window.worklist.table, opened.session
    first = model.columnCount() - 4  # two checkpoints, disagreement, referral
    table.sortByColumn(first, Qt.SortOrder.DescendingOrder)
    values = [model.probability(study, 0) for study in session.studies]
    assert values == sorted(values, reverse=True)
    table.sortByColumn(first + 2, Qt.SortOrder.AscendingOrder)
    spreads = [model.disagreement(study) for study in session.studies]
    assert spreads == sorted(spreads)
    table.sortByColumn(first + 3, Qt.SortOrder.DescendingOrder)
    marks = [row[-1] for row in cells(model)]
    assert marks == sorted(marks, reverse=True)
    assert "●" in marks


def test_that_sorting_keeps_the_shown_study_selected(opened: Application, qtbot: QtBot) -> None:
    opened.library.show_study(3)
    shown, table = opened.session.shown.study.id, opened.window.worklist.table
    table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(lambda: table.currentIndex().row() == opened.session.position())
    assert opened.session.shown.study.id == shown


def test_that_typing_a_search_narrows_the_worklist(opened: Application, qtbot: QtBot) -> None:
    worklist = opened.window.worklist
    qtbot.keyClicks(worklist.search, "effusion")
    qtbot.waitUntil(lambda: worklist.model.rowCount() < 24)
    assert worklist.model.rowCount() == 8
    assert all("Effusion" in study.labels for study in opened.session.studies)
    worklist.search.clear()
    qtbot.waitUntil(lambda: worklist.model.rowCount() == 24)


def test_that_the_metrics_model_keeps_the_rules_while_numbers_and_checkpoints_change(
    opened: Application, qtmodeltester: ModelTester
) -> None:
    model = opened.window.evaluate.metrics.model
    qtmodeltester.check(model)
    opened.session.set_referral_rate(0.4)
    opened.checkpoints.open([opened.session.classifiers.checkpoints[1].folder])
    assert (model.rowCount(), model.columnCount()) == (5, 2)  # four findings and their mean
    assert all(row[1] for row in cells(model))
