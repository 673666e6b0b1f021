"""A running job as seen from outside: it says what happens, and obeys what is asked of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xferviewer.errors import XferviewerError
    from xferviewer.jobs.folder import Heart, JobFolder

_PAUSE_SECONDS = 0.2


class Cancelled(Exception):
    """Someone asked the job to stop."""


class Watch:
    """What the code of a job calls between any two pieces of its work."""

    def __init__(self, folder: JobFolder, heart: Heart) -> None:
        self.folder = folder
        self._heart = heart

    def say(self, kind: str, message: str, **values: object) -> None:
        """Tell everyone: an event, a line of the log, and the message of the status."""
        self.folder.append_event(kind, message=message, **values)
        self.folder.log(message)
        self._heart.beat(message=message)

    def refused(self, error: XferviewerError) -> None:
        """An image is left out."""
        self.say("refused", f"Left out: {error}")

    def working(self, message: str = "", **changes: object) -> None:
        """Say that the job lives, and how far it is. Waits while a pause is asked for; raises Cancelled."""
        while (asked := self.folder.requested()) == "pause":
            self._heart.beat(state="paused")
            time.sleep(_PAUSE_SECONDS)
        if asked == "cancel":
            raise Cancelled
        if message:
            changes["message"] = message
        self._heart.beat(state="running", **changes)
