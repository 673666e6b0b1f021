"""A message on the screen where Qt cannot be loaded, by whatever program of the desktop shows one. No Qt in here."""

from __future__ import annotations

import os
import shutil
import subprocess

from xferviewer.errors import XferviewerError

_PROGRAMS = (
    ("zenity", "--error", "--no-markup", "--text"),
    ("kdialog", "--sorry"),
    ("xmessage", "-center"),
)


def show_without_qt(error: XferviewerError) -> bool:
    """Stay until it is read. False where there is no screen, or no program that shows messages on it."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    for program, *options in _PROGRAMS:
        if shutil.which(program):
            text = f"{error.what}\n\n{error.why}\n\n{error.todo}"
            return subprocess.run([program, *options, text], check=False).returncode == 0
    return False
