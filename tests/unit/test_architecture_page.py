"""ARCHITECTURE.md says where everything is: every module stands there once, in the table of its room."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "xferviewer"
PAGE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
ROOMS = sorted(folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file())


def modules_on_the_page(room: str) -> list[str]:
    section = re.search(rf"^### {re.escape(room)}\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    assert section is not None, f"ARCHITECTURE.md has no section {room}"
    return re.findall(r"^\| `([\w/]+)` \| \S", section[1], re.M)


def modules_below(folder: Path, files: str) -> list[str]:
    found = folder.glob(files)
    return [str(file.relative_to(folder).with_suffix("").as_posix()) for file in found if file.stem[:2] != "__"]


@pytest.mark.parametrize("room", ROOMS)
def test_that_every_module_of_a_room_stands_on_the_page_once(room):
    assert sorted(modules_on_the_page(room)) == sorted(modules_below(PACKAGE / room, "**/*.py"))


def test_that_every_module_outside_the_rooms_stands_on_the_page_once():
    assert sorted(modules_on_the_page("xferviewer")) == sorted(modules_below(PACKAGE, "*.py"))


def test_that_the_page_has_no_room_that_is_gone():
    assert sorted(re.findall(r"^### (\w+)$", PAGE, re.M)) == sorted([*ROOMS, "xferviewer"])
