"""How the weights follow their gradients: the optimiser, and at which rate each layer group learns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

OptimiserKind = Literal["Adam", "AdamW", "RAdam", "SGD", "LARS"]
_BY_MOMENTUM = ("SGD", "LARS")

# What a given number leaves out has; none where the optimiser has no such argument.
_MOMENTUM, _BETAS, _EPSILON = 0.9, (0.9, 0.999), 1e-8


@dataclass(frozen=True, slots=True)
class OptimiserSpec:
    """Adam, AdamW, RAdam and SGD of torch; LARS of timm. What is left out has the optimiser's default.

    momentum  of SGD and LARS, in [0, 1): 0.9
    nesterov  of the same: the momentum looks ahead; plain otherwise
    betas     of the others: (0.9, 0.999)
    epsilon   of the others: 1e-8
    decays    what weight_decay works on: "matrices", weight matrices and kernels only, not biases, norms, tokens and
              tables of positions; "all", as torch does by itself. AdamW decays the weights, the others the gradient.
    """

    kind: OptimiserKind = "AdamW"
    momentum: float | None = None
    nesterov: bool = False
    betas: tuple[float, float] | None = None
    epsilon: float | None = None
    decays: Literal["matrices", "all"] = "matrices"

    def __post_init__(self) -> None:
        by_momentum = self.kind in _BY_MOMENTUM
        strangers = {"betas": self.betas, "epsilon": self.epsilon} if by_momentum else {"momentum": self.momentum}
        for name, value in strangers.items():
            if value is not None:
                raise ValueError(f"{name} is no argument of {self.kind}.")
        if self.nesterov and not (by_momentum and self.momentum != 0):
            raise ValueError("nesterov is for SGD and LARS with a momentum.")
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise ValueError(f"momentum {self.momentum} should be at least 0 and below 1.")
        if self.betas is not None and not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas {self.betas} should be at least 0 and below 1.")
        if self.epsilon is not None and not 0 < self.epsilon < math.inf:
            raise ValueError(f"epsilon {self.epsilon} should be above 0.")
        # written out, so that a file says which number it was and a card's cannot slip in for one left out
        if by_momentum and self.momentum is None:
            object.__setattr__(self, "momentum", _MOMENTUM)
        if not by_momentum:
            object.__setattr__(self, "betas", self.betas or _BETAS)
            object.__setattr__(self, "epsilon", self.epsilon or _EPSILON)


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """At which share of the learning rate each layer group learns, and from when on.

    decay           γ of the layer-wise decay: a layer k below the head learns at γ^k of the rate. A layer is a block of
                    a ViT or a Swin, a layer group of any other network; a last norm belongs to the head. 1: none.
    shares          instead of it, the share of the head, of the topmost layer group, of the next …; the last one holds
                    for all groups below. Empty: all learn alike.
    unfreeze_every  gradual unfreezing: at first the head learns alone, and after each so many epochs the next layer
                    group from the top joins, as far down as the setting lets any learn. 0: all from the start.
    frozen_norm     batch normalisation of frozen layers: "eval" keeps its running statistics, "train" goes on taking
                    in those of each batch, "by counting" is "train" where groups are counted as published.
    """

    decay: float = 1.0
    shares: tuple[float, ...] = ()
    unfreeze_every: int = 0
    frozen_norm: Literal["by counting", "eval", "train"] = "by counting"

    def __post_init__(self) -> None:
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay {self.decay} should be above 0 and at most 1.")
        if self.shares and self.decay != 1:
            raise ValueError("name decay or shares, not both.")
        if not all(0 < share < math.inf for share in self.shares):
            raise ValueError(f"shares {self.shares} should be above 0.")
        if self.unfreeze_every < 0:
            raise ValueError("unfreeze_every should not be negative.")
