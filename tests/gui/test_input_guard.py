"""Inputs that a checkpoint does not expect are marked in the window, whatever its numbers; marks can be set aside."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QFileDialog

from xferviewer import protocol
from xferviewer.checkpoints import read_checkpoint, write_card
from xferviewer.checkpoints.input_measures import InputMeasures
from xferviewer.checkpoints.training_inputs import summarise_inputs
from xferviewer.gui.app import Application
from xferviewer.gui.views import findings
from xferviewer.settings import read_settings, settings_file


def measures(seed: int, *, negative: bool = False) -> InputMeasures:
    """Of something bright to the right, each a little different."""
    random = np.random.default_rng(seed)
    fields = np.tile(np.linspace(0.1, 0.9, 8), (8, 1)) + random.normal(0, 0.02, (8, 8))
    fields = 1 - fields if negative else fields
    quantiles = np.quantile(fields, (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99))
    numbers = [96, 96, 0, 0, 4095, 0, 0.05, 0, fields.mean(), fields.std(), *quantiles]
    return InputMeasures(np.array([*numbers, *fields.ravel()], dtype=np.float32), "DX", "CHEST")


def describe(opened: Application, folder: Path) -> str:
    """Put a description of such training images on a copy's card and compare it; the preprocessing's digest."""
    checkpoint = read_checkpoint(folder)
    made = [measures(seed) for seed in range(200)]
    inputs = summarise_inputs(made, map(str, range(200)), "made up", checkpoint.preprocessing.digest)
    write_card(checkpoint, replace(checkpoint.card, training_inputs=inputs))
    opened.checkpoints.open([folder])
    return checkpoint.preprocessing.digest


def copied(folder: Path, to: Path) -> Path:
    """A checkpoint whose card may be changed."""
    return Path(shutil.copytree(folder, to / folder.name))


def measure(opened: Application, preprocessing: str, *, negative: tuple[str, ...] = ()) -> None:
    """The engine tells what it measured of all images of the cohort."""
    for seed, identity in enumerate(opened.session.cohort.identities):
        one = measures(1000 + seed, negative=identity in negative)
        opened.engine.input_measured.emit(
            protocol.InputMeasured(1, identity, preprocessing, one.values, one.modality, one.body_part)
        )
    opened.measuring.put_away()
    opened.session.inputs.judge()


def test_that_a_negative_is_marked_beside_its_numbers_and_its_number_stays(opened, checkpoints, tmp_path, qtbot):
    digest = describe(opened, copied(checkpoints[0], tmp_path))
    session, window = opened.session, opened.window
    shown = session.shown.reference.identity
    weights = session.classifiers.checkpoints[0].digest
    before = session.scores.score(weights, shown, session.finding)
    measure(opened, digest, negative=(shown,))

    assert session.scores.score(weights, shown, session.finding) == before
    (pane,) = window.compare.panes
    qtbot.waitUntil(pane.mark.isVisible)  # it came with a new pane
    assert pane.mark.text() == "⚠ input: polarity"
    for part in ("looks like a negative", "correlation -1.00", "MONOCHROME1"):
        assert part in pane.mark.toolTip()
    assert {bar.flagged for bar in window.findings.bars.bars(session.finding)} == {"⚠"}
    assert "looks like a negative" in window.findings.bars.accessibleDescription()
    assert window.checkpoints.list.item(0).text() == f"⚠ {session.classifiers.checkpoints[0].name}"
    opened.library.show_study(1)
    assert pane.mark.text() == ""
    assert not pane.mark.isVisible()


def test_that_a_cohort_unlike_training_is_marked_above_the_metrics_until_it_is_acknowledged(
    opened, checkpoints, tmp_path
):
    digest = describe(opened, copied(checkpoints[0], tmp_path))
    session, window = opened.session, opened.window
    measure(opened, digest, negative=session.cohort.identities)
    window.show_perspective("evaluate")

    name = session.classifiers.checkpoints[0].name
    assert f"⚠ inputs are not as {name} expects them" in window.evaluate.metrics.heading.text()
    assert "unlike those that the checkpoint was trained on" in window.evaluate.metrics.heading.toolTip()
    assert "unlike those that the checkpoint was trained on" in window.checkpoints.card.toPlainText()
    assert window.checkpoints.acknowledge.isVisibleTo(window.checkpoints)

    window.checkpoints.acknowledge.click()

    assert f"△ inputs are not as {name} expects them" in window.evaluate.metrics.heading.text()
    assert window.compare.panes[0].mark.text().startswith("△")
    assert not window.checkpoints.acknowledge.isVisibleTo(window.checkpoints)
    kept = read_settings(settings_file())[0].acknowledged_inputs
    assert kept == session.inputs.acknowledged
    assert len(kept) == 1
    assert session.cohort.name not in kept[0]


def test_that_films_of_the_same_kind_are_not_marked(opened, checkpoints, tmp_path):
    digest = describe(opened, copied(checkpoints[0], tmp_path))
    measure(opened, digest)
    assert opened.session.inputs.mark(opened.session.classifiers.checkpoints[0].digest) == ""
    assert "they are like its training images" in opened.window.checkpoints.card.toPlainText()
    assert not opened.window.checkpoints.acknowledge.isVisibleTo(opened.window.checkpoints)


def test_that_what_the_engine_measured_is_there_at_the_next_start(opened, checkpoints):
    """The engine of the prepared home has predicted the cohort; nothing is asked of an engine here."""
    inputs, checkpoint = opened.session.inputs, opened.session.classifiers.checkpoints[0]
    known = inputs.known(checkpoint.preprocessing.digest)
    assert set(known) == set(opened.session.cohort.identities)
    inputs.judge()
    (cohort,) = inputs.cohort(checkpoint.digest)
    assert (cohort.images, cohort.compared) == (len(opened.session.cohort), False)


def test_that_the_tool_tip_of_the_bars_says_what_is_wrong(opened, checkpoints, tmp_path, monkeypatch):
    digest = describe(opened, copied(checkpoints[0], tmp_path))
    measure(opened, digest, negative=(opened.session.shown.reference.identity,))
    said = []
    monkeypatch.setattr(findings, "QToolTip", SimpleNamespace(showText=lambda _, text, __: said.append(text)))
    bars = opened.window.findings.bars
    QApplication.sendEvent(bars, QHelpEvent(QEvent.Type.ToolTip, QPoint(5, 5), bars.mapToGlobal(QPoint(5, 5))))
    assert f"⚠ {opened.session.classifiers.checkpoints[0].name}: The image looks like a negative" in said[0]


def test_that_training_images_are_described_from_the_menu_and_the_cohort_is_like_them(
    opened, checkpoints, tmp_path, cohort, qtbot, monkeypatch
):
    opened.checkpoints.open([copied(checkpoints[0], tmp_path)])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(cohort))
    with qtbot.waitSignal(opened.describing.finished, timeout=120_000) as told:
        opened.window.choosing.ask_training_images()
    assert told.args == [len(opened.session.cohort)]
    checkpoint = opened.session.classifiers.checkpoints[0]
    assert checkpoint.card.training_inputs.source == "cohort"
    assert checkpoint.card.expects.modalities == ("DX",)
    opened.session.inputs.judge()
    (judged,) = opened.session.inputs.cohort(checkpoint.digest)
    assert (judged.compared, judged.marked, judged.n_flagged) == (True, False, 0)


def test_that_why_nothing_was_described_is_told(opened, checkpoints, tmp_path, qtbot):
    (tmp_path / "few").mkdir()
    with qtbot.waitSignal(opened.describing.failed, timeout=120_000) as told:
        opened.window.choosing.training_images_chosen.emit(tmp_path / "few")
    assert "does not say what training images look like" in told.args[0].what
