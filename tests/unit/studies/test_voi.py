"""VOI against the pseudo-code and the examples of DICOM PS3.3 C.11.2.1."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xferviewer.studies.voi import VoiLut, Window, brightness

WINDOWS = st.builds(
    Window,
    centre=st.floats(-3000, 3000),
    width=st.floats(1, 5000),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
STORED = arrays(np.int16, (7, 5), elements=st.integers(-(2**15), 2**15 - 1))


def bright(values: list[float], window: Window, dtype: str = "f8") -> list[float]:
    return brightness(np.array(values, dtype), window, inverted=False).tolist()


def test_that_a_linear_window_follows_the_example_of_the_standard():
    window = Window(0, 100)  # C.11.2.1.2.1: below -50 black, above 49 white, else (x + 0.5) / 99 + 0.5

    assert bright([-51, -50, 49, 50], window) == [0, 0, 1, 1]
    assert bright([-0.5], window) == [0.5]
    assert bright([10], window) == pytest.approx([10.5 / 99 + 0.5], abs=2**-24)


def test_that_a_linear_window_of_width_one_is_a_step_below_its_centre():
    assert bright([-1, -0.5, 0, 1], Window(0, 1)) == [0, 0, 1, 1]


def test_that_an_exact_window_reaches_white_at_half_its_width_above_the_centre():
    assert bright([-50, 0, 25, 50], Window(0, 100, "LINEAR_EXACT")) == [0, 0.5, 0.75, 1]


def test_that_a_sigmoid_follows_its_formula():
    expected = 1 / (1 + math.exp(-4 * 30 / 100))

    assert bright([0, 30], Window(0, 100, "SIGMOID")) == pytest.approx([0.5, expected], abs=2**-24)


@pytest.mark.parametrize(("width", "function"), [(0.5, "LINEAR"), (0, "LINEAR_EXACT"), (-1, "SIGMOID"), (9, "OTHER")])
def test_that_a_window_that_the_standard_forbids_cannot_be_made(width: float, function: str):
    with pytest.raises(ValueError):
        Window(0, width, function)


def test_that_a_lut_gives_its_ends_to_all_pixels_outside_it():
    lut = VoiLut(10, np.array([0.25, 0.5, 1.0]))

    assert brightness(np.array([-9, 10, 11, 12, 99]), lut, inverted=False).tolist() == [0.25, 0.25, 0.5, 1, 1]


@given(STORED, WINDOWS)
def test_that_integers_through_the_table_are_as_bright_as_the_same_numbers_as_floats(
    stored: np.ndarray, window: Window
):
    by_table = brightness(np.repeat(np.repeat(stored % 30, 3, 0), 3, 1), window, inverted=False)
    direct = brightness(np.repeat(np.repeat(stored % 30, 3, 0), 3, 1).astype(np.float64), window, inverted=False)

    np.testing.assert_array_equal(by_table, direct)


@given(STORED, WINDOWS)
def test_that_a_film_and_its_negative_add_up_to_exactly_one(stored: np.ndarray, window: Window):
    film = brightness(stored, window, inverted=False)
    negative = brightness(stored, window, inverted=True)

    np.testing.assert_array_equal(negative, 1 - film)
    np.testing.assert_array_equal(film, 1 - negative)


@given(STORED, WINDOWS)
def test_that_brightness_grows_with_the_pixel_and_stays_in_its_range(stored: np.ndarray, window: Window):
    ordered = brightness(np.sort(stored, axis=None), window, inverted=False)

    assert (np.diff(ordered) >= 0).all()
    assert ordered.dtype == np.float32
    assert ordered.min() >= 0
    assert ordered.max() <= 1


def test_that_a_pixel_that_is_no_number_is_black():
    assert bright([math.nan, 60], Window(0, 100)) == [0, 1]
