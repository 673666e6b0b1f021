"""The worklist's columns and saved searches, and which catalogue it shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu
from pytestqt.qtbot import QtBot

from xferviewer import settings
from xferviewer.checkpoints import read_checkpoint
from xferviewer.gui.app import Application
from xferviewer.gui.views.worklist.columns import COLUMNS, DEFAULT
from xferviewer.resources import bundled_checkpoints
from xferviewer.settings import Settings, settings_file
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.catalogue_writing import FileStamp, ImageEntry, record_image, summarise, writing
from xferviewer.studies.images import ImageFacts

MakeApplication = Callable[..., Application]


def fill(catalogue: Catalogue, patients: list[str]) -> None:
    with writing(catalogue) as connection:
        touched: set[int] = set()
        for number, patient in enumerate(patients):
            facts = ImageFacts(
                patient_id=patient,
                study_uid=f"1.{patient}",
                modality="DX" if number % 2 else "CR",
                study_date="20260229",
            )
            stamp = FileStamp(f"/films/{patient}.dcm", 1, 1)
            touched |= record_image(connection, ImageEntry(stamp, f"1.2.{patient}#0", 1, 9, 9, facts))
        summarise(connection, touched)


@pytest.fixture
def application(make_application: MakeApplication, qtbot: QtBot) -> Application:
    application = make_application()
    fill(application.library.catalogue, ["anna", "bert", "cleo", "dora"])
    application.library.refresh()
    application.window.show()
    return application


def action(application: Application, text: str) -> QAction:
    """An entry of the worklist's menu, filled as it is when it opens."""
    menu = application.window.worklist.menu
    menu.fill()
    found = [each for each in menu.menu().actions() if each.text() == text]
    assert len(found) == 1, [each.text() for each in menu.menu().actions()]
    return found[0]


def shown(application: Application) -> list[list[str]]:
    model = application.window.worklist.model
    columns = range(len(model.columns))
    return [[model.index(row, column).data() for column in columns] for row in range(model.rowCount())]


def test_that_columns_are_chosen_and_kept(application: Application, make_application: MakeApplication) -> None:
    assert [column.name for column in application.window.worklist.model.columns] == list(DEFAULT)
    for title in ("Sex", "Age", "View", "Site", "Labels", "Modality", "Date"):
        action(application, title).trigger()
    assert shown(application)[0] == ["anna", "CR", "2026-02-29"]
    assert not action(application, "Patient").isEnabled()
    kept, _ = settings.read_settings(settings_file())
    assert kept.worklist_columns == ("patient_id", "modality", "study_date")
    again = make_application(chosen=kept)
    assert [column.title for column in again.window.worklist.model.columns] == ["Patient", "Modality", "Date"]


def test_that_a_column_that_is_added_sorts_by_the_catalogue(application: Application) -> None:
    action(application, "Modality").trigger()
    worklist = application.window.worklist
    column = [each.name for each in worklist.model.columns].index("modality")
    worklist.model.sort(column)
    assert [row[0] for row in shown(application)] == ["anna", "cleo", "bert", "dora"]


def test_that_no_column_stands_for_what_needs_more_checkpoints(application: Application, qtbot: QtBot) -> None:
    """What differs takes two checkpoints, what is referred one."""
    session, worklist = application.session, application.window.worklist
    checkpoints = [read_checkpoint(folder) for folder in bundled_checkpoints()[:2]]
    for count, titles in ((0, []), (1, ["1", "refer"]), (2, ["1", "2", "differ", "refer"]), (1, ["1", "refer"])):
        session.set_checkpoints(checkpoints[:count])
        extra = range(len(worklist.model.columns), worklist.model.columnCount())

        def seen(extra: range = extra) -> list[str]:
            shown = [column for column in extra if not worklist.table.isColumnHidden(column)]
            return [worklist.model.headerData(column, Qt.Orientation.Horizontal) for column in shown]

        qtbot.waitUntil(lambda titles=titles, seen=seen: seen() == titles)


def test_that_columns_stay_as_wide_as_somebody_drew_them(application: Application, qtbot: QtBot) -> None:
    worklist = application.window.worklist
    header = worklist.table.horizontalHeader()
    qtbot.waitUntil(lambda: header.sectionSize(0) > 0)
    before = [header.sectionSize(column) for column in range(header.count())]
    order = [header.visualIndex(column) for column in range(header.count())]
    header.resizeSection(1, before[1] + 57)
    application.library.search("bert")
    qtbot.waitUntil(lambda: worklist.count.text() == "1 study")
    application.library.sort("patient_id", descending=True)
    application.library.search("")
    qtbot.waitUntil(lambda: worklist.count.text() == "4 studies")
    after = [header.sectionSize(column) for column in range(header.count())]
    assert after == [before[0], before[1] + 57, *before[2:]]
    assert [header.visualIndex(column) for column in range(header.count())] == order


