"""All that a run has learned and all that it needs to go on from where it was."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stateful(Protocol):
    """What keeps something from step to step: averaged weights, a schedule that listens, a counter of patience."""

    def state_dict(self) -> Mapping[str, Any]:
        """Tensors, numbers, text, and lists and mappings of these."""

    def load_state_dict(self, state: Mapping[str, Any], /) -> Any:
        """Take over what `state_dict` said."""


@dataclass(slots=True, eq=False)
class Best:
    """The epoch whose weights the job will keep: its number from 1, 0 before the first."""

    epoch: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class MeanLoss:
    """The losses of the steps of one epoch, summed where they were computed: looking waits for the device."""

    total: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    steps: int = 0

    def add(self, loss: Tensor) -> None:
        """One step more; `loss` is a scalar."""
        self.total = self.total.to(loss.device) + loss.detach()
        self.steps += 1

    def mean(self) -> float:
        """NaN before the first step, and once a loss was no number."""
        return float(self.total) / self.steps if self.steps else math.nan


@dataclass(slots=True, eq=False)
class TrainingState:
    """A run between two steps. Random numbers are no part of it: they follow from the seed and the place in the run.

    epoch   epochs that are done
    step    steps that are done of the epoch under way
    loss    of these steps
    parts   how many parts a batch is computed in: more than 1 where the memory is too small for a whole one
    kept    whatever else a recipe keeps from step to step, by name
    """

    network: nn.Module
    optimiser: torch.optim.Optimizer
    kept: dict[str, Stateful] = field(default_factory=dict)
    epoch: int = 0
    step: int = 0
    loss: MeanLoss = field(default_factory=MeanLoss)
    best: Best = field(default_factory=Best)
    parts: int = 1

    def state_dict(self) -> dict[str, Any]:
        """Everything but the weights of the best epoch, which change more rarely."""
        return {
            "network": dict(self.network.state_dict()),
            "optimiser": self.optimiser.state_dict(),
            "kept": {name: dict(one.state_dict()) for name, one in self.kept.items()},
            "epoch": self.epoch,
            "step": self.step,
            "loss": {"total": self.loss.total, "steps": self.loss.steps},
            "best": {"epoch": self.best.epoch},
            "parts": self.parts,
        }

    def load_state_dict(self, state: Mapping[str, Any], best: dict[str, Tensor]) -> None:
        """Take over what `state_dict` said, and the weights of the best epoch.

        Raises RuntimeError, KeyError or ValueError for the state of another network, optimiser or recipe.
        """
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        _lay_out_as_parameters(self.optimiser)
        if set(state["kept"]) != set(self.kept):
            raise KeyError(f"{sorted(state['kept'])} were kept, {sorted(self.kept)} are wanted")
        for name, one in self.kept.items():
            one.load_state_dict(state["kept"][name])
        self.epoch, self.step, self.parts = state["epoch"], state["step"], state["parts"]
        self.loss = MeanLoss(state["loss"]["total"], state["loss"]["steps"])
        self.best = Best(state["best"]["epoch"], best)

    def keep_as_best(self, network: nn.Module) -> None:
        """The present weights of `network` become those of the best epoch, which is the one that is just done."""
        copies = {name: values.detach().clone() for name, values in network.state_dict().items()}
        self.best = Best(self.epoch, copies)

    def is_finite(self) -> bool:
        """Whether every weight that learns, and every statistic, is a finite number. Looking waits for the device."""
        changing = [one for one in self.network.parameters() if one.requires_grad] + list(self.network.buffers())
        with torch.no_grad():
            sums = [values.sum(dtype=torch.float64) for values in changing]
            return bool(torch.isfinite(torch.stack(sums)).all()) if sums else True


def _lay_out_as_parameters(optimiser: torch.optim.Optimizer) -> None:
    """Give what an optimiser keeps of a parameter its layout in memory again (channels last).

    torch makes these in the layout of the parameter and loads them in another: every later step would go through both
    in different orders, which is slower and leaves it to the kernels whether the last bits are the same.
    """
    for parameter, kept in optimiser.state.items():
        for name, values in kept.items():
            if isinstance(values, Tensor) and values.shape == parameter.shape:
                kept[name] = torch.empty_like(parameter, dtype=values.dtype).copy_(values)
