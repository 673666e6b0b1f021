"""Turned and mirrored films: pixels, places and letters go together, and letters are right or absent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF

from xferviewer.gui.turn import Turn

STEPS = {
    "clockwise": (lambda turn: turn.turned(1), lambda shown: np.rot90(shown, -1)),
    "back": (lambda turn: turn.turned(-1), lambda shown: np.rot90(shown, 1)),
    "sideways": (Turn.mirrored_sideways, lambda shown: shown[:, ::-1]),
    "upright": (Turn.mirrored_upright, lambda shown: shown[::-1]),
}
walks = st.lists(st.sampled_from(sorted(STEPS)), max_size=6)


def after(walk: list[str]) -> Turn:
    turn = Turn()
    for step in walk:
        turn = STEPS[step][0](turn)
    return turn


@given(walk=walks, rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_that_each_step_does_to_the_shown_film_what_it_is_called(walk: list[str], rows: int, columns: int) -> None:
    stored = shown = np.arange(rows * columns).reshape(rows, columns)
    for step in walk:
        shown = STEPS[step][1](shown)
    assert (after(walk).of(stored) == shown).all()
    assert after(walk).size(rows, columns) == shown.shape


@given(walk=walks, rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_that_places_go_where_their_pixels_go(walk: list[str], rows: int, columns: int) -> None:
    stored = np.arange(rows * columns).reshape(rows, columns)
    turn = after(walk)
    shown, to_shown = turn.of(stored), turn.transform(rows, columns)
    for row in range(rows):
        for column in range(columns):
            place = to_shown.map(QPointF(column + 0.5, row + 0.5))
            assert shown[int(place.y()), int(place.x())] == stored[row, column]


@pytest.mark.parametrize(
    ("walk", "letters"),
    [
        ([], ("R", "H")),
        (["clockwise"], ("F", "R")),
        (["clockwise", "clockwise"], ("L", "F")),
        (["back"], ("H", "L")),
        (["sideways"], ("L", "H")),
        (["upright"], ("R", "F")),
        (["sideways", "clockwise"], ("F", "L")),
        (["sideways", "sideways"], ("R", "H")),
    ],
)
def test_that_letters_are_where_the_body_is(walk: list[str], letters: tuple[str, str]) -> None:
    """A frontal film: its rows run to the patient's left, its columns to the feet."""
    assert after(walk).edges(("L", "F")) == letters


def test_that_letters_are_absent_where_the_file_does_not_say_or_says_what_is_not_known() -> None:
    assert Turn(1).edges(None) == ("", "")
    assert Turn().edges(("LE", "F")) == ("", "H")  # not half of a direction
    assert Turn().edges(("", "")) == ("", "")
