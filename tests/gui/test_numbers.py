"""Referral, thresholds, curves and the table: every number on the screen equals the evaluation's own functions."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from xferviewer.evaluation.intervals import wilson
from xferviewer.evaluation.operating_points import at_sensitivity, confusion_at, youden
from xferviewer.evaluation.predictions import PredictionKey
from xferviewer.evaluation.roc import auc_interval, roc_curve
from xferviewer.evaluation.tables import read_predictions
from xferviewer.evaluation.uncertainty import n_referred, referral_order, uncertainty
from xferviewer.gui.app import Application
from xferviewer.gui.number_text import interval_text

FINDING = "Cardiomegaly"
BringForward = Callable[[Application, QWidget], None]


@pytest.fixture
def evaluating(opened: Application, qtbot: QtBot, bring_forward: BringForward) -> Application:
    """The Evaluate perspective on a finding with cases of both kinds."""
    bring_forward(opened, opened.window.evaluate.referral_curve)
    opened.session.set_finding(FINDING)
    return opened


def truth_and_scores(application: Application, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (n,), probabilities (n,) of the finding, and (n, findings) of all, of one checkpoint: from the session."""
    session = application.session
    digest, findings = session.classifiers.checkpoints[place].weights_sha256, session.classifiers.findings
    scores = session.scores.table(digest, findings)
    return session.cohort.truth(FINDING), scores[:, findings.index(FINDING)], scores


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, cohort: Path, checkpoints: list[Path]) -> Path:
    """What `xferviewer predict` writes of the cohort, in a process of its own."""
    out = tmp_path_factory.mktemp("predicted") / "predictions.csv"
    command = [sys.executable, "-m", "xferviewer", "predict", "--device", "cpu", "--images", cohort, "--out", out]
    subprocess.run([*command, "--checkpoint", *checkpoints], check=True, capture_output=True)
    return out


def test_that_window_and_command_line_give_the_same_probabilities_to_the_bit(
    opened: Application, table: Path, cohort: Path
) -> None:
    session, written = opened.session, read_predictions(table)
    identities = {
        Path(i.path).relative_to(cohort).as_posix(): i.identity for i in opened.library.catalogue.all_images()
    }
    digests = {c.name: c.weights_sha256 for c in session.classifiers.checkpoints}
    assert len(written.image) == 2 * len(identities)
    compared = 0
    for image, name, row in zip(written.image, written.checkpoint, written.scores, strict=True):
        for finding, value in zip(written.findings, row, strict=True):
            shown = session.scores.score(digests[name], identities[image], finding)
            assert (shown is None) == bool(np.isnan(value))
            if shown is not None:
                assert np.float32(shown).tobytes() == np.float32(value).tobytes()
                compared += 1
    assert compared == 24 * (5 + 4)


def test_that_logits_that_come_with_the_maps_equal_those_of_the_background_run(
    opened: Application, prepared: object
) -> None:
    for checkpoint in opened.session.classifiers.checkpoints:
        digest = checkpoint.weights_sha256
        explained = {identity: said for (identity, by), said in prepared.explained.items() if by == digest}
        key = PredictionKey(digest, checkpoint.preprocessing.digest, len(checkpoint.findings))
        stored = opened.store.get(key, list(explained))
        assert len(explained) >= 3
        for row, said in zip(stored, explained.values(), strict=True):
            assert row.tobytes() == said.logits.tobytes()


