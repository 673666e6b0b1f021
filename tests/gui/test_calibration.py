"""Calibrated probabilities in the window: fitted on the cases shown, kept with the checkpoint, named at each number."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt

from xferviewer.checkpoints import read_calibration
from xferviewer.evaluation.predictions import PredictionKey
from xferviewer.evaluation.recalibration import recalibrators_of
from xferviewer.evaluation.scores import scores_from_logits
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.app import Application
from xferviewer.gui.views.compare.corner_text import result_text

FINDING = "Edema"  # random weights rank it rightly, if by chance: a falling score cannot be calibrated


@pytest.fixture
def own(opened: Application, tmp_path: Path) -> Application:
    """The window on copies of the checkpoints, whose folders this test may write to."""
    folders = []
    for checkpoint in opened.session.classifiers.checkpoints:
        folders.append(tmp_path / "mine" / checkpoint.name)
        shutil.copytree(checkpoint.folder, folders[-1])
    opened.checkpoints.open(folders)
    opened.window.show_perspective("evaluate")
    opened.session.set_finding(FINDING)
    return opened


def test_that_calibrating_keeps_a_file_and_every_panel_then_shows_calibrated_probabilities(own: Application) -> None:
    session, bar = own.session, own.window.evaluate.bar
    checkpoint, other = session.classifiers.checkpoints
    assert bar.kind.isHidden()
    raw = session.scores.table(checkpoint.digest, [FINDING])[:, 0]
    area = own.numbers.auc(FINDING, checkpoint.digest).auc
    own.window.calibration_asked.emit(checkpoint.digest, "temperature", "validation films")
    kept = json.loads((checkpoint.folder / "calibration.json").read_text(encoding="utf-8"))
    assert kept["split"] == "validation films"
    recalibrators = recalibrators_of(checkpoint, read_calibration(checkpoint))
    key = PredictionKey(checkpoint.digest, checkpoint.preprocessing.digest, len(checkpoint.findings))
    logits = own.store.get(key, list(session.cohort.identities))
    expected = scores_from_logits(logits, checkpoint.task, "calibrated probability", recalibrators)
    shown = session.scores.table(checkpoint.digest, [FINDING])[:, 0]
    np.testing.assert_array_equal(shown, expected[:, checkpoint.findings.index(FINDING)])
    assert not np.isnan(shown).any()
    assert not np.array_equal(shown, raw)
    assert own.numbers.auc(FINDING, checkpoint.digest).auc == area  # a temperature changes no rank
    assert session.scores.kind(checkpoint.digest) == "calibrated probability"
    assert session.scores.kind(other.digest) == "probability"
    assert not bar.kind.isHidden()
    model = own.window.evaluate.metrics.model
    assert "calibrated probability" in model.data(model.index(model.row_of(FINDING), 1), Qt.ItemDataRole.ToolTipRole)
    own.library.show_study(0)
    corner = result_text(session, session.shown, checkpoint, style_of(0), None, 0)
    assert "(calibrated probability)" in corner


def test_that_thresholds_belong_to_their_kind_of_probability(own: Application) -> None:
    session = own.session
    digest = session.classifiers.checkpoints[0].digest
    own.window.calibration_asked.emit(digest, "platt", "these")
    session.operating_points.choose(FINDING, {digest: 0.3})
    session.set_comparison(replace(session.comparison, calibrated=False))
    assert session.operating_points.threshold(digest, FINDING) == 0.5
    session.set_comparison(replace(session.comparison, calibrated=True))
    assert session.operating_points.threshold(digest, FINDING) == 0.3


def test_that_a_calibration_of_other_weights_is_named_and_costs_only_itself(own: Application) -> None:
    session = own.session
    first, second = session.classifiers.checkpoints
    own.window.calibration_asked.emit(first.digest, "platt", "these")
    shutil.copy(first.folder / "calibration.json", second.folder)
    own.checkpoints.open([first.folder, second.folder])
    assert session.scores.has_calibration(first.digest)
    assert not session.scores.has_calibration(second.digest)
    assert any("cannot be used" in what for what in told(own))


def told(application: Application) -> list[str]:
    """What the message list says."""
    view = application.window.messages
    return [view.list.item(row).text() for row in range(view.list.count())]


def test_that_without_labelled_predictions_it_says_what_to_do(own: Application) -> None:
    from xferviewer.gui.cohort import Cohort

    own.session.put_cohort(Cohort.empty(own.session.cohort.name))
    own.window.calibration_asked.emit(own.session.classifiers.checkpoints[0].digest, "platt", "none")
    assert any("was not calibrated" in what for what in told(own))
    assert not (own.session.classifiers.checkpoints[0].folder / "calibration.json").exists()
