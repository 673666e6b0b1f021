"""docs/deployment.md says what the code does: its tables are those of the code."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from xferviewer import cli, policy
from xferviewer.cli import options
from xferviewer.gui.system_libraries import PACKAGES
from xferviewer.settings import (
    DEFAULTS_BESIDE,
    LOCKABLE,
    LOCKS_BESIDE,
    PERSONAL,
    Settings,
    policy_in_force,
)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deployment.md").read_text("utf-8")
SOURCES = {path: path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py")}


def table(section: str, place: int = 0) -> list[list[str]]:
    """The rows of a table of a section, without its head, each cell without spaces around it."""
    text = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert text is not None, section
    tables = re.findall(r"(?:^\|.*\n)+", text[1], re.M)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in tables[place].splitlines()]
    return rows[2:]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_that_the_exit_codes_are_those_of_the_command_line() -> None:
    assert [int(code) for code, _ in table("Exit codes")] == [
        options.DONE, options.SOME_FAILED, options.COULD_NOT_RUN,
    ]  # fmt: skip
    (known,) = (action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction))
    assert {names(command)[0] for command, _ in table("Exit codes", 1)} <= set(known.choices)


def test_that_every_setting_stands_there_with_its_default() -> None:
    stated = {names(key)[0]: json.loads(names(value)[0]) for key, value in table("Settings")}
    held = {field.name: list(field.default) if field.default == () else field.default for field in fields(Settings)}
    assert stated == held


def test_that_every_key_of_a_policy_stands_there_with_what_it_can_do() -> None:
    rows = {names(key)[0]: (default == "yes", lock == "yes") for key, default, lock, _ in table("Policy")}
    assert {key for key, (_, lock) in rows.items() if lock} == {*LOCKABLE, *LOCKS_BESIDE}
    assert {key for key, (default, _) in rows.items() if default} == {*LOCKABLE, *DEFAULTS_BESIDE}
    assert all(f"`{key}`" in PAGE for key in PERSONAL)


def test_that_the_policy_shown_there_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = re.search(r"\n((?:    .*\n|\n)*    \[locked\].*\n(?:    .*\n)*)", PAGE)
    assert lines is not None
    file = tmp_path / "policy.toml"
    file.write_text(re.sub(r"^    ", "", lines[1], flags=re.M), encoding="utf-8")
    monkeypatch.setattr(policy, "machine_policy_file", lambda: file)
    shown = policy_in_force()
    assert {"hub", "allowed_devices", "data_folder"} <= set(shown.locked)
    assert "checkpoints" in shown.defaults


def test_that_every_variable_that_is_read_stands_there() -> None:
    read = {
        name
        for text in SOURCES.values()
        for name in re.findall(r'(?:environ(?:\.get)?[(\[]|getenv\()"([A-Z_]+)"', text)
    }
    for text in SOURCES.values():  # named before they are read
        read |= set(re.findall(r'"(XFERVIEWER_[A-Z]+|HF_[A-Z_]+|TRANSFORMERS_[A-Z]+)"', text))
    assert read == {name for cell, _ in table("Variables") for name in names(cell)}


def test_that_everything_in_the_data_folder_stands_there() -> None:
    made = set()
    for path, text in SOURCES.items():
        made |= set(re.findall(r'data_folder\(\) / "([^"]+)"', text))
        if "gui" in path.parts:
            made |= set(re.findall(r'\bhome / "([^"]+)"', text)) | set(re.findall(r'"(\w+\.sqlite)"', text))
    assert made == {name for cell, _, _ in table("Where things are", 1) for name in names(cell)}


def test_that_every_log_stands_there() -> None:
    roles = {role for text in SOURCES.values() for role in re.findall(r'start_logging\("(\w+)"', text)}
    stated = {names(cell)[0] for cell, _, _ in table("Logs")}
    assert stated == {f"{role}.log" for role in roles} | {"log.txt"}


def test_that_the_libraries_are_those_that_the_window_names_and_that_are_installed() -> None:
    stated = {
        names(library)[0]: (names(debian)[0], names(fedora)[0])
        for library, debian, fedora in table("Libraries of the system")
    }
    assert stated == PACKAGES
    installed = re.findall(r"[a-z0-9.+-]+", (ROOT / "packaging" / "system-libraries").read_text("utf-8"))
    assert {debian for debian, _ in PACKAGES.values()} <= set(installed)


@pytest.mark.skipif(sys.platform != "linux", reason="the other paths are those of other systems")
def test_that_the_place_of_the_policy_is_the_one_that_is_read() -> None:
    (row,) = (row for row in table("Where things are") if row[0] == "policy")
    assert names(row[1])[0] == str(policy.machine_policy_file())
