"""The page of mouse and keys equals the table that menus and shortcuts are made from."""

from __future__ import annotations

import re
from pathlib import Path

from xferviewer.gui.actions import ACTIONS, CURVE_MOUSE, HELD, KEYED, cheat_sheet
from xferviewer.gui.key_bindings import STANDARD
from xferviewer.gui.mouse_bindings import STANDARD_MOUSE, mouse_rows

MOUSE = mouse_rows(STANDARD_MOUSE)
PAGE = Path(__file__).parents[2] / "docs" / "mouse-and-keys.md"


def table_below(heading: str) -> list[tuple[str, str]]:
    """The rows of the first table of a section, without its head."""
    section = re.search(rf"^## {re.escape(heading)}\b.*?\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S)
    assert section is not None, f"the page has no section {heading}"
    rows = [line.strip("|\n").split("|") for line in section[1].splitlines() if line.startswith("|")]
    return [(keys.strip(), what.strip()) for keys, what in rows[2:]]


def keys_of(action) -> str:
    return ", ".join(action.keys) + (" †" if action.films_only else "")


def test_that_the_page_lists_every_action_with_its_keys_below_its_menu():
    menus = list(dict.fromkeys(action.menu for action in ACTIONS))
    expected = {menu: [(keys_of(action), action.text) for action in ACTIONS if action.menu == menu] for menu in menus}

    assert {menu: table_below(menu) for menu in menus} == expected


def test_that_the_page_has_no_section_of_a_menu_that_is_gone():
    headings = re.findall(r"^## (.*)$", PAGE.read_text("utf-8"), re.M)

    mouse = ["Mouse, over a film", "Held key", "What can be changed", "Mouse, over a curve"]
    assert headings == [*mouse, *dict.fromkeys(action.menu for action in ACTIONS), "Why these"]


def test_that_the_page_says_what_the_mouse_does():
    assert table_below("Mouse, over a film") == list(MOUSE)
    assert table_below("Mouse, over a curve") == list(CURVE_MOUSE)
    assert table_below("Held key") == [(keys_of(HELD), HELD.text)]


def test_that_the_cheat_sheet_of_the_window_lists_every_key_and_the_mouse():
    sheet = cheat_sheet(STANDARD, MOUSE)

    for action in KEYED:
        assert not action.keys or f"<b>{', '.join(action.keys)}</b>" in sheet
    for how, what in (*MOUSE, *CURVE_MOUSE):
        assert f"<b>{how}</b>" in sheet
        assert what in sheet