def test_that_the_arrow_stays_at_the_column_that_the_list_is_sorted_by(application: Application) -> None:
    worklist = application.window.worklist
    header = worklist.table.horizontalHeader()
    names = [each.name for each in worklist.model.columns]
    worklist.table.sortByColumn(names.index("view"), header.sortIndicatorOrder())
    action(application, "Sex").trigger()
    assert worklist.model.columns[header.sortIndicatorSection()].name == "view"
    action(application, "View").trigger()
    assert header.sortIndicatorSection() == -1 or header.sortIndicatorSection() >= len(worklist.model.columns)


def test_that_hidden_identity_leaves_out_every_column_that_tells_it(application: Application) -> None:
    for column in COLUMNS:
        if column.name not in DEFAULT:
            action(application, column.title).trigger()
    application.window.worklist.model.set_hide_identity(True)
    said = " ".join(" ".join(row) for row in shown(application))
    for secret in ("anna", "bert", "2026", "1.anna"):
        assert secret not in said
    model = application.window.worklist.model
    tips = [model.index(0, column).data(3) or "" for column in range(len(model.columns))]  # Qt.ToolTipRole
    assert not any("anna" in tip for tip in tips)


def test_that_a_search_is_saved_found_again_and_removed(
    application: Application, make_application: MakeApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    worklist = application.window.worklist
    assert not action(application, "Save this search …").isEnabled()
    worklist.search.setText("modality:CR")
    qtbot.waitUntil(lambda: len(application.session.studies) == 2)
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("computed = radiography", True))
    action(application, "Save this search …").trigger()
    kept, _ = settings.read_settings(settings_file())
    assert kept.saved_searches == ("computed   radiography = modality:CR",)
    worklist.search.setText("")
    qtbot.waitUntil(lambda: len(application.session.studies) == 4)
    again = make_application(chosen=kept)
    again.library.refresh()
    action(again, "computed   radiography").trigger()
    qtbot.waitUntil(lambda: len(again.session.studies) == 2)
    remove = next(each.menu() for each in again.window.worklist.menu.menu().actions() if each.menu() is not None)
    assert isinstance(remove, QMenu)
    remove.actions()[0].trigger()
    assert settings.read_settings(settings_file())[0].saved_searches == ()


def test_that_another_catalogue_takes_the_place_of_the_first_and_is_open_at_the_next_start(
    application: Application, make_application: MakeApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "trial.sqlite"
    with Catalogue(other) as made:
        fill(made, ["emil"])
    application.library.show_study(0)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(other.with_suffix("")), ""))
    application.window.catalogue_asked.emit()
    assert [row[0] for row in shown(application)] == ["emil"]
    assert application.session.shown is not None
    assert application.session.shown.study.patient_id == "emil"
    kept, _ = settings.read_settings(settings_file())
    assert kept.catalogue == str(other)
    assert kept.recent[0] == str(other)
    again = make_application(tmp_path / "second", Settings(device="cpu", notice_seen=True, catalogue=str(other)))
    again.library.refresh()
    again.catalogues.open_kept()
    assert [row[0] for row in shown(again)] == ["emil"]


def test_that_what_was_opened_of_late_is_offered_newest_first_and_ones_own_catalogue_with_it(
    application: Application, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        application.opening.open([tmp_path / name])
    other = tmp_path / "trial.sqlite"
    application.catalogues.open(other)
    menu = QMenu()
    application.catalogues.fill(menu)
    assert [each.text() for each in menu.actions()][:3] == [str(other), str(tmp_path / "two"), str(tmp_path / "one")]
    assert shown(application) == []
    next(each for each in menu.actions() if each.text() == "Own catalogue").trigger()
    assert [row[0] for row in shown(application)] == ["anna", "bert", "cleo", "dora"]
    assert application.settings.now.catalogue == ""
    menu.actions()[0].trigger()
    assert shown(application) == []
    application.catalogues.fill(menu)
    next(each for each in menu.actions() if each.text() == "Forget these").trigger()
    assert application.settings.now.recent == ()


def test_that_a_catalogue_that_cannot_be_opened_leaves_the_present_one(
    application: Application, tmp_path: Path, qtbot: QtBot
) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database" * 500)
    with qtbot.waitSignal(application.catalogues.failed) as told:
        application.catalogues.open(broken)
    assert "could not be opened" in told.args[0].what
    assert len(shown(application)) == 4
    assert application.settings.now.catalogue == ""
