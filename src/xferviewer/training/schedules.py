"""The learning rate of each step, as a recipe has it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from xferviewer.training import hyper_rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from xferviewer.jobs.recipe import Recipe

# torch leaves a learning rate alone that would change by less.
_LEAST_CHANGE = 1e-8


class Schedule(Protocol):
    """A learning rate for each of `steps` steps. What it remembers is in its `state_dict`."""

    steps: int

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""

    def epoch_ended(self, validation_loss: float) -> None:
        """Take in how the epoch went; the steps after it follow."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


def make_schedule(recipe: Recipe, steps_per_epoch: int, examples: int) -> Schedule:
    """The schedule of a recipe for so many optimiser steps an epoch and so many training images.

    A warm-up stands over the first steps of any schedule; the epochs of the schedule itself count from the first one,
    but for "cosine", which begins where the warm-up ends.
    """
    kind, base = recipe.schedule.kind, recipe.peak_learning_rate
    if kind == "BiT-HyperRule":
        return Planned(hyper_rule.rates(examples, base))
    steps = steps_per_epoch * recipe.epochs
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    start = recipe.schedule.warmup_from
    if kind == "cosine":
        return Planned(warmup_cosine(steps, warmup, base, recipe.minimum_learning_rate, start))
    if kind == "plateau":
        return Plateau(recipe, steps, _rising(warmup, base, start))
    if kind == "timm cosine by validation loss":
        return ByValidationLoss(recipe, steps)
    rates = np.repeat(epoch_rates(recipe), steps_per_epoch)
    if kind != "timm cosine":  # which warms up by epochs, by itself
        rates[:warmup] = _rising(warmup, base, start)
    return Planned(rates)


class Planned:
    """A schedule that is known from the start."""

    def __init__(self, rates: NDArray[np.float64]) -> None:
        self._rates = rates
        self.steps = len(rates)

    def rate(self, step: int) -> float:
        return float(self._rates[step])

    def epoch_ended(self, validation_loss: float) -> None:
        """Nothing follows from it."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        pass


class Plateau:
    """Times a factor when the validation loss stops falling, as torch's ReduceLROnPlateau has it by default."""

    def __init__(self, recipe: Recipe, steps: int, warmup: NDArray[np.float64]) -> None:
        told = recipe.schedule
        assert told.factor is not None  # noqa: S101  ScheduleSpec fills in all three
        assert told.patience is not None  # noqa: S101
        assert told.threshold is not None  # noqa: S101
        self.steps = steps
        self._warmup = warmup
        self._factor, self._patience, self._threshold = told.factor, told.patience, told.threshold
        self._minimum = recipe.minimum_learning_rate
        self._rate, self._best, self._bad_epochs = recipe.peak_learning_rate, math.inf, 0

    def rate(self, step: int) -> float:
        return float(self._warmup[step]) if step < len(self._warmup) else self._rate

    def epoch_ended(self, validation_loss: float) -> None:
        if validation_loss < self._best * (1 - self._threshold):
            self._best, self._bad_epochs = validation_loss, 0
        else:
            self._bad_epochs += 1
        if self._bad_epochs > self._patience:
            self._bad_epochs = 0
            reduced = max(self._rate * self._factor, self._minimum)
            if self._rate - reduced > _LEAST_CHANGE:
                self._rate = reduced

    def state_dict(self) -> dict[str, Any]:
        return {"rate": self._rate, "best": self._best, "bad_epochs": self._bad_epochs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._rate, self._best, self._bad_epochs = state["rate"], state["best"], state["bad_epochs"]


class ByValidationLoss:
    """timm's cosine whose epoch is the last validation loss: what BenchmarkTransformers and P2 ran.

    With a loss of 0.15 to 0.2 the rate stays where it was in the first fifth of the first epoch.
    """

    def __init__(self, recipe: Recipe, steps: int) -> None:
        self.steps = steps
        self._recipe = recipe
        self._epoch = 0.0

    def rate(self, step: int) -> float:  # noqa: ARG002  every schedule is asked by step
        return timm_cosine(self._recipe, self._epoch)

    def epoch_ended(self, validation_loss: float) -> None:
        if math.isfinite(validation_loss):
            self._epoch = validation_loss

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self._epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._epoch = state["epoch"]


def warmup_cosine(steps: int, warmup_steps: int, base: float, final: float, start: float = 0.0) -> NDArray[np.float64]:
    """The value at each of `steps` steps: linear from `start` to `base` over the warm-up and its end, then a cosine.

    As in DINO (Caron et al. 2021, `cosine_scheduler`): with T steps after the warm-up, the i-th of them has
    final + (base - final) (1 + cos(π i / T)) / 2. A warm-up of one step has only its end, `base`.
    """
    if not 0 <= warmup_steps <= steps:
        raise ValueError(f"a warm-up of {warmup_steps} steps does not fit into {steps}")
    after = np.arange(steps - warmup_steps)
    falling = final + 0.5 * (base - final) * (1 + np.cos(np.pi * after / max(len(after), 1)))
    return np.concatenate([_rising(warmup_steps, base, start), falling])


def epoch_rates(recipe: Recipe) -> NDArray[np.float64]:
    """The learning rate of each epoch under the schedules that change it between epochs, without a warm-up by steps."""
    told, base, final = recipe.schedule, recipe.peak_learning_rate, recipe.minimum_learning_rate
    epochs = np.arange(recipe.epochs)
    if told.kind == "timm cosine":
        return np.array([timm_cosine(recipe, float(epoch)) for epoch in epochs])
    if told.kind == "epoch cosine":
        return np.asarray(final + (base - final) * (1 + np.cos(np.pi * epochs / recipe.epochs)) / 2)
    if told.kind == "beta":
        assert told.factor is not None  # noqa: S101  ScheduleSpec fills it in
        return np.asarray(base * told.factor**epochs)
    if told.kind == "step":
        assert told.factor is not None  # noqa: S101  ScheduleSpec fills it in
        return np.asarray(base * told.factor ** np.searchsorted(told.milestones, epochs, side="right"))
    return np.full(recipe.epochs, base)


def timm_cosine(recipe: Recipe, epoch: float) -> float:
    """timm's CosineLRScheduler without prefix, restarts and noise: a cosine that counts from the first epoch.

    The warm-up is linear by epochs; the rate jumps where it ends, because the cosine has gone on meanwhile.
    """
    base, final = recipe.peak_learning_rate, recipe.minimum_learning_rate
    start, warmup = recipe.schedule.warmup_from, recipe.warmup_epochs
    if epoch < warmup:
        return start + epoch * (base - start) / warmup
    if epoch >= recipe.epochs:
        return final
    return final + (base - final) * (1 + math.cos(math.pi * epoch / recipe.epochs)) / 2


def _rising(steps: int, base: float, start: float) -> NDArray[np.float64]:
    """A warm-up with its end; one of a single step is its end."""
    return np.linspace(start, base, steps) if steps > 1 else np.full(steps, base)
