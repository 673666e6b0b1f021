"""Windows under a name: for films of their modality and unit alone, between those of the file and those of teaching."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_windowing import film

from xferviewer.gui.own_windows import OwnWindow, own_window, own_window_lines, read_own_windows, with_window
from xferviewer.gui.windowing import presets
from xferviewer.studies.voi import Window

STROKE = OwnWindow("CT", "HU", Window(40.0, 40.0, "LINEAR", "Stroke"))
_WORDS = st.text(st.characters(exclude_characters="|", exclude_categories=("C", "Z")), min_size=1)


@given(_WORDS, st.floats(-1e6, 1e6), st.floats(1, 1e6), st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]), _WORDS)
def test_that_a_kept_window_is_read_back_to_the_last_digit(
    unit: str, centre: float, width: float, function: str, name: str
) -> None:
    own = OwnWindow("", unit, Window(centre, width, function, name))
    assert read_own_windows(own_window_lines([STROKE, own])) == (STROKE, own)


def test_that_a_line_that_is_no_window_costs_only_itself() -> None:
    lines = ["CT | HU | 40 | 0 | LINEAR | None", "CT | HU | 40", "CT | HU | x | 4 | LINEAR | X", "CT|HU|40|40|LINEAR| "]
    assert read_own_windows([*lines, *own_window_lines([STROKE])]) == (STROKE,)


def test_that_the_same_name_replaces_and_stays_at_its_place() -> None:
    other = OwnWindow("CT", "HU", Window(1, 2, "LINEAR", "Other"))
    again = OwnWindow("CT", "HU", Window(45, 50, "LINEAR", "Stroke"))
    of_mr = OwnWindow("MR", "", Window(45, 50, "LINEAR", "Stroke"))
    assert with_window((STROKE, other), again) == (again, other)
    assert with_window((STROKE, other), of_mr) == (STROKE, other, of_mr)


def test_that_it_is_offered_for_its_modality_and_unit_alone_before_those_that_everybody_has() -> None:
    names = [preset.name for preset in presets(film(modality="CT", unit="HU"), [STROKE])]
    assert names.index("Stroke") == names.index("Lung") - 1
    for modality, unit in (("CT", ""), ("MR", "HU"), ("", "")):
        assert "Stroke" not in [preset.name for preset in presets(film(modality=modality, unit=unit), [STROKE])]
    kept = own_window("  A | name\n", film(modality="MR").image, Window(5, 6, "SIGMOID", "set by hand"))
    assert kept == OwnWindow("MR", "", Window(5, 6, "SIGMOID", "A name"))
