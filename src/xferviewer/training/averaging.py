"""An exponential moving average of a network's weights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from xferviewer.training.schedules import warmup_cosine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xferviewer.jobs.loss_spec import AveragingSpec


class WeightAverage:
    """A second network whose weights follow those of the one that learns: w = d · w + (1 - d) · its, step by step.

    Running statistics of batch normalisation are averaged alike; whole numbers are copied.
    """

    def __init__(self, network: nn.Module, averaging: AveragingSpec, steps: int) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        final = averaging.decay if averaging.final_decay is None else averaging.final_decay
        self._decays = warmup_cosine(steps, 0, averaging.decay, final)

    @torch.no_grad()
    def follow(self, network: nn.Module, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        decay = float(self._decays[step])
        own = self.network.state_dict()
        for name, values in network.state_dict().items():
            if values.is_floating_point():
                own[name].mul_(decay).add_(values, alpha=1 - decay)
            else:
                own[name].copy_(values)

    def state_dict(self) -> dict[str, Tensor]:
        return self.network.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.network.load_state_dict(state)


def make_average(network: nn.Module, averaging: AveragingSpec, steps: int) -> WeightAverage | None:
    """None where a recipe averages nothing."""
    return WeightAverage(network, averaging, steps) if averaging.decay else None
