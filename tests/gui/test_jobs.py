"""The list of jobs and the view of one: what runs is seen and obeyed, what ended leads to the comparison."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.job_watch import JobWatch
from xferviewer.gui.notify import Toast
from xferviewer.gui.views.training.curves import smoothed
from xferviewer.gui.views.training.job_model import JobsModel
from xferviewer.jobs import control
from xferviewer.jobs.folder import JobFolder, State, Status
from xferviewer.jobs.lock import Lock, take
from xferviewer.jobs.spec import parse_spec

SPEC = """
name = "lite0"
title = "Lite0"
findings = ["Edema", "Effusion"]
license = "Apache-2.0"
data = {phantom = {site = "A", count = 10, seed = 1}}
recipe = {epochs = 2, batch_size = 4, learning_rate = 1e-3}

[network]
architecture = "tf_efficientnet_lite0"
setting = "S3"
preprocessing = {size = [64, 64], mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]}
"""


def write_job(folder: Path, name: str, state: State, *, beats: float = 0.0, **values: Any) -> JobFolder:
    """A job folder that says how it stands, as a training process writes it; `beats`: seconds after now."""
    job = JobFolder.create(folder / name, parse_spec(SPEC, "spec.toml"))
    job.write_status(Status(state, time.time() + beats, **values))
    job.log(f"the log of {name}")
    return job


def at_work(job: JobFolder) -> Lock:
    """This process works in the folder."""
    lock = take(job.path / "lock")
    assert isinstance(lock, Lock)
    return lock


def tell_course(job: JobFolder) -> None:
    """Two epochs of four steps each."""
    job.append_event("receipt", message="Leakage receipt: 8 patients, 2 patients, 0 in both", shared_patients=0)
    for number in range(1, 9):
        job.append_event("step", step=number, epoch=(number + 3) // 4, loss=1 / number, images_per_second=12.5)
        if number % 4 == 0:
            areas = {"Edema": {"auc": 0.5 + number / 40, "lower": 0.4, "upper": 0.9}, "Effusion": None}
            job.append_event(
                "epoch", epoch=number // 4, training_loss=2 / number, validation_loss=3 / number, learning_rate=1e-3,
                validation_auc=0.5 + number / 40, findings=areas, best=True, majority_guess=False,
            )  # fmt: skip


def rows(model: JobsModel) -> list[list[object]]:
    return [[model.data(model.index(row, column)) for column in range(3)] for row in range(model.rowCount())]


@pytest.fixture
def train(make_application: Callable[..., Application], qtbot: QtBot) -> Application:
    """The window on the Train perspective; no job is there yet."""
    application = make_application()
    application.window.show()
    qtbot.waitExposed(application.window)
    application.window.show_perspective("train")
    return application


def choose(application: Application, name: str) -> None:
    application.jobs.look()
    application.window.jobs.choose(name)


def test_that_the_jobs_model_keeps_the_rules_while_jobs_come_change_and_go(
    tmp_path: Path, qtmodeltester: ModelTester
) -> None:
    watch = JobWatch(tmp_path, tmp_path / "layout.ini")
    model = JobsModel(watch)
    qtmodeltester.check(model)
    watch.look()
    assert model.rowCount() == 0
    job = write_job(tmp_path, "one", "running", step=3, steps=9, message="learning")
    lock = at_work(job)
    write_job(tmp_path, "two", "failed", error={"what": "It failed.", "why": "w", "todo": "t"})
    watch.look()
    assert sorted(rows(model)) == [["one", "running", "3 / 9"], ["two", "failed", ""]]
    assert "It failed." in model.data(model.index(model.row_of("two"), 0), Qt.ItemDataRole.ToolTipRole)
    lock.release()
    watch.look()
    assert rows(model)[model.row_of("one")][1] == "lost"  # its process is gone
    job.write_status(Status("finished", time.time(), step=9, steps=9))
    watch.look()
    assert sorted(rows(model))[0] == ["one", "finished", "9 / 9"]
    (tmp_path / "two" / "status.json").write_text("{", encoding="utf-8")
    watch.look()
    assert [row[1] for row in sorted(rows(model))] == ["finished", "unreadable"]
    shutil.rmtree(tmp_path / "one")
    watch.look()
    assert model.rowCount() == 1
    model.deleteLater()
    watch.deleteLater()


def test_that_a_running_job_is_paused_resumed_and_cancelled(train: Application, qtbot: QtBot) -> None:
    job = write_job(train.folders.jobs, "running", "running", step=1, steps=5)
    lock = at_work(job)
    choose(train, "running")
    view = train.window.training.job
    assert view.isVisible()
    assert not train.window.jobs.hint.isVisible()
    assert "1 running" in train.window.status.running_jobs.text()
    assert "the log of running" in view.log.toPlainText()
    assert (view.compare.isEnabled(), view.remove.isEnabled(), view.resume.isEnabled()) == (False, False, False)
    qtbot.mouseClick(view.pause, Qt.MouseButton.LeftButton)
    assert job.requested() == "pause"
    job.write_status(replace(job.status(), state="paused", heartbeat=time.time() + 1))
    train.jobs.look()
    assert not view.pause.isEnabled()
    qtbot.mouseClick(view.resume, Qt.MouseButton.LeftButton)
    assert job.requested() is None
    qtbot.mouseClick(view.cancel, Qt.MouseButton.LeftButton)
    assert job.requested() == "cancel"
    lock.release()


def test_that_a_finished_job_is_compared_by_one_press_on_what_tells_of_it(
    train: Application, checkpoints: list[Path], qtbot: QtBot
) -> None:
    job = write_job(train.folders.jobs, "done", "running")
    lock = at_work(job)
    train.checkpoints.open([checkpoints[0]])
    choose(train, "done")
    shutil.copytree(checkpoints[1], job.result / "vit again")
    lock.release()
    job.write_status(Status("finished", time.time() + 1, step=9, steps=9))
    train.jobs.look()
    (toast,) = [toast for toast in train.window.findChildren(Toast) if "done has finished" in toast.what]
    assert train.window.training.job.compare.isEnabled()
    button = toast.findChild(QPushButton, "offer")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert [checkpoint.name for checkpoint in train.session.classifiers.checkpoints] == ["efficientnet", "vit"]
    assert len(train.window.compare.panes) == 2
    assert train.window.evaluate.curves.isVisible()
    train.jobs.look()
    assert len([toast for toast in train.window.findChildren(Toast) if "has finished" in toast.what]) <= 1


def test_that_the_curves_are_those_of_the_events(train: Application, qtbot: QtBot) -> None:
    job = write_job(train.folders.jobs, "course", "finished", step=8, steps=8)
    tell_course(job)
    choose(train, "course")
    view = train.window.training.job
    curves = view.curves
    qtbot.waitUntil(lambda: "training" in curves.loss.drawn())
    loss = 1 / np.arange(1, 9)
    at, drawn = curves.loss.drawn()["training"]
    assert at == pytest.approx(np.arange(1, 9) / 4)  # in epochs, so that both losses lie over one another
    assert drawn == pytest.approx(smoothed(loss, curves.smoothing.value() / 100))
    at, drawn = curves.loss.drawn()["validation"]
    assert (list(at), list(drawn)) == ([1, 2], pytest.approx([3 / 4, 3 / 8]))
    curves.smoothing.setValue(0)
    assert curves.loss.drawn()["training"][1] == pytest.approx(loss)
    assert curves.loss.drawn().keys() == {"training", "validation"}  # smoothed by nothing, batches are the curve
    assert list(curves.auc.drawn()["Edema"][1]) == pytest.approx([0.6, 0.7])
    assert list(curves.auc.drawn()["mean"][1]) == pytest.approx([0.6, 0.7])
    curves.finding.setCurrentText("Edema")
    curves.finding.activated.emit(2)
    assert curves.auc.drawn().keys() == {"Edema"}
    assert view.epochs.item(0, 0).text() == "★ 2"
    assert view.epochs.item(0, 5).text() == "0.700 [0.400, 0.900]"
    assert view.epochs.item(0, 6).text() == "–"
    assert "12.5 images/s" in view.facts.text()
    assert "0 in both" in view.told.toPlainText()
    job.append_event("step", step=9, epoch=3, loss=0.05, images_per_second=20.0)
    train.jobs.look()
    job.write_status(Status("finished", time.time(), step=9, steps=8))
    train.jobs.look()
    qtbot.waitUntil(lambda: len(curves.loss.drawn()["training"][0]) == 9)


def test_that_a_job_without_an_epoch_shows_words_and_no_empty_axes_and_what_it_went_on_without(
    train: Application, qtbot: QtBot
) -> None:
    job = write_job(train.folders.jobs, "course", "failed", step=8, steps=8)
    bare = write_job(train.folders.jobs, "bare", "failed")
    tell_course(job)
    for image in ("3.png", "5.png"):
        bare.append_event("refused", message=f"Left out: {image}")
    bare.append_event("not learned", message="Not learned, for want of training images: Mass (none present).")
    choose(train, "course")
    curves = train.window.training.job.curves
    qtbot.waitUntil(lambda: "training" in curves.loss.drawn())
    assert not curves.loss.nothing.isVisible()
    assert curves.auc.viewRange()[1][1] <= 1.03  # an area ends at 1
    choose(train, "bare")
    qtbot.waitUntil(lambda: not curves.auc.drawn())
    for plot in (curves.loss, curves.auc):
        assert plot.nothing.isVisible()
        assert not plot.getAxis("left").isVisible()
        assert plot.nothing.geometry() == plot.rect()
    told = train.window.training.job.told.toPlainText()
    assert "Left out: 5.png" in told
    assert "images 2" in " ".join(told.split())
    assert "Mass (none present)" in told


def test_that_smoothing_is_the_mean_that_forgets() -> None:
    values = np.array([1.0, 3.0, 2.0])
    by_hand = [1.0, (0.5 * 1 + 3) / 1.5, (0.25 * 1 + 0.5 * 3 + 2) / 1.75]
    assert smoothed(values, 0.5) == pytest.approx(by_hand)
    assert smoothed(values, 0.0) is values


def test_that_the_difference_of_two_jobs_is_shown(train: Application) -> None:
    write_job(train.folders.jobs, "first", "finished")
    other = JobFolder(train.folders.jobs / "second")
    JobFolder.create(other.path, replace(JobFolder(train.folders.jobs / "first").spec(), seed=7))
    other.write_status(Status("finished", time.time()))
    choose(train, "second")
    difference = train.window.training.job.difference
    assert difference.other.value == "first"
    assert [difference.table.item(0, column).text() for column in range(3)] == ["seed", "7", "0"]
    assert difference.words.text() == "Keys that differ: 1"


def test_that_removing_asks_only_where_something_would_be_lost(
    train: Application, checkpoints: list[Path], qtbot: QtBot
) -> None:
    jobs, view = train.folders.jobs, train.window.training.job
    nothing = write_job(jobs, "nothing", "failed")
    learned = write_job(jobs, "learned", "finished")
    shutil.copytree(checkpoints[1], learned.result / "vit")
    choose(train, "nothing")
    qtbot.mouseClick(view.remove, Qt.MouseButton.LeftButton)
    assert not nothing.path.exists()
    choose(train, "learned")
    qtbot.mouseClick(view.remove, Qt.MouseButton.LeftButton)
    question = train.training.question
    assert "learned" in question.text()
    question.button(QMessageBox.StandardButton.No).click()
    assert learned.path.exists()
    qtbot.mouseClick(view.remove, Qt.MouseButton.LeftButton)
    train.training.question.button(QMessageBox.StandardButton.Yes).click()
    assert not learned.path.exists()
    qtbot.waitUntil(lambda: train.window.jobs.model.rowCount() == 0)
    assert train.window.training.currentWidget() is train.window.training.empty


def test_that_a_job_that_ended_while_the_window_was_closed_is_told_of_at_the_next_start(
    make_application: Callable[..., Application], tmp_path: Path
) -> None:
    application = make_application()
    job = write_job(application.folders.jobs, "overnight", "running")
    lock = at_work(job)
    application.window.show()
    application.window.show_perspective("train")
    application.window.close()
    application.close()
    lock.release()
    job.write_status(Status("failed", time.time(), error={"what": "It failed.", "why": "w.", "todo": "t."}))
    again = make_application()
    again.window.show()
    again.window.show_perspective("train")
    assert [toast.what for toast in again.window.findChildren(Toast)] == ["It failed."]


def test_that_a_killed_job_goes_on_at_the_next_start(
    make_application: Callable[..., Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(control, "start", lambda job: started.append(job.name) or 1)
    application = make_application()
    killed = write_job(application.folders.jobs, "killed", "running", step=3, steps=9)
    write_job(application.folders.jobs, "paused", "paused")
    application.training.start_left_alone()
    assert started == ["killed"]
    assert killed.status().state == "queued"
