"""Maps of different crops on one geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xferviewer.evaluation.map_geometry import WHOLE, on_common_grid, on_film, resampled, seen_by_both

SIDES = st.integers(2, 12)


def maps(rows: int, columns: int) -> st.SearchStrategy[np.ndarray]:
    return arrays.arrays(np.float32, (rows, columns), elements=st.floats(0, 1, width=32))


@given(st.data(), SIDES, SIDES)
def test_that_a_map_on_its_own_grid_keeps_its_values_to_the_bit(data, rows, columns):
    values = data.draw(maps(rows, columns))
    part = (0.1, 0.3, 0.7, 0.9)
    assert np.array_equal(resampled(values, part, part, rows, columns), values)


@given(st.data(), SIDES, SIDES, st.integers(1, 40), st.integers(1, 40))
def test_that_resampling_stays_within_the_values_of_the_map(data, rows, columns, wanted_rows, wanted_columns):
    values = data.draw(maps(rows, columns))
    film = on_film(values, WHOLE, wanted_rows, wanted_columns)
    assert film.shape == (wanted_rows, wanted_columns)
    assert film.dtype == np.float32
    assert film.min() >= values.min() - 1e-6
    assert film.max() <= values.max() + 1e-6


def test_that_a_centre_crop_lies_in_the_middle_of_the_film_and_what_it_did_not_see_is_zero():
    film = on_film(np.ones((4, 4), np.float32), (0.25, 0.25, 0.75, 0.75), 8, 8)
    expected = np.zeros((8, 8), np.float32)
    expected[2:6, 2:6] = 1
    assert np.array_equal(film, expected)


def test_that_maps_of_two_crops_are_compared_where_both_networks_looked():
    # A gradient over the film seen whole, and the same gradient seen through a centre crop.
    ramp = np.repeat((np.arange(64, dtype=np.float32)[None, :] + 0.5) / 64, 64, axis=0)
    crop = ramp[8:56, 8:56]
    a, b, part = on_common_grid(ramp, WHOLE, crop, (0.125, 0.125, 0.875, 0.875))
    assert part == (0.125, 0.125, 0.875, 0.875)
    assert a.shape == b.shape == (48, 48)
    np.testing.assert_allclose(a, b, atol=1e-6)


def test_that_parts_without_anything_in_common_are_refused():
    with pytest.raises(ValueError, match="nothing in common"):
        seen_by_both((0, 0, 0.4, 1), (0.6, 0, 1, 1))
