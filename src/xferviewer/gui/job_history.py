"""What the events of a job say of its course, read on from where the last reading ended. No Qt."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

READ_AT_ONCE = 1 << 19
"""Bytes; some 4,000 events, which take less than 20 ms. A longer file is read in several turns of the event loop."""


@dataclass(frozen=True, slots=True)
class Area:
    """An AUC with its interval; NaN where it is undefined or was not computed."""

    auc: float
    lower: float = math.nan
    upper: float = math.nan


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch as its event tells it; losses and areas are NaN where they were not computed.

    areas  per finding, on the validation images
    best   its weights are the best so far
    """

    number: int
    training_loss: float
    validation_loss: float
    learning_rate: float
    mean_auc: float
    areas: Mapping[str, Area]
    best: bool
    majority_guess: bool


@dataclass(slots=True)
class Steps:
    """What steps told, one entry each; `number` rises. `rate` is in images a second."""

    number: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    def cut(self, last: int) -> None:
        """Forget what came after a step: the job went back to it."""
        while self.number and self.number[-1] > last:
            for values in (self.number, self.loss, self.rate):
                values.pop()


class JobHistory:
    """The course of one job. `read` takes in what was appended since; a job that was resumed goes on from its step.

    told  the last event of each kind, as it was written; of images that were left out, with their number so far
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps = Steps()
        self.epochs: list[Epoch] = []
        self.told: dict[str, dict[str, Any]] = {}
        self._offset = 0
        self._file: tuple[int, int] | None = None  # device and inode: a folder of the same name may be another job's

    def read(self, most: int = READ_AT_ONCE) -> bool:
        """Take in at most so many bytes of what is new; whether anything was, so that there may be more."""
        try:
            with (self.folder / "events.jsonl").open("rb") as file:
                self._begin_anew_where_replaced(file.fileno())
                file.seek(self._offset)
                block = file.read(most)
        except OSError:
            return False
        end = block.rfind(b"\n") + 1  # the last line may be half written
        if end == 0 and len(block) == most:  # one line longer than a block
            return self.read(2 * most)
        self._offset += end
        for line in block[:end].splitlines():
            self._take(line)
        return end > 0

    def _begin_anew_where_replaced(self, handle: int) -> None:
        stat = os.fstat(handle)
        now = (stat.st_dev, stat.st_ino)
        if (self._file is not None and now != self._file) or stat.st_size < self._offset:
            self.steps, self.epochs, self.told, self._offset = Steps(), [], {}, 0
        self._file = now

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            kind = event["kind"]
        except (ValueError, KeyError, TypeError):  # a line that a full disk cut short, or that somebody edited
            return
        if kind == "step":
            self._take_step(event)
        elif kind == "epoch":
            self._take_epoch(event)
        if kind == "refused":
            event["images"] = self.told.get(kind, {}).get("images", 0) + 1
        self.told[kind] = event

    def _take_step(self, event: Mapping[str, Any]) -> None:
        number = event.get("step")
        if isinstance(number, int):
            self.steps.cut(number - 1)
            self.steps.number.append(number)
            self.steps.loss.append(_number(event.get("loss")))
            self.steps.rate.append(_number(event.get("images_per_second")))

    def _take_epoch(self, event: Mapping[str, Any]) -> None:
        number = event.get("epoch")
        if not isinstance(number, int):
            return
        while self.epochs and self.epochs[-1].number >= number:
            self.epochs.pop()
        told = event.get("findings") or event.get("validation_auc_per_finding") or {}  # so version 1 called them
        self.epochs.append(
            Epoch(
                number,
                _number(event.get("training_loss", event.get("loss"))),  # "loss" is what version 1 called it
                _number(event.get("validation_loss")),
                _number(event.get("learning_rate")),
                _number(event.get("validation_auc")),
                {finding: _area(area) for finding, area in told.items()},
                bool(event.get("best")),
                bool(event.get("majority_guess")),
            )
        )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _area(value: object) -> Area:
    """An AUC alone (version 1), or with its interval."""
    if isinstance(value, Mapping):
        return Area(_number(value.get("auc")), _number(value.get("lower")), _number(value.get("upper")))
    return Area(_number(value))
