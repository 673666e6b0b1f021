"""The hand-over panel: what a threshold does where it was not chosen, and the threshold that is needed there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from xferviewer.evaluation.hand_over import HandOver, hand_over
from xferviewer.evaluation.operating_points import at_sensitivity, at_specificity, youden
from xferviewer.gui.app import Application
from xferviewer.gui.comparison import ThresholdOrigin
from xferviewer.gui.live_hand_over import ALL
from xferviewer.gui.number_text import change_text, estimate_text, threshold_text
from xferviewer.gui.views.hand_over import HandOverPanel

FINDING = "Mass"
RATES = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "PPV": "ppv",
    "NPV": "npv",
    "flag rate": "flag rate",
}


@pytest.fixture
def panel(sites: Application, qtbot: QtBot) -> HandOverPanel:
    """The panel in front, from the first checkpoint on all cases to itself."""
    sites.window.evaluate.hand_over.parentWidget().raise_()
    qtbot.waitUntil(lambda: sites.window.evaluate.hand_over.checkpoints[0].count() == 2)
    settle(sites.window.evaluate.hand_over, qtbot)
    return sites.window.evaluate.hand_over


def settle(panel: HandOverPanel, qtbot: QtBot) -> None:
    def settled() -> bool:
        return not panel._stale and not panel._live._calculator.busy

    qtbot.waitUntil(settled, timeout=30_000)
    qtbot.wait(1)
    qtbot.waitUntil(settled, timeout=30_000)


def set_up(
    panel: HandOverPanel,
    qtbot: QtBot,
    source: tuple[str, str],
    target: tuple[str, str],
    checkpoints: tuple[int, int] = (0, 0),
) -> None:
    """Choose both sides as a user does."""
    digests = [each.digest for each in panel.session.classifiers.all]
    for place, subset in enumerate((source, target)):
        panel.subsets[place].choose(subset)
        panel.checkpoints[place].choose(digests[checkpoints[place]])
        assert panel.subsets[place].value == subset
    panel.subsets[1].activated.emit(panel.subsets[1].currentIndex())
    settle(panel, qtbot)


def columns_of(panel: HandOverPanel) -> dict[str, dict[str, str]]:
    """What stands in each column, by the titles of the rows."""
    sheet = panel.table.sheet
    rows = [sheet.headerData(row, Qt.Orientation.Vertical) for row in range(sheet.rowCount())]
    return {
        sheet.headerData(column, Qt.Orientation.Horizontal): {
            title: sheet.index(row, column).data() for row, title in enumerate(rows)
        }
        for column in range(sheet.columnCount())
    }


def expected(table: object, source: str, target: str, rule: object, checkpoints: tuple[int, int] = (0, 0)) -> HandOver:
    masks = [np.ones(300, dtype=bool) if site == "" else table.columns["site"] == site for site in (source, target)]
    scores = [table.scores[place][mask] for place, mask in zip(checkpoints, masks, strict=True)]
    same = source == target
    return hand_over(
        table.labels[masks[0]], scores[0], table.labels[masks[1]], scores[1], rule,
        same_cases=same, patients=table.patients[masks[0]] if same else None,
    )  # fmt: skip


def test_that_a_threshold_handed_from_a_site_to_itself_changes_nothing(panel: HandOverPanel, qtbot: QtBot) -> None:
    for subset in (("site", "A"), ALL):
        set_up(panel, qtbot, subset, subset)
        shown = columns_of(panel)
        assert shown["source"] == shown["target"]
        for title in RATES:
            assert shown["change"][title] == ".000 [.000, .000]"
        assert shown["target matched"]["sensitivity"] == shown["source"]["sensitivity"]


@pytest.mark.parametrize("name", ["youden", "sensitivity", "specificity", "threshold"])
def test_that_site_to_site_shows_what_the_evaluation_finds(
    panel: HandOverPanel, site_table: object, qtbot: QtBot, name: str
) -> None:
    rules = {
        "youden": youden, "sensitivity": partial(at_sensitivity, target=0.85),
        "specificity": partial(at_specificity, target=0.75), "threshold": 0.41,
    }  # fmt: skip
    panel.rule.sensitivity.setValue(85)
    panel.rule.specificity.setValue(75)
    panel.rule.choice.choose(name)
    panel.rule.threshold.setValue(0.41)
    set_up(panel, qtbot, ("site", "A"), ("site", "B"))
    over, shown = expected(site_table, "A", "B", rules[name]), columns_of(panel)
    text = threshold_text(over.source.threshold, probability=True)
    assert (shown["source"]["positive if"], shown["target"]["positive if"]) == (text, text)
    for title, rate in RATES.items():
        assert shown["source"][title] == estimate_text(over.source.rates[rate])
        assert shown["target"][title] == estimate_text(over.target.rates[rate])
        assert shown["change"][title] == change_text(over.change[rate])
    labels = site_table.labels[site_table.columns["site"] == "B"]
    assert int(shown["target"]["present"]) == labels.sum()
    assert int(shown["target"]["absent"]) == (1 - labels).sum()
    assert ("looks better there" in panel.note.text()) == (name != "threshold")
    for words in ("no case is referred", "unit: image", "raw probability"):
        assert words in panel.heading.text()


@pytest.mark.parametrize("rate", ["sensitivity", "specificity", "flag rate"])
def test_that_the_matched_threshold_is_shown_and_set_for_the_target(
    panel: HandOverPanel, site_table: object, qtbot: QtBot, rate: str
) -> None:
    session = panel.session
    set_up(panel, qtbot, ("site", "A"), ("site", "B"), (0, 1))
    panel.matched.choose(rate)
    panel.matched.activated.emit(0)
    settle(panel, qtbot)
    over = expected(site_table, "A", "B", partial(at_sensitivity, target=0.95), (0, 1))
    matched, shown = over.rematched[rate], columns_of(panel)["target matched"]
    assert shown["positive if"] == threshold_text(matched.threshold, probability=True)
    for title, name in RATES.items():
        assert shown[title] == estimate_text(matched.rates[name])
    older, newer = (each.digest for each in session.classifiers.all)
    assert panel.apply.text() == f"Use {shown['positive if']} for newer"
    qtbot.mouseClick(panel.apply, Qt.MouseButton.LeftButton)
    assert session.operating_points.threshold(newer, FINDING) == matched.threshold
    assert session.operating_points.threshold(older, FINDING) == 0.5
    assert session.operating_points.origin(newer, FINDING) == ThresholdOrigin(
        f"{rate} of older on site A", session.cohort.name, ("site", "B")
    )


def test_that_two_checkpoints_on_the_same_cases_are_compared_in_pairs(
    panel: HandOverPanel, site_table: object, qtbot: QtBot
) -> None:
    set_up(panel, qtbot, ("site", "B"), ("site", "B"), (0, 1))
    over = expected(site_table, "B", "B", partial(at_sensitivity, target=0.95), (0, 1))
    for title, rate in RATES.items():
        assert columns_of(panel)["change"][title] == change_text(over.change[rate])


def test_that_sides_with_some_cases_in_common_show_the_change_without_an_interval(
    panel: HandOverPanel, site_table: object, qtbot: QtBot
) -> None:
    set_up(panel, qtbot, ALL, ("site", "B"))
    over = expected(site_table, "", "B", partial(at_sensitivity, target=0.95))
    shown = columns_of(panel)["change"]
    assert "[" not in "".join(shown.values())
    assert shown["specificity"] == change_text(replace(over.change["specificity"], lower=np.nan, upper=np.nan))
    assert "on both sides" in panel.note.text()


def test_that_the_threshold_in_use_follows_the_session_until_another_is_typed(
    panel: HandOverPanel, qtbot: QtBot
) -> None:
    session = panel.session
    panel.rule.choice.choose("threshold")
    session.operating_points.choose(FINDING, {session.classifiers.all[0].digest: 0.37})
    settle(panel, qtbot)
    assert columns_of(panel)["source"]["positive if"] == "p > 0.370"
    panel.rule.threshold.setValue(0.21)
    settle(panel, qtbot)
    session.set_referral_rate(0.31)
    settle(panel, qtbot)
    assert columns_of(panel)["source"]["positive if"] == "p > 0.210"


def test_that_the_table_is_copied(panel: HandOverPanel, qtbot: QtBot) -> None:
    qtbot.mouseClick(panel.copy, Qt.MouseButton.LeftButton)
    lines = [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]
    assert lines[0] == ["", "source", "target", "change", "target matched"]
    assert lines[1][1] == columns_of(panel)["source"]["positive if"]


def test_that_a_source_of_one_class_and_missing_labels_are_named(panel: HandOverPanel, qtbot: QtBot) -> None:
    def no_table_because(why: str) -> None:
        settle(panel, qtbot)
        assert why in panel.heading.text()
        assert panel.table.sheet.rowCount() == 0
        assert not panel.apply.isEnabled()

    cohort = panel.session.cohort
    labels = cohort.labels.copy()
    labels[np.array(cohort.columns["site"]) == "A"] = 0
    panel.session.put_cohort(replace(cohort, labels=labels))
    settle(panel, qtbot)
    set_up(panel, qtbot, ("site", "A"), ("site", "B"))
    no_table_because("one class only")
    panel.session.put_cohort(replace(cohort, labels=np.zeros_like(labels)))
    no_table_because("0 present, 300 absent")
    panel.session.put_cohort(replace(cohort, findings=("Nodule",)))
    no_table_because("No label table names Mass")
    panel.session.set_imported(())
    no_table_because("Open a checkpoint")
