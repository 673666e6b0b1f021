"""How the learning rate goes over a training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

ScheduleKind = Literal[
    "cosine",
    "epoch cosine",
    "timm cosine",
    "timm cosine by validation loss",
    "beta",
    "step",
    "plateau",
    "constant",
    "BiT-HyperRule",
]

# The kinds that have each argument, and what it is when left out.
_FACTORS: dict[ScheduleKind, float] = {"beta": 0.5, "step": 0.1, "plateau": 0.5}
_PATIENCE, _THRESHOLD = 5, 1e-4

# The kinds that end at the smallest learning rate, and those that start with a warm-up.
HAVE_MINIMUM: tuple[ScheduleKind, ...] = (
    "cosine",
    "epoch cosine",
    "timm cosine",
    "timm cosine by validation loss",
    "plateau",
)
HAVE_NO_WARMUP: tuple[ScheduleKind, ...] = ("BiT-HyperRule",)


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """The learning rate from its start to its end; training.schedules has the formulas.

    kind         cosine          step by step from learning_rate to minimum_learning_rate, after the warm-up (DINO)
                 epoch cosine    the same epoch by epoch, of all epochs
                 timm cosine     likewise, but the warm-up is by epochs too, and the cosine goes on counting from the
                                 first epoch, so that the rate jumps where the warm-up ends
                 timm cosine by validation loss   as BenchmarkTransformers and P2 published it: the scheduler was told
                                 the validation loss where it expects the epoch, and the rate stays where it starts
                 beta            times `factor` after each epoch
                 step            times `factor` after each of `milestones`
                 plateau         times `factor` when the validation loss has not fallen by more than a `threshold`th
                                 of its best for more than `patience` epochs
                 constant        learning_rate
                 BiT-HyperRule   as the number of training images has it, the length too: epochs is 0
    factor       of beta 0.5, of step 0.1, of plateau 0.5
    milestones   epochs done, ascending
    patience, threshold  of plateau: 5 and 0.0001
    warmup_from  the learning rate at which a warm-up starts
    """

    kind: ScheduleKind = "cosine"
    factor: float | None = None
    milestones: tuple[int, ...] = ()
    patience: int | None = None
    threshold: float | None = None
    warmup_from: float = 0.0

    def __post_init__(self) -> None:
        given = {
            "factor": (self.factor is not None, tuple(_FACTORS)),
            "milestones": (bool(self.milestones), ("step",)),
            "patience": (self.patience is not None, ("plateau",)),
            "threshold": (self.threshold is not None, ("plateau",)),
        }
        for name, (stated, kinds) in given.items():
            if stated and self.kind not in kinds:
                raise ValueError(f"{name} is no argument of the schedule {self.kind}.")
        if self.kind == "step" and not self.milestones:
            raise ValueError("the schedule step needs milestones, such as [10, 20].")
        if list(self.milestones) != sorted({one for one in self.milestones if one > 0}):
            raise ValueError(f"milestones {list(self.milestones)} should be positive and ascend.")
        if self.factor is not None and not 0 < self.factor <= 1:
            raise ValueError(f"factor {self.factor} should be above 0 and at most 1.")
        if self.patience is not None and self.patience < 0:
            raise ValueError("patience should not be negative.")
        if self.threshold is not None and not 0 <= self.threshold < 1:
            raise ValueError(f"threshold {self.threshold} should be at least 0 and below 1.")
        if not 0 <= self.warmup_from < math.inf:
            raise ValueError(f"warmup_from {self.warmup_from} should not be negative.")
        # written out, so that a file says which number it was
        if self.kind in _FACTORS and self.factor is None:
            object.__setattr__(self, "factor", _FACTORS[self.kind])
        if self.kind == "plateau":
            object.__setattr__(self, "patience", _PATIENCE if self.patience is None else self.patience)
            object.__setattr__(self, "threshold", _THRESHOLD if self.threshold is None else self.threshold)
