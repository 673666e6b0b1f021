"""Command lines of our own child processes, right in a checkout, in a wheel and in a frozen application."""

from __future__ import annotations

import sys


def own_command(*arguments: str) -> list[str]:
    """The command that runs `xferviewer ARGUMENTS` with the interpreter and the code of this process.

    In a frozen application `sys.executable` is the application itself, so that a child is started by sub-command;
    `sys.executable -m …` there would open a second window.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-X", "faulthandler", "-m", "xferviewer", *arguments]
