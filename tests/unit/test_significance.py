"""Tests of difference against R (pROC, mcnemar.test, wilcox.test, p.adjust) and by their symmetries."""

import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.significance import adjust, delong_paired, delong_unpaired, mcnemar, rank_sum

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"

LABELS = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
SCORES_A = [0.1, 0.2, 0.3, 0.4, 0.5, 0.35, 0.45, 0.55, 0.65, 0.75]
SCORES_B = [0.2, 0.1, 0.5, 0.4, 0.3, 0.3, 0.6, 0.5, 0.7, 0.2]

samples = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=25)


def reference(name: str) -> list[dict]:
    if not REFERENCE.exists():
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"{REFERENCE} is not on this machine"))]
    return [pytest.param(case, id=case.get("name")) for case in json.loads((REFERENCE / name).read_text())]


def or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


@pytest.mark.parametrize("case", reference("delong.json"))
def test_that_paired_and_unpaired_delong_are_those_of_proc(case: dict) -> None:
    if "data" in case:
        labels, a, b = case["data"]["y"], case["data"]["s1"], case["data"]["s2"]
    else:
        labels, a, b = np.genfromtxt(REFERENCE / case["data_file"], delimiter=",", skip_header=1).T
    paired, wanted = delong_paired(labels, a, b), case["paired"]
    assert [paired.z, paired.p_value, paired.difference, paired.lower, paired.upper] == pytest.approx(
        [or_nan(value) for value in (wanted["Z"], wanted["p"], wanted["diff"], *wanted["ci95_diff"])],
        rel=1e-9, abs=1e-12, nan_ok=True,
    )  # fmt: skip
    assert (paired.auc_a, paired.auc_b) == pytest.approx((case["model1"]["auc"], case["model2"]["auc"]))
    unpaired, wanted = delong_unpaired(labels, a, labels, b), case["unpaired"]
    assert [unpaired.statistic, unpaired.df, unpaired.p_value] == pytest.approx(
        [or_nan(value) for value in (wanted["D"], wanted["df"], wanted["p"])], rel=1e-9, abs=1e-12, nan_ok=True
    )


def test_that_the_hand_case_of_ten_has_its_published_difference() -> None:
    paired = delong_paired(LABELS, SCORES_A, SCORES_B)
    assert paired.difference == pytest.approx(0.14, abs=1e-15)
    assert paired.standard_error**2 == pytest.approx(0.0128 + 0.0292 - 2 * 0.0044, abs=1e-12)
    assert (paired.z, paired.p_value) == pytest.approx((0.768349819928, 0.442279383907), abs=1e-9)
    assert (paired.lower, paired.upper) == pytest.approx((-0.217122433973, 0.497122433973), abs=1e-9)


def test_that_equal_checkpoints_differ_by_exactly_nothing() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.random(333) < 0.1, random.normal(size=333)
    paired = delong_paired(labels, scores, np.exp(scores))
    assert (paired.difference, paired.standard_error, paired.z, paired.p_value) == (0, 0, 0, 1)


def test_that_a_difference_without_variance_is_marked_as_not_interpretable() -> None:
    paired = delong_paired([0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1])
    assert (paired.difference, paired.standard_error, paired.z, paired.p_value) == (0.5, 0, np.inf, 0)
    assert paired.degenerate


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_that_exchanging_the_checkpoints_turns_the_sign_and_nothing_else(drawn: list[tuple[bool, int, int]]) -> None:
    labels, a, b = (list(column) for column in zip(*drawn, strict=True))
    one, other = delong_paired(labels, a, b), delong_paired(labels, b, a)
    assert (one.z, one.p_value) == pytest.approx((-other.z, other.p_value), nan_ok=True)
    assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), nan_ok=True)


def test_that_145000_cases_are_compared_in_under_a_third_of_a_second() -> None:
    random = np.random.default_rng(4)
    labels = random.random(145_000) < 0.1
    a, b = random.normal(size=(2, 145_000)) + labels
    start = time.perf_counter()
    assert 0 < delong_paired(labels, a, b).p_value < 1
    assert time.perf_counter() - start < 0.3


@pytest.mark.parametrize("case", reference("mcnemar.json"))
def test_that_mcnemar_is_that_of_r(case: dict) -> None:
    cells = case["table"]
    table = [
        [cells["a_both_correct"], cells["b_only_1_correct"]],
        [cells["c_only_2_correct"], cells["d_both_wrong"]],
    ]
    for continuity, name in ((True, "with_continuity"), (False, "without_continuity")):
        answer, wanted = mcnemar(table, continuity=continuity), case[name]
        assert answer.statistic == pytest.approx(or_nan(wanted["chi2"]), rel=1e-9, nan_ok=True)
        # R says NaN when no case is discordant; here that is "no difference".
        assert answer.p_value == pytest.approx(1.0 if wanted["p"] is None else wanted["p"], rel=1e-9)
    assert mcnemar(table, exact=True).p_value == pytest.approx(case["exact_p"], rel=1e-9)


