"""The command line: one sub-command for each thing that a script wants.

With `--json` standard output holds one JSON object and nothing else; progress and messages go to standard error.
Exit codes: 0 done, 1 some inputs failed (each named with its reason), 2 could not run.
"""

from __future__ import annotations

import argparse
import sys
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
    splits,
    studies,
    training,
    window,
)
from xferviewer.cli.options import COULD_NOT_RUN, print_json
from xferviewer.errors import XferviewerError

_COMMANDS = (
    window, machine, studies, datasets, splits, checkpoints, predictions, maps, notes, evaluation, recipes, training,
    jobs, kept, children,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command that the arguments name; without one, open the window. Returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(given)
    options.words = ["xferviewer", *given]
    try:
        code: int = options.run(options)
    except XferviewerError as error:
        if getattr(options, "json", False):
            print_json({"error": error.as_dict()})
        print(f"xferviewer: {error.what}\n  {error.why}\n  {error.todo}", file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        print("xferviewer: interrupted", file=sys.stderr)
        return COULD_NOT_RUN
    return code


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
