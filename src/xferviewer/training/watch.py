"""A running job as seen from outside: it says what happens, and obeys what is asked of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from xferviewer.jobs.tensorboard import Curves, scalars
from xferviewer.training.memory import memory_in_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from xferviewer.errors import XferviewerError
    from xferviewer.jobs.process import JobProcess

T = TypeVar("T")

_STEP_EVENT_SECONDS = 1.0


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

    before_waiting  keeps the state of the run; called when the job pauses or ends before its end
    """

    def __init__(self, process: JobProcess) -> None:
        self.folder = process.folder
        self.before_waiting: Callable[[], None] | None = None
        self._process = process
        self._curves = Curves(process.folder.path / "tensorboard")
        self._said = time.monotonic()
        self._images = 0

    def say(self, kind: str, message: str, **values: object) -> None:
        """Tell everyone: an event, a line of the log, and the message of the status."""
        self.keep(lambda: self.folder.append_event(kind, message=message, **values))
        self.keep(lambda: self.folder.log(message))
        self.keep(lambda: self._process.heart.beat(message=message))
        points = scalars({"kind": kind, **values})
        self.keep(lambda: self._curves.write(self._process.heart.status.step, points))

    def goes_on(self, step: int, epoch: int) -> None:
        """The run is taken up again after so many steps, in this epoch (from 1)."""
        self.keep(lambda: self._process.heart.beat(step=step))
        self.keep(lambda: self._curves.begin_at(step))
        self.say("resumed", f"Goes on after {step} steps, in epoch {epoch}", step=step, epoch=epoch)

    def refused(self, error: XferviewerError) -> None:
        """An image is left out."""
        self.say("refused", f"Left out: {error}")

    def stepped(self, step: Step) -> None:
        """One step more is done; at most once a second this is an event."""
        self._images += step.images
        self.keep(lambda: self._process.heart.stepped(step.done, step.steps))
        now = time.monotonic()
        if now - self._said < _STEP_EVENT_SECONDS:
            return
        event = {
            "step": step.done,
            "epoch": step.epoch,
            "loss": float(step.loss),
            "learning_rate": step.learning_rate,
            "images_per_second": round(self._images / (now - self._said), 2),
            "memory": memory_in_use(step.loss.device),
        }
        self.keep(lambda: self.folder.append_event("step", **event))
        self.keep(lambda: self._curves.write(step.done, scalars({"kind": "step", **event})))
        self._said, self._images = now, 0
        self.working(f"Epoch {step.epoch} of {step.epochs}, loss {event['loss']:.4f}", memory=event["memory"])

    def working(self, message: str = "", **changes: object) -> None:
        """Say that the job lives, what it does, and more of its status. Waits while a pause is asked for.

        Raises Cancelled or Interrupted.
        """
        self._process.obey(self.before_waiting)
        if message:
            changes["message"] = message
        self.keep(lambda: self._process.heart.beat(state="running", **changes))

    def keep(self, write: Callable[[], T]) -> T:
        """Write something; while the disk is full the job says so and waits until there is room."""
        return self._process.keep(write)
