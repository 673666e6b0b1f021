"""Rank correlation, overlap and structural similarity of maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xferviewer.evaluation.map_geometry import WHOLE
from xferviewer.evaluation.map_similarity import (
    compare_maps,
    rank_correlation,
    structural_similarity,
    top_overlap,
    top_pixels,
)

MAPS = arrays.arrays(np.float32, (6, 5), elements=st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0]))


@given(MAPS, MAPS)
def test_that_rank_correlation_is_that_of_scipy(a, b):
    from scipy.stats import spearmanr

    assume(a.min() < a.max() and b.min() < b.max())
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic, abs=1e-12)


@given(MAPS)
def test_that_a_map_correlates_fully_with_any_rising_function_of_itself(a):
    assume(a.min() < a.max())
    assert rank_correlation(a, a**3 * 2) == pytest.approx(1)
    assert rank_correlation(a, 1 - a) == pytest.approx(-1)


def test_that_a_flat_map_has_no_rank_correlation():
    flat = np.full((4, 4), 0.5, np.float32)
    assert math.isnan(rank_correlation(flat, np.arange(16, dtype=np.float32).reshape(4, 4)))


def test_that_equal_pixels_are_taken_row_by_row():
    values = np.array([[0.5, 0.5], [0.5, 1.0]], np.float32)
    assert np.array_equal(top_pixels(values, 2), [[True, False], [False, True]])


def test_that_on_a_plateau_of_many_pixels_the_first_ones_are_taken():
    values = np.tile(np.array([0.5, 1.0], np.float32), 2000).reshape(40, 100)  # sorts that are quick are not stable
    top = top_pixels(values, 2100).ravel()
    assert top[1::2].all()
    assert np.flatnonzero(top[::2]).tolist() == list(range(100))


@given(MAPS, st.integers(1, 30))
def test_that_the_top_holds_the_highest_pixels_and_never_one_without_evidence(values, count):
    top = top_pixels(values, count)
    assert top.sum() == min(count, np.count_nonzero(values))
    if top.any() and not top.all():
        assert values[top].min() >= values[~top].max()


@given(MAPS, MAPS, st.floats(0.01, 1))
def test_that_overlap_is_symmetric_and_whole_with_itself(a, b, share):
    both = top_overlap(a, b, share), top_overlap(b, a, share)
    assert both[0] == both[1] or (math.isnan(both[0]) and math.isnan(both[1]))
    if a.any():
        assert top_overlap(a, a, share) == 1
        assert top_overlap(a, a * np.float32(0.5), share) == 1


def test_that_overlap_counts_the_pixels_in_both_over_those_in_either():
    a = np.arange(10, dtype=np.float32).reshape(2, 5)  # the top 4: 6, 7, 8, 9
    b = np.roll(a, 2)  # those places hold 4, 5, 6, 7; its own top is at 8, 9, 0, 1
    assert top_overlap(a, b, 0.4) == pytest.approx(2 / 6)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01])
def test_that_an_impossible_share_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        top_overlap(np.ones((2, 2), np.float32), np.ones((2, 2), np.float32), share)


def test_that_the_difference_is_a_minus_b():
    a, b = np.eye(3, dtype=np.float32), np.full((3, 3), 0.25, np.float32)
    compared = compare_maps(a, WHOLE, b, WHOLE)
    assert np.array_equal(compared.difference, a - b)


def windowed_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """The formula of Wang et al. 2004, pixel by pixel, with a Gaussian window of 11."""
    offsets = np.arange(-5, 6)
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(line, line) / np.outer(line, line).sum()
    values = []
    for row in range(5, a.shape[0] - 5):
        for column in range(5, a.shape[1] - 5):
            x, y = (m[row - 5 : row + 6, column - 5 : column + 6].astype(float) for m in (a, b))
            mean_x, mean_y = (window * x).sum(), (window * y).sum()
            var_x, var_y = (window * x * x).sum() - mean_x**2, (window * y * y).sum() - mean_y**2
            cov = (window * x * y).sum() - mean_x * mean_y
            c1, c2 = 0.01**2, 0.03**2
            values.append(
                (2 * mean_x * mean_y + c1) * (2 * cov + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
            )
    return float(np.mean(values))


def test_that_structural_similarity_is_the_published_formula():
    random = np.random.default_rng(1)
    a, b = random.random((20, 18), dtype=np.float32), random.random((20, 18), dtype=np.float32)
    assert structural_similarity(a, b) == pytest.approx(windowed_similarity(a, b), abs=1e-9)
    assert structural_similarity(a, a) == pytest.approx(1)


def test_that_maps_smaller_than_a_window_have_no_structural_similarity():
    with pytest.raises(ValueError, match="smaller than a window"):
        structural_similarity(np.ones((8, 30), np.float32), np.ones((8, 30), np.float32))
