"""Score-CAM and Ablation-CAM: channels weighted by what many forward passes say of them.

All findings come from the same passes. pytorch-grad-cam repeats them for each finding, keeps the activations of each
pass, and leaves the network without its layer when it is interrupted (docs/decisions/0060).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from xferviewer.engine.forward_hooks import forward_hook
from xferviewer.engine.map_formulas import principal_map
from xferviewer.engine.tapped_layers import TappedLayers
from xferviewer.networks.saliency_layers import channel_axis, channels_first

Run = Callable[[Tensor], Tensor]
"""Logits (images, all) of a batch (images, channels, rows, columns), at the precision of the checkpoint."""

Progress = Callable[[int, int], None]
"""Told how much of how much is done, between two pieces of work. It may raise, which ends the work cleanly."""

_IMAGES_AT_ONCE = 16
_MOST_AT_ONCE = 64
_BYTES_AT_ONCE = 64 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """A forward pass of `image` (1, channels, rows, columns): its logits (all,), and what `layer` put out in it."""

    network: nn.Module
    run: Run
    image: Tensor
    logits: Tensor
    layer: str
    output: Tensor


@dataclass(frozen=True, slots=True)
class Perturbation:
    """A method: logits (channels at once, all) of perturbed passes, and weights (findings, channels) made of them.

    `weights` takes the scores (findings, channels) and the logits (findings,) of the image as it is.
    """

    logits: Callable[[Passed], Iterator[Tensor]]
    weights: Callable[[Tensor, Tensor], Tensor]


def perturbation_maps(
    method: Perturbation,
    network: nn.Module,
    run: Run,
    image: Tensor,
    rows: Sequence[int],
    layers: Sequence[str],
    progress: Progress,
    *,
    eigen: bool,
) -> tuple[Tensor, list[Tensor]]:
    """The logits (all,) of `image` (1, channels, rows, columns), and for each layer signed maps (findings, h, w)."""
    with TappedLayers(network, layers, graph=False) as taps:
        logits = run(image)[0]
    activations = {layer: channels_first(taps.output(layer), network, layer)[0] for layer in layers}
    total = sum(len(activation) for activation in activations.values())
    done = 0
    maps = []
    for layer, activation in activations.items():
        found = []
        for chunk in method.logits(Passed(network, run, image, logits, layer, taps.output(layer))):
            found.append(chunk[:, rows].float())
            done += len(chunk)
            progress(done, total)
        weights = method.weights(torch.cat(found).T, logits[rows].float())
        if eigen:
            maps.append(principal_map(weights[..., None, None] * activation))
        else:
            maps.append(torch.einsum("fc,chw->fhw", weights, activation))
    return logits, maps


def _score_weights(scores: Tensor, _logits: Tensor) -> Tensor:
    """Wang et al. 2020, eq. 8: the softmax over channels; what all scores share falls out."""
    return scores.softmax(dim=1)


def _ablation_weights(scores: Tensor, logits: Tensor) -> Tensor:
    """Desai and Ramaswamy 2020, eq. 3, over the size of the logit.

    Over the signed logit, as published, a channel that speaks for a finding would count against it wherever the logit
    is negative; a map of a finding that scores low is wanted as well.
    """
    return (logits[:, None] - scores) / logits.abs().clamp(min=torch.finfo(logits.dtype).tiny)[:, None]


def _masked_logits(passed: Passed) -> Iterator[Tensor]:
    """Of the image seen through each channel, resized and brought to [0, 1]."""
    image = passed.image
    activation = channels_first(passed.output, passed.network, passed.layer)[0]
    for channels in torch.split(activation, _IMAGES_AT_ONCE):
        # aligned corners, as the library resizes masks; maps are resized without
        masks = functional.interpolate(channels[None], size=image.shape[2:], mode="bilinear", align_corners=True)[0]
        masks = masks - masks.amin(dim=(1, 2), keepdim=True)
        masks = masks / (masks.amax(dim=(1, 2), keepdim=True) + 1e-8)
        yield passed.run(image * masks[:, None])


def _ablated_logits(passed: Passed) -> Iterator[Tensor]:
    """Where one channel of the layer's output is zero everywhere."""
    output, axis = passed.output, channel_axis(passed.output, passed.network, passed.layer)
    alone = _goes_through(passed)
    fitting = max(1, _BYTES_AT_ONCE // (output.numel() * output.element_size()))
    at_once = min(fitting, _MOST_AT_ONCE if alone else _IMAGES_AT_ONCE)
    for channels in torch.split(torch.arange(output.shape[axis], device=output.device), at_once):
        ablated = output.repeat(len(channels), *[1] * (output.ndim - 1))
        ablated.movedim(axis, 1)[torch.arange(len(channels), device=output.device), channels] = 0
        with _replaced(passed, ablated):
            yield passed.run(passed.image if alone else passed.image.expand(len(channels), -1, -1, -1))


score_cam = Perturbation(_masked_logits, _score_weights)
ablation_cam = Perturbation(_ablated_logits, _ablation_weights)


def _goes_through(passed: Passed) -> bool:
    """Whether all that the logits depend on goes through the layer, so that what lies below it need run only once.

    Tried: with two copies of its output in place of one, the network must give the same logits twice.
    """
    logits = passed.logits.float()
    try:
        with _replaced(passed, passed.output.repeat(2, *[1] * (passed.output.ndim - 1))):
            twice = passed.run(passed.image).float()
    except RuntimeError:  # one image beside two: a path around the layer
        return False
    return twice.shape == (2, len(logits)) and torch.allclose(twice, logits.expand(2, -1), rtol=1e-2, atol=1e-2)


def _replaced(passed: Passed, output: Tensor) -> AbstractContextManager[None]:
    return forward_hook(passed.network.get_submodule(passed.layer), lambda *_given: output)
