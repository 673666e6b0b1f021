"""Optimisers, and the groups of parameters that share a learning rate and a weight decay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from xferviewer.training.layer_rates import layer_shares

if TYPE_CHECKING:
    from xferviewer.jobs.recipe import Recipe


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of a recipe over the parameters that learn now or will be unfrozen; `network` is frozen already.

    Each group says in "share" which part of the learning rate is its own. Those that learn later have no gradient until
    then, and an optimiser leaves them alone, weight decay included.
    """
    told, rate = recipe.optimiser, recipe.peak_learning_rate
    groups = parameter_groups(network, recipe)
    for group in groups:
        group["lr"] = rate * group["share"]
    if told.kind == "SGD":
        return torch.optim.SGD(groups, lr=rate, momentum=told.momentum or 0.0, nesterov=told.nesterov)
    if told.kind == "LARS":
        from timm.optim.lars import Lars

        lars: torch.optim.Optimizer = Lars(groups, lr=rate, momentum=told.momentum or 0.0, nesterov=told.nesterov)
        return lars
    kinds: dict[str, type[torch.optim.Optimizer]] = {
        "Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW, "RAdam": torch.optim.RAdam,
    }  # fmt: skip
    made: Any = kinds[told.kind]
    optimiser: torch.optim.Optimizer = made(groups, lr=rate, betas=told.betas, eps=told.epsilon)
    return optimiser


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Every group learns at its share of `rate` from now on."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["share"]


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """The parameters that learn, by weight decay and by share of the learning rate; from the stem's to the head's.

    decays "matrices": no weight decay for vectors, scalars and what timm exempts, which is class tokens, embeddings of
    positions and tables of relative ones.
    """
    exempt = set(network.no_weight_decay()) if hasattr(network, "no_weight_decay") else set()  # type: ignore[operator]
    shares = layer_shares(network, recipe.layers)
    found: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        plain = recipe.optimiser.decays == "matrices" and (parameter.ndim <= 1 or name in exempt)
        found.setdefault((shares[name], plain), []).append(parameter)
    return [
        {"params": found[key], "weight_decay": 0.0 if key[1] else recipe.weight_decay, "share": key[0]}
        for key in sorted(found)
    ]
