"""The operating point panel: its numbers are the evaluation's, and each count leads to exactly its cases."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from xferviewer.evaluation.intervals import clopper_pearson, wilson
from xferviewer.evaluation.likelihood_ratios import likelihood_ratios, predictive_values
from xferviewer.evaluation.operating_points import (
    Confusion,
    at_sensitivity,
    at_specificity,
    confusion_at,
    cost_weighted,
    youden,
)
from xferviewer.evaluation.roc import roc_curve
from xferviewer.evaluation.workload import workload
from xferviewer.gui.app import Application
from xferviewer.gui.cohort import Cohort
from xferviewer.gui.comparison import ThresholdOrigin
from xferviewer.gui.live_points import rows_of
from xferviewer.gui.number_text import estimate_text, interval_text, ratio_text
from xferviewer.gui.views.operating_point import COUNTS, OperatingPointPanel

FINDING = "Consolidation"


@pytest.fixture
def panel(opened: Application, qtbot: QtBot) -> OperatingPointPanel:
    """The panel on a finding with cases of both kinds, a quarter of them referred."""
    opened.window.show_perspective("evaluate")
    opened.session.set_finding(FINDING)
    opened.session.set_referral_rate(0.25)
    panel = opened.window.evaluate.operating_point
    qtbot.waitUntil(lambda: panel.heading.text().startswith(f"<b>{FINDING}"))
    qtbot.waitUntil(lambda: not panel._stale)
    return panel


def settle(panel: OperatingPointPanel, qtbot: QtBot) -> None:
    """Changes are shown in the next turn of the event loop."""
    qtbot.waitUntil(lambda: not panel._stale)


def column_of(panel: OperatingPointPanel, place: int) -> dict[str, str]:
    """What stands in a checkpoint's column, by the titles of the rows."""
    sheet = panel.table.sheet
    return {
        sheet.headerData(row, Qt.Orientation.Vertical): sheet.index(row, place).data()
        for row in range(sheet.rowCount())
    }


def counted(panel: OperatingPointPanel, place: int) -> tuple[Confusion, np.ndarray, np.ndarray]:
    """Counts of what a checkpoint keeps, computed here; the mask of what it keeps; its calls."""
    session, numbers = panel.session, panel.numbers
    compared = numbers.compared(FINDING)
    kept = numbers.referral.kept(FINDING, compared.digests[place])
    threshold = session.operating_points.threshold(compared.digests[place], FINDING)
    scores = compared.scores[place]
    return confusion_at(compared.labels[kept], scores[kept], threshold), kept, scores > threshold


@pytest.mark.parametrize("method", ["wilson", "clopper-pearson"])
def test_that_every_number_equals_that_of_the_evaluation(panel: OperatingPointPanel, qtbot: QtBot, method: str) -> None:
    panel.session.operating_points.choose(FINDING, dict.fromkeys(panel.numbers.compared(FINDING).digests, 0.4))
    panel.method.choose(method)
    panel.prevalence.setValue(7.5)
    settle(panel, qtbot)
    bounds = wilson if method == "wilson" else clopper_pearson
    for place in (0, 1):
        confusion, kept, _ = counted(panel, place)
        labels = panel.numbers.compared(FINDING).labels
        shown = column_of(panel, place)
        assert shown["positive if"] == "p > 0.400"
        assert (int(shown["referred"]), int(shown["retained"])) == (6, 18)
        assert int(shown["TP found"]) == confusion.true_positive
        assert int(shown["FN missed"]) == confusion.false_negative
        assert int(shown["FP false alarm"]) == confusion.false_positive
        assert int(shown["TN cleared"]) == confusion.true_negative
        for title in ("sensitivity", "specificity", "PPV", "NPV", "accuracy"):
            share = getattr(confusion, title.lower())
            assert shown[title] == interval_text(share.value, *map(float, bounds(share.successes, share.trials)))
        assert shown["F1"] == interval_text(confusion.f1, *confusion.f1_interval(method=method))
        ratios = likelihood_ratios(confusion)
        assert (shown["LR+"], shown["LR−"]) == (ratio_text(ratios.positive), ratio_text(ratios.negative))
        stated = predictive_values(confusion, 0.075)
        assert (shown["PPV, stated"], shown["NPV, stated"]) == (estimate_text(stated.ppv), estimate_text(stated.npv))
        referred = int((labels[~kept] == 1).sum()), int((labels[~kept] == 0).sum())
        work = workload(confusion, referred, 0.075, method=method)
        for name in ("referred", "flagged", "cleared", "missed"):
            of = getattr(work, name)
            expected = f"{100 * of.value:.1f} [{100 * of.lower:.1f}, {100 * of.upper:.1f}]"
            assert shown[f"of 100: {name}"] == expected


