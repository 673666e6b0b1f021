"""Deletion and insertion curves of one map, computed beside those of a map drawn by lot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from xferviewer.engine.saliency import explain
from xferviewer.evaluation.perturbation import (
    DELETION_GROUND,
    INSERTION_GROUND,
    Ground,
    curve_area,
    ground_of,
    n_points,
    order_of,
    perturbed,
    pixels_per_step,
    random_map,
)
from xferviewer.evaluation.scores import scores_from_logits

if TYPE_CHECKING:
    from torch import Tensor

    from xferviewer.engine.inference import LoadedCheckpoint
    from xferviewer.saliency_methods import Method

GAMES = ("deletion", "insertion")
CURVES = (*GAMES, "deletion_random", "insertion_random")


@dataclass(frozen=True, slots=True)
class PerturbationChoices:
    """How curves are computed.

    step       pixels a step; 0: as many steps as the input has rows, which is RISE's 224 pixels at 224 × 224
    deletion   what stands in the place of deleted pixels; insertion: what the image grows out of
    seed       of the map drawn by lot
    games      which of the two are computed
    """

    step: int = 0
    deletion: Ground = DELETION_GROUND
    insertion: Ground = INSERTION_GROUND
    seed: int = 0
    games: tuple[str, ...] = GAMES


RISE = PerturbationChoices()
"""As the paper and its code have it."""


@dataclass(frozen=True, slots=True, eq=False)
class PerturbationCurves:
    """The finding's probability after each step (points,) float64, by name in CURVES."""

    scores: dict[str, NDArray[np.float64]]

    def area(self, name: str) -> float:
        """The area under one of them: deletion better when low, insertion when high, each against its random one."""
        return curve_area(self.scores[name])


def perturbation_curves(
    loaded: LoadedCheckpoint,
    tensor: Tensor,
    finding: str,
    identity: str,
    choices: PerturbationChoices = RISE,
    method: Method = "gradcam",
) -> Iterator[tuple[int, int, PerturbationCurves | None]]:
    """The curves of the map of `finding` in one image (channels, rows, columns); tells (done, total) after each input.

    identity  of the image: with the seed it decides the map drawn by lot

    The last item holds the curves. One input at a time on a CPU, so that a number does not depend on its neighbours
    (docs/decisions/0011); 16 elsewhere. Raises ValueError for a finding that the checkpoint does not have.
    """
    image = tensor.numpy()
    rows, columns = image.shape[1:]
    step = choices.step or pixels_per_step(rows, columns)
    explained = explain(loaded, tensor, None, method).maps[loaded.checkpoint.findings.index(finding)]
    by_lot = random_map(rows, columns, choices.seed, identity)
    deleted, blank = ground_of(image, choices.deletion), ground_of(image, choices.insertion)
    between = {"deletion": (image, deleted), "insertion": (blank, image)}
    inputs = {
        game + suffix: perturbed(*between[game], order, step)
        for suffix, order in (("", order_of(explained)), ("_random", order_of(by_lot)))
        for game in choices.games
    }
    total = len(inputs) * n_points(rows, columns, step)
    scores: dict[str, list[float]] = {name: [] for name in inputs}
    done = 0
    for name, steps in inputs.items():
        for batch in _batches(steps, 1 if loaded.device.type == "cpu" else 16):
            scores[name] += _probabilities(loaded, batch, finding)
            done += len(batch)
            yield done, total, None
    yield total, total, PerturbationCurves({name: np.array(values) for name, values in scores.items()})


def _batches(inputs: Iterator[NDArray[np.float32]], size: int) -> Iterator[list[NDArray[np.float32]]]:
    batch: list[NDArray[np.float32]] = []
    for one in inputs:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _probabilities(loaded: LoadedCheckpoint, batch: list[NDArray[np.float32]], finding: str) -> list[float]:
    logits = loaded.logits(torch.from_numpy(np.stack(batch)))
    place = loaded.checkpoint.findings.index(finding)
    return [float(p) for p in scores_from_logits(logits, loaded.checkpoint.task)[:, place]]