def test_that_mcnemar_reproduces_the_published_comparison_of_two_acl_models() -> None:
    table = [[85, 15], [1, 2]]
    assert mcnemar(table).statistic == 10.5625
    assert mcnemar(table).p_value == pytest.approx(0.001154, abs=1e-6)
    assert mcnemar(table, continuity=False).p_value == pytest.approx(0.000465, abs=1e-6)
    assert mcnemar(table, exact=True).p_value == pytest.approx(0.000518798828125, rel=1e-12)


def test_that_mcnemar_without_discordant_cases_finds_no_difference() -> None:
    answer = mcnemar([[20, 0], [0, 20]])
    assert np.isnan(answer.statistic)
    assert answer.p_value == 1


@pytest.mark.parametrize("case", [c for c in reference("wilcoxon.json") if not c.values[0].get("paired")])
def test_that_the_rank_sum_is_that_of_r(case: dict) -> None:
    answer = rank_sum(case["x"], case["y"])
    wanted = case["default"]
    assert answer.statistic == pytest.approx(wanted["stat"])
    assert answer.p_value == pytest.approx(1.0 if wanted["p"] is None else wanted["p"], rel=1e-9)
    for side in ("less", "greater"):
        if case[side]["p"] is not None:
            assert rank_sum(case["x"], case["y"], side).p_value == pytest.approx(case[side]["p"], rel=1e-9)


def test_that_the_rank_sum_of_two_hand_samples_is_exact_without_and_normal_with_ties() -> None:
    exact = rank_sum([1.1, 2.2, 3.3, 4.4, 0.5], [2.5, 3.5, 4.5, 5.5, 6.5, 7.5])
    assert (exact.statistic, exact.p_value) == pytest.approx((3, 1 / 33))
    tied = rank_sum([1, 2, 2, 3, 4, 4, 5], [2, 3, 4, 5, 5, 6, 7, 7])
    assert (tied.statistic, tied.p_value) == pytest.approx((11.5, 0.0607612366639))


def test_that_the_published_grid_of_176_runs_ranks_with_its_ties() -> None:
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not on this machine")
    grid = np.genfromtxt(REFERENCE / "bacon_grid_176.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")

    def runs(task: str, weights: str) -> np.ndarray:
        return grid["test_auc"][(grid["task"] == task) & (grid["pretrain"] == weights)]

    acl = rank_sum(runs("acl", "ImageNet"), runs("acl", "RadImageNet"))
    breast = rank_sum(runs("breast", "RadImageNet"), runs("breast", "ImageNet"))
    assert (acl.statistic, acl.p_value) == pytest.approx((622.5, 0.00398655), rel=1e-6)
    assert (breast.statistic, breast.p_value) == pytest.approx((999.5, 0.795851), rel=1e-6)


def test_that_equal_values_have_no_rank_difference() -> None:
    assert rank_sum([2, 2, 2], [2, 2]).p_value == 1


@settings(deadline=None)
@given(samples, samples)
def test_that_exchanging_the_samples_keeps_the_two_sided_p(x: list[float], y: list[float]) -> None:
    one, other = rank_sum(x, y), rank_sum(y, x)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.statistic + other.statistic == len(x) * len(y)


def test_that_adjusted_p_values_are_those_of_r() -> None:
    p = [0.01, 0.02, 0.03, 0.04, 0.05, 0.005]
    assert adjust(p, "holm") == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09, 0.03])
    assert adjust(p, "bh") == pytest.approx([0.03, 0.04, 0.045, 0.048, 0.05, 0.03])
    assert adjust(p, "bonferroni") == pytest.approx([0.06, 0.12, 0.18, 0.24, 0.3, 0.03])


def test_that_an_undefined_p_value_is_left_out_of_the_count_and_stays_undefined() -> None:
    assert adjust([0.01, np.nan, 0.04], "holm") == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert adjust([], "holm").size == 0


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from(["holm", "bonferroni", "bh"]))
def test_that_adjusting_never_makes_a_p_value_smaller_and_keeps_their_order(p: list[float], method: str) -> None:
    adjusted = adjust(p, method)
    assert np.all(adjusted >= np.array(p) - 1e-12)
    assert all(a <= b + 1e-12 for a, b in pairwise(adjusted[np.argsort(p)]))
    assert np.all(adjusted <= 1)
