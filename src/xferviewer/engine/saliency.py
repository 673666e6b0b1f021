"""Saliency maps: where in the image a checkpoint finds evidence for each finding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from xferviewer.engine.attention_rollout import rollout
from xferviewer.engine.device import autocast
from xferviewer.engine.integrated_gradients import attributions
from xferviewer.engine.map_formulas import average_layers, gradient_map, principal_map, scaled
from xferviewer.engine.perturbed_maps import ablation_cam, perturbation_maps, score_cam
from xferviewer.engine.short_backward import short_backward
from xferviewer.engine.tapped_layers import TappedLayers
from xferviewer.errors import EngineFailure
from xferviewer.networks.saliency_layers import channels_first, saliency_layers
from xferviewer.saliency_methods import MapChoice, Method, Smoothing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from xferviewer.engine.inference import LoadedCheckpoint
    from xferviewer.engine.perturbed_maps import Progress, Run

# Horizontal mirroring times brightness: the six views of pytorch-grad-cam's `aug_smooth`, the image as it is first.
_VIEWS = ((False, 1.0), (False, 0.9), (False, 1.1), (True, 1.0), (True, 0.9), (True, 1.1))


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The maps of one image under one checkpoint.

    logits    float32 (all findings of the checkpoint,), equal to `LoadedCheckpoint.logits` of the same image
    findings  those that were explained, in the order of `maps`
    maps      float32 (findings, rows, columns) in [0, 1] at the resolution of the input, each scaled by itself
    peaks     float32 (findings,): the maximum of each map at the layer's own resolution before scaling, in the unit of
              the method, averaged over layers and views; maps of several checkpoints times their peaks share one scale
    layer     where the maps were taken: names of the network's layers, joined by " + ", or "input", or "attention"
    """

    logits: NDArray[np.float32]
    findings: tuple[str, ...]
    maps: NDArray[np.float32]
    peaks: NDArray[np.float32]
    layer: str
    method: Method
    smoothing: Smoothing = "none"

    @property
    def without_evidence(self) -> tuple[str, ...]:
        """Findings whose map is zero everywhere: no positive evidence, which is an answer and not a failure."""
        return tuple(finding for finding, peak in zip(self.findings, self.peaks, strict=True) if peak == 0)


def explain(
    loaded: LoadedCheckpoint,
    tensor: Tensor,
    findings: Sequence[str] | None = None,
    method: Method = "gradcam",
    layers: str = "standard",
    smoothing: Smoothing = "none",
    progress: Progress | None = None,
) -> Explanation:
    """Maps of one image (channels, rows, columns) float32 for the named findings; None names all.

    `layers` is a name of LAYER_SETS or names of layers separated by commas. Methods that take gradients begin the graph
    at the layer, cut off from what came before it, and take the gradients of all findings in one batched call: all maps
    together cost about one forward pass (docs/decisions/0012). Slow methods call `progress` between their passes; what
    it raises passes through, and the network is left as it was.

    Raises ValueError for a finding that the checkpoint does not have and for a choice that there is not, EngineFailure
    for a network that this map cannot be made of.
    """
    choice = MapChoice(method, layers, smoothing)
    all_findings = loaded.checkpoint.findings
    wanted = tuple(all_findings if findings is None else findings)
    rows = [all_findings.index(finding) for finding in wanted]
    image = tensor[None].to(loaded.device)
    views = _VIEWS if smoothing in ("augmented", "both") else _VIEWS[:1]
    try:
        names = saliency_layers(loaded.network, layers) if choice.facts.takes_layers else ()
        made = []
        for number, (mirrored, brightness) in enumerate(views):
            view = brightness * (image.flip(-1) if mirrored else image) if number else image
            told = _nobody if progress is None else partial(_of_all_views, progress, number, len(views))
            logits, maps, peaks = _maps(loaded, view, rows, choice, names, told)
            made.append((logits, maps.flip(-1) if mirrored else maps, peaks))
    except ValueError as error:
        raise _cannot(loaded, choice, error) from error
    maps = made[0][1] if len(made) == 1 else scaled(torch.stack([maps for _, maps, _ in made]).mean(dim=0))
    peaks = torch.stack([peaks for _, _, peaks in made]).mean(dim=0)
    return Explanation(
        logits=made[0][0].detach().float().cpu().numpy(),
        findings=wanted,
        maps=maps.expand(len(wanted), -1, -1).cpu().numpy(),
        peaks=peaks.expand(len(wanted)).cpu().numpy(),
        layer=" + ".join(names) or {"integrated-gradients": "input"}.get(method, "attention"),
        method=method,
        smoothing=smoothing,
    )


def _maps(
    loaded: LoadedCheckpoint,
    image: Tensor,
    rows: Sequence[int],
    choice: MapChoice,
    layers: Sequence[str],
    progress: Progress,
) -> tuple[Tensor, Tensor, Tensor]:
    """All logits of an image (1, channels, rows, columns), the maps of `rows` (or one for all), and their peaks."""
    network, run, size = loaded.network, partial(_run, loaded), image.shape[-2:]
    eigen = choice.smoothing in ("eigen", "both")
    with torch.no_grad():
        match choice.method:
            case "integrated-gradients":
                logits = run(image)[0]
                signed = [attributions(run, image, rows, progress).sum(dim=1)]
            case "attention-rollout":
                logits, flow = rollout(network, run, image)
                signed = [flow]
            case "scorecam" | "ablationcam":
                score = score_cam if choice.method == "scorecam" else ablation_cam
                logits, signed = perturbation_maps(score, network, run, image, rows, layers, progress, eigen=eigen)
            case "eigencam":
                with TappedLayers(network, layers, graph=False) as taps:
                    logits = run(image)[0]
                signed = [principal_map(channels_first(taps.output(layer), network, layer)) for layer in layers]
            case method:
                only_means = method == "gradcam"
                logits, taken = _activations_and_slopes(network, run, image, rows, layers, only_means=only_means)
                signed = [gradient_map(method, *each, eigen=eigen) for each in taken]
        maps, peaks = average_layers(signed, size)
    return logits, maps, peaks


def _run(loaded: LoadedCheckpoint, batch: Tensor) -> Tensor:
    """Logits (images, all) at the checkpoint's precision; what is made of them is computed in float32."""
    with autocast(loaded.device, loaded.precision):
        logits: Tensor = loaded.network(loaded.placed(batch))
    return logits


def _activations_and_slopes(
    network: nn.Module, run: Run, image: Tensor, rows: Sequence[int], layers: Sequence[str], *, only_means: bool
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """All logits, and for each layer its output (channels, h, w) and the slopes (findings, channels, h, w)."""
    with TappedLayers(network, layers, graph=True) as taps, torch.enable_grad():
        with short_backward(network, layers, only_means=only_means):
            logits = run(image)[0]
        gradients = taps.gradients(logits[rows])
    return logits, [
        (
            channels_first(taps.output(layer).detach(), network, layer)[0],
            channels_first(gradients[layer].flatten(0, 1), network, layer),
        )
        for layer in layers
    ]


def _nobody(_done: int, _total: int) -> None:
    """Whoever does not want to know."""


def _of_all_views(progress: Callable[[int, int], None], view: int, views: int, done: int, total: int) -> None:
    progress(view * total + done, views * total)


def _cannot(loaded: LoadedCheckpoint, choice: MapChoice, error: ValueError) -> EngineFailure:
    return EngineFailure(
        f"The checkpoint {loaded.checkpoint.name} has no map by {choice.facts.title}.",
        f"{error}",
        "Its probabilities can be used; choose another method, other layers, or another checkpoint for maps.",
    )
