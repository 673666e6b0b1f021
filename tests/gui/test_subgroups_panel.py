"""The subgroups panel: each group's numbers are the evaluation's, and its row leads to its cases."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from xferviewer.evaluation.gaps import gaps
from xferviewer.evaluation.hand_over import hand_over
from xferviewer.evaluation.operating_points import at_sensitivity, youden
from xferviewer.evaluation.subgroup_metrics import crossed_groups
from xferviewer.evaluation.subgroups import SubgroupSettings, subgroups
from xferviewer.gui.app import Application
from xferviewer.gui.number_text import change_text, estimate_text, p_text, rate_text, threshold_text
from xferviewer.gui.views.subgroups import SubgroupsPanel
from xferviewer.gui.views.subgroups.tables import METRICS

FINDING = "Mass"
THRESHOLD = 0.45


@pytest.fixture
def panel(sites: Application, qtbot: QtBot) -> SubgroupsPanel:
    """The panel in front, by site, nothing referred, at one threshold for both checkpoints."""
    sites.window.evaluate.subgroups.parentWidget().raise_()
    sites.session.set_referral_rate(0.0)
    sites.session.operating_points.choose(FINDING, {each.digest: THRESHOLD for each in sites.session.classifiers.all})
    group_by(sites.window.evaluate.subgroups, qtbot, "site")
    return sites.window.evaluate.subgroups


def settle(panel: SubgroupsPanel, qtbot: QtBot) -> None:
    """What takes longer is computed, and everything is shown."""

    def settled() -> bool:
        return not panel._stale and not panel._groups._calculator.busy

    qtbot.waitUntil(settled, timeout=30_000)
    qtbot.wait(1)
    qtbot.waitUntil(settled, timeout=30_000)


def group_by(panel: SubgroupsPanel, qtbot: QtBot, *columns: str) -> None:
    qtbot.waitUntil(lambda: panel.columns[0].count() > 1)
    for box, column in zip(panel.columns, (*columns, "", "")[:2], strict=True):
        box.choose(column)
    panel.columns[0].activated.emit(panel.columns[0].currentIndex())
    settle(panel, qtbot)


def choose(panel: SubgroupsPanel, qtbot: QtBot, box: object, value: object) -> None:
    box.choose(value)
    box.activated.emit(box.currentIndex())
    settle(panel, qtbot)


def rows_of(panel: SubgroupsPanel) -> dict[str, dict[str, str]]:
    """The table by the name of the group and the title of the column."""
    sheet = panel.table.sheet
    titles = [sheet.headerData(column, Qt.Orientation.Horizontal) for column in range(sheet.columnCount())]
    return {
        sheet.headerData(row, Qt.Orientation.Vertical): {
            title: sheet.index(row, column).data() for column, title in enumerate(titles)
        }
        for row in range(sheet.rowCount())
    }


def members(site_table: object, *columns: str) -> dict[str, np.ndarray]:
    return crossed_groups({name: site_table.columns[name].tolist() for name in columns}, columns)


def name_of(shown: str) -> str:
    return shown.removesuffix(" ⚠")


def test_that_every_number_of_a_group_equals_that_of_the_evaluation(
    panel: SubgroupsPanel, site_table: object, qtbot: QtBot
) -> None:
    groups = members(site_table, "site")
    settings = SubgroupSettings(THRESHOLD)
    expected = subgroups(site_table.labels, site_table.scores[0], groups, settings, site_table.patients)
    shown = rows_of(panel)
    assert [name_of(name) for name in shown] == ["A", "B", "C"]
    for name, row in shown.items():
        group = expected[name_of(name)]
        assert [int(row[title]) for title in ("cases", "present", "absent")] == [
            group.n_cases, group.n_positive, group.n_negative
        ]  # fmt: skip
        for metric, title, _ in METRICS:
            assert row[title] == estimate_text(group.estimates[metric]), (name, title)
        assert name.endswith("⚠") == group.few
    assert [name for name in shown if name.endswith("⚠")] == ["C ⚠"]


def test_that_the_groups_add_up_to_the_whole(panel: SubgroupsPanel, site_table: object, qtbot: QtBot) -> None:
    for columns in (("site",), ("sex", "site"), ("age",)):
        group_by(panel, qtbot, *columns)
        shown = rows_of(panel)
        assert len(shown) == {1: 3, 2: 6}[len(columns)] + (columns == ("age",))
        totals = [sum(int(row[title]) for row in shown.values()) for title in ("cases", "present", "absent")]
        assert totals == [300, int(site_table.labels.sum()), int((1 - site_table.labels).sum())]


def test_that_the_rates_are_those_of_what_is_retained_and_the_areas_are_not(
    panel: SubgroupsPanel, site_table: object, qtbot: QtBot
) -> None:
    before = rows_of(panel)
    panel.session.set_referral_rate(0.4)
    settle(panel, qtbot)
    kept = panel.numbers.referral.kept(FINDING, panel.session.active)
    assert kept.sum() == 180
    settings = SubgroupSettings(THRESHOLD, resamples=0)
    groups = {name: member[kept] for name, member in members(site_table, "site").items()}
    expected = subgroups(site_table.labels[kept], site_table.scores[0][kept], groups, settings)
    for name, row in rows_of(panel).items():
        for metric, title, _ in METRICS:
            if metric in ("auc", "debiased ece"):
                assert row[title] == before[next(n for n in before if name_of(n) == name_of(name))][title]
            else:
                assert row[title] == estimate_text(expected[name_of(name)].estimates[metric])
    assert "40 % referral" in panel.heading.text()


@pytest.mark.parametrize("metric", ["sensitivity", "auc", "debiased ece"])
def test_that_gap_worst_group_and_differences_are_the_evaluation_s(
    panel: SubgroupsPanel, site_table: object, qtbot: QtBot, metric: str
) -> None:
    choose(panel, qtbot, panel.compared, metric)
    groups = members(site_table, "site")
    gap = gaps(
        site_table.labels, site_table.scores[0], groups, SubgroupSettings(THRESHOLD), site_table.patients
    )[metric]  # fmt: skip
    title = panel.compared.currentText()
    for (_, row), expected in zip(rows_of(panel).items(), gap.rows, strict=True):
        assert row[f"{title} − others"] == change_text(expected.difference)
        assert row["p"] == p_text(expected.p_value)
    text = panel.gap.text()
    assert f"Gap in {title}: <b>{rate_text(gap.gap)}</b>" in text
    assert f"served worst: <b>{gap.worst}</b>" in text
    assert gap.worst in ("A", "B")  # C has few cases


def test_that_a_click_on_a_row_and_on_its_name_lead_to_its_cases(
    panel: SubgroupsPanel, site_table: object, qtbot: QtBot
) -> None:
    session = panel.session
    b = np.flatnonzero(site_table.columns["site"] == "B")
    asked = []
    numbers_show = panel.numbers.show_cases
    panel.numbers.show_cases = lambda title, rows: (
        asked.append((title, list(rows))),
        numbers_show(title, asked[-1][1]),
    )
    at = panel.table.visualRect(panel.table.sheet.index(1, 4)).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    header = panel.table.verticalHeader()
    middle = header.viewport().rect().center()
    middle.setY(header.sectionViewportPosition(1) + header.sectionSize(1) // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    assert asked == [(f"{FINDING}: site B", b.tolist())] * 2
    assert session.case_list.n_cases == 120


def test_that_rows_are_sorted_by_a_column_and_lead_to_their_own_cases(
    panel: SubgroupsPanel, site_table: object, qtbot: QtBot
) -> None:
    sheet = panel.table.sheet
    titles = [sheet.headerData(column, Qt.Orientation.Horizontal) for column in range(sheet.columnCount())]
    panel.table.sortByColumn(titles.index("cases"), Qt.SortOrder.AscendingOrder)
    assert [name_of(name) for name in rows_of(panel)] == ["C", "B", "A"]
    panel.session.operating_points.choose(FINDING, {panel.session.active: 0.3})
    settle(panel, qtbot)
    assert [name_of(name) for name in rows_of(panel)] == ["C", "B", "A"]
    panel.table.setCurrentIndex(sheet.index(0, 0))
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert panel.session.case_list.n_cases == 30
    qtbot.mouseClick(panel.copy, Qt.MouseButton.LeftButton)
    lines = [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]
    assert lines[0] == ["", *titles]
    assert [line[1] for line in lines[1:]] == ["30", "120", "150"]
    panel.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    assert [name_of(name) for name in rows_of(panel)] == ["A", "B", "C"]


@pytest.mark.parametrize("rule", ["youden", "sensitivity", "threshold"])
def test_that_each_left_out_group_gets_the_threshold_of_the_others(
    panel: SubgroupsPanel, site_table: object, qtbot: QtBot, rule: str
) -> None:
    choose(panel, qtbot, panel.table_choice, True)
    panel.rule.sensitivity.setValue(90)
    panel.rule.choice.choose(rule)
    settle(panel, qtbot)
    choices = {"youden": youden, "sensitivity": partial(at_sensitivity, target=0.9), "threshold": THRESHOLD}
    for name, row in rows_of(panel).items():
        here = site_table.columns["site"] == name
        scores, labels = site_table.scores[0], site_table.labels
        over = hand_over(labels[~here], scores[~here], labels[here], scores[here], choices[rule])
        assert row["positive if"] == threshold_text(over.source.threshold, probability=True)
        assert row["sens. others"] == estimate_text(over.source.rates["sensitivity"])
        assert row["sens. here"] == estimate_text(over.target.rates["sensitivity"])
        assert row["spec. change"] == change_text(over.change["specificity"])
    assert "no case is referred" in panel.heading.text()


def test_that_another_checkpoint_can_be_chosen_and_the_active_one_is_followed(
    panel: SubgroupsPanel, site_table: object, qtbot: QtBot
) -> None:
    session = panel.session
    older, newer = (each.digest for each in session.classifiers.all)
    expected = [
        subgroups(site_table.labels, scores, members(site_table, "site"), SubgroupSettings(THRESHOLD, resamples=0))
        for scores in site_table.scores
    ]
    assert session.active == older
    assert rows_of(panel)["A"]["AUC"] == estimate_text(expected[0]["A"].estimates["auc"])
    choose(panel, qtbot, panel.checkpoint, newer)
    assert rows_of(panel)["A"]["AUC"] == estimate_text(expected[1]["A"].estimates["auc"])
    assert "newer" in panel.heading.text()
    choose(panel, qtbot, panel.checkpoint, "")
    session.set_active(newer)
    settle(panel, qtbot)
    assert rows_of(panel)["A"]["AUC"] == estimate_text(expected[1]["A"].estimates["auc"])


def test_that_a_slider_step_asks_for_nothing_that_is_known(
    panel: SubgroupsPanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(panel._groups._calculator, "ask", lambda *question: asked.append(question))
    before = rows_of(panel)
    for step in range(5):
        panel.session.operating_points.choose(FINDING, {panel.session.active: 0.2 + step / 10})
        panel.session.set_referral_rate(step / 20)
        settle(panel, qtbot)
    assert asked == []
    after = rows_of(panel)
    assert [row["AUC"] for row in after.values()] == [row["AUC"] for row in before.values()]
    assert [row["flag rate"] for row in after.values()] != [row["flag rate"] for row in before.values()]


def test_that_groups_of_patients_are_counted_by_patient(
    panel: SubgroupsPanel, site_table: object, qtbot: QtBot
) -> None:
    panel.session.set_comparison(replace(panel.session.comparison, unit="patient"))
    settle(panel, qtbot)
    assert sum(int(row["cases"]) for row in rows_of(panel).values()) == 150
    assert "unit: patient, max of its images" in panel.heading.text()


def test_that_it_says_why_there_are_no_groups(panel: SubgroupsPanel, sites: Application, qtbot: QtBot) -> None:
    def no_table_because(why: str) -> None:
        settle(panel, qtbot)
        assert why in panel.heading.text()
        assert panel.table.sheet.rowCount() == 0
        assert panel.gap.text() == ""

    cohort = panel.session.cohort
    exposures = tuple(f"E{case}" for case in range(300))
    panel.session.put_cohort(replace(cohort, columns={**cohort.columns, "exposure": exposures}))
    settle(panel, qtbot)
    group_by(panel, qtbot, "exposure")
    no_table_because("exposure is no column to group by: 300 different values.")
    group_by(panel, qtbot)
    no_table_because("Choose a column")
    panel.session.put_cohort(replace(cohort, columns={}))
    no_table_because("no column to group by")
    panel.session.put_cohort(replace(cohort, labels=np.zeros_like(cohort.labels)))
    no_table_because("0 present, 300 absent")
    panel.session.put_cohort(replace(cohort, findings=("Nodule",)))
    no_table_because("No label table names Mass")
    panel.session.set_imported(())
    no_table_because("Open a checkpoint")


def test_that_groups_with_too_few_cases_have_no_gap(panel: SubgroupsPanel, qtbot: QtBot) -> None:
    panel.session.set_referral_rate(0.9)
    settle(panel, qtbot)
    assert all(name.endswith("⚠") for name in rows_of(panel))
    assert panel.gap.text().startswith("No gap in sensitivity")
