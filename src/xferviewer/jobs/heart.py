"""The status of a running job, written when it changes and every few seconds, for as long as its process lives."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xferviewer.errors import UnusableFolder, XferviewerError
from xferviewer.jobs.folder import HEARTBEAT_SECONDS, JobFolder, State, Status
from xferviewer.jobs.lock import Lock, take

if TYPE_CHECKING:
    from collections.abc import Callable

# The step time that a job is judged by follows the last few dozen steps.
_PACE_FOLLOWS = 0.05


class Heart:
    """Used by the process that runs a job. It holds the lock of the folder: one folder has one heart.

    Two things are said apart: that the process lives (`heartbeat`, by a thread of its own) and that the work goes on
    (`progressed`, by whoever works). A process that lives without progress is stalled; one without heartbeat is lost.
    """

    def __init__(self, folder: JobFolder, state: State = "running") -> None:
        """Raises UnusableFolder when a living process has the folder, or when it cannot be written."""
        self._folder = folder
        self._lock = _hold(folder)
        before = folder.status_or_none()
        now = time.time()
        owner = self._lock.owner
        attempts = 1 + (before.attempts if before is not None else 0)
        step, steps = (before.step, before.steps) if before is not None else (0, 0)
        self.status = Status(
            state, now, owner.pid, owner.host, step, steps, started=owner.started, progressed=now, attempts=attempts
        )
        self.also: Callable[[], None] | None = None  # done at every beat of the thread
        self.lost = False  # somebody took this process for gone and took the folder over
        self._writing = threading.Lock()
        self._over = threading.Event()
        self._stepped = 0.0
        self._write()
        self._thread = threading.Thread(target=self._beat_alone, name="heart", daemon=True)
        self._thread.start()

    def beat(self, **changes: Any) -> None:
        """The work goes on. Take over the changes; write when the state changed or the last write is long ago."""
        now = time.time()
        with self._writing:
            written = self.status
            self.status = replace(written, progressed=now, **changes)
            due = self.status.state != written.state or now - written.heartbeat > HEARTBEAT_SECONDS
        if due:
            self._write()

    def stepped(self, step: int, steps: int) -> None:
        """One optimiser step more is done."""
        now = time.monotonic()
        pace = self.status.seconds_per_step
        if self._stepped:
            took = now - self._stepped
            pace = took if pace is None else pace + _PACE_FOLLOWS * (took - pace)
        self._stepped = now
        self.beat(step=step, steps=steps, seconds_per_step=pace, attempts=0)

    @property
    def ended(self) -> bool:
        """The last word is said."""
        return self._over.is_set()

    def stop(self, state: State, message: str, error: XferviewerError | None = None) -> None:
        """The last word of the job, and the end of its hold on the folder."""
        if not self.lost:  # otherwise the status is somebody else's now
            self.status = replace(self.status, state=state, message=message, error=error.as_dict() if error else None)
            self._write()
        self._over.set()
        self._thread.join()
        self._lock.release()

    def _write(self) -> None:
        with self._writing:
            self.status = replace(self.status, heartbeat=time.time())
            self._folder.write_status(self.status)

    def _beat_alone(self) -> None:
        while not self._over.wait(HEARTBEAT_SECONDS):
            self.lost = self.lost or not self._lock.is_mine()
            if self.lost:
                return
            with contextlib.suppress(OSError, UnusableFolder):  # a full disk is the worker's business
                self._lock.renew()
                self._write()
                if self.also is not None:
                    self.also()


def _hold(folder: JobFolder) -> Lock:
    try:
        found = take(folder.path / "lock")
    except OSError as error:
        raise UnusableFolder(
            f"The job folder {folder.path} cannot be used.",
            f"{error.strerror or error}.",
            "Choose a folder that you may write to, on a disk with room.",
        ) from error
    if isinstance(found, Lock):
        return found
    raise UnusableFolder(
        f"The job {folder.name} runs already.",
        f"Process {found.pid} on {found.host} works in its folder.",
        "Wait for it, or cancel it first; a clone of the job can run beside it.",
    )