def test_that_maps_on_screen_equal_those_that_the_explain_command_writes_for_one_finding_to_the_bit(
    opened: Application, prepared: object, tmp_path: Path
) -> None:
    identity = next(iter(prepared.explained))[0]
    (film,) = [i.path for i in opened.library.catalogue.all_images() if i.identity == identity]
    folders = [c.folder for c in opened.session.classifiers.checkpoints]
    finding = opened.session.classifiers.checkpoints[0].findings[1]
    command = [sys.executable, "-m", "xferviewer", "explain", "--checkpoint", *folders, "--image", film]
    command += ["--finding", finding, "--out", tmp_path, "--device", "cpu", "--json"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert [each["finding"] for each in told["maps"]] == [finding, finding]
    for checkpoint, each in zip(opened.session.classifiers.checkpoints, told["maps"], strict=True):
        said = prepared.explained[identity, checkpoint.weights_sha256]
        shown = said.maps[said.findings.index(finding)]
        assert shown.max() > 0
        assert np.load(each["map"]).tobytes() == shown.tobytes()


def test_that_the_table_s_aucs_equal_those_of_the_evaluate_command(
    opened: Application, table: Path, cohort: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "xferviewer", "evaluate", "--labels", cohort.parent / "all_labels.csv"]
    subprocess.run([*command, "--predictions", table, "--out", tmp_path], check=True, capture_output=True)
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["findings"]
    model = opened.window.evaluate.metrics.model
    for row, finding in enumerate(opened.session.classifiers.findings):
        for column, checkpoint in enumerate(opened.session.classifiers.checkpoints, 1):
            shown = opened.numbers.auc(finding, checkpoint.weights_sha256)
            if shown is None:
                assert model.data(model.index(row, column)) == "not trained"
                continue
            said = metrics[finding][checkpoint.name]
            assert (shown.n_positive, shown.n_negative) == (said["n_positive"], said["n_negative"])
            for value, expected in ((shown.auc, said["auc"]), (shown.lower, said["auc_lower"])):
                if expected is None:
                    assert np.isnan(value)
                else:
                    assert value == pytest.approx(expected, rel=1e-12)
            text = model.data(model.index(row, column))
            assert text.startswith(interval_text(shown.auc, shown.lower, shown.upper))


def test_that_the_referral_slider_moves_marks_summary_retained_aucs_and_marker(evaluating: Application) -> None:
    window, session = evaluating.window, evaluating.session
    labels, scores, all_findings = truth_and_scores(evaluating, 0)
    window.referral.measure.setCurrentIndex(window.referral.measure.findData("case"))
    seen = []
    for percent in (10, 40):
        window.referral.rate.setValue(percent)
        count = n_referred(24, percent / 100)
        referred = referral_order(uncertainty(all_findings))[:count]
        kept = np.setdiff1d(np.arange(24), referred)
        model = window.worklist.model
        marked = {s.id for row, s in enumerate(session.studies) if model._text(s, model.columnCount() - 1) == "●"}
        assert marked == {session.cohort.study_ids[row] for row in referred}
        assert window.referral.rate_number.value() == percent
        QCoreApplication.processEvents()  # panels draw once for all changes of one turn
        assert window.evaluate.referral_curve._marker.value() == pytest.approx(percent)
        counts = confusion_at(labels[kept], scores[kept], 0.5)
        sensitivity = interval_text(
            counts.true_positive / (labels[kept] == 1).sum(),
            *map(float, wilson(counts.true_positive, int((labels[kept] == 1).sum()))),
            2,
        )
        said = window.referral.summary.text()
        assert f"{count} of 24 to an expert ({int((labels[referred] == 1).sum())} with the finding)" in said
        assert f"sensitivity <b>{sensitivity}</b>" in said
        retained = auc_interval(labels[kept], scores[kept])
        text = window.evaluate.metrics.model.data(
            window.evaluate.metrics.model.index(session.classifiers.findings.index(FINDING), 1)
        )
        assert text.endswith("kept " + interval_text(retained.auc, retained.lower, retained.upper))
        seen.append((said, text))
    assert seen[0] != seen[1]


def test_that_dragging_the_marker_of_the_curve_moves_the_slider(evaluating: Application) -> None:
    evaluating.window.evaluate.referral_curve._marker.setValue(33)
    assert evaluating.window.referral.rate.value() == 33
    assert evaluating.session.referral_rate == 0.33


def test_that_uncertainty_by_finding_orders_by_the_distance_to_the_threshold(evaluating: Application) -> None:
    session, referral = evaluating.session, evaluating.window.referral
    referral.rate.setValue(25)
    referral.measure.setCurrentIndex(referral.measure.findData("finding"))
    referral.threshold.setValue(700)
    _, scores, _ = truth_and_scores(evaluating, 0)
    nearest = np.argsort(np.abs(scores - 0.7), kind="stable")[: n_referred(24, 0.25)]
    assert set(evaluating.numbers.referral.referred_rows(FINDING, session.active)) == set(nearest)


def test_that_the_threshold_slider_sets_the_active_checkpoint_only(evaluating: Application) -> None:
    session, window = evaluating.session, evaluating.window
    first, second = (c.weights_sha256 for c in session.classifiers.checkpoints)
    session.set_active(second)
    window.referral.threshold.setValue(317)
    assert session.operating_points.threshold(second, FINDING) == 0.317
    assert session.operating_points.threshold(first, FINDING) == 0.5
    assert session.operating_points.threshold(second, "Edema") == 0.5
    assert "0.317" in window.referral.threshold_text.text()
    assert window.findings.bars.bars(FINDING)[1].threshold == 0.317


@pytest.mark.parametrize("rule", ["youden", "95 % sensitive"])
def test_that_threshold_buttons_set_every_checkpoint_as_the_evaluation_would(
    evaluating: Application, qtbot: QtBot, rule: str
) -> None:
    referral, session = evaluating.window.referral, evaluating.session
    qtbot.mouseClick(referral.youden if rule == "youden" else referral.sensitive, Qt.MouseButton.LeftButton)
    for place, checkpoint in enumerate(session.classifiers.checkpoints):
        labels, scores, _ = truth_and_scores(evaluating, place)
        curve = roc_curve(labels, scores)
        point = youden(curve) if rule == "youden" else at_sensitivity(curve, 0.95)
        assert session.operating_points.threshold(checkpoint.weights_sha256, FINDING) == min(
            max(point.threshold, 0.0), 1.0
        )
        if rule != "youden":
            assert confusion_at(labels, scores, point.threshold).sensitivity.value >= 0.95
        state = evaluating.numbers.referral.state(FINDING)
        kept = evaluating.numbers.referral.kept(FINDING, checkpoint.digest)
        assert np.count_nonzero(~kept) == n_referred(24, session.referral_rate)
        counts = confusion_at(
            labels[kept], scores[kept], session.operating_points.threshold(checkpoint.weights_sha256, FINDING)
        )
        assert state.true_positive[place] == counts.true_positive
        assert state.false_positive[place] == counts.false_positive


def test_that_a_threshold_that_slider_steps_cannot_hold_is_not_changed_by_being_shown(evaluating: Application) -> None:
    session = evaluating.session
    session.operating_points.choose(FINDING, {session.active: 0.123456})
    evaluating.window.referral._show()
    assert session.operating_points.threshold(session.active, FINDING) == 0.123456


def test_that_without_labels_the_panels_say_what_to_do(opened: Application, bring_forward: BringForward) -> None:
    from xferviewer.gui.cohort import Cohort

    bring_forward(opened, opened.window.evaluate.referral_curve)
    opened.session.put_cohort(Cohort.empty(opened.session.cohort.name))
    QCoreApplication.processEvents()
    assert "No label table" in opened.window.evaluate.curves.roc.why.text()
    assert "Referral needs" in opened.window.evaluate.referral_curve.heading.text()


def test_that_the_referral_curves_have_their_wilson_bands(evaluating: Application) -> None:
    curve = evaluating.window.evaluate.referral_curve
    bands = [shown.band for shown in curve.curves]
    assert len(bands) == 2
    state = evaluating.numbers.referral.sweep(FINDING).at(0.0, [0.5, 0.5])
    at_once = bands[0].path().boundingRect()
    assert at_once.bottom() >= float(state.sensitivity_upper[0])
    assert at_once.top() <= float(state.sensitivity_lower[0])
