"""A command of our own that answers with one JSON object, run by the window in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from xferviewer.errors import XferviewerError
from xferviewer.gui.child_command import ChildCommand, CommandEnd

_LAST_WORDS = 300


class JsonCommand(QObject):
    """What comes back is the object, or the error that it holds. A newer question ends an older one."""

    answered = Signal(object)  # dict
    failed = Signal(object)  # XferviewerError
    progressed = Signal(str)  # what it said last on its way

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._what = ""
        self._command = ChildCommand(self)
        self._command.finished.connect(self._ended)
        self._command.said.connect(self.progressed)
        self._command.not_started.connect(self._could_not_start)

    @property
    def running(self) -> bool:
        """An answer is on its way."""
        return self._command.running

    def ask(self, words: Sequence[str], what: str) -> None:
        """Run `xferviewer WORDS --json`; `what` says in a sentence what is not there when it fails without words."""
        self._command.stop()
        self._what = what
        self._command.start([*words, "--json"])

    def stop(self) -> None:
        """End it; nothing is told of it any more."""
        self._command.stop()

    @Slot(str)
    def _could_not_start(self, why: str) -> None:
        self.failed.emit(XferviewerError(self._what, f"{why}.", "Install xferviewer again."))

    @Slot(object)
    def _ended(self, end: CommandEnd) -> None:
        said = _object(end.output)
        error = said.get("error")
        if isinstance(error, dict):
            self.failed.emit(XferviewerError(*(str(error.get(part, "")) for part in ("what", "why", "todo"))))
        elif end.code == 0 or (said and end.code is not None):
            self.answered.emit(said)
        else:
            last = end.messages[-_LAST_WORDS:] or "The process ended before it was done; memory may have run out."
            self.failed.emit(XferviewerError(self._what, last, "Close other programs, and try again."))


def _object(output: bytes) -> dict[str, Any]:
    try:
        said = json.loads(output)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
