"""Attention rollout: how much each patch flows into what the classifier reads, whatever the finding."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import torch
from timm.layers.attention import Attention
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from xferviewer.engine.attention import attention_weights
from xferviewer.engine.forward_hooks import forward_hook

if TYPE_CHECKING:
    from xferviewer.engine.perturbed_maps import Run


def rollout(network: nn.Module, run: Run, image: Tensor) -> tuple[Tensor, Tensor]:
    """The logits (all,) of `image` (1, channels, rows, columns), and the map (1, rows, columns) of patches.

    Abnar and Zuidema 2020, eq. 1: in each block the mean over the heads plus the identity for the residual path, rows
    brought to a sum of 1; the product over the blocks; of it the row of the class token (and of the distillation token,
    where the classifier reads both), or the mean over the patches where the classifier reads their mean.

    The attention is computed beside the network from what its blocks are given, so that no switch of it is touched and
    the logits are those of inference. Raises ValueError for a network without such attention in every block.
    """
    module: Any = network
    attentions = _attentions(network)
    given: list[Tensor] = []
    with ExitStack() as hooks:
        for attention in attentions:
            hooks.enter_context(forward_hook(attention, lambda _module, inputs, _output: given.append(inputs[0])))
        logits = run(image)[0]
    product: Tensor | None = None
    for attention, tokens in zip(attentions, given, strict=True):
        weights = attention_weights(attention, tokens)[0].float().mean(dim=0)
        mixed = weights + torch.eye(len(weights), device=weights.device)
        mixed = mixed / mixed.sum(dim=1, keepdim=True)
        product = mixed if product is None else mixed @ product
    if product is None:
        raise ValueError("The network has no blocks.")
    prefix: int = module.num_prefix_tokens
    read = product[_class_rows(network)] if module.global_pool == "token" else product[prefix:]
    patches = read.mean(dim=0)[prefix:]
    return logits, patches.reshape(1, *module.patch_embed.grid_size)


def _class_rows(network: Any) -> slice:
    """The tokens that the classifier reads: the class token, and the distillation token where it has a head."""
    return slice(0, 2 if hasattr(network, "head_dist") else 1)


def _attentions(network: Any) -> list[nn.Module]:
    if not isinstance(network, VisionTransformer):
        raise ValueError(f"{type(network).__name__} is no vision transformer with attention over all patches.")
    attentions = [getattr(block, "attn", None) for block in network.blocks]
    if any(type(attention) is not Attention for attention in attentions) or network.attn_pool is not None:
        raise ValueError(
            f"The attention of this {type(network).__name__} is of another kind than rollout is defined for."
        )
    return [attention for attention in attentions if attention is not None]
