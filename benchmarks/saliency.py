"""Maps of 14 findings against one forward pass, and against pytorch-grad-cam's loop over the findings.

The three are timed alternately in one run; each ratio is of medians. Budgets: at most 1.3 forward passes, at least 20
times faster than the loop, maps equal to 1e-4 of the maximum.
"""

from __future__ import annotations

import copy
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from xferviewer.checkpoints import Card, Preprocessing, write_checkpoint
from xferviewer.engine.inference import LoadedCheckpoint, load
from xferviewer.engine.saliency import explain
from xferviewer.networks import backbones

if TYPE_CHECKING:
    from collections.abc import Callable

ARCHITECTURES = ("densenet121", "resnet50", "tf_efficientnet_lite0")
FINDINGS = tuple(f"finding {number}" for number in range(14))
SIZE = 224
ROUNDS = 9
LIBRARY_ROUNDS = 3  # a round of the loop takes seconds


def main() -> None:
    """Print a line per architecture."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # beside other programs, threads that wait for each other measure those programs
    for architecture in ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            loaded = _random_checkpoint(architecture, Path(folder) / architecture)
        print(_compare(architecture, loaded), flush=True)


def _compare(architecture: str, loaded: LoadedCheckpoint) -> str:
    tensor = torch.randn(3, SIZE, SIZE)
    explanation = explain(loaded, tensor)
    network = copy.deepcopy(loaded.network).requires_grad_(True)  # the library cannot work on frozen networks
    forward: list[float] = []
    ours: list[float] = []
    theirs: list[float] = []
    with GradCAM(network, [network.get_submodule(explanation.layer)]) as library:
        targets = [[ClassifierOutputTarget(number)] for number in range(len(FINDINGS))]
        for number in range(ROUNDS):
            forward.append(_seconds(lambda: loaded.logits(tensor[None])))
            ours.append(_seconds(lambda: explain(loaded, tensor)))
            if number < LIBRARY_ROUNDS:
                theirs.append(_seconds(lambda: [library(tensor[None], target) for target in targets]))
        expected = np.concatenate([library(tensor[None], target) for target in targets])
    one, all_maps, loop = (statistics.median(times) for times in (forward, ours, theirs))
    return (
        f"saliency {architecture}: forward {one * 1e3:.0f} ms, 14 maps {all_maps * 1e3:.0f} ms = {all_maps / one:.2f}x "
        f"(budget 1.3); pytorch-grad-cam {loop * 1e3:.0f} ms = {loop / all_maps:.1f}x ours (budget 20); "
        f"maps apart by {np.abs(explanation.maps - expected).max():.1e} (budget 1e-4)"
    )


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _random_checkpoint(architecture: str, folder: Path) -> LoadedCheckpoint:
    network = backbones.create(architecture, len(FINDINGS))
    card = Card(
        name=architecture,
        title="Random weights",
        architecture=architecture,
        findings=FINDINGS,
        trained_findings=FINDINGS,
        task="multi-label",
        preprocessing=Preprocessing(size=(SIZE, SIZE), mean=(0.5,) * 3, std=(0.5,) * 3),
        weights_sha256="",
        license="Apache-2.0",
    )
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    return load(write_checkpoint(folder, card, {}, weights), torch.device("cpu"))


if __name__ == "__main__":
    main()
