"""Subgroups and gaps: which cases, which numbers, and what is compared with what."""

import numpy as np
import pytest

from xferviewer.evaluation.calibration import brier
from xferviewer.evaluation.calibration_tests import calibration_error_interval
from xferviewer.evaluation.estimate import difference, of_proportion
from xferviewer.evaluation.gaps import gaps
from xferviewer.evaluation.groups import group_cases
from xferviewer.evaluation.intervals import Proportion
from xferviewer.evaluation.operating_points import confusion_at
from xferviewer.evaluation.roc import auc_interval
from xferviewer.evaluation.significance import delong_unpaired
from xferviewer.evaluation.subgroup_metrics import crossed_groups
from xferviewer.evaluation.subgroups import SUBGROUP_METRICS, SubgroupSettings, subgroup, subgroups

SETTINGS = SubgroupSettings(0.5, resamples=100)


@pytest.fixture(scope="module")
def cohort() -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """400 cases of three sites, the third small and badly served; 10 labels and one site not stated."""
    random = np.random.default_rng(5)
    site = np.array(["A"] * 200 + ["B"] * 150 + ["C"] * 40 + [""] * 10)
    labels = (random.random(400) < 0.4).astype(float)
    strength = np.where(site == "B", 0.5, 2.0)
    scores = 1 / (1 + np.exp(-strength * (labels - 0.5) - random.normal(0, 1, 400)))
    labels[::40] = np.nan
    return labels, scores, group_cases(site.tolist())


def test_that_combinations_of_columns_are_groups_like_others(cohort) -> None:
    labels, scores, _ = cohort
    columns = {"sex": ["F", "M"] * 200, "half": ["1"] * 200 + ["2"] * 200}
    members = crossed_groups(columns, ["sex", "half"])
    found = subgroups(labels, scores, members, SETTINGS)
    assert list(found) == ["F + 1", "F + 2", "M + 1", "M + 2"]
    assert [group.n_cases for group in found.values()] == [100] * 4


def test_that_every_metric_of_a_group_is_that_of_its_cases_with_its_interval(cohort) -> None:
    labels, scores, groups = cohort
    found = subgroups(labels, scores, groups, SETTINGS)
    assert list(found) == ["A", "B", "C"]
    for name, member in groups.items():
        group, y, p = found[name], labels[member], scores[member]
        assert group.n_cases == member.sum()
        assert (group.n_positive, group.n_negative) == (np.sum(y == 1), np.sum(y == 0))
        assert group.confusion == confusion_at(y, p, 0.5)
        assert tuple(group.estimates) == SUBGROUP_METRICS
        area = auc_interval(y, p)
        assert (group.estimates["auc"].value, group.estimates["auc"].lower) == (area.auc, area.lower)
        for metric in ("sensitivity", "specificity", "ppv", "npv", "accuracy"):
            assert group.estimates[metric] == of_proportion(getattr(group.confusion, metric))
        assert group.estimates["flag rate"] == of_proportion(group.confusion.flag_rate)
        balanced = group.estimates["balanced accuracy"]
        assert (balanced.lower, balanced.upper) == group.confusion.balanced_accuracy_interval()
        assert group.estimates["brier"].value == pytest.approx(brier(y, p))
        assert group.estimates["debiased ece"] == calibration_error_interval(y, p, resamples=100).debiased
        for estimate in group.estimates.values():
            assert estimate.lower <= estimate.value <= estimate.upper


def test_that_scores_that_are_no_probabilities_have_no_calibration_and_few_cases_are_marked(cohort) -> None:
    labels, scores, groups = cohort
    found = subgroups(labels, scores * 10, groups, SubgroupSettings(5, probabilities=False))
    assert "brier" not in found["A"].estimates
    assert [group.few for group in found.values()] == [False, False, True]
    with pytest.raises(ValueError, match="outside"):
        subgroup(labels, scores * 10, SETTINGS)


