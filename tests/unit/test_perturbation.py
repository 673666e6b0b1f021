"""Deletion and insertion as RISE computes them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.evaluation.perturbation import (
    curve_area,
    ground_of,
    n_points,
    order_of,
    perturbed,
    pixels_per_step,
    random_map,
)


def steps(image, ground, values, step):
    return list(perturbed(image, ground, order_of(values), step))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 30), st.integers(0, 2**32))
def test_that_every_step_changes_as_many_pixels_and_the_last_one_leaves_none(rows, columns, step, seed):
    random = np.random.default_rng(seed)
    image = random.random((3, rows, columns), dtype=np.float32) + 1
    inputs = steps(image, np.zeros_like(image), random.random((rows, columns), dtype=np.float32), step)
    assert len(inputs) == n_points(rows, columns, step)
    assert np.array_equal(inputs[0], image)
    assert not inputs[-1].any()
    for number, one in enumerate(inputs):
        gone = one == 0
        assert (gone == gone[0]).all()  # a pixel goes in all channels
        assert gone[0].sum() == min(number * step, rows * columns)


def test_that_the_highest_pixels_go_first_and_equal_ones_row_by_row():
    values = np.array([[0.5, 1.0], [0.5, 0.5]], np.float32)
    inputs = steps(np.ones((1, 2, 2), np.float32), np.zeros((1, 2, 2), np.float32), values, 1)
    assert [one[0].tolist() for one in inputs[1:]] == [
        [[1, 0], [1, 1]],
        [[0, 0], [1, 1]],
        [[0, 0], [0, 1]],
        [[0, 0], [0, 0]],
    ]


def test_that_the_input_itself_is_left_alone():
    image = np.ones((1, 2, 2), np.float32)
    steps(image, np.zeros_like(image), image[0], 1)
    assert image.all()


def test_that_rise_takes_224_pixels_a_step_at_224_by_224():
    assert pixels_per_step(224, 224) == 224
    assert n_points(224, 224, 224) == 225


@given(st.integers(1, 300), st.integers(1, 300))
def test_that_an_input_has_as_many_steps_as_rows(rows, columns):
    assert n_points(rows, columns, pixels_per_step(rows, columns)) == rows + 1


def test_that_the_blurred_ground_is_that_of_rises_code():
    """Its kernel is an impulse of 11 × 11 pixels filtered with sigma 5, its borders are zero."""
    from scipy.ndimage import gaussian_filter
    from scipy.signal import convolve2d

    impulse = np.zeros((11, 11))
    impulse[5, 5] = 1
    kernel = gaussian_filter(impulse, 5)
    image = np.random.default_rng(0).normal(size=(3, 20, 17)).astype(np.float32)
    wanted = [convolve2d(channel, kernel, mode="same") for channel in image]
    np.testing.assert_allclose(ground_of(image, "blur"), wanted, atol=1e-6)


def test_that_the_mean_is_taken_of_each_channel():
    image = np.stack([np.full((3, 3), 2, np.float32), np.arange(9, dtype=np.float32).reshape(3, 3)])
    ground = ground_of(image, "mean")
    assert (ground[0] == 2).all()
    assert (ground[1] == 4).all()


def test_that_a_map_by_lot_depends_on_seed_and_image_alone():
    first = random_map(5, 6, 3, "sha256:ab")
    assert np.array_equal(first, random_map(5, 6, 3, "sha256:ab"))
    assert not np.array_equal(first, random_map(5, 6, 4, "sha256:ab"))
    assert not np.array_equal(first, random_map(5, 6, 3, "sha256:cd"))


def test_that_the_area_is_that_of_trapezia():
    assert curve_area(np.array([1.0, 0.5, 0.0])) == 0.5
    assert curve_area(np.array([0.25, 0.25])) == 0.25
    with pytest.raises(ValueError, match="two points"):
        curve_area(np.array([1.0]))
