"""The command line: one sub-command for each thing that a script wants.

With `--json` standard output holds one JSON object and nothing else; progress and messages go to standard error.
Exit codes: 0 done, 1 some inputs failed (each named with its reason), 2 could not run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xferviewer import RESEARCH_NOTICE, __version__
from xferviewer.errors import XferviewerError

DONE, SOME_FAILED, COULD_NOT_RUN = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command that the arguments name; without one, open the window. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except XferviewerError as error:
        if getattr(options, "json", False):
            _print_json({"error": error.as_dict()})
        print(f"xferviewer: {error.what}\n  {error.why}\n  {error.todo}", file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        print("xferviewer: interrupted", file=sys.stderr)
        return COULD_NOT_RUN
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xferviewer",
        description=f"Compare fine-tuned medical-image classifiers on the workstation. {RESEARCH_NOTICE}",
    )
    parser.add_argument("--version", action="version", version=f"xferviewer {__version__}")
    parser.set_defaults(run=_window, paths=[], demo=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    window = _command(commands, "open", _window, "open the window on folders or files")
    window.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    window.set_defaults(demo=False)
    _command(commands, "demo", _window, "open the window on the bundled cohort and checkpoints").set_defaults(
        demo=True, paths=[]
    )
    index = _command(commands, "index", _index, "read and count studies; names every refused file with its reason")
    index.add_argument("folder", type=Path)
    index.add_argument("--catalogue", type=Path, help="keep what was found in this file, and go on from it")
    index.add_argument("--json", action="store_true")
    index.add_argument("--while-stdin-is-open", action="store_true", help=argparse.SUPPRESS)
    _command(commands, "engine", _engine, argparse.SUPPRESS)
    return parser


def _command(commands: Any, name: str, run: Any, help_text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_text)
    parser.set_defaults(run=run)
    return parser


def _print_json(values: dict[str, Any]) -> None:
    print(json.dumps(values, allow_nan=False, ensure_ascii=False))


def _window(options: argparse.Namespace) -> int:
    from xferviewer.gui.app import run

    return run(options.paths, demo=options.demo)


def _engine(options: argparse.Namespace) -> int:
    from xferviewer.engine.server import serve

    return serve()


def _index(options: argparse.Namespace) -> int:
    import tempfile

    from xferviewer.studies.catalogue import Catalogue
    from xferviewer.studies.indexing import Progress, index
    from xferviewer.studies.summary import index_summary

    closed = threading.Event()
    if options.while_stdin_is_open:
        threading.Thread(target=_wait_for_end_of_stdin, args=(closed,), daemon=True).start()

    def tell(progress: Progress) -> None:
        values = {
            "files": progress.files,
            "images": progress.images,
            "refused": progress.refused,
            "rate": progress.files_per_second,
        }
        print(json.dumps(values), file=sys.stderr, flush=True)

    with (
        tempfile.TemporaryDirectory() as scratch,
        Catalogue(options.catalogue or Path(scratch) / "catalogue.sqlite") as catalogue,
    ):
        index(options.folder, catalogue, tell, closed.is_set)
        summary = index_summary(catalogue, options.folder)
    if options.json:
        _print_json(summary)
    else:
        for refused in summary["refused"]:
            print(f"refused: {refused['path']}: {refused['why']}")
        print("{files} files: {images} images of {studies} studies, {patients} patients".format(**summary))
    return DONE


def _wait_for_end_of_stdin(closed: threading.Event) -> None:
    """The window holds the other end; when it goes, also by being killed, the index commits and stops."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    closed.set()
