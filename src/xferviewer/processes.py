"""Our own child processes, in a checkout, a wheel or a frozen application, and what the computer has for them."""

from __future__ import annotations

import os
import sys


def own_command(*arguments: str) -> list[str]:
    """The command that runs `xferviewer ARGUMENTS` with the interpreter and the code of this process.

    In a frozen application `sys.executable` is the application itself, so that a child is started by sub-command;
    `sys.executable -m …` there would open a second window.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-X", "faulthandler", "-m", "xferviewer", *arguments]


def usable_cores() -> int:
    """Processor cores that this process may use; OMP_NUM_THREADS says where somebody wants it to use fewer."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return max(1, min(here, int(wanted))) if wanted.isdecimal() and int(wanted) else here


def computer_memory_bytes() -> int:
    """The memory of this computer."""
    import psutil  # where it is needed: the first paint need not wait for it

    return int(psutil.virtual_memory().total)
