"""The table of the README names every sub-command with every option that it has, and no other."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from xferviewer import cli

README = Path(__file__).parents[2] / "README.md"


def commands() -> dict[str, argparse.ArgumentParser]:
    """The sub-commands that `--help` lists."""
    (table,) = (action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction))
    listed = {choice.dest for choice in table._choices_actions}
    return {name: parser for name, parser in table.choices.items() if name in listed}


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    shown = (action for action in parser._actions if action.help != argparse.SUPPRESS)
    return {option for action in shown for option in action.option_strings if option.startswith("--")} - {"--help"}


def documented() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `xferviewer ([\w-]+)([^`]*)` \|", README.read_text("utf-8"), re.M)
    return {name: set(re.findall(r"--[a-z-]+", words)) for name, words in rows}


def test_that_the_readme_names_every_command_with_every_option():
    assert documented() == {name: options_of(parser) for name, parser in commands().items()}
