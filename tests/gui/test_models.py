"""The table models keep Qt's own rules, also while their rows change."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractItemModel, Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.views.jobs import JobsModel
from xferviewer.jobs.folder import JobFolder, State, Status
from xferviewer.jobs.spec import parse_spec


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
    opened.checkpoints.open([opened.session.checkpoints[0].folder])
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
    model = opened.window.metrics.model
    qtmodeltester.check(model)
    opened.session.set_referral_rate(0.4)
    opened.checkpoints.open([opened.session.checkpoints[1].folder])
    assert (model.rowCount(), model.columnCount()) == (5, 2)  # four findings and their mean
    assert all(row[1] for row in cells(model))


SPEC = """
name = "lite0"
title = "Lite0"
findings = ["Edema", "Effusion"]
license = "Apache-2.0"
data = {phantom = {site = "A", count = 10, seed = 1}}
recipe = {epochs = 1, batch_size = 4, learning_rate = 1e-3}

[network]
architecture = "tf_efficientnet_lite0"
setting = "S3"
preprocessing = {size = [64, 64], mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]}
"""


def write_job(folder: Path, name: str, state: State, **values: Any) -> JobFolder:
    """A job folder that says how it stands, as a training process writes it."""
    job = JobFolder.create(folder / name, parse_spec(SPEC, "spec.toml"))
    job.write_status(Status(state, time.time(), **values))
    job.log(f"the log of {name}")
    return job


def test_that_the_jobs_model_keeps_the_rules_while_jobs_come_change_and_go(
    tmp_path: Path, qtmodeltester: ModelTester
) -> None:
    model = JobsModel(tmp_path)
    qtmodeltester.check(model)
    model.look()
    assert model.rowCount() == 0
    job = write_job(tmp_path, "one", "running", step=3, steps=9, message="learning")
    write_job(tmp_path, "two", "failed", error={"what": "It failed.", "why": "w", "todo": "t"})
    model.look()
    assert sorted(cells(model)) == [["one", "running", "3 / 9", "learning"], ["two", "failed", "", "It failed."]]
    job.write_status(Status("finished", time.time(), step=9, steps=9))
    model.look()
    assert sorted(cells(model))[0] == ["one", "finished", "9 / 9", ""]
    job.write_status(Status("running", time.time() - 1e5))
    (tmp_path / "two" / "status.json").write_text("{", encoding="utf-8")
    model.look()
    assert [row[1] for row in sorted(cells(model))] == ["lost", "unreadable"]
    shutil.rmtree(tmp_path / "one")
    model.look()
    assert model.rowCount() == 1


def test_that_a_finished_job_is_compared_and_a_running_one_cancelled(
    opened: Application, checkpoints: list[Path], tmp_path: Path, qtbot: QtBot
) -> None:
    jobs, panel = opened.folders.jobs, opened.window.jobs
    running = write_job(jobs, "running", "running", step=1, steps=5)
    finished = write_job(jobs, "finished", "finished")
    shutil.copytree(checkpoints[1], finished.result / "vit again")
    opened.checkpoints.open([checkpoints[0]])
    opened.window.show_perspective("train")
    assert not panel.hint.isVisible()
    assert "1 running" in opened.window.running_jobs.text()
    names = [row[0] for row in cells(panel.model)]
    panel.table.selectRow(names.index("running"))
    assert "the log of running" in panel.log.toPlainText()
    assert not panel.compare.isEnabled()
    qtbot.mouseClick(panel.cancel, Qt.MouseButton.LeftButton)
    assert running.requested() == "cancel"
    panel.table.selectRow(names.index("finished"))
    assert not panel.cancel.isEnabled()
    qtbot.mouseClick(panel.compare, Qt.MouseButton.LeftButton)
    assert [c.name for c in opened.session.checkpoints] == ["efficientnet", "vit"]
    assert len(opened.window.compare.panes) == 2
    assert opened.window.curves.isVisible()
