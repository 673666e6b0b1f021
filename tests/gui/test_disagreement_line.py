"""The cases on which the checkpoints disagree: counted, listed in their order, one key away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from xferviewer.evaluation.disagreement import disagreement
from xferviewer.evaluation.operating_points import confusion_at
from xferviewer.gui.app import Application
from xferviewer.gui.notify import Toast
from xferviewer.gui.views.disagreement import DisagreementLine

FINDING = "Consolidation"


@pytest.fixture
def line(opened: Application, qtbot: QtBot) -> DisagreementLine:
    """The line below the operating points, two checkpoints on a finding that both were trained for."""
    opened.session.set_finding(FINDING)
    opened.session.operating_points.choose(FINDING, dict.fromkeys(opened.numbers.compared(FINDING).digests, 0.4))
    opened.window.show_perspective("evaluate")
    settle(opened.window.evaluate.disagreement, qtbot)
    return opened.window.evaluate.disagreement


def settle(line: DisagreementLine, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not line._stale and not line._calculator.busy)


def expected(line: DisagreementLine, sensitivity: float) -> list[int]:
    """The studies, in their order."""
    compared = line.numbers.compared(FINDING)
    found = disagreement(compared.labels, compared.scores, sensitivity)
    rows = compared.rows[found.order[: found.differs.sum()]]
    return [line.session.cohort.study_ids[row] for row in rows]


def own(line: DisagreementLine) -> float:
    compared, session = line.numbers.compared(FINDING), line.session
    row = compared.scores[compared.digests.index(session.active)]
    return confusion_at(
        compared.labels, row, session.operating_points.threshold(session.active, FINDING)
    ).sensitivity.value


def test_that_the_sensitivity_is_the_active_checkpoint_s_own_and_the_list_that_of_the_evaluation(
    line: DisagreementLine, opened: Application, qtbot: QtBot
) -> None:
    studies = expected(line, own(line))
    assert line.sensitivity.value() == pytest.approx(100 * own(line), abs=0.05)
    assert line.heading.text().startswith(f"{len(studies)} of 24 cases")
    assert len(studies) > 2
    qtbot.mouseClick(line.read, Qt.MouseButton.LeftButton)
    assert [study.id for study in opened.session.studies] == studies
    assert "checkpoints disagree" in opened.session.case_list.title
    assert opened.window.perspectives["read"].isVisible()


def test_that_a_typed_sensitivity_is_used_until_the_active_one_is_asked_for(
    line: DisagreementLine, opened: Application, qtbot: QtBot
) -> None:
    line.sensitivity.setValue(26.0)
    settle(line, qtbot)
    studies = expected(line, 0.26)
    assert line.heading.text().startswith(f"{len(studies)} of 24 cases")
    qtbot.mouseClick(line.read, Qt.MouseButton.LeftButton)
    assert [study.id for study in opened.session.studies] == studies
    assert studies != expected(line, own(line))
    opened.window.show_perspective("evaluate")
    qtbot.mouseClick(line.own, Qt.MouseButton.LeftButton)
    settle(line, qtbot)
    assert line.sensitivity.value() == pytest.approx(100 * own(line), abs=0.05)
    assert not line.own.isEnabled()


def test_that_the_threshold_of_the_active_checkpoint_moves_it(line: DisagreementLine, qtbot: QtBot) -> None:
    before = line.sensitivity.value()
    line.session.operating_points.choose(FINDING, {line.session.active: 0.999})
    settle(line, qtbot)
    assert line.sensitivity.value() != before


def test_that_the_key_lists_them_without_the_panel_ever_being_shown(opened: Application, qtbot: QtBot) -> None:
    opened.session.set_finding(FINDING)
    line = opened.window.evaluate.disagreement
    opened.window.activateWindow()
    opened.window.worklist.table.setFocus()
    qtbot.keyClick(opened.window.worklist.table, Qt.Key.Key_D)
    assert [study.id for study in opened.session.studies] == expected(line, own(line))
    assert opened.session.case_list is not None


def test_that_it_says_why_there_is_nothing_to_list(line: DisagreementLine, opened: Application, qtbot: QtBot) -> None:
    session = opened.session
    last = session.classifiers.findings[-1]
    session.set_finding(last)
    settle(line, qtbot)
    assert "needs two checkpoints" in line.heading.text()
    assert not line.read.isEnabled()
    opened.window.actions_by_name["disagreements"].trigger()
    assert session.case_list is None
    assert any(
        f"two checkpoints that were trained for {last}" in toast.what for toast in opened.window.findChildren(Toast)
    )


def test_that_checkpoints_that_agree_are_said_to(line: DisagreementLine, opened: Application, qtbot: QtBot) -> None:
    cohort = opened.session.cohort
    labels = cohort.labels.copy()
    compared = line.numbers.compared(FINDING)
    column = labels[:, cohort.findings.index(FINDING)]
    column[:] = 0
    column[compared.rows[np.argmin(compared.scores.max(axis=0))]] = 1
    opened.session.put_cohort(replace(cohort, labels=labels))
    line.sensitivity.setValue(0.1)
    settle(line, qtbot)
    opened.session.operating_points.choose(FINDING, dict.fromkeys(compared.digests, 1.0))
    qtbot.mouseClick(line.own, Qt.MouseButton.LeftButton)
    settle(line, qtbot)
    assert line.heading.text().startswith("0 of 24 cases")
    assert not line.read.isEnabled()
    opened.window.actions_by_name["disagreements"].trigger()
    assert opened.session.case_list is None
    assert any(toast.what.startswith("0 of 24 cases") for toast in opened.window.findChildren(Toast))
