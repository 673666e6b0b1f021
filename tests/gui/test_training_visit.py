"""From a folder of films to a compared checkpoint through the window alone, with the real commands and a real job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from xferviewer.checkpoints import read_checkpoint
from xferviewer.gui.app import Application
from xferviewer.gui.notify import Toast
from xferviewer.gui.views.training.network_section import RANDOM
from xferviewer.jobs import launch
from xferviewer.settings import Settings
from xferviewer.studies.phantom import write_cohort

LONG = 240_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 phantom films as PNG with their table, as a laboratory would have them."""
    folder = tmp_path_factory.mktemp("visit") / "films"
    write_cohort(folder, 40, 3, "A", "png", masks=False, size=64)
    return folder


def test_that_films_are_imported_split_trained_on_watched_and_compared(
    make_application: Callable[..., Application], films: Path, checkpoints: list[Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, qtbot: QtBot,
) -> None:  # fmt: skip
    before = sorted(path.name for path in films.rglob("*"))
    chosen = Settings(device="cpu", notice_seen=True, checkpoints=(str(checkpoints[0]),))
    application = make_application(chosen=chosen)
    window, form = application.window, application.window.training.form
    window.show()
    qtbot.waitExposed(window)
    window.actions_by_name["new_job"].trigger()

    # import
    qtbot.mouseClick(form.images.import_, LEFT)
    dialog = application.training.datasets.dialog
    assert not dialog.import_.isEnabled()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(films))
    qtbot.mouseClick(dialog.browse, LEFT)
    qtbot.waitUntil(dialog.import_.isEnabled, timeout=LONG)
    assert dialog.source.value == "csv-table"
    qtbot.mouseClick(dialog.import_, LEFT)
    qtbot.waitUntil(lambda: application.training.datasets.dialog is None, timeout=LONG)
    cohort = form.images.chosen_folder
    assert cohort.parent == application.folders.home / "cohorts"
    qtbot.waitUntil(lambda: form.images.cohort is not None, timeout=LONG)
    assert form.images.cohort.images == 40
    assert sorted(path.name for path in films.rglob("*")) == before  # the source is left as it was
    assert "Make the split" in form.refusal.text()

    # split
    qtbot.mouseClick(form.split.make, LEFT)
    qtbot.waitUntil(lambda: form.split.chosen == "split-1", timeout=LONG)
    qtbot.waitUntil(lambda: form.images.cohort is not None and form.images.cohort.split == "split-1", timeout=LONG)
    assert "No patient in two of them" in form.summary.receipt.text()
    assert form.summary.receipt.isVisible()
    titles = [form.summary.table.horizontalHeaderItem(column).text() for column in range(1, 5)]
    assert titles == ["all", "training", "validation", "test"]

    # a small network, so that the whole takes seconds
    form.network.start.choose(RANDOM)
    form.network.start.activated.emit(form.network.start.currentIndex())
    form.network.architecture.setEditText("test_efficientnet")
    for path, text in (("network.preprocessing.size", "32, 32"), ("recipe.epochs", "2"), ("recipe.batch_size", "8")):
        part = form.network.constants if path.startswith("network") else form.recipe.first
        part.controls[path].setText(text)
        part.controls[path].textEdited.emit(text)
    form.naming.rest.controls["machine.device"].setText("cpu")
    form.naming.rest.controls["machine.device"].textEdited.emit("cpu")
    assert form.start.isEnabled(), form.refusal.text()

    # what it will take, and what its images look like
    qtbot.waitUntil(lambda: "parameters" in form.estimate.text() or bool(form.refusal.text()), timeout=LONG)
    assert not form.refusal.text()
    head = (len(form.images.chosen_findings) * (256 + 1), "in the head")
    assert f"{head[0]:,} {head[1]}" in form.estimate.text()
    form.tabs.setCurrentWidget(form.batch)
    qtbot.mouseClick(form.batch.draw, LEFT)
    qtbot.waitUntil(lambda: form.batch.shown, timeout=LONG)

    # start
    findings = form.images.chosen_findings
    qtbot.mouseClick(form.start, LEFT)
    job = window.training.job
    assert job.isVisible()
    name = job.job.name

    # watch
    qtbot.waitUntil(lambda: job.job.status.over, timeout=LONG)
    assert job.job.state == "finished", job.message.text()
    qtbot.waitUntil(lambda: len(job.curves.auc.drawn()["mean"][0]) == 2, timeout=LONG)
    assert {"training", "validation"} <= job.curves.loss.drawn().keys()
    assert set(findings) <= {job.epochs.horizontalHeaderItem(n).text() for n in range(job.epochs.columnCount())}
    assert "patient" in job.told.toPlainText()
    for process in launch._started:  # the window would hear of its end when it starts the next one
        process.wait()

    # compare
    (toast,) = [toast for toast in window.findChildren(Toast) if "has finished" in toast.what]
    qtbot.mouseClick(toast.findChild(QPushButton, "offer"), LEFT)
    names = [checkpoint.name for checkpoint in application.session.classifiers.checkpoints]
    assert names[-1] == name
    assert len(window.compare.panes) == len(names)
    assert window.evaluate.curves.isVisible()
    made = read_checkpoint(application.session.classifiers.checkpoints[-1].folder)
    assert made.card.findings == findings
    assert made.card.data.shared_patients == 0
