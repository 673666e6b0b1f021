"""Means as one more column: added and removed in the window, counted like a checkpoint, equal to the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QStandardItemModel
from pytestqt.qtbot import QtBot
from tests.gui.test_command_reproduces import equal, run_copied_command

from xferviewer import settings
from xferviewer.checkpoints import FLIP, Checkpoint
from xferviewer.evaluation.members import combine
from xferviewer.evaluation.tables import read_predictions
from xferviewer.gui.app import Application
from xferviewer.gui.column_dialog import ColumnDialog
from xferviewer.gui.columns import EnsembleColumn, PassColumn

FINDING = "Cardiomegaly"
LONG = 120_000


def ask(application: Application, qtbot: QtBot, kind: str) -> ColumnDialog:
    """The dialog, opened by its button, with a kind chosen."""
    qtbot.mouseClick(application.window.checkpoints.column, Qt.MouseButton.LeftButton)
    dialog = application.window.findChild(ColumnDialog)
    assert isinstance(dialog, ColumnDialog)
    dialog.kind.choose(kind)
    return dialog


def confirm(dialog: ColumnDialog, qtbot: QtBot) -> None:
    qtbot.mouseClick(dialog.buttons.button(dialog.buttons.StandardButton.Ok), Qt.MouseButton.LeftButton)


@pytest.fixture
def with_ensemble(opened: Application, qtbot: QtBot) -> Application:
    """Two checkpoints and their ensemble, which needs no engine."""
    dialog = ask(opened, qtbot, "ensemble")
    dialog.name.setText("both")
    confirm(dialog, qtbot)
    qtbot.waitUntil(lambda: not opened.numbers._settle.isActive())
    opened.session.set_finding(FINDING)
    return opened


def test_that_an_ensemble_is_the_mean_of_its_members_and_says_how_far_they_differ(with_ensemble: Application) -> None:
    session, window = with_ensemble.session, with_ensemble.window
    one, other, both = session.classifiers.all
    assert [each.name for each in session.classifiers.all] == ["efficientnet", "vit", "both"]
    assert both.trained_findings == other.trained_findings  # the first was trained for one finding more
    expected = combine([session.scores.table(each.digest, other.trained_findings) for each in (one, other)])
    assert np.array_equal(session.scores.table(both.digest, other.trained_findings), expected.scores)
    doubts = session.scores.doubts([both.digest], other.trained_findings)
    for measure, values in expected.doubts.items():
        assert np.array_equal(doubts[measure][0], values)
    identity = session.shown.reference.identity
    members = [session.scores.score(each.digest, identity, FINDING) for each in (one, other)]
    spread = session.scores.doubt(both.digest, identity, FINDING, "member-spread")
    assert session.scores.score(both.digest, identity, FINDING) == sum(members) / 2
    assert spread == pytest.approx(abs(members[0] - members[1]) / 2)
    bars = window.findings.bars.bars(FINDING)
    assert [bar.spread for bar in bars] == [None, None, spread]
    assert f"± {spread:.2f}" in window.findings.bars.accessibleDescription()
    assert with_ensemble.numbers.auc(FINDING, both.digest) is not None


def test_that_an_ensemble_has_no_pane_and_says_so(with_ensemble: Application) -> None:
    session, checkpoints = with_ensemble.session, with_ensemble.window.checkpoints
    assert [pane.digest for pane in with_ensemble.window.compare.panes] == [
        c.digest for c in session.classifiers.checkpoints
    ]
    item = checkpoints.list.item(2)
    assert item.data(Qt.ItemDataRole.CheckStateRole) is None
    checkpoints.list.setCurrentRow(2)
    assert "no map of its own" in checkpoints.card.toPlainText()
    assert session.active == session.classifiers.all[2].digest


def test_that_a_column_can_be_removed_and_goes_with_its_members(with_ensemble: Application, qtbot: QtBot) -> None:
    session, checkpoints = with_ensemble.session, with_ensemble.window.checkpoints
    session.set_uncertainty("member-spread")
    checkpoints.list.setCurrentRow(2)
    qtbot.mouseClick(checkpoints.remove, Qt.MouseButton.LeftButton)
    assert [each.name for each in session.classifiers.all] == ["efficientnet", "vit"]
    assert session.uncertainty == "finding"
    dialog = ask(with_ensemble, qtbot, "ensemble")
    confirm(dialog, qtbot)
    assert [each.name for each in session.classifiers.all] == ["efficientnet", "vit", "mean of efficientnet & vit"]
    checkpoints.list.setCurrentRow(1)
    qtbot.mouseClick(checkpoints.remove, Qt.MouseButton.LeftButton)
    assert [each.name for each in session.classifiers.all] == ["efficientnet"]


def test_that_what_rests_on_members_is_offered_where_there_are_some(opened: Application, qtbot: QtBot) -> None:
    measure = opened.window.referral.measure
    model = measure.model()
    assert isinstance(model, QStandardItemModel)
    items = [model.item(measure.findData(name)) for name in ("member-spread", "mutual-information")]
    assert not any(item.isEnabled() for item in items)
    assert all("nothing compared has members" in item.toolTip() for item in items)
    confirm(ask(opened, qtbot, "ensemble"), qtbot)
    assert all(item.isEnabled() for item in items)


def test_that_the_dialog_says_why_something_cannot_be_had(opened: Application, qtbot: QtBot) -> None:
    session = opened.session
    dialog = ask(opened, qtbot, "mc-dropout")
    ok = dialog.buttons.button(dialog.buttons.StandardButton.Ok)
    assert "not opened it yet" in dialog.members.item(0).text()
    session.note_dropout(session.classifiers.checkpoints[0].digest, False)
    session.note_dropout(session.classifiers.checkpoints[1].digest, True)
    dialog.kind.choose("flip")
    assert "dextrocardia" in dialog.about.text()
    assert ok.isEnabled()
    dialog.kind.choose("mc-dropout")
    assert "has no dropout" in dialog.members.item(0).text()
    assert not dialog.members.item(0).flags() & Qt.ItemFlag.ItemIsEnabled
    assert not ok.isEnabled()
    dialog.members.item(1).setCheckState(Qt.CheckState.Checked)
    assert ok.isEnabled()
    dialog.passes.setValue(7)
    (column,) = dialog.columns()
    assert column.digest == f"{session.classifiers.checkpoints[1].digest}+mc-dropout-7"
    dialog.kind.choose("ensemble")
    dialog.members.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert not ok.isEnabled()
    assert "two members" in dialog.why.text()
    dialog.members.item(0).setCheckState(Qt.CheckState.Checked)
    dialog.name.setText("vit")
    assert "Another column has that name" in dialog.why.text()
    dialog.reject()


@pytest.mark.parametrize(("uncertainty", "unit"), [("member-spread", "image"), ("mutual-information", "patient")])
def test_that_the_copied_command_refers_as_the_window_does(
    with_ensemble: Application, qtbot: QtBot, uncertainty: str, unit: str
) -> None:
    window, session, numbers = with_ensemble.window, with_ensemble.session, with_ensemble.numbers
    session.set_comparison(replace(session.comparison, unit=unit))
    window.show_perspective("evaluate")
    session.set_referral_rate(0.3)
    near_threshold = numbers.referral.referred_rows(FINDING, session.classifiers.all[2].digest).tolist()
    window.referral.measure.setCurrentIndex(window.referral.measure.findData(uncertainty))
    assert session.uncertainty == uncertainty
    assert numbers.referral.referred_rows(FINDING, session.classifiers.all[2].digest).tolist() != near_threshold
    qtbot.mouseClick(window.evaluate.bar.command, Qt.MouseButton.LeftButton)
    said = run_copied_command()
    for finding in session.classifiers.all[2].trained_findings:
        if not numbers.compared(finding).has_both:
            continue
        state = numbers.referral.state(finding)
        for at, each in enumerate(session.classifiers.all):
            area, point = numbers.auc(finding, each.digest), said["operating"]["findings"][finding][each.name]
            assert equal(area.auc, said["findings"][finding][each.name]["auc"])
            for count in ("true_positive", "false_positive", "true_negative", "false_negative", "referred_positive"):
                assert getattr(state, count)[at] == point[count], (finding, each.name, count)
            assert equal(numbers.referral.retained_auc(finding, each.digest).auc, point["retained_auc"]["auc"])
    assert any("efficientnet, vit: not known how far members differ" in warning for warning in said["warnings"])


def test_that_a_flipped_column_is_predicted_kept_and_equal_to_the_command_line(
    opened: Application,
    make_application: Callable[..., Application],
    qtbot: QtBot,
    cohort: Path,
    checkpoints: list[Path],
    tmp_path: Path,
) -> None:
    session = opened.session
    opened.engine.start()
    dialog = ask(opened, qtbot, "flip")
    assert [dialog.members.item(row).checkState() for row in range(2)] == [
        Qt.CheckState.Checked, Qt.CheckState.Unchecked
    ]  # fmt: skip
    with qtbot.waitSignal(opened.predicting.finished, timeout=LONG):
        confirm(dialog, qtbot)
    (column,) = session.classifiers.columns
    assert isinstance(column, PassColumn)
    assert session.has_dropout(session.classifiers.checkpoints[0].digest) is False
    opened.window.checkpoints.column.setFocus()
    dialog = ask(opened, qtbot, "ensemble")
    dialog.name.setText("flips and vit")
    dialog.members.item(0).setCheckState(Qt.CheckState.Unchecked)
    confirm(dialog, qtbot)
    QCoreApplication.processEvents()

    out = tmp_path / "out.csv"
    command = [
        "predict", "--checkpoint", *checkpoints, "--images", cohort, "--out", out, "--device", "cpu", "--json",
        "--augment", "flip", "--ensemble", "flips and vit=efficientnet + flip,vit",
    ]  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "xferviewer", *command], check=True, capture_output=True)
    assert json.loads(done.stdout)["failed"] == []
    table = read_predictions(out)
    names = {path: row for row, path in enumerate(session.cohort.images)}
    for each in session.classifiers.all:
        findings = each.trained_findings
        columns = [table.findings.index(finding) for finding in findings]
        scores = session.scores.table(each.digest, findings)
        doubts = session.scores.doubts([each.digest], findings)
        rows = [row for row, name in enumerate(table.checkpoint) if name == each.name]
        assert len(rows) == len(names)
        for row in rows:
            at = next(place for path, place in names.items() if path.endswith(table.image[row]))
            assert np.array_equal(scores[at], table.scores[row, columns])
            for measure, values in doubts.items():
                assert np.array_equal(values[0, at], table.doubts[measure][row, columns])

    opened.predicting.put_away()
    again = make_application(opened.folders.home)  # no engine is started: what it shows was kept
    again.library.refresh()
    again.checkpoints.open(checkpoints)
    again.session.set_columns([PassColumn(again.session.classifiers.checkpoints[0], FLIP)])
    findings = column.trained_findings
    assert np.array_equal(
        again.session.scores.table(column.digest, findings), session.scores.table(column.digest, findings)
    )


@pytest.mark.parametrize(
    ("measure", "words"), [("member-spread", "members' scores apart"), ("mutual-information", "mutual information")]
)
def test_that_the_referral_curve_names_the_measure_of_members(
    with_ensemble: Application, bring_forward: Callable[..., None], measure: str, words: str
) -> None:
    session, panel = with_ensemble.session, with_ensemble.window.evaluate.referral_curve
    session.set_active(session.classifiers.columns[0].digest)
    session.set_uncertainty(measure)
    bring_forward(with_ensemble, panel)
    assert words in panel.heading.text()
    session.set_active(session.classifiers.checkpoints[0].digest)  # it has no members
    panel.refresh()
    assert "near the threshold" in panel.heading.text()


def test_that_an_imported_table_says_how_far_members_differ(with_ensemble: Application, tmp_path: Path) -> None:
    session = with_ensemble.session
    ensemble = session.classifiers.columns[0]
    assert isinstance(ensemble, EnsembleColumn)
    snapshot = with_ensemble.evaluating.snapshot(tmp_path)
    table = snapshot.folder / "predictions.csv"
    with_ensemble.opening.open_predictions([table])
    imported = next(each for each in session.classifiers.imported if each.name == "both")
    plain = next(each for each in session.classifiers.imported if each.name == "vit")
    assert session.classifiers.has_members(imported.digest)
    assert not session.classifiers.has_members(plain.digest)
    findings = ensemble.trained_findings
    ours, theirs = (
        session.scores.doubts([ensemble.digest], findings),
        session.scores.doubts([imported.digest], findings),
    )
    for measure, values in ours.items():
        assert np.array_equal(values, theirs[measure])


def test_that_an_ensemble_of_calibrated_and_raw_members_is_of_raw_probabilities(with_ensemble: Application) -> None:
    from xferviewer.evaluation.recalibration import Recalibrator

    session = with_ensemble.session
    one, other, both = session.classifiers.all
    assert isinstance(one, Checkpoint)
    assert isinstance(other, Checkpoint)
    raw = session.scores.table(both.digest, both.trained_findings)
    softened = Recalibrator("temperature", {"temperature": (2.5,)})
    session.set_recalibrators({one.digest: (softened,) * len(one.findings)})
    session.set_comparison(replace(session.comparison, calibrated=True))
    assert session.scores.kind(one.digest) == "calibrated probability"
    assert session.scores.kind(both.digest) == "probability"
    assert np.array_equal(session.scores.table(both.digest, both.trained_findings), raw)
    identity = session.shown.reference.identity
    members = [session.scores.table(each.digest, both.trained_findings) for each in (one, other)]
    session.set_recalibrators(
        {one.digest: (softened,) * len(one.findings), other.digest: (softened,) * len(other.findings)}
    )
    assert session.scores.kind(both.digest) == "calibrated probability"
    calibrated = [session.scores.table(each.digest, both.trained_findings) for each in (one, other)]
    assert not np.array_equal(calibrated[1], members[1])
    assert np.array_equal(session.scores.table(both.digest, both.trained_findings), combine(calibrated).scores)
    row = session.cohort.row_of(identity)
    shown = session.scores.score(both.digest, identity, FINDING)
    assert shown == session.scores.table(both.digest, [FINDING])[row, 0]


def test_that_columns_are_there_again_at_the_next_start(
    with_ensemble: Application,
    make_application: Callable[..., Application],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    confirm(ask(with_ensemble, qtbot, "ten-crop"), qtbot)
    names = [each.name for each in with_ensemble.session.classifiers.all]
    assert names == ["efficientnet", "vit", "both", "efficientnet + ten-crop"]
    kept, complaints = settings.read_settings(settings.settings_file())
    assert complaints == []
    again = make_application(with_ensemble.folders.home, kept)
    monkeypatch.setattr(again.engine, "start", lambda: None)
    again.start()
    assert [each.name for each in again.session.classifiers.all] == names
    digests = [each.digest for each in with_ensemble.session.classifiers.all]
    assert [each.digest for each in again.session.classifiers.all] == digests
    without = make_application(with_ensemble.folders.home, replace(kept, columns=(*kept.columns, "gone+flip", "x=a,b")))
    monkeypatch.setattr(without.engine, "start", lambda: None)
    without.start()
    assert [each.name for each in without.session.classifiers.all] == names


def test_that_images_that_a_member_learned_from_are_counted_for_the_ensemble(with_ensemble: Application) -> None:
    from xferviewer.checkpoints import seen_images

    session = with_ensemble.session
    one, other, both = session.classifiers.all
    identities = session.cohort.identities
    session.set_seen_images(
        {one.digest: seen_images("s", identities[:5], ()), other.digest: seen_images("s", identities[3:7], ())}
    )
    assert session.n_seen(one.digest) == (5, 0)
    assert session.n_seen(both.digest) == (7, 0)
