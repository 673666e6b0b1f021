"""A running job as seen from outside: it says what happens, and obeys what is asked of it."""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from xferviewer.errors import XferviewerError
    from xferviewer.jobs.folder import Heart, JobFolder

T = TypeVar("T")

_PAUSE_SECONDS = 0.2
_STEP_EVENT_SECONDS = 1.0


class Cancelled(Exception):
    """Someone asked the job to stop."""


@dataclass(frozen=True, slots=True)
class Step:
    """One optimiser step: how many are done of how many, where in the run, and what it was like.

    loss    a scalar on its device; reading it waits for the device
    images  in the batch
    """

    done: int
    steps: int
    epoch: int
    epochs: int
    loss: Tensor
    learning_rate: float
    images: int


class Watch:
    """What the code of a job calls between any two pieces of its work.

    before_waiting  keeps the state of the run; called when the job pauses or is cancelled
    """

    def __init__(self, folder: JobFolder, heart: Heart) -> None:
        self.folder = folder
        self.before_waiting: Callable[[], None] | None = None
        self._heart = heart
        self._said = time.monotonic()
        self._images = 0

    def say(self, kind: str, message: str, **values: object) -> None:
        """Tell everyone: an event, a line of the log, and the message of the status."""
        self.keep(lambda: self.folder.append_event(kind, message=message, **values))
        self.keep(lambda: self.folder.log(message))
        self.keep(lambda: self._heart.beat(message=message))

    def refused(self, error: XferviewerError) -> None:
        """An image is left out."""
        self.say("refused", f"Left out: {error}")

    def stepped(self, step: Step) -> None:
        """One step more is done; at most once a second this is an event."""
        self._images += step.images
        self._heart.beat(step=step.done, steps=step.steps)
        now = time.monotonic()
        if now - self._said < _STEP_EVENT_SECONDS:
            return
        loss = float(step.loss)
        self.keep(
            lambda: self.folder.append_event(
                "step",
                step=step.done,
                epoch=step.epoch,
                loss=loss,
                learning_rate=step.learning_rate,
                images_per_second=round(self._images / (now - self._said), 2),
            )
        )
        self._said, self._images = now, 0
        self.working(f"Epoch {step.epoch} of {step.epochs}, loss {loss:.4f}")

    def working(self, message: str = "") -> None:
        """Say that the job lives, and what it does. Waits while a pause is asked for; raises Cancelled."""
        asked = self.folder.requested()
        if asked and self.before_waiting is not None:
            self.keep(self.before_waiting)
        if asked == "pause":
            self._heart.beat(state="paused")
            while (asked := self.folder.requested()) == "pause":
                self._heart.beat()
                time.sleep(_PAUSE_SECONDS)
        if asked == "cancel":
            raise Cancelled
        changes = {"message": message} if message else {}
        self._heart.beat(state="running", **changes)

    def keep(self, write: Callable[[], T]) -> T:
        """Write something; while the disk is full the job says so and waits until there is room, or it is cancelled."""
        while True:
            try:
                return write()
            except Exception as error:
                if not is_disk_full(error) or self.folder.requested() == "cancel":
                    raise
            time.sleep(_PAUSE_SECONDS)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether the disk, or the share of it that this person may use, is full: at the bottom of an error of ours too."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False
