"""A job started as a process of its own that outlives whoever started it: window, terminal, script."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from xferviewer.errors import UnusableFolder
from xferviewer.processes import own_command

if TYPE_CHECKING:
    from xferviewer.jobs.folder import JobFolder

# What processes print that no code of ours foresaw: a crash of a library, a kill by the system. For people.
OUTPUT = "process.log"

_NICENESS = 10  # of 19, on systems that have it

# Processes of this one; kept so that the system can be asked how they ended, which lets it forget them.
_started: list[subprocess.Popen[bytes]] = []


def start(folder: JobFolder) -> int:
    """Run the job of `folder`, or go on with it, in a detached process; its id. It waits for its turn by itself.

    Raises UnusableFolder where the process cannot be started.
    """
    _started[:] = [process for process in _started if process.poll() is None]
    try:
        with (folder.path / OUTPUT).open("ab") as output:
            process = detached(own_command("train", "--job", str(folder.path.absolute())), output)
    except OSError as error:
        raise UnusableFolder(
            f"The job {folder.name} could not be started.",
            f"{error.strerror or error}.",
            f"Run `xferviewer train --job {folder.path}` in a terminal to see more.",
        ) from error
    _started.append(process)
    return process.pid


def detached(command: list[str], output: Any, *, below_normal: bool = True) -> subprocess.Popen[bytes]:
    """A child that goes on when this process ends; what it prints goes to `output`.

    below_normal  programs in front of a person come first: a training takes every core, and the window has to answer
                  (docs/decisions/0097)
    """
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
    environment = dict(os.environ)
    if getattr(sys, "frozen", False):  # the child is a program of its own, not a worker of the one that unpacked it
        environment["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        flags |= subprocess.BELOW_NORMAL_PRIORITY_CLASS if below_normal else 0
        with contextlib.suppress(PermissionError):  # a job object of Windows that lets nobody out ends us all together
            away = flags | subprocess.CREATE_BREAKAWAY_FROM_JOB
            return subprocess.Popen(command, **streams, env=environment, creationflags=away)
        return subprocess.Popen(command, **streams, env=environment, creationflags=flags)
    # a session of its own: closing the terminal or Ctrl-C in it reaches only the sessions it opened
    process = subprocess.Popen(command, **streams, env=environment, start_new_session=True)
    if below_normal:
        with contextlib.suppress(OSError):  # it has ended, or the system forbids it: it runs all the same
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)  # threads and processes of its own inherit it
    return process
