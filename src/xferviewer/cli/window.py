"""`open` and `demo`: the window."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import (
    command,
)

if TYPE_CHECKING:
    pass


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
    from xferviewer.gui.running import run

    return run(options.paths, demo=options.demo)