def test_that_the_heading_and_the_tips_say_n_unit_and_kind_of_score(panel: OperatingPointPanel) -> None:
    compared = panel.numbers.compared(FINDING)
    for words in (f"{compared.n_positive} present", f"{compared.n_negative} absent", "unit: image", "raw probability"):
        assert words in panel.heading.text()
    confusion, _, _ = counted(panel, 0)
    sheet = panel.table.sheet
    for row in range(sheet.rowCount()):
        tip = sheet.index(row, 0).data(Qt.ItemDataRole.ToolTipRole)
        assert f"retained: {confusion.sensitivity.trials} present, {confusion.specificity.trials} absent" in tip
        assert "unit: image; score: raw probability" in tip


@pytest.mark.parametrize("place", [0, 1])
def test_that_a_click_on_a_count_puts_exactly_its_studies_into_the_worklist(
    panel: OperatingPointPanel, opened: Application, qtbot: QtBot, place: int
) -> None:
    session = opened.session
    session.operating_points.choose(FINDING, dict.fromkeys(panel.numbers.compared(FINDING).digests, 0.4))
    settle(panel, qtbot)
    _, kept, called = counted(panel, place)
    labels = panel.numbers.compared(FINDING).labels
    cases = {
        "referred": ~kept, "retained": kept, "true positive": kept & called & (labels == 1),
        "false negative": kept & ~called & (labels == 1), "false positive": kept & called & (labels == 0),
        "true negative": kept & ~called & (labels == 0),
    }  # fmt: skip
    for row, (count, *_) in enumerate(COUNTS):
        session.set_case_list(None)
        opened.window.show_perspective("evaluate")
        settle(panel, qtbot)
        wanted, index = cases[count], panel.table.sheet.index(row + 3, place)
        assert int(index.data()) == wanted.sum()
        panel.table.scrollTo(index)
        middle = panel.table.visualRect(index).center()
        qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=middle)
        if not wanted.any():
            assert session.case_list is None
            continue
        assert {study.id for study in session.studies} == {
            session.cohort.study_ids[case] for case in np.flatnonzero(wanted)
        }
        assert session.case_list.n_cases == wanted.sum()
        assert session.case_list.title.startswith(FINDING)
        assert session.case_list.title.endswith(session.classifiers.all[place].name)
        assert opened.window.perspectives["read"].isVisible()


def test_that_enter_on_a_count_opens_its_cases_and_a_rate_leads_nowhere(
    panel: OperatingPointPanel, opened: Application, qtbot: QtBot
) -> None:
    table = panel.table
    table.setCurrentIndex(table.sheet.index(9, 0))  # sensitivity
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert opened.session.case_list is None
    table.setCurrentIndex(table.sheet.index(4, 0))  # retained
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert len(opened.session.case_list.studies) == 18


def test_that_the_most_confident_mistakes_come_first(panel: OperatingPointPanel, opened: Application) -> None:
    digest = panel.numbers.compared(FINDING).digests[0]
    opened.session.set_referral_rate(0.0)
    scores = panel.numbers.compared(FINDING).scores[0]
    for count, threshold, sign in (("false positive", 0.0, -1), ("false negative", 0.999, 1)):
        opened.session.operating_points.choose(FINDING, {digest: threshold})
        found = scores[rows_of(panel.numbers, FINDING, digest, count)]
        assert found.size > 2
        assert (np.diff(sign * found) >= 0).all()


RULES = {
    "youden": youden,
    "sensitivity": partial(at_sensitivity, target=0.8),
    "specificity": partial(at_specificity, target=0.7),
    "cost": partial(cost_weighted, cost_ratio=3.0, prevalence=0.2),
}


@pytest.mark.parametrize("for_all", [True, False])
def test_that_a_rule_sets_the_thresholds_that_the_evaluation_finds_and_keeps_where_they_come_from(
    panel: OperatingPointPanel, qtbot: QtBot, for_all: bool
) -> None:
    session, compared = panel.session, panel.numbers.compared(FINDING)
    panel.rule.sensitivity.setValue(80)
    panel.rule.specificity.setValue(70)
    panel.rule.cost_ratio.setValue(3)
    panel.prevalence.setValue(20)
    panel.whom.choose(for_all)
    for name, rule in RULES.items():
        panel.rule.choice.choose(name)
        qtbot.mouseClick(panel.apply, Qt.MouseButton.LeftButton)
        settle(panel, qtbot)
        for place, digest in enumerate(compared.digests):
            point = rule(roc_curve(compared.labels, compared.scores[place]))
            if for_all or digest == session.active:
                assert session.operating_points.threshold(digest, FINDING) == min(max(point.threshold, 0.0), 1.0)
                assert session.operating_points.origin(digest, FINDING) == ThresholdOrigin(
                    point.rule, session.cohort.name
                )
                assert column_of(panel, place)["chosen on"] == session.cohort.name
            else:
                assert session.operating_points.threshold(digest, FINDING) == 0.5
                assert column_of(panel, place)["chosen by"] == "nobody yet"
        assert "looks better than it is" in panel.note.text()


