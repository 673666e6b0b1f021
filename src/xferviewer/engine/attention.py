"""Attention of timm's vision transformers, computed from the tokens that a block attends to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def rows_after(block: Any, tokens: Tensor, normed: Tensor, rows: int) -> Tensor:
    """What a `Block` makes of its first `rows` tokens, (images, rows, channels): equal to those rows of its output.

    tokens  (images, tokens, channels), what the block was given
    normed  the same after its first normalisation
    """
    attention = block.attn
    weights, values = _attended(attention, normed, rows)
    mixed = (weights @ values).transpose(1, 2).flatten(2)
    mixed = attention.proj_drop(attention.proj(attention.norm(mixed)))
    after = tokens[:, :rows] + block.drop_path1(block.ls1(mixed))
    made: Tensor = after + block.drop_path2(block.ls2(block.mlp(block.norm2(after))))
    return made


def attention_weights(attention: Any, normed: Tensor) -> Tensor:
    """(images, heads, tokens, tokens): how much each token (third axis) attends to each other; each row sums to 1."""
    return _attended(attention, normed, normed.shape[1])[0]


def _attended(attention: Any, normed: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """The weights of the first `rows` tokens on all, and the values, each (images, heads, …)."""
    weight, bias = attention.qkv.weight, attention.qkv.bias
    width = len(weight) // 3
    first = slice(None, width)
    rest = slice(width, None)
    query = functional.linear(normed[:, :rows], weight[first], None if bias is None else bias[first])
    both = functional.linear(normed, weight[rest], None if bias is None else bias[rest])
    key, values = both.chunk(2, dim=-1)
    query, key, values = (
        each.reshape(*each.shape[:2], attention.num_heads, -1).transpose(1, 2) for each in (query, key, values)
    )
    query, key = attention.q_norm(query), attention.k_norm(key)
    weights = ((query * attention.scale) @ key.transpose(-2, -1)).softmax(dim=-1)
    return weights, values
