"""Maps of 14 findings against one forward pass of each family, and against pytorch-grad-cam's loop over the findings.

For each family Grad-CAM is timed alternately with the forward pass; each ratio is of medians. The loop is timed once
for those where it takes seconds and not minutes. Budgets: at most 1.3 forward passes, at least 20 times faster than the
loop on ResNet50 and DenseNet121, maps equal to 1e-4 of the maximum. Then the memory of 1,000 images.

`python benchmarks/saliency.py [--methods]`: with the option the other methods of one pass, too.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from xferviewer.checkpoints import Card, Preprocessing, write_checkpoint
from xferviewer.engine.inference import LoadedCheckpoint, load
from xferviewer.engine.saliency import explain
from xferviewer.networks import backbones
from xferviewer.networks.saliency_layers import channels_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from xferviewer.saliency_methods import Method

# One of each family, with the side of its input.
ARCHITECTURES = {
    "vgg16": 224,
    "resnet50": 224,
    "resnetv2_50x1_bit": 224,
    "inception_v3": 299,
    "inception_resnet_v2": 299,
    "legacy_xception": 299,
    "densenet121": 224,
    "tf_efficientnet_lite0": 224,
    "convnext_tiny": 224,
    "vit_small_patch16_224": 224,
    "deit_small_distilled_patch16_224": 224,
    "swin_tiny_patch4_window7_224": 224,
}
ONE_PASS: tuple[Method, ...] = ("gradcam++", "xgradcam", "hirescam", "layercam", "eigencam")
FINDINGS = tuple(f"finding {number}" for number in range(14))
ROUNDS = 9
LOOPED = ("resnet50", "densenet121")


def main() -> None:
    """Print a line per architecture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--methods", action="store_true", help="time all methods of one pass")
    parser.add_argument("architectures", nargs="*", default=list(ARCHITECTURES))
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)  # beside other programs, threads that wait for each other measure those programs
    for architecture in options.architectures:
        with tempfile.TemporaryDirectory() as folder:
            loaded = _random_checkpoint(architecture, Path(folder) / architecture)
        print(_compare(architecture, loaded, ("gradcam", *(ONE_PASS if options.methods else ()))), flush=True)
    print(_memory(), flush=True)


def _compare(architecture: str, loaded: LoadedCheckpoint, methods: tuple[Method, ...]) -> str:
    size = ARCHITECTURES[architecture]
    tensor = torch.randn(3, size, size)
    explanation = explain(loaded, tensor)
    expected, loop = _by_the_library(loaded, tensor, explanation.layer, len(FINDINGS) if architecture in LOOPED else 1)
    apart = np.abs(explanation.maps[: len(expected)] - expected).max()
    forward: list[float] = []
    ours: dict[Method, list[float]] = {method: [] for method in methods}
    for _ in range(ROUNDS):
        forward.append(_seconds(lambda: loaded.logits(tensor[None])))
        for method in methods:
            ours[method].append(_seconds(lambda method=method: explain(loaded, tensor, None, method)))
    one = statistics.median(forward)
    ratios = {method: statistics.median(times) / one for method, times in ours.items()}
    said = [
        f"saliency {architecture}: forward {one * 1e3:.0f} ms, 14 maps {ratios['gradcam']:.2f}x (budget 1.3)",
        f"maps apart by {apart:.1e} (budget 1e-4)",
    ]
    if architecture in LOOPED:
        times = loop / (ratios["gradcam"] * one)
        said.append(f"pytorch-grad-cam {loop * 1e3:.0f} ms = {times:.1f}x ours (budget 20)")
    said += [f"{method} {ratios[method]:.2f}x" for method in methods[1:]]
    return "; ".join(said)


def _by_the_library(
    loaded: LoadedCheckpoint, tensor: torch.Tensor, layer: str, findings: int
) -> tuple[np.ndarray, float]:
    """The maps of the first findings, and the seconds that they took. The library cannot work on frozen networks."""
    network = loaded.network.requires_grad_(True)
    reshape: Any = lambda values: channels_first(values, network, layer)  # noqa: E731
    with GradCAM(network, [network.get_submodule(layer)], reshape_transform=reshape) as library:
        begun = time.perf_counter()
        maps = [library(tensor[None], [ClassifierOutputTarget(number)]) for number in range(findings)]
        took = time.perf_counter() - begun
    network.zero_grad(set_to_none=True)
    network.requires_grad_(False)
    return np.concatenate(maps), took


def _memory() -> str:
    """Resident memory after 200 and after 1,000 images of all methods that take one pass, by a small network."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = _random_checkpoint("test_efficientnet", Path(folder) / "small", 160)
    sizes = []
    for number in range(1000):
        explain(loaded, torch.randn(3, 160, 160), None, ("gradcam", *ONE_PASS)[number % 6])
        if number in (199, 999):
            gc.collect()
            sizes.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
    growth = sizes[1] / sizes[0] - 1
    return f"saliency memory: {sizes[1] / 1e6:.0f} MB after 1,000 images, {growth:+.1%} since image 200 (budget 5 %)"


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _random_checkpoint(architecture: str, folder: Path, size: int | None = None) -> LoadedCheckpoint:
    size = size or ARCHITECTURES[architecture]
    network = backbones.create(architecture, len(FINDINGS))
    card = Card(
        name=architecture,
        title="Random weights",
        architecture=architecture,
        findings=FINDINGS,
        trained_findings=FINDINGS,
        task="multi-label",
        preprocessing=Preprocessing(size=(size, size), mean=(0.5,) * 3, std=(0.5,) * 3),
        weights_sha256="",
        license="Apache-2.0",
    )
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    return load(write_checkpoint(folder, card, {}, weights), torch.device("cpu"))


if __name__ == "__main__":
    main()