def test_that_intervals_are_of_the_kind_and_level_asked_for(cohort) -> None:
    labels, scores, _ = cohort
    exact = subgroup(labels, scores, SubgroupSettings(0.5, level=0.9, method="clopper-pearson", resamples=0))
    counted = exact.confusion.sensitivity
    assert exact.estimates["sensitivity"] == of_proportion(counted, 0.9, "clopper-pearson")
    assert np.isnan(exact.estimates["debiased ece"].value)


def test_that_each_group_is_compared_with_all_others_and_with_nobody_of_no_group(cohort) -> None:
    labels, scores, groups = cohort
    found = gaps(labels, scores, groups, SETTINGS)
    anywhere = groups["A"] | groups["B"] | groups["C"]
    for place, (name, member) in enumerate(groups.items()):
        others = anywhere & ~member
        area, rate = found["auc"].rows[place], found["sensitivity"].rows[place]
        assert area.group == rate.group == name
        test = delong_unpaired(labels[member], scores[member], labels[others], scores[others])
        assert (area.difference.value, area.difference.lower, area.p_value) == (
            test.difference, test.lower, test.p_value
        )  # fmt: skip
        here, there = (confusion_at(labels[of], scores[of], 0.5).sensitivity for of in (member, others))
        assert rate.difference == difference(of_proportion(here), of_proportion(there))
        assert rate.others == of_proportion(there)
        assert np.isnan(rate.p_value)
    assert [row.few for row in found["auc"].rows] == [False, False, True]


def test_that_the_gap_lies_between_the_extremes_of_groups_that_are_large_enough(cohort) -> None:
    labels, scores, groups = cohort
    found = gaps(labels, scores, groups, SETTINGS)
    values = {row.group: row.here.value for row in found["auc"].rows}
    gap = found["auc"]
    assert (gap.highest, gap.lowest, gap.worst) == ("A", "B", "B")
    assert gap.gap == values["A"] - values["B"]
    assert gap.spread == pytest.approx(np.std([values["A"], values["B"]], ddof=1))
    assert found["brier"].worst == found["brier"].highest == "B"
    assert found["flag rate"].worst is None
    few = gaps(labels, scores, {"A": groups["A"], "C": groups["C"]}, SETTINGS)["auc"]
    assert np.isnan([few.gap, few.spread]).all()
    assert few.worst is None
    assert len(few.rows) == 2


def test_that_groups_of_the_same_cases_have_no_gap() -> None:
    labels, scores = np.tile([0.0, 1.0, 0.0, 1.0], 20), np.tile([0.2, 0.7, 0.6, 0.4], 20)
    halves = {"one": np.arange(80) < 40, "other": np.arange(80) >= 40}
    for gap in gaps(labels, scores, halves, SETTINGS).values():
        assert gap.gap == pytest.approx(0, abs=1e-12)
        for row in gap.rows:
            assert row.difference.value == pytest.approx(0, abs=1e-12)


def test_that_a_group_without_a_class_leaves_its_rates_undefined_and_the_rest_standing() -> None:
    labels, scores = [1, 1, 0, 0, 1], [0.6, 0.4, 0.3, 0.7, 0.9]
    groups = {"sick": np.array([1, 1, 0, 0, 0], dtype=bool), "both": np.array([0, 0, 1, 1, 1], dtype=bool)}
    found = gaps(labels, scores, groups, SETTINGS)
    assert np.isnan(found["specificity"].rows[0].here.value)
    assert found["sensitivity"].rows[0].here == of_proportion(Proportion(1, 2))
    assert np.isnan(found["auc"].rows[0].difference.value)


def test_that_no_group_has_no_gap() -> None:
    assert gaps([0, 1], [0.2, 0.4], {}, SETTINGS)["auc"].rows == ()


def test_that_more_combinations_than_anybody_reads_are_refused():
    rows = range(400)
    columns = {"bed": [f"b{row % 20}" for row in rows], "week": [f"w{row // 20}" for row in rows]}

    with pytest.raises(ValueError, match=r"bed \+ week are no columns to group by: more than 200 combinations"):
        crossed_groups(columns, ["bed", "week"])
    assert len(crossed_groups(columns, ["bed"])) == 20
