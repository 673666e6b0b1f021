"""Attention of timm's vision transformers, computed from the tokens that a block attends to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def rows_after(block: Any, tokens: Tensor, normed: Tensor, rows: int, *, evenly: bool = False) -> Tensor:
    """What a `Block` makes of its first `rows` tokens, (images, rows, channels): equal to those rows of its output.

    tokens  (images, tokens, channels), what the block was given
    normed  the same after its first normalisation
    evenly  the derivatives with respect to all later tokens are their mean over these: a product of one token with the
            weights in place of one of all tokens. Of use where only the mean is wanted (Grad-CAM)
    """
    attention = block.attn
    weights, values = _attended(attention, normed, rows, evenly=evenly)
    mixed = (weights @ values).transpose(1, 2).flatten(2)
    mixed = attention.proj_drop(attention.proj(attention.norm(mixed)))
    after = tokens[:, :rows] + block.drop_path1(block.ls1(mixed))
    made: Tensor = after + block.drop_path2(block.ls2(block.mlp(block.norm2(after))))
    return made


def attention_weights(attention: Any, normed: Tensor) -> Tensor:
    """(images, heads, tokens, tokens): how much each token (third axis) attends to each other; each row sums to 1."""
    return _attended(attention, normed, normed.shape[1])[0]


def _attended(attention: Any, normed: Tensor, rows: int, *, evenly: bool = False) -> tuple[Tensor, Tensor]:
    """The weights of the first `rows` tokens on all, and the values, each (images, heads, …)."""
    first = normed[:, :rows]
    query, key, values = (
        functional.linear(first, weight, bias)
        if place == 0
        else _evenly(normed, first, weight, bias)
        if evenly
        else functional.linear(normed, weight, bias)
        for place, (weight, bias) in enumerate(_thirds(attention.qkv))
    )
    query, key, values = (
        each.reshape(*each.shape[:2], attention.num_heads, -1).transpose(1, 2) for each in (query, key, values)
    )
    query, key = attention.q_norm(query), attention.k_norm(key)
    weights = ((query * attention.scale) @ key.transpose(-2, -1)).softmax(dim=-1)
    return weights, values


def _thirds(layer: Any) -> list[tuple[Tensor, Tensor | None]]:
    """Weight and bias of queries, keys and values, which lie below one another in one layer."""
    biases = [None] * 3 if layer.bias is None else layer.bias.chunk(3)
    return list(zip(layer.weight.chunk(3), biases, strict=True))


def _evenly(normed: Tensor, first: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The product of all tokens with `weight`; its derivatives reach the `first` tokens and the mean of the others."""
    later = normed[:, first.shape[1] :]
    moved = [functional.linear(each, weight) for each in (first, later.mean(dim=1, keepdim=True))]
    before, mean = (each - each.detach() for each in moved)  # zero: they bring derivatives only
    return functional.linear(normed.detach(), weight, bias) + torch.cat(
        [before, mean.expand(-1, later.shape[1], -1)], dim=1
    )
