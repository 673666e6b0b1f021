"""Saliency maps: where in the image a checkpoint finds evidence for each finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from xferviewer.engine.device import autocast
from xferviewer.errors import EngineFailure
from xferviewer.networks.families import channels_first, family_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from xferviewer.engine.inference import LoadedCheckpoint

Method = Literal["gradcam"]


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The maps of one image under one checkpoint.

    logits    float32 (all findings of the checkpoint,), equal to `LoadedCheckpoint.logits` of the same image
    findings  those that were explained, in the order of `maps`
    maps      float32 (findings, rows, columns) in [0, 1] at the resolution of the input, each scaled by itself
    peaks     float32 (findings,): the maximum of each map at the layer's own resolution before scaling, in units of the
              logit; maps of several checkpoints times their peaks share one scale
    layer     the layer at which the maps were taken, by its name in the network
    """

    logits: NDArray[np.float32]
    findings: tuple[str, ...]
    maps: NDArray[np.float32]
    peaks: NDArray[np.float32]
    layer: str
    method: Method

    @property
    def without_evidence(self) -> tuple[str, ...]:
        """Findings whose map is zero everywhere: no positive evidence, which is an answer and not a failure."""
        return tuple(finding for finding, peak in zip(self.findings, self.peaks, strict=True) if peak == 0)


def explain(
    loaded: LoadedCheckpoint, tensor: Tensor, findings: Sequence[str] | None = None, method: Method = "gradcam"
) -> Explanation:
    """Maps of one image (channels, rows, columns) float32 for the named findings; None names all.

    Grad-CAM (Selvaraju et al. 2017, eq. 1 and 2): the weight of a channel is the mean over all positions of the logit's
    derivative, the map is the positive part of the weighted sum of channels. The graph begins at the target layer, cut
    off from what came before it, and the gradients of all findings are taken in one batched call: all maps together
    cost about one forward pass (docs/decisions/0012).

    Raises ValueError for a finding that the checkpoint does not have, EngineFailure for a network without target layer.
    """
    all_findings = loaded.checkpoint.findings
    wanted = tuple(all_findings if findings is None else findings)
    rows = [all_findings.index(finding) for finding in wanted]
    family = family_of(loaded.network)
    try:
        layer = family.saliency_layer(loaded.network)
    except ValueError as error:
        raise _without_layer(loaded) from error
    with _CutLayer(loaded.network.get_submodule(layer)) as cut:
        with torch.enable_grad(), autocast(loaded.device, loaded.precision):
            logits = loaded.network(loaded.placed(tensor[None]))[0]
        if cut.output is None:
            raise _without_layer(loaded)
        gradients = _gradients(logits[rows], cut.output)
    try:
        activation = channels_first(cut.output.detach(), family, loaded.network)
    except ValueError as error:
        raise _without_layer(loaded) from error
    slopes = channels_first(gradients.flatten(0, 1), family, loaded.network)
    weights = slopes.mean(dim=(2, 3))
    raw = torch.relu(torch.einsum("fc,chw->fhw", weights, activation[0]))
    return Explanation(
        logits=logits.detach().float().cpu().numpy(),
        findings=wanted,
        maps=_scale(raw, tensor.shape[-2:]).cpu().numpy(),
        peaks=raw.amax(dim=(1, 2)).cpu().numpy(),
        layer=layer,
        method=method,
    )


class _CutLayer:
    """While entered, the output of `layer` is a leaf that takes gradients: the autograd graph begins there."""

    output: Tensor | None = None

    def __init__(self, layer: nn.Module) -> None:
        self._handle = layer.register_forward_hook(self._cut)

    def _cut(self, _layer: nn.Module, _inputs: object, output: object) -> object:
        if not isinstance(output, Tensor):  # several maps, or a map and its size: no layer for ours
            return output
        self.output = output.detach().requires_grad_(True)
        return self.output

    def __enter__(self) -> _CutLayer:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._handle.remove()


def _gradients(logits: Tensor, activation: Tensor) -> Tensor:
    """(findings, *activation.shape): the derivative of each logit."""
    each = torch.eye(len(logits), dtype=logits.dtype, device=logits.device)
    (gradients,) = torch.autograd.grad(logits, activation, each, is_grads_batched=True)
    return gradients


def _scale(raw: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear to `size`, then each map from its minimum to its maximum onto [0, 1]; a map that is flat stays zero."""
    maps = functional.interpolate(raw[None], size=tuple(size), mode="bilinear", align_corners=False)[0]
    maps = maps - maps.amin(dim=(1, 2), keepdim=True)
    highest = maps.amax(dim=(1, 2), keepdim=True)
    return torch.where(highest > 0, maps / highest, torch.zeros_like(maps))


def _without_layer(loaded: LoadedCheckpoint) -> EngineFailure:
    return EngineFailure(
        f"The checkpoint {loaded.checkpoint.name} cannot be explained.",
        f"No layer for saliency maps is known in {loaded.checkpoint.architecture}.",
        "Its probabilities can be used; choose another checkpoint for maps.",
    )
