"""The sanity check of a map: it must change when the weights that it is to explain are made random.

Adebayo et al. 2018 (Sanity Checks for Saliency Maps, section 3), cascading randomisation: the weights of the
classifier, then those of one layer group after another from top to stem, and after each the map is taken again. A map
that stays what it was shows edges of the film, not what the network learned.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from xferviewer.engine.saliency import explain
from xferviewer.evaluation.map_similarity import rank_correlation, structural_similarity
from xferviewer.networks.families import LayerGroup, family_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from xferviewer.engine.inference import LoadedCheckpoint
    from xferviewer.saliency_methods import Method

CLASSIFIER = "classifier"
LIKENESS = ("rank_correlation", "similarity")
"""What is told of each map, as `RandomisedMap` names it."""


@dataclass(frozen=True, slots=True)
class RandomisedMap:
    """The map of a network whose weights are random from the classifier down to `group`, against that of the whole one.

    rank_correlation  Spearman's over all pixels; NaN where a map is zero everywhere
    similarity        mean structural similarity; NaN where a map is zero everywhere, or smaller than its window
    """

    group: str
    rank_correlation: float
    similarity: float


def randomised_maps(
    loaded: LoadedCheckpoint, tensor: Tensor, finding: str, seed: int = 0, method: Method = "gradcam"
) -> Iterator[tuple[int, int, RandomisedMap]]:
    """Randomise from top to stem; after each group (done, total, what became of the map of `finding`).

    The checkpoint itself is left as it is: a copy is randomised. Raises ValueError for a finding that it does not have.
    """
    groups = groups_from_the_top(loaded.network)
    original = explain(loaded, tensor, [finding], method).maps[0]
    copied = replace(loaded, network=copy.deepcopy(loaded.network))
    generator = torch.Generator().manual_seed(seed)
    for done, group in enumerate(groups, 1):
        randomise(copied.network, group.prefixes, generator)
        changed = explain(copied, tensor, [finding], method).maps[0]
        yield done, len(groups), RandomisedMap(group.name, *_likeness(original, changed))


def groups_from_the_top(network: nn.Module) -> list[LayerGroup]:
    """The classifier, then the backbone's layer groups from top to stem; together all parameters of the network."""
    groups = [group for group in family_of(network).groups(network) if group.prefixes]
    names = [name for name, _ in network.named_parameters()]
    rest = tuple(name for name in names if not any(name.startswith(group.prefixes) for group in groups))
    return [
        LayerGroup(CLASSIFIER, rest),
        *(g for g in reversed(groups) if any(n.startswith(g.prefixes) for n in names)),
    ]


def randomise(network: nn.Module, prefixes: tuple[str, ...], generator: torch.Generator) -> None:
    """Give the layers of these parameters the weights with which torch begins; running statistics go with them.

    A parameter of a module without a beginning of its own (tokens, positions, scales) is drawn from the normal
    distribution of its mean and standard deviation, so that the signal that passes it stays of its size.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        for name, module in network.named_modules():
            own = [
                parameter for key, parameter in module.named_parameters(name, recurse=False) if key.startswith(prefixes)
            ]
            if own and _begins_anew(module):
                _begin_anew(module)
            else:
                for parameter in own:
                    spread = float(parameter.std()) if parameter.numel() > 1 else float(parameter.abs())
                    drawn = torch.randn(parameter.shape) * spread + float(parameter.mean())
                    parameter.copy_(drawn)


_OF_TORCH = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm,
             nn.GroupNorm)  # fmt: skip


def _begins_anew(module: nn.Module) -> bool:
    return isinstance(module, _OF_TORCH)


def _begin_anew(module: Any) -> None:
    """As torch initialises such a layer, drawn on the CPU so that a seed gives the same weights on every device."""
    device = next(module.parameters()).device
    module.cpu()
    module.reset_parameters()
    module.to(device)


def _likeness(original: NDArray[np.float32], changed: NDArray[np.float32]) -> tuple[float, float]:
    correlation = rank_correlation(original, changed)
    if math.isnan(correlation):
        return math.nan, math.nan
    try:
        return correlation, structural_similarity(original, changed)
    except ValueError:
        return correlation, math.nan
