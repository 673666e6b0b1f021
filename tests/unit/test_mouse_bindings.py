"""What a person wants of the mouse: kept as differences, what is unknown lost one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.gui.mouse_bindings import CHOICES, STANDARD_MOUSE, Mouse, mouse_lines, mouse_rows, read_mouse


@given(st.fixed_dictionaries({gesture: st.sampled_from(sorted(does)) for gesture, does in CHOICES.items()}))
def test_that_every_choice_is_read_back_from_its_lines(chosen: dict[str, str]) -> None:
    mouse = Mouse(**chosen)
    assert read_mouse(mouse_lines(mouse)) == mouse
    assert len(mouse_lines(mouse)) == sum(getattr(STANDARD_MOUSE, g) != does for g, does in chosen.items())
    assert all((words in dict(mouse_rows(mouse)).values()) for words in (CHOICES[g][d] for g, d in chosen.items()))


def test_that_an_unknown_gesture_or_deed_costs_only_itself() -> None:
    read = read_mouse(["wheel = zoom", "left_drag = fly", "hat = pan", "nothing"])
    assert read == Mouse(wheel="zoom")
    with pytest.raises(ValueError, match="left_drag"):
        Mouse(left_drag="fly")
