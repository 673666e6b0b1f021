"""`open` and `demo`: the window."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from xferviewer.cli.options import command
from xferviewer.errors import XferviewerError


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    window = command(commands, "open", open_window, "open the window on folders or files")
    window.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    window.set_defaults(demo=False)
    command(commands, "demo", open_window, "open the window on the bundled cohort and checkpoints").set_defaults(
        demo=True, paths=[]
    )


def open_window(options: argparse.Namespace) -> int:
    """Open the window and stay until it is closed; also what the program does without a sub-command."""
    try:
        from xferviewer.gui.running import run
    except ImportError as error:  # of a library that Qt itself needs
        from xferviewer.gui.system_libraries import missing_library

        raise missing_library(error) from error
    return run(options.paths, demo=options.demo)


def show_refusal(error: XferviewerError) -> None:
    """Say why no window opened to whoever started it from a menu, where nobody sees what a program prints."""
    if sys.stderr is not None and sys.stderr.isatty():
        return
    try:
        from xferviewer.gui.refusal import show
    except ImportError:
        from xferviewer.gui.desktop_message import show_without_qt

        show_without_qt(error)
    else:
        show(error)
