"""The cases behind a number in the worklist: named, searched, sorted, and taken back to all studies."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.cohort import NO_FILM
from xferviewer.gui.comparison import CaseList
from xferviewer.gui.notify import Toast

ROWS = [17, 3, 11, 8]


@pytest.fixture
def listed(opened: Application, qtbot: QtBot) -> Application:
    """Four cases in an order of their own, asked for from the Evaluate perspective."""
    opened.window.show_perspective("evaluate")
    opened.numbers.show_cases("Effusion: missed by vit", ROWS)
    qtbot.wait(1)
    return opened


def ids(application: Application) -> list[int]:
    return [study.id for study in application.session.studies]


def test_that_the_worklist_holds_these_studies_in_their_order_and_says_whose_they_are(listed: Application) -> None:
    expected = [listed.session.cohort.study_ids[row] for row in ROWS]
    line = listed.window.worklist.case_list
    assert ids(listed) == expected
    assert listed.session.shown.study.id == expected[0]
    assert line.isVisible()
    assert "Effusion: missed by vit" in line.text.text()
    assert "4 cases" in line.text.text()
    assert "films: 4" in line.text.text()
    assert listed.window.perspectives["read"].isVisible()
    assert not listed.window.perspectives["evaluate"].isVisible()


def test_that_the_button_shows_all_studies_again_sorted_as_they_were(opened: Application, qtbot: QtBot) -> None:
    table, line = opened.window.worklist.table, opened.window.worklist.case_list
    assert not line.isVisible()
    table.sortByColumn(2, Qt.SortOrder.DescendingOrder)  # by age
    before = ids(opened)
    opened.numbers.show_cases("some", ROWS)
    assert table.horizontalHeader().sortIndicatorSection() not in range(opened.window.worklist.model.columnCount())
    qtbot.mouseClick(line.close_list, Qt.MouseButton.LeftButton)
    assert opened.session.case_list is None
    assert not line.isVisible()
    assert ids(opened) == before
    assert table.horizontalHeader().sortIndicatorSection() == 2


def test_that_escape_leaves_the_list_alone(listed: Application, qtbot: QtBot) -> None:
    qtbot.keyClick(listed.window.worklist.table, Qt.Key.Key_Escape)
    assert listed.session.case_list is not None
    assert len(ids(listed)) == 4


def test_that_a_search_looks_inside_the_list_and_keeps_its_order(listed: Application, qtbot: QtBot) -> None:
    expected = [study.id for study in listed.session.studies if study.site == "A"]
    assert 0 < len(expected) < 4
    listed.window.worklist.search.setText("site:A")
    qtbot.waitUntil(lambda: ids(listed) == expected)
    listed.window.worklist.search.setText("")
    qtbot.waitUntil(lambda: len(ids(listed)) == 4)


def test_that_a_list_comes_whole_whatever_was_searched_for_before(opened: Application, qtbot: QtBot) -> None:
    search = opened.window.worklist.search
    search.setText("site:B")
    qtbot.waitUntil(lambda: len(ids(opened)) == 12)
    opened.numbers.show_cases("some", ROWS)
    assert search.text() == ""
    assert len(ids(opened)) == 4
    search.setText("site:B")  # typed, and not yet looked for, when the list comes
    opened.numbers.show_cases("others", ROWS[:3])
    qtbot.wait(300)
    assert len(ids(opened)) == 3


def test_that_sorting_within_the_list_stays_when_the_catalogue_is_read_again(listed: Application) -> None:
    table = listed.window.worklist.table
    whole = set(ids(listed))
    table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    ages = [study.age for study in listed.session.studies]
    assert ages == sorted(ages)
    assert set(ids(listed)) == whole
    sorted_ids = ids(listed)
    listed.library.refresh()
    assert ids(listed) == sorted_ids


def test_that_the_same_list_asked_for_again_is_read_again(listed: Application) -> None:
    listed.window.show_perspective("evaluate")
    listed.numbers.show_cases("Effusion: missed by vit", ROWS)
    assert listed.window.perspectives["read"].isVisible()


def test_that_cases_without_a_film_are_told_and_nobody_is_sent_to_read(opened: Application) -> None:
    opened.window.show_perspective("evaluate")
    opened.session.set_case_list(CaseList("Effusion: missed by vit", (), 31))
    said = {toast.what: toast.details for toast in opened.window.findChildren(Toast)}
    assert said["None of the 31 cases has a film here."].startswith("Effusion: missed by vit.")
    assert opened.window.perspectives["evaluate"].isVisible()
    assert NO_FILM not in opened.session.case_list.studies
