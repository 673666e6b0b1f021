"""The outputs of some layers during one forward pass, and the gradients of the logits with respect to them."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from xferviewer.engine.forward_hooks import forward_hook

if TYPE_CHECKING:
    from collections.abc import Sequence


class TappedLayers:
    """While entered, keeps what the layers of these names put out.

    With `graph`, the autograd graph begins at them: the output of the layer that is computed first is a leaf, cut off
    from what came before it. What the network goes on with is a copy, so that an activation that works in place leaves
    the kept one as it was (docs/decisions/0012).
    """

    def __init__(self, network: nn.Module, names: Sequence[str], *, graph: bool) -> None:
        self._layers = {name: network.get_submodule(name) for name in names}
        self._graph = graph
        self._hooks = ExitStack()
        self.outputs: dict[str, Tensor] = {}

    def __enter__(self) -> TappedLayers:
        for name, layer in self._layers.items():
            self._hooks.enter_context(forward_hook(layer, partial(self._keep, name)))
        return self

    def __exit__(self, *_exception: object) -> None:
        self._hooks.close()

    def output(self, name: str) -> Tensor:
        """What a layer put out. Raises ValueError where that is no tensor, or the layer was not computed."""
        if name not in self.outputs:
            raise ValueError(f"The layer {name} puts out no single map.")
        return self.outputs[name]

    def gradients(self, logits: Tensor) -> dict[str, Tensor]:
        """(logits, *output) of each layer: the derivatives of all logits (logits,) in one batched call.

        A layer that does not reach the logits has zeros.
        """
        outputs = list(self.outputs.values())
        found: Sequence[Tensor | None] = [None] * len(outputs)
        if logits.requires_grad:
            each = torch.eye(len(logits), dtype=logits.dtype, device=logits.device)
            found = torch.autograd.grad(logits, outputs, each, is_grads_batched=True, allow_unused=True)
        return {
            name: output.new_zeros(len(logits), *output.shape) if gradient is None else gradient
            for (name, output), gradient in zip(self.outputs.items(), found, strict=True)
        }

    def _keep(self, name: str, _layer: nn.Module, _inputs: object, output: object) -> Tensor | None:
        if not isinstance(output, Tensor):  # several maps, or a map and its size: no layer for ours
            return None
        if not self._graph:
            self.outputs[name] = output.clone()
            return None
        self.outputs[name] = output if output.requires_grad else output.detach().requires_grad_(True)
        return self.outputs[name].clone()
