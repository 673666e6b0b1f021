"""What a classifier begins with, where a recipe says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from xferviewer.networks import backbones

if TYPE_CHECKING:
    from xferviewer.jobs.recipe import Recipe

_DEVIATION = 0.01


def start_head(network: nn.Module, recipe: Recipe) -> None:
    """Zeros, as BiT begins, or N(0, 0.01) with bias 0. Raises ValueError where the classifier is no linear one."""
    if recipe.head_start == "as built":
        return
    for name in backbones.classifier_names(network):
        head = network.get_submodule(name)
        if not isinstance(head, nn.Linear | nn.Conv2d):
            raise ValueError(f'head_start "{recipe.head_start}" is for a linear classifier.')
        if recipe.head_start == "zero":
            nn.init.zeros_(head.weight)
        else:
            nn.init.normal_(head.weight, std=_DEVIATION)
        if head.bias is not None:
            nn.init.zeros_(head.bias)
