"""What sub-commands have in common: options, the reading of their values, the printing of results."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


DONE, SOME_FAILED, COULD_NOT_RUN = 0, 1, 2
"""Exit codes: done; some inputs failed, each named with its reason; could not run."""


def add_checkpoints(parser: argparse.ArgumentParser) -> None:
    """Which checkpoints, one or more."""
    parser.add_argument("--checkpoint", type=Path, required=True, nargs="+", metavar="DIR", dest="checkpoints")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Where and how exactly to compute."""
    parser.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"), default="auto")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")


def condition(text: str) -> tuple[str, str]:
    """The two sides of COLUMN=VALUE."""
    column, equals, value = text.partition("=")
    if not column or not equals:
        raise argparse.ArgumentTypeError(f"expected COLUMN=VALUE, got {text!r}")
    return column, value


def formats(*known: str) -> Callable[[str], tuple[str, ...]]:
    """The type of an option that names formats with commas between them."""

    def formats(text: str) -> tuple[str, ...]:
        named = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
        if not set(named) <= set(known):
            raise argparse.ArgumentTypeError(f"{text} is not of {', '.join(known)}")
        return named

    return formats


def numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected numbers with commas between them, got {text!r}") from error


def size(text: str) -> tuple[int, int]:
    sides = [int(part) for part in text.split(",") if part.isdecimal()]
    if len(sides) not in (1, 2) or len(sides) != len(text.split(",")):
        raise argparse.ArgumentTypeError(f"expected ROWS or ROWS,COLUMNS, got {text!r}")
    return sides[0], sides[-1]


def command(commands: Any, name: str, run: Any, help_text: str) -> argparse.ArgumentParser:
    """A sub-command that `run` carries out."""
    # Without a help text argparse leaves a command out of the list: our own processes are nobody else's business.
    shown = {} if help_text == argparse.SUPPRESS else {"help": help_text, "description": f"{help_text}."}
    parser: argparse.ArgumentParser = commands.add_parser(name, **shown)
    parser.set_defaults(run=run)
    return parser


def print_json(values: dict[str, Any]) -> None:
    """One line of JSON, which holds no NaN."""
    print(json.dumps(values, allow_nan=False, ensure_ascii=False))


def tell_result(result: dict[str, Any], options: argparse.Namespace) -> int:
    """Print a result; each failed input goes to standard error with its reason."""
    if options.json:
        print_json(result)
    for note in result.get("notes", ()):
        print(f"note: {note['what']} {note['why']} {note['todo']}", file=sys.stderr)
    failed = result.get("failed", ())
    for entry in failed:
        print(f"failed: {entry.get('path', '')}: {entry['what']} {entry['why']} {entry['todo']}", file=sys.stderr)
    return SOME_FAILED if failed else DONE
