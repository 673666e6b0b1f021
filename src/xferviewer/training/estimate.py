"""What a job will take, before it starts: parameters, memory, time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from xferviewer.engine.device import autocast
from xferviewer.networks import backbones
from xferviewer.training.batches import VALIDATION_BATCH
from xferviewer.training.frozen_backbone import Classifier, Frozen
from xferviewer.training.losses import loss_of
from xferviewer.training.memory import Memory, device_memory
from xferviewer.training.optimisers import make_optimiser
from xferviewer.training.sampling import batch_starts
from xferviewer.training.schedules import make_schedule

if TYPE_CHECKING:
    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.features import FeatureSides

_FEW, _MORE, _TIMES = 2, 4, 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job will take on a device.

    steps             of the optimiser, in all
    seconds_per_step  of a whole batch, from steps on noise; reading images and validating come on top
    has               bytes of the device; None where nobody says
    features          of a frozen backbone whose features are kept: steps are then those of the classifier alone
    """

    memory: Memory
    device: str
    has: int | None
    steps: int
    seconds_per_step: float
    features: FeatureViews | None = None

    @property
    def seconds(self) -> float:
        """Of all steps, and of the views whose features are not kept yet."""
        return self.steps * self.seconds_per_step + (self.features.seconds if self.features else 0.0)

    def as_event(self) -> dict[str, Any]:
        """For events.jsonl and `--json`."""
        return {
            "parameters": self.memory.parameters,
            "learning": self.memory.learning,
            "head": self.memory.head,
            "bytes": {**self.memory.parts(), "total": self.memory.total},
            "device": self.device,
            "device_bytes": self.has,
            "steps": self.steps,
            "seconds_per_step": round(self.seconds_per_step, 6),
            "seconds": round(self.seconds, 3),
            "features": self.features.as_event() if self.features else None,
        }

    def __str__(self) -> str:
        memory = self.memory
        room = "" if self.has is None else f" of {self.has / 1e9:.1f}"
        return (
            f"{memory.parameters:,} parameters, {memory.learning:,} learn; about {memory.total / 1e9:.2f}{room} GB of "
            f"{self.device}: weights {memory.weights / 1e9:.2f}, copies {memory.copies / 1e9:.2f}, gradients "
            f"{memory.gradients / 1e9:.2f}, optimiser {memory.optimiser / 1e9:.2f}, a batch "
            f"{memory.activations / 1e9:.2f}; {f'{self.features}, ' if self.features else ''}{self.steps} steps of "
            f"{self.seconds_per_step:.3g} s, {in_words(self.seconds)} besides reading and validation"
        )


@dataclass(frozen=True, slots=True)
class FeatureViews:
    """Views of training images whose features the classifier learns from: how many, and of how many they are kept."""

    views: int
    kept: int
    seconds_per_view: float

    @property
    def seconds(self) -> float:
        """Of those that are not kept."""
        return (self.views - self.kept) * self.seconds_per_view

    def as_event(self) -> dict[str, Any]:
        """For events.jsonl and `--json`."""
        return {"views": self.views, "kept": self.kept, "seconds_per_view": round(self.seconds_per_view, 6)}

    def __str__(self) -> str:
        return (
            f"the backbone is frozen: the features of {self.kept} of {self.views} views are kept, the others take "
            f"{self.seconds_per_view:.3g} s each, once"
        )


def estimate(
    spec: TrainingSpec, memory: Memory, device: torch.device, images: int, sides: FeatureSides | str
) -> Estimate:
    """What a job will take that learns from so many images, by what `check_memory` counted and a few steps on noise.

    sides  as features where the backbone is frozen; else why they are not
    """
    steps = make_schedule(spec.recipe, len(batch_starts(spec.recipe, images)), images).steps
    with torch.random.fork_rng([device] if device.type == "cuda" else [], device_type="cuda"):
        network = _throwaway(spec, device)
        if isinstance(sides, str):
            seconds, features = _seconds_per_step(spec, network, device), None
        else:
            seconds = _seconds_per_classifier_step(spec, network, device, sides.frozen.features)
            features = FeatureViews(sides.views, sides.kept, _seconds_per_view(Frozen(spec, network), spec))
    return Estimate(memory, device.type.upper(), device_memory(device), steps, seconds, features)


def in_words(seconds: float) -> str:
    """A duration for people: "3 s", "12 min", "5.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _throwaway(spec: TrainingSpec, device: torch.device) -> nn.Module:
    made = spec.network
    network = backbones.create(made.architecture, spec.outputs, made.preprocessing.channels, made.options, made.head)
    backbones.freeze(network, made.trainable_groups, made.counting)
    network = network.to(device).to(memory_format=torch.channels_last)
    backbones.train_mode(network)
    return network


def _seconds_per_step(spec: TrainingSpec, network: nn.Module, device: torch.device) -> float:
    """Of a few steps with a few images, drawn out to the batch; of the batch itself on a graphics card.

    A graphics card takes as long for four images as for two: there only the whole batch says how long it takes.
    """
    recipe = spec.recipe
    at_once = -(-recipe.batch_size // recipe.accumulation)

    def step(images: int) -> float:
        return _fastest_step(spec, network, network, _noise(spec, images, device), device)

    if device.type == "cpu":
        few, more = step(_FEW), step(_MORE)
        part = few + max(more - few, 0.0) * (at_once - _FEW) / (_MORE - _FEW)
    else:
        part = step(at_once)
    return part * recipe.accumulation


def _seconds_per_classifier_step(spec: TrainingSpec, network: nn.Module, device: torch.device, features: int) -> float:
    """Of the whole batch, which is small."""
    at_once = -(-spec.recipe.batch_size // spec.recipe.accumulation)
    inputs = torch.randn(at_once, features).to(device)
    return _fastest_step(spec, network, Classifier(network), inputs, device) * spec.recipe.accumulation


def _seconds_per_view(frozen: Frozen, spec: TrainingSpec) -> float:
    """Of one image of several that go through a backbone that learns nothing."""
    images = _MORE if frozen.device.type == "cpu" else VALIDATION_BATCH
    inputs = _noise(spec, images, frozen.device)
    took = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        frozen.compute(inputs, spec.recipe.precision)
        took.append(time.perf_counter() - began)
    return min(took) / images


def _noise(spec: TrainingSpec, images: int, device: torch.device) -> Tensor:
    made = spec.network.preprocessing
    return torch.randn(images, made.channels, *made.size).to(device, memory_format=torch.channels_last)


def _fastest_step(
    spec: TrainingSpec, network: nn.Module, part: nn.Module, inputs: Tensor, device: torch.device
) -> float:
    """Of the optimiser of a network of which `part` makes logits of the inputs."""
    labels = torch.zeros(len(inputs), len(spec.findings))
    labels[:, 0] = 1
    loss_over = loss_of(spec.task, spec.recipe, labels.numpy(), three_classes=spec.three_classes)
    targets = loss_over.targets(labels)
    count, targets = loss_over.count(targets).to(device), targets.to(device)
    optimiser = make_optimiser(network, spec.recipe)
    took = []
    for _ in range(_TIMES + 1):  # the first one makes what the optimiser keeps
        began = time.perf_counter()
        optimiser.zero_grad()
        with autocast(device, spec.recipe.precision):
            outputs = part(inputs).float()
        (loss_over.total(outputs, targets) / count).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        float(outputs.detach().sum())  # waits for the device
        took.append(time.perf_counter() - began)
    return min(took[1:])