def test_that_a_typed_threshold_is_set_by_enter_and_was_chosen_on_no_cases(
    panel: OperatingPointPanel, qtbot: QtBot
) -> None:
    session = panel.session
    panel.rule.choice.choose("threshold")
    panel.whom.choose(False)
    assert panel.rule.threshold.isVisibleTo(panel)
    panel.rule.threshold.setValue(0.123)
    qtbot.keyClick(panel.rule.threshold, Qt.Key.Key_Return)
    settle(panel, qtbot)
    assert session.operating_points.threshold(session.active, FINDING) == 0.123
    assert column_of(panel, 0)["chosen by"] == "set by hand"
    assert "looks better" not in panel.note.text()
    assert "25 % referral" in panel.note.text()
    session.operating_points.choose(FINDING, {session.active: 0.7})  # as the slider below does
    settle(panel, qtbot)
    assert panel.rule.threshold.value() == 0.7


def test_that_a_threshold_of_one_site_is_not_called_flattered_on_another(
    panel: OperatingPointPanel, qtbot: QtBot
) -> None:
    session = panel.session
    session.set_comparison(replace(session.comparison, only=("site", "A")))
    panel.rule.choice.choose("youden")
    settle(panel, qtbot)
    qtbot.mouseClick(panel.apply, Qt.MouseButton.LeftButton)
    settle(panel, qtbot)
    assert "looks better" in panel.note.text()
    assert column_of(panel, 0)["chosen on"] == f"site A of {session.cohort.name}"
    session.set_comparison(replace(session.comparison, only=("site", "B")))
    settle(panel, qtbot)
    assert "only site = B" in panel.heading.text()
    assert "looks better" not in panel.note.text()
    session.set_comparison(replace(session.comparison, only=None))
    settle(panel, qtbot)
    assert "looks better" in panel.note.text()


def test_that_buttons_and_curve_keep_where_their_thresholds_come_from(opened: Application, qtbot: QtBot) -> None:
    session = opened.session
    opened.window.show_perspective("evaluate")
    session.set_finding(FINDING)
    qtbot.mouseClick(opened.window.referral.youden, Qt.MouseButton.LeftButton)
    assert session.operating_points.origin(session.active, FINDING) == ThresholdOrigin("Youden", session.cohort.name)
    opened.window.referral.threshold.setValue(317)
    assert session.operating_points.origin(session.active, FINDING) == ThresholdOrigin()


def test_that_a_click_on_a_title_makes_its_checkpoint_the_active_one(panel: OperatingPointPanel, qtbot: QtBot) -> None:
    session, header = panel.session, panel.table.horizontalHeader()
    second = session.classifiers.all[1]
    assert panel.table.sheet.headerData(0, Qt.Orientation.Horizontal).startswith("▸")
    at = header.sectionViewportPosition(1) + header.sectionSize(1) // 2
    middle = header.viewport().rect().center()
    middle.setX(at)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    settle(panel, qtbot)
    assert session.active == second.digest
    assert panel.table.sheet.headerData(1, Qt.Orientation.Horizontal) == f"▸ {second.name}"


def test_that_the_prevalence_is_the_cohort_s_until_one_is_stated_for_the_finding(
    panel: OperatingPointPanel, qtbot: QtBot
) -> None:
    compared = panel.numbers.compared(FINDING)
    own = 100 * compared.n_positive / (compared.n_positive + compared.n_negative)
    assert panel.prevalence.value() == pytest.approx(own, abs=0.005)
    before = column_of(panel, 0)
    panel.prevalence.setValue(2)
    settle(panel, qtbot)
    after = column_of(panel, 0)
    changed = {title for title in before if before[title] != after[title]}
    assert {"PPV, stated", "of 100: flagged"} <= changed
    assert changed <= {
        "PPV, stated",
        "NPV, stated",
        *(f"of 100: {name}" for name in ("referred", "flagged", "cleared", "missed")),
    }
    panel.session.set_finding("Cardiomegaly")
    settle(panel, qtbot)
    assert panel.prevalence.value() != 2
    panel.session.set_finding(FINDING)
    settle(panel, qtbot)
    assert panel.prevalence.value() == 2
    qtbot.mouseClick(panel.own_prevalence, Qt.MouseButton.LeftButton)
    settle(panel, qtbot)
    assert column_of(panel, 0) == before
    assert not panel.own_prevalence.isEnabled()


