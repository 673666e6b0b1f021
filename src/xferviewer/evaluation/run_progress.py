"""How far a run over many images is, how fast it goes, and how long it will take."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass

_SECONDS_OF_A_RATE = 20.0
_FEWEST_FOR_A_RATE = 8  # the first images wait for libraries and processes to start


@dataclass(frozen=True, slots=True)
class RunProgress:
    """Images done of those that were missing when the run began, failed ones among them.

    kept  images that were there before the run began
    rate  images a second of late; 0 while it is not known
    """

    done: int
    total: int
    rate: float
    failed: int = 0
    kept: int = 0

    @property
    def remaining_seconds(self) -> float:
        """At the present rate; NaN while it is not known."""
        return (self.total - self.done) / self.rate if self.rate > 0 else math.nan


class Rate:
    """Images a second over the last 20 s, so that the time to go follows a computer that becomes busy or free."""

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int]] = deque()

    def note(self, done: int, at: float | None = None) -> float:
        """That `done` images are done now; the rate, 0 while it is not known.

        at  seconds of a clock that does not go back; `time.monotonic` where it is not named
        """
        now = time.monotonic() if at is None else at
        self._noted.append((now, done))
        while len(self._noted) > _FEWEST_FOR_A_RATE and now - self._noted[0][0] > _SECONDS_OF_A_RATE:
            self._noted.popleft()
        begun, before = self._noted[0]
        return (done - before) / (now - begun) if len(self._noted) >= _FEWEST_FOR_A_RATE and now > begun else 0.0
