"""Numbers with intervals: means, resamples, and differences of independent estimates."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.evaluation.estimate import Estimate, difference, of_mean, of_proportion, of_resamples
from xferviewer.evaluation.intervals import Proportion

counts = st.tuples(st.integers(0, 40), st.integers(1, 40)).map(lambda drawn: Proportion(min(drawn), drawn[1]))


@pytest.mark.parametrize(
    ("a", "b", "lower", "upper"),
    [  # Newcombe, Statistics in Medicine 1998, 17:873, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_that_the_difference_of_two_proportions_has_newcombes_published_interval(a, b, lower, upper) -> None:
    found = difference(of_proportion(Proportion(*a)), of_proportion(Proportion(*b)))
    assert found.value == pytest.approx(a[0] / a[1] - b[0] / b[1])
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=5e-5)


@given(counts, counts)
def test_that_a_difference_stays_possible_and_turns_round_with_its_sides(a: Proportion, b: Proportion) -> None:
    one, other = (of_proportion(p) for p in (a, b))
    found, turned = difference(one, other), difference(other, one)
    assert -1 - 1e-12 <= found.lower <= found.value <= found.upper <= 1 + 1e-12
    assert (turned.lower, turned.value, turned.upper) == pytest.approx((-found.upper, -found.value, -found.lower))


def test_that_an_undefined_side_leaves_the_difference_undefined() -> None:
    found = difference(of_proportion(Proportion(0, 0)), of_proportion(Proportion(3, 4)))
    assert np.isnan([found.value, found.lower, found.upper]).all()


def test_that_a_mean_has_the_normal_interval_of_its_standard_error() -> None:
    found = of_mean(np.array([1.0, 2.0, 3.0, 6.0]))
    half = 1.959964 * math.sqrt(14 / 3 / 4)
    assert (found.value, found.lower, found.upper) == pytest.approx((3, 3 - half, 3 + half), abs=1e-6)
    assert np.isnan(of_mean(np.array([])).value)
    assert of_mean(np.array([2.0])).value == 2
    assert np.isnan(of_mean(np.array([2.0])).lower)


def test_that_failed_resamples_are_left_out_of_the_percentiles() -> None:
    drawn = np.concatenate((np.linspace(0, 1, 101), [np.nan] * 20))
    assert of_resamples(0.4, drawn, 0.9) == Estimate(0.4, pytest.approx(0.05), pytest.approx(0.95), 0.9)
    assert np.isnan(of_resamples(0.4, np.array([np.nan])).lower)
