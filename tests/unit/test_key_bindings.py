"""Keys that a person chose: kept as differences, refused where they mean two things, lost one by one where unknown."""

from __future__ import annotations

from PySide6.QtCore import Qt

from xferviewer.gui.key_bindings import STANDARD, binding_lines, conflicts, held_faults, held_keys, read_bindings


def test_that_only_what_differs_is_kept_and_read_back() -> None:
    chosen = {**STANDARD, "invert": ("Ctrl+J", ","), "overlay": ()}
    assert read_bindings(binding_lines(chosen)) == chosen
    assert len(binding_lines(chosen)) == 2
    assert binding_lines(STANDARD) == ()


def test_that_unknown_actions_and_keys_cost_only_themselves() -> None:
    read = read_bindings(["fly = F", "invert = Blorp+7", "overlay = Ctrl+J", "no line"])
    assert {name for name in read if read[name] != STANDARD[name]} == {"overlay"}


def test_that_two_spellings_of_a_key_are_one_and_the_held_key_counts() -> None:
    assert conflicts(STANDARD) == {}
    assert list(conflicts({**STANDARD, "invert": ("shift+ctrl+o",)})) == ["Ctrl+Shift+O"]
    assert list(conflicts({**STANDARD, "invert": ("H",)})) == ["H"]


def test_that_the_held_key_is_kept_like_the_others_and_goes_without_modifiers() -> None:
    chosen = read_bindings(["peek = J, Q"])
    assert held_keys(chosen) == {Qt.Key.Key_J, Qt.Key.Key_Q}
    assert held_faults(chosen) == []
    assert binding_lines(chosen) == ("peek = J, Q",)
    assert held_faults(read_bindings(["peek = Ctrl+J"])) == ["Ctrl+J"]
    assert held_keys(read_bindings(["peek = "])) == frozenset()
