"""Shorter backward passes with the same gradients, for what lies between a target layer and the logits.

The forward pass stays what it is, kernel for kernel. Where a cheaper expression has the same value and the same
derivative, the output of a module is replaced by itself plus the difference of that expression to itself, which is
exactly zero: the value stays to the bit, the gradient flows through the expression (docs/decisions/0059).
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from xferviewer.engine.attention import rows_after
from xferviewer.engine.forward_hooks import forward_hook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def short_backward(network: nn.Module, layers: Sequence[str], *, only_means: bool = False) -> Iterator[None]:
    """While entered, forward passes of `network` record shorter graphs; `layers` are those whose gradients are wanted.

    With `only_means` a gradient is right in its mean over the positions alone, which is all that Grad-CAM takes of it.
    Enter it after the layers are tapped: hooks run in the order in which they were made.
    """
    with ExitStack() as hooks:
        for module in network.modules():
            if type(module) is nn.Conv2d and module.groups == 1 and set(module.padding) == {0}:
                hooks.enter_context(forward_hook(module, _as_linear))
        block = _block_of_the_class_token(network, layers)
        if block is not None:
            asked = [network.get_submodule(layer) for layer in layers]
            tokens = _ClassToken(network, evenly=only_means and asked == [block.norm1])
            hooks.enter_context(forward_hook(block.norm1, tokens.keep))
            hooks.enter_context(forward_hook(block, tokens.only))
        yield


def _as_linear(convolution: nn.Conv2d, inputs: tuple[Tensor], output: Tensor) -> Tensor | None:
    """A kernel over its whole input is a matrix, whose gradient is 7 times as fast as that of a convolution."""
    if not output.requires_grad or tuple(inputs[0].shape[2:]) != tuple(convolution.kernel_size):
        return None
    stand_in = functional.linear(inputs[0].flatten(1), convolution.weight.flatten(1), convolution.bias)
    return _with_gradient_of(output, stand_in.reshape(output.shape))


class _ClassToken:
    """The last block of a transformer, computed for the tokens before the patches alone: no other reaches a logit."""

    def __init__(self, network: Any, *, evenly: bool) -> None:
        self._tokens: int = network.num_prefix_tokens
        self._evenly = evenly
        self._normed: Tensor | None = None

    def keep(self, _norm: nn.Module, _inputs: object, output: Tensor) -> None:
        self._normed = output

    def only(self, block: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if self._normed is None or not self._normed.requires_grad:
            return None
        first = rows_after(block, inputs[0], self._normed, self._tokens, evenly=self._evenly)
        read = _with_gradient_of(output[:, : self._tokens], first)
        return torch.cat([read, output[:, self._tokens :].detach()], dim=1)


def _block_of_the_class_token(network: Any, layers: Sequence[str]) -> Any:
    """The last block, where the logits are read off tokens before the patches, and nothing inside it is asked for."""
    if not isinstance(network, VisionTransformer) or network.global_pool != "token":
        return None
    name = f"blocks.{len(network.blocks) - 1}"
    block = network.blocks[-1]
    inside = [layer for layer in layers if layer.startswith(name) and layer != f"{name}.norm1"]
    attention = getattr(block, "attn", None)
    known = type(block) is Block and type(attention) is Attention and getattr(attention, "gate", None) is None
    return block if known and not inside and network.num_prefix_tokens > 0 else None


def _with_gradient_of(value: Tensor, stand_in: Tensor) -> Tensor:
    """`value` to the bit, with the derivatives of `stand_in`."""
    return value.detach() + (stand_in - stand_in.detach()).to(value.dtype)
