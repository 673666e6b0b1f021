"""At which share of the learning rate each parameter learns, and which layer groups have been unfrozen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from xferviewer.networks import backbones

if TYPE_CHECKING:
    from xferviewer.jobs.optimiser_spec import LayerSpec


def layer_shares(network: nn.Module, layers: LayerSpec) -> dict[str, float]:
    """The share of the learning rate of each parameter by its name."""
    if layers.shares:
        return _by_group(network, layers.shares)
    if layers.decay == 1:  # also of a network without layer groups
        return {name: 1.0 for name, _ in network.named_parameters()}
    numbers = layer_numbers(network)
    last = max(numbers.values())
    return {name: layers.decay ** (last - number) for name, number in numbers.items()}


def layer_numbers(network: nn.Module) -> dict[str, int]:
    """The number of each parameter's layer for a layer-wise decay, from 0 at the stem to the head's.

    ViT: embeddings 0, block i (from 0) i + 1, norm and head depth + 1 (Xie et al. 2022, SimMIM's fine-tuning). Swin:
    blocks counted through all stages, a merging with the last block of the stage before it. Others: layer groups; a
    last one of normalisation alone belongs to the head.
    """
    names = [name for name, _ in network.named_parameters()]
    if isinstance(network, VisionTransformer):
        depth = len(network.blocks)
        return {name: _vit_number(name, depth) for name in names}
    if isinstance(network, SwinTransformer):
        depths = [len(_blocks(stage)) for stage in network.layers]
        return {name: _swin_number(name, depths) for name in names}
    groups = backbones.layer_groups(network)
    if groups and groups[-1].name == "norm":
        groups = groups[:-1]
    return {
        name: next((i for i, group in enumerate(groups) if name.startswith(group.prefixes)), len(groups))
        for name in names
    }


def unfreeze(network: nn.Module, layers: LayerSpec, learning: frozenset[str], epoch: int) -> list[str]:
    """Let the head and as many of the topmost layer groups learn as `epoch`, counted from 0, has unfrozen.

    learning  the names of the parameters that the setting lets learn in the end

    Returns the names of the groups that wait. Nothing changes where a recipe unfreezes nothing gradually.
    """
    if not layers.unfreeze_every:
        return []
    groups = [
        group for group in backbones.layer_groups(network) if any(name.startswith(group.prefixes) for name in learning)
    ]
    waiting = groups[: max(len(groups) - epoch // layers.unfreeze_every, 0)]
    for name, parameter in network.named_parameters():
        waits = any(name.startswith(group.prefixes) for group in waiting)
        parameter.requires_grad_(name in learning and not waits)
    return [group.name for group in waiting]


def _by_group(network: nn.Module, shares: tuple[float, ...]) -> dict[str, float]:
    groups = backbones.layer_groups(network)
    found = {}
    for name, _ in network.named_parameters():
        from_top = next((i for i, g in enumerate(reversed(groups), start=1) if name.startswith(g.prefixes)), 0)
        found[name] = shares[min(from_top, len(shares) - 1)]
    return found


def _vit_number(name: str, depth: int) -> int:
    if name.startswith("blocks."):
        return int(name.split(".")[1]) + 1
    if name.startswith(("patch_embed.", "pos_embed", "cls_token", "reg_token", "dist_token", "norm_pre.")):
        return 0
    return depth + 1


def _swin_number(name: str, depths: list[int]) -> int:
    if name.startswith("patch_embed."):
        return 0
    if not name.startswith("layers."):
        return sum(depths) + 1
    _, stage, kind, rest = name.split(".", 3)
    before = sum(depths[: int(stage)])
    # timm has the merging at the start of a stage; it is the end of the one before
    return before + int(rest.split(".")[0]) + 1 if kind == "blocks" else before


def _blocks(stage: Any) -> Any:
    return stage.blocks
