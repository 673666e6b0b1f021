"""Intervals of proportions and of their differences: Newcombe's published examples, limits, symmetries."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.evaluation.estimate import difference, of_proportion
from xferviewer.evaluation.intervals import IntervalMethod, Proportion, wilson
from xferviewer.evaluation.paired_proportions import paired_difference

METHODS: tuple[IntervalMethod, ...] = ("wilson", "clopper-pearson", "jeffreys", "agresti-coull", "wald")
proportions = st.integers(1, 60).flatmap(lambda n: st.integers(0, n).map(lambda x: Proportion(x, n)))
counts = st.integers(0, 40)


@given(proportions, st.sampled_from(METHODS))
def test_that_every_interval_holds_its_proportion_and_mirrors_its_complement(
    of: Proportion, method: IntervalMethod
) -> None:
    lower, upper = of.interval(method=method)
    if method not in ("agresti-coull", "wald"):
        assert 0 <= lower <= upper <= 1
    if method != "agresti-coull":  # whose centre is another, and moves with the level
        assert lower - 1e-12 <= of.value <= upper + 1e-12
        wider = of.interval(0.99, method)
        assert wider[0] <= lower + 1e-12
        assert upper <= wider[1] + 1e-12
    other = Proportion(of.trials - of.successes, of.trials).interval(method=method)
    assert (1 - other[1], 1 - other[0]) == pytest.approx((lower, upper))


def test_that_nothing_tried_has_no_interval() -> None:
    for method in METHODS:
        assert np.isnan(Proportion(0, 0).interval(method=method)).all()
    assert np.isnan(wilson(0, 0, continuity=True)).all()


@pytest.mark.parametrize("level", [0, 1, 95, -0.5])
def test_that_an_impossible_level_is_refused(level: float) -> None:
    for method in ("wilson", "jeffreys", "agresti-coull", "wald"):
        with pytest.raises(ValueError, match="confidence level"):
            Proportion(3, 7).interval(level, method)


@given(proportions)
def test_that_the_continuity_correction_only_widens(of: Proportion) -> None:
    plain, corrected = wilson(of.successes, of.trials), wilson(of.successes, of.trials, continuity=True)
    assert corrected[0] <= plain[0] + 1e-12
    assert plain[1] <= corrected[1] + 1e-12


@pytest.mark.parametrize(
    ("first", "second", "lower", "upper"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_that_the_unpaired_differences_of_newcombes_table_have_their_intervals(
    first: tuple[int, int], second: tuple[int, int], lower: float, upper: float
) -> None:
    found = difference(of_proportion(Proportion(*first)), of_proportion(Proportion(*second)))
    assert found.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=5.1e-5)


@pytest.mark.parametrize(
    ("table", "value", "lower", "upper"),
    [
        # Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables, 2017, chapter 8.
        ([[59, 6], [16, 80]], -0.0621, -0.1186, -0.0046),
        # Altman et al., Statistics with Confidence, 2000, table 6.2.
        ([[14, 5], [0, 22]], 0.122, 0.011, 0.226),
    ],
)
def test_that_published_paired_differences_have_their_intervals(
    table: list[list[int]], value: float, lower: float, upper: float
) -> None:
    found = paired_difference(table)
    decimals = 5.1e-5 if abs(value) < 0.1 else 5.1e-4
    assert (found.value, found.lower, found.upper) == pytest.approx((value, lower, upper), abs=decimals)


@given(counts, counts, counts, counts)
def test_that_a_paired_difference_is_that_of_the_discordant_cases_and_turns_with_them(
    a: int, b: int, c: int, d: int
) -> None:
    n = a + b + c + d
    one, other = paired_difference([[a, b], [c, d]]), paired_difference([[a, c], [b, d]])
    assert one.value == pytest.approx((b - c) / n if n else np.nan, nan_ok=True)
    assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), nan_ok=True)
    if n:
        assert -1 - 1e-12 <= one.lower <= one.value + 1e-12
        assert one.value - 1e-12 <= one.upper <= 1 + 1e-12


def test_that_pairs_narrow_the_difference_where_the_checkpoints_agree_on_most_cases() -> None:
    paired = paired_difference([[70, 12], [4, 14]])
    unpaired = difference(of_proportion(Proportion(82, 100)), of_proportion(Proportion(74, 100)))
    assert paired.value == pytest.approx(unpaired.value)
    assert paired.upper - paired.lower < 0.8 * (unpaired.upper - unpaired.lower)


def test_that_differences_of_nothing_are_undefined_and_impossible_tables_refused() -> None:
    assert np.isnan(difference(of_proportion(Proportion(0, 0)), of_proportion(Proportion(1, 2))).lower)
    nothing = paired_difference([[0, 0], [0, 0]])
    assert np.isnan([nothing.value, nothing.lower, nothing.upper]).all()
    for table in ([[1, 2]], [[1, -1], [0, 0]], [[1, 0.5], [0, 0]]):
        with pytest.raises(ValueError, match="four counts"):
            paired_difference(table)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_that_one_proportion_has_the_bits_of_wilson_s_interval_of_many(x: int, more: int, level: float) -> None:
    one, many = Proportion(x, x + more).interval(level), wilson([x], [x + more], level)
    np.testing.assert_array_equal(one, np.concatenate(many))
