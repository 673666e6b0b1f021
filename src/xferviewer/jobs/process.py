"""The process that runs a job, as far as it needs no torch: its turn, what is asked of it, a full disk, its end."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from xferviewer.errors import XferviewerError
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.heart import Heart
from xferviewer.jobs.queue import Turn, wish
from xferviewer.settings import read_settings, settings_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")

_ASK_SECONDS = 0.1
_LOOK_SECONDS = 0.2
_ROOM_SECONDS = (0.5, 30.0)  # a full disk is tried again after the first, then after twice as long, up to the second

# Room for the last words of a job on a full disk: a status, an event and a line of the log.
_RESERVE_BYTES = 64 * 1024


# How safetensors tells of it: Linux and macOS, their quotas, Windows.
_FULL_IN_WORDS = re.compile(r"\(os error (28|122|69|112)\)")


class Cancelled(Exception):
    """Someone asked the job to end."""


class Interrupted(Exception):
    """The system, or Ctrl-C, asked the process to end; the job can go on from here."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.by_hand = number == signal.SIGINT


class JobProcess:
    """A context in which this process runs the job of a folder. Whatever ends it, the status of the job says so.

    Leaving it by `Cancelled` or `Interrupted` is no error; every other exception is passed on.
    """

    def __init__(self, folder: JobFolder, *, queue: bool = False) -> None:
        """`queue`: wait for its turn on its device. Raises UnusableFolder when another process runs the job."""
        self.folder = folder
        self.heart = Heart(folder, "queued" if queue else "running")
        self._queue = queue
        self._turn: Turn | None = None
        self._asked = -math.inf
        self._signal = 0
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> JobProcess:
        with contextlib.suppress(OSError):
            self._reserve()
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
                if hasattr(signal, name):
                    number = getattr(signal, name)
                    self._handlers[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self._turn is not None:
            self._turn.release()
        with contextlib.suppress(OSError):
            (self.folder.path / "reserve").unlink(missing_ok=True)
        self._end(error)
        return isinstance(error, Cancelled | Interrupted)

    def finish(self, message: str) -> None:
        """The job has done all it had to do."""
        self.keep(lambda: self.heart.stop("finished", message))

    def wait_for_turn(self, tell: Callable[[str], object] = str) -> None:
        """Until the device of the job is free; `tell` hears once that it is not yet.

        Raises Cancelled, Interrupted, EngineFailure.
        """
        if not self._queue:
            return
        if self._turn is None:
            chosen, _ = read_settings(settings_file())
            self._turn = Turn(wish(self.folder.spec().machine), self.folder.path, max(chosen.jobs_per_device, 1))
            self.heart.also = self._turn.renew
        waiting = "Waits until the device is free."
        while not self._turn.ask():
            if self.heart.status.message != waiting:
                tell(waiting)
            self.heart.beat(state="queued", message=waiting)
            self._look()
            time.sleep(_LOOK_SECONDS)
        self.heart.beat(state="running", message="")

    def devices(self) -> tuple[str, ...]:
        """Those that the job was given, such as "cuda-0"; () where it did not wait for a turn."""
        return tuple(self._turn.devices) if self._turn is not None else ()

    def obey(self, keep_state: Callable[[], None] | None) -> None:
        """Do what is asked of the job: wait while that is a pause, raise Cancelled or Interrupted.

        `keep_state` is called before; others may use the device meanwhile.
        """
        now = time.monotonic()
        if now - self._asked < _ASK_SECONDS and not self._signal and not self.heart.lost:
            return  # on a network mount looking for the request takes as long as a small step
        self._asked = now
        asked = self.folder.requested()
        if asked is None and not self._signal and not self.heart.lost:
            return
        if keep_state is not None and not self.heart.lost:
            self.keep(keep_state)
        if asked == "pause" and not self._signal:
            self._pause()
        self._look()

    def keep(self, write: Callable[[], T]) -> T:
        """Write something. While the disk is full the job says so and waits for room; raises Cancelled, Interrupted."""
        wait, longest = _ROOM_SECONDS
        while True:
            try:
                done = write()
            except Exception as error:
                if not is_disk_full(error):
                    raise
            else:
                if wait > _ROOM_SECONDS[0]:
                    self._tell_room()
                return done
            self._tell_full()
            until = time.monotonic() + wait
            while time.monotonic() < until:
                self._look()
                time.sleep(_LOOK_SECONDS)
            wait = min(2 * wait, longest)

    def _pause(self) -> None:
        """Without the device until the request is taken back."""
        self.heart.beat(state="paused", message="Paused as asked.")
        self._tell("paused", "Paused as asked")
        if self._turn is not None:
            self._turn.release()
        while self.folder.requested() == "pause":
            self._look(paused=True)
            self.heart.beat()
            time.sleep(_LOOK_SECONDS)
        self._look()
        self.wait_for_turn()
        self.heart.beat(state="running", message="")
        self._tell("resumed", "Goes on after a pause")

    def _look(self, *, paused: bool = False) -> None:
        """Whether the job is to end."""
        if self.heart.lost:
            raise XferviewerError(
                f"The job {self.folder.name} was taken over by another process.",
                "This one had not been able to say that it lives for too long.",
                "Nothing needs to be done; `xferviewer jobs show` says who runs it.",
            )
        if self._signal:
            raise Interrupted(self._signal)
        asked = self.folder.requested()
        if asked == "cancel":
            raise Cancelled
        if asked == "pause" and not paused and self.heart.status.state == "queued":
            self._pause()

    def _signalled(self, number: int, _: object) -> None:
        if self._signal:  # asked twice: now
            raise KeyboardInterrupt
        self._signal = number

    def _end(self, error: BaseException | None) -> None:
        """The last word, unless it is said already."""
        if self.heart.ended:
            return
        if isinstance(error, Cancelled):
            self.folder.request(None)
            self.heart.stop("cancelled", "Cancelled as asked.")
        elif isinstance(error, Interrupted | KeyboardInterrupt):
            by_hand = isinstance(error, KeyboardInterrupt) or error.by_hand
            message = "Interrupted by hand; resume it to go on." if by_hand else "Stopped with its computer or by it."
            self.heart.stop("paused" if by_hand else "queued", message)
        elif error is not None:
            told = error if isinstance(error, XferviewerError) else _unforeseen(self.folder, error)
            with contextlib.suppress(XferviewerError):
                self.folder.log(str(told))
            self.heart.stop("failed", told.what, told)
        else:
            self.heart.stop("queued", "It has not come to its end.")

    def _tell(self, kind: str, message: str) -> None:
        def write() -> None:
            self.folder.append_event(kind, message=message, step=self.heart.status.step)
            self.folder.log(message)

        self.keep(write)

    def _tell_full(self) -> None:
        """With the room that was kept for it."""
        (self.folder.path / "reserve").unlink(missing_ok=True)
        with contextlib.suppress(OSError, XferviewerError):
            self.heart.beat(
                state="paused", message=f"The disk of {self.folder.path} is full; goes on when there is room."
            )

    def _tell_room(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve()
        self.heart.beat(state="running", message="There is room on the disk again.")
        self._tell("resumed", "The disk was full; there is room again")

    def _reserve(self) -> None:
        (self.folder.path / "reserve").write_bytes(os.urandom(_RESERVE_BYTES))


def is_disk_full(error: BaseException | None) -> bool:
    """Whether the disk, or the share of it that this person may use, is full: at the bottom of an error of ours too."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if _FULL_IN_WORDS.search(str(error)):
            return True
        error = error.__cause__
    return False


def _unforeseen(folder: JobFolder, error: BaseException) -> XferviewerError:
    return XferviewerError(
        f"The job {folder.name} stopped.",
        f"{type(error).__name__}: {error}.",
        "Read log.txt in its folder, and resume it or start it again.",
    )
