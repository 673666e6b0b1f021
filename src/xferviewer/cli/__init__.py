"""The command line: one sub-command for each thing that a script wants.

With `--json` standard output holds one JSON object and nothing else; progress and messages go to standard error.
Exit codes: 0 done, 1 some inputs failed (each named with its reason), 2 could not run.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from xferviewer import RESEARCH_NOTICE, __version__
from xferviewer.cli import (
    checkpoints,
    children,
    datasets,
    evaluation,
    jobs,
    kept,
    machine,
    maps,
    notes,
    predictions,
    recipes,
    settings,
    splits,
    studies,
    training,
    window,
)
from xferviewer.cli.options import COULD_NOT_RUN, print_json
from xferviewer.errors import XferviewerError
from xferviewer.settings import policy_in_force

_COMMANDS = (
    window, machine, settings, studies, datasets, splits, checkpoints, predictions, maps, notes, evaluation, recipes,
    training, jobs, kept, children,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command that the arguments name; without one, open the window. Returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(given)
    options.words = ["xferviewer", *given]
    try:
        policy_in_force()  # before anything that it might forbid
        code: int = options.run(options)
        sys.stdout.flush()  # on a full disk, or into a pipe that nobody reads, nothing was printed
    except XferviewerError as error:
        return _refused(error, options)
    except KeyboardInterrupt:
        print("xferviewer: interrupted", file=sys.stderr)
        return COULD_NOT_RUN
    except OSError as error:
        return _refused(_system_said(error, options), options)
    except Exception as error:  # noqa: BLE001 - Python would end with 1, which here means that only some inputs failed
        traceback.print_exc()
        return _refused(_unexpected(error), options)
    return code


def _refused(error: XferviewerError, options: argparse.Namespace) -> int:
    """Say why nothing was done, to a script, a terminal or whoever started the window from a menu."""
    try:
        if getattr(options, "json", False):
            print_json({"error": error.as_dict()})
        sys.stdout.flush()
    except OSError:  # else Python tries again when it ends, and ends with 120
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print(f"xferviewer: {error.what}\n  {error.why}\n  {error.todo}", file=sys.stderr)
    if options.run is window.open_window:
        window.show_refusal(error)
    return COULD_NOT_RUN


def _system_said(error: OSError, options: argparse.Namespace) -> XferviewerError:
    """What no command has words of its own for, such as a full disk below standard output."""
    place = "Standard output" if error.filename is None else str(error.filename)
    return XferviewerError(
        f"{' '.join(options.words[:2])} did not come to its end.",
        f"{place}: {error.strerror or error}.",
        "Free space there, and check that you may read and write there.",
    )


def _unexpected(error: Exception) -> XferviewerError:
    return XferviewerError(
        "Something went wrong that should not.",
        f"{type(error).__name__}: {error}.",
        "Please report it with the lines above; they may name files.",
    )


def parser() -> argparse.ArgumentParser:
    """All sub-commands with their options."""
    built = argparse.ArgumentParser(
        prog="xferviewer",
        description=f"Compare fine-tuned medical-image classifiers on the workstation. {RESEARCH_NOTICE}",
    )
    built.add_argument("--version", action="version", version=f"xferviewer {__version__}")
    built.set_defaults(run=window.open_window, paths=[], demo=False)
    commands = built.add_subparsers(title="commands", metavar="COMMAND")
    for each in _COMMANDS:
        each.add_to(commands)
    return built