def test_that_the_table_is_copied_with_its_titles(panel: OperatingPointPanel, qtbot: QtBot) -> None:
    qtbot.mouseClick(panel.copy, Qt.MouseButton.LeftButton)
    lines = [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]
    assert lines[0] == ["", *(panel.table.sheet.headerData(c, Qt.Orientation.Horizontal) for c in (0, 1))]
    assert {line[0]: line[1] for line in lines[1:]} == column_of(panel, 0)


def test_that_a_slider_step_moves_the_numbers_only_of_a_panel_that_is_seen(
    panel: OperatingPointPanel, opened: Application, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    refresh = panel.refresh
    monkeypatch.setattr(panel, "refresh", lambda: (shown.append(1), refresh()))
    for rate in (0.1, 0.2, 0.3):
        opened.session.set_referral_rate(rate)
    settle(panel, qtbot)
    assert len(shown) == 1  # three changes in one turn of the event loop
    dock = opened.window.evaluate.operating_point.parentWidget()
    other = opened.window.evaluate.referral_curve.parentWidget()
    other.raise_()
    qtbot.waitUntil(lambda: not panel.is_seen)
    opened.session.set_referral_rate(0.0)
    qtbot.wait(20)
    assert len(shown) == 1
    assert column_of(panel, 0)["referred"] != "0"
    dock.raise_()
    qtbot.waitUntil(lambda: column_of(panel, 0)["referred"] == "0")


def no_number_because(panel: OperatingPointPanel, qtbot: QtBot, why: str) -> None:
    settle(panel, qtbot)
    qtbot.waitUntil(lambda: why in panel.heading.text())
    assert panel.table.sheet.rowCount(QModelIndex()) == 0
    assert not panel.apply.isEnabled()


def test_that_without_positives_without_labels_and_without_checkpoints_it_says_why(
    panel: OperatingPointPanel, opened: Application, qtbot: QtBot
) -> None:
    session, cohort = panel.session, panel.session.cohort
    labels = cohort.labels.copy()
    labels[:, cohort.findings.index(FINDING)] = 0
    session.put_cohort(replace(cohort, labels=labels))
    no_number_because(panel, qtbot, "0 present, 24 absent")
    session.put_cohort(Cohort.empty(cohort.name))
    no_number_because(panel, qtbot, "label table")
    session.put_cohort(cohort)
    settle(panel, qtbot)
    qtbot.waitUntil(lambda: panel.table.sheet.rowCount() > 0)
    session.set_checkpoints(())
    no_number_because(panel, qtbot, "Open a checkpoint")


def test_that_a_checkpoint_that_was_not_trained_for_the_finding_has_no_column(
    panel: OperatingPointPanel, qtbot: QtBot
) -> None:
    session = panel.session
    last = session.classifiers.findings[-1]
    assert last not in session.classifiers.all[1].trained_findings
    session.set_finding(last)
    settle(panel, qtbot)
    assert panel.table.sheet.columnCount() == 1


def test_that_scores_of_their_own_scale_are_named_and_take_a_threshold_of_that_scale(
    opened: Application, tmp_path: Path, qtbot: QtBot
) -> None:
    table = tmp_path / "scores.csv"
    cohort = opened.session.cohort
    stated = zip(cohort.images, cohort.truth(FINDING), strict=True)
    rows = [f"{Path(image).name},old,{3 * label - 1.5 + at / 10}" for at, (image, label) in enumerate(stated)]
    table.write_text("\n".join([f"image,checkpoint,{FINDING}", *rows]) + "\n", encoding="utf-8")
    opened.window.show_perspective("evaluate")
    opened.session.set_finding(FINDING)
    opened.opening.open([table])
    opened.session.set_active(opened.session.classifiers.all[2].digest)
    panel = opened.window.evaluate.operating_point
    settle(panel, qtbot)
    qtbot.waitUntil(lambda: panel.table.sheet.columnCount() == 3)
    assert "score of its own scale" in panel.heading.text()
    panel.rule.choice.choose("threshold")
    panel.whom.choose(False)
    panel.rule.threshold.setValue(1.25)
    qtbot.mouseClick(panel.apply, Qt.MouseButton.LeftButton)
    settle(panel, qtbot)
    assert column_of(panel, 2)["positive if"] == "score > 1.25"
