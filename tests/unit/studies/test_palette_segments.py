from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.studies.palette_segments import expanded_segments


def words(*numbers: int) -> np.ndarray:
    return np.array(numbers, "<u2")


def test_that_discrete_values_are_taken_as_they_are_and_lines_end_in_their_last_value():
    made = expanded_segments(words(0, 3, 9, 5, 100, 1, 4, 200, 1, 2, 0), 9)

    assert made.tolist() == [9, 5, 100, 125, 150, 175, 200, 100, 0]


@pytest.mark.parametrize("width", [1, 2])
def test_that_a_copy_begins_at_its_offset_in_bytes_and_its_lines_at_the_value_before_them(width):
    line = 2  # after the discrete segment of one value, in numbers
    offset = [(line + 1) * width] + [0] * (4 // width - 1)
    data = np.array([0, 1, 10, 1, 2, 30, 0, 2, 50, 0, 2, 2, *offset], f"<u{width}")

    assert expanded_segments(data, 9)[:7].tolist() == [10, 20, 30, 50, 0, 15, 30]


def test_that_big_endian_words_are_the_same_numbers():
    data = words(0, 2, 0, 1000, 1, 254, 65024)

    np.testing.assert_array_equal(expanded_segments(data.astype(">u2"), 256), expanded_segments(data, 256))


@pytest.mark.parametrize(
    ("data", "why"),
    [(words(1, 5, 9), "no sense"), (words(2, 1, 0, 0), "no sense"), (words(0, 1, 4, 7, 7), "no sense"),
     (words(0, 2, 4, 4), "fewer entries"), (words(), "fewer entries"), (words(0, 1, 5, 2, 9, 3 * 2, 0), "no sense")],
    ids=["begins with a line", "begins with a copy", "unknown", "short", "empty", "copies itself"],
)  # fmt: skip
def test_that_segments_which_make_no_sense_are_refused(data, why):
    with pytest.raises(ValueError, match=why):
        expanded_segments(data, 20)


def test_that_a_palette_which_would_expand_to_billions_takes_no_longer_than_it_states():
    data = np.concatenate([words(0, 1, 0), *[words(1, 65535, number % 2) for number in range(20_000)]])
    begun = time.perf_counter()

    assert expanded_segments(data, 256).size == 256
    assert time.perf_counter() - begun < 1


@given(st.lists(st.integers(0, 5) | st.integers(0, 65535), max_size=40), st.integers(1, 300))
def test_that_any_numbers_are_entries_or_a_refusal(numbers, entries):
    try:
        made = expanded_segments(words(*numbers), entries)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = "" if made.size == entries else "another number of entries"

    assert refusal in ("", "Its palette is made of segments that make no sense.",
                       "Its palette has fewer entries than it states.")  # fmt: skip
