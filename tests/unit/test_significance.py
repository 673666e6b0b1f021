"""Tests of difference of decisions, ranks, means and families of p-values: hand cases, brute force, symmetries."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.adjustment import Adjustment
from xferviewer.evaluation.significance import (
    adjust,
    friedman,
    kruskal_wallis,
    mcnemar,
    rank_sum,
    signed_rank,
    t_test,
)

samples = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=25)
values = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=2, max_size=12)
counts = st.integers(0, 60)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)
METHODS: tuple[Adjustment, ...] = ("holm", "bonferroni", "hochberg", "hommel", "bh", "by")


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


def test_that_the_rank_sum_of_two_hand_samples_is_exact_without_and_normal_with_ties() -> None:
    exact = rank_sum([1.1, 2.2, 3.3, 4.4, 0.5], [2.5, 3.5, 4.5, 5.5, 6.5, 7.5])
    assert (exact.statistic, exact.p_value) == pytest.approx((3, 1 / 33))
    tied = rank_sum([1, 2, 2, 3, 4, 4, 5], [2, 3, 4, 5, 5, 6, 7, 7])
    assert (tied.statistic, tied.p_value) == pytest.approx((11.5, 0.0607612366639))


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
@given(P_VALUES, st.sampled_from(METHODS))
def test_that_adjusting_never_makes_a_p_value_smaller_and_keeps_their_order(p: list[float], method: Adjustment) -> None:
    adjusted = adjust(p, method)
    assert np.all(adjusted >= np.array(p) - 1e-12)
    assert all(a <= b + 1e-12 for a, b in pairwise(adjusted[np.argsort(p)]))
    assert np.all(adjusted <= 1)


@settings(deadline=None)
@given(P_VALUES)
def test_that_the_adjustments_are_ordered_by_what_they_suppose(p: list[float]) -> None:
    of = {method: adjust(p, method) for method in METHODS}
    for weaker, stronger in pairwise(("hommel", "hochberg", "holm", "bonferroni")):
        assert np.all(of[weaker] <= of[stronger] + 1e-12)
    assert np.all(of["bh"] <= of["by"] + 1e-12)
    assert np.all(of["bh"] <= of["hommel"] + 1e-12)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_that_hommels_adjustment_is_the_closed_test_by_simes(p: list[float]) -> None:
    def simes(of: list[float]) -> float:
        return min(len(of) * value / rank for rank, value in enumerate(sorted(of), 1))

    for i, adjusted in enumerate(adjust(p, "hommel")):
        sets = (chosen for chosen in product((False, True), repeat=len(p)) if chosen[i])
        worst = max(simes([value for value, inside in zip(p, chosen, strict=True) if inside]) for chosen in sets)
        assert adjusted == pytest.approx(min(worst, 1))


def test_that_an_unknown_adjustment_and_an_impossible_p_value_are_refused() -> None:
    with pytest.raises(ValueError, match="sidak"):
        adjust([0.1], "sidak")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="outside"):
        adjust([0.1, 1.2])


@settings(deadline=None)
@given(counts, counts, counts, counts)
def test_that_exchanging_the_checkpoints_changes_no_mcnemar_test(a: int, b: int, c: int, d: int) -> None:
    for options in ({}, {"continuity": False}, {"exact": True}, {"mid_p": True}):
        one, other = mcnemar([[a, b], [c, d]], **options), mcnemar([[d, c], [b, a]], **options)
        assert (one.statistic, one.p_value) == pytest.approx((other.statistic, other.p_value), nan_ok=True)
        assert 0 <= one.p_value <= 1
    exact, mid = mcnemar([[a, b], [c, d]], exact=True), mcnemar([[a, b], [c, d]], mid_p=True)
    assert mid.p_value <= exact.p_value + 1e-12
    if b + c:
        assert exact.p_value == pytest.approx(scipy.stats.binomtest(b, b + c).pvalue)


def test_that_impossible_tables_are_refused() -> None:
    for table in ([[1, 2, 3], [4, 5, 6]], [[1, -2], [3, 4]], [1, 2, 3, 4], [[1, math.nan], [3, 4]]):
        with pytest.raises(ValueError, match="four counts"):
            mcnemar(table)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=8))
def test_that_the_exact_signed_rank_counts_every_choice_of_signs(drawn: list[int]) -> None:
    sizes = np.unique(np.abs(drawn))
    sizes = sizes[sizes > 0]
    if not sizes.size:
        return
    signs = np.where(np.arange(sizes.size) % 3 == 0, -1, 1)
    answer = signed_rank(signs * sizes, np.zeros(sizes.size))
    ranks = np.arange(1, sizes.size + 1)
    every = [ranks[np.array(chosen)].sum() for chosen in product((False, True), repeat=sizes.size)]
    assert answer.statistic == ranks[signs > 0].sum()
    tails = [np.mean(np.array(every) <= answer.statistic), np.mean(np.array(every) >= answer.statistic)]
    assert answer.p_value == pytest.approx(min(1, 2 * min(tails)))
    for side, tail in zip(("less", "greater"), tails, strict=True):
        assert signed_rank(signs * sizes, np.zeros(sizes.size), side).p_value == pytest.approx(tail)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=60))
def test_that_exchanging_the_sides_of_pairs_keeps_the_signed_rank_p(drawn: list[tuple[int, int]]) -> None:
    x, y = zip(*drawn, strict=True)
    one, other = signed_rank(x, y), signed_rank(y, x)
    assert one.p_value == pytest.approx(other.p_value)
    n = sum(a != b for a, b in drawn)
    assert one.statistic + other.statistic == n * (n + 1) / 2
    assert signed_rank(x, y, "less").p_value == pytest.approx(signed_rank(y, x, "greater").p_value)


def test_that_pairs_without_any_difference_do_not_differ() -> None:
    assert signed_rank([1, 2, 3], [1, 2, 3]).p_value == 1
    # 0.3 and 0.1 + 0.2 differ in the last bit alone.
    assert signed_rank([0.1 + 0.2, 5], [0.3, 4]).statistic == 1
    assert signed_rank([0.1 + 0.2, 5], [0.3, 4], decimals=None).statistic == 3


def test_that_equal_areas_from_different_sums_are_ties_unless_asked_otherwise() -> None:
    x, y = [0.1 + 0.2, 0.7], [0.3, 0.6]
    assert rank_sum(x, y).statistic == 2.5
    assert rank_sum(x, y, decimals=None).statistic == 3


def test_that_exactness_where_there_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="ties"):
        rank_sum([1, 2], [2, 3], exact=True)
    for x, y in (([1, 2, 4], [0, 1, 1]), ([1, 2, 4], [1, 0, 1])):
        with pytest.raises(ValueError, match="ties"):
            signed_rank(x, y, exact=True)
    long = np.arange(120.0)
    assert rank_sum(long[:60], long[60:], exact=True).p_value < rank_sum(long[:60], long[60:]).p_value


@pytest.mark.parametrize("test", [rank_sum, signed_rank, t_test])
def test_that_an_empty_sample_and_one_with_a_gap_are_refused(test) -> None:
    for x, y in (([], [1.0]), ([1.0], []), ([1.0, math.nan], [1.0, 2.0]), ([1.0, math.inf], [1.0, 2.0])):
        with pytest.raises(ValueError):
            test(x, y)


def test_that_pairs_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        signed_rank([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="one length"):
        t_test([1, 2], [1, 2, 3], "paired")


@settings(deadline=None)
@given(samples, samples)
def test_that_two_samples_by_kruskal_and_wallis_are_the_rank_sum_without_correction(
    x: list[float], y: list[float]
) -> None:
    answer = kruskal_wallis([x, y])
    assert answer.p_value == pytest.approx(rank_sum(x, y, exact=False, continuity=False).p_value)
    assert (answer.df, kruskal_wallis([y, x]).statistic) == (1, pytest.approx(answer.statistic))


def test_that_blocks_and_samples_of_one_value_do_not_differ() -> None:
    assert (friedman([[2, 2, 2], [5, 5, 5]]).p_value, kruskal_wallis([[1, 1], [1], [1]]).p_value) == (1, 1)
    for blocks in ([[1], [2]], [1, 2, 3], [[1, math.nan], [2, 3]], []):
        with pytest.raises(ValueError):
            friedman(blocks)
    with pytest.raises(ValueError, match="two samples"):
        kruskal_wallis([[1, 2]])


@settings(deadline=None)
@given(st.integers(2, 6).flatmap(lambda k: st.lists(st.lists(st.integers(0, 4), min_size=k, max_size=k), min_size=2)))
def test_that_friedmans_test_ranks_within_blocks_alone(blocks: list[list[int]]) -> None:
    table = np.array(blocks, dtype=float)
    answer = friedman(table)
    assert 0 <= answer.p_value <= 1
    moved = table * 3 + np.arange(len(table))[:, np.newaxis] * 100
    assert friedman(moved).statistic == pytest.approx(answer.statistic)
    if table.shape[1] > 2 and answer.statistic:
        assert answer.statistic == pytest.approx(scipy.stats.friedmanchisquare(*table.T).statistic)


@settings(deadline=None)
@given(values, values)
def test_that_t_tests_are_those_of_scipy_where_there_is_a_variance(x: list[float], y: list[float]) -> None:
    if np.ptp(x) < 0.01 or np.ptp(y) < 0.01:
        return
    for method, equal in (("student", True), ("welch", False)):
        answer, wanted = t_test(x, y, method), scipy.stats.ttest_ind(x, y, equal_var=equal)
        assert (answer.statistic, answer.df, answer.p_value) == pytest.approx(
            (wanted.statistic, wanted.df, wanted.pvalue), rel=1e-6, abs=1e-9
        )
        bounds = wanted.confidence_interval()
        assert (answer.lower, answer.upper) == pytest.approx((bounds.low, bounds.high), rel=1e-6, abs=1e-9)
        other = t_test(y, x, method)
        assert (other.difference, other.p_value) == pytest.approx((-answer.difference, answer.p_value))


def test_that_a_mean_without_any_variance_has_no_test() -> None:
    for method in ("welch", "student", "paired"):
        answer = t_test([1, 1, 1], [2, 2, 2], method)
        assert (answer.difference, answer.standard_error) == (-1, 0)
        assert np.isnan([answer.statistic, answer.p_value, answer.lower, answer.upper]).all()
    with pytest.raises(ValueError, match="bayes"):
        t_test([1, 2], [2, 3], "bayes")  # type: ignore[arg-type]


def test_that_a_sample_of_one_value_borrows_a_variance_from_the_other_or_has_none() -> None:
    assert np.isnan(t_test([1.0], [2.0, 3.0, 5.0]).p_value)
    assert np.isnan(t_test([1.0], [2.0], "student").p_value)
    one = t_test([1.0], [2.0, 3.0, 5.0], "student")
    variance = np.var([2, 3, 5], ddof=1) * (1 + 1 / 3)
    assert (one.df, one.standard_error) == (2, pytest.approx(np.sqrt(variance)))
