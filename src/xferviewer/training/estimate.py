"""What a job will take, before it starts: parameters, memory, time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from xferviewer.engine.device import autocast
from xferviewer.errors import UnusableSpec
from xferviewer.networks import backbones
from xferviewer.training.losses import loss_of
from xferviewer.training.memory import Memory, check_memory, device_memory
from xferviewer.training.optimisers import make_optimiser
from xferviewer.training.sampling import batch_starts
from xferviewer.training.schedules import make_schedule

if TYPE_CHECKING:
    from xferviewer.jobs.spec import TrainingSpec

_FEW, _MORE, _TIMES = 2, 4, 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job will take on a device.

    steps             of the optimiser, in all
    seconds_per_step  of a whole batch, from steps on noise; reading images and validating come on top
    has               bytes of the device; None where nobody says
    """

    memory: Memory
    device: str
    has: int | None
    steps: int
    seconds_per_step: float

    @property
    def seconds(self) -> float:
        """Of all steps."""
        return self.steps * self.seconds_per_step

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
        }

    def __str__(self) -> str:
        memory = self.memory
        room = "" if self.has is None else f" of {self.has / 1e9:.1f}"
        return (
            f"{memory.parameters:,} parameters, {memory.learning:,} learn; about {memory.total / 1e9:.2f}{room} GB of "
            f"{self.device}: weights {memory.weights / 1e9:.2f}, copies {memory.copies / 1e9:.2f}, gradients "
            f"{memory.gradients / 1e9:.2f}, optimiser {memory.optimiser / 1e9:.2f}, a batch "
            f"{memory.activations / 1e9:.2f}; {self.steps} steps of {self.seconds_per_step:.3g} s, "
            f"{in_words(self.seconds)} besides reading and validation"
        )


def estimate(spec: TrainingSpec, device: torch.device, images: int) -> Estimate:
    """What a job will take that learns from so many images.

    Raises UnusableSpec when the network cannot be built or the device has no room for it; nothing is allocated before.
    """
    try:
        memory = check_memory(spec, device)
    except ValueError as error:
        raise UnusableSpec(
            f"The network of the job {spec.name} cannot be built.",
            f"{error}",
            "Correct the section network of the job, and start it again.",
        ) from error
    steps = make_schedule(spec.recipe, len(batch_starts(spec.recipe, images)), images).steps
    seconds = _seconds_per_step(spec, device)
    return Estimate(memory, device.type.upper(), device_memory(device), steps, seconds)


def in_words(seconds: float) -> str:
    """A duration for people: "3 s", "12 min", "5.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _seconds_per_step(spec: TrainingSpec, device: torch.device) -> float:
    """Of a few steps of a network of its own with a few images, drawn out to the batch; of the batch itself on a card.

    A graphics card takes as long for four images as for two: there only the whole batch says how long it takes. The
    random numbers of the process are left as they were.
    """
    made, recipe = spec.network, spec.recipe
    at_once = -(-recipe.batch_size // recipe.accumulation)
    with torch.random.fork_rng([device] if device.type == "cuda" else [], device_type="cuda"):
        network = backbones.create(
            made.architecture, len(spec.findings), made.preprocessing.channels, made.options, made.head
        )
        backbones.freeze(network, made.trainable_groups, made.counting)
        network = network.to(device).to(memory_format=torch.channels_last)
        backbones.train_mode(network)
        if device.type == "cpu":
            few, more = (_fastest_step(spec, network, images, device) for images in (_FEW, _MORE))
            part = few + max(more - few, 0.0) * (at_once - _FEW) / (_MORE - _FEW)
        else:
            part = _fastest_step(spec, network, at_once, device)
    return part * recipe.accumulation


def _fastest_step(spec: TrainingSpec, network: torch.nn.Module, images: int, device: torch.device) -> float:
    made = spec.network.preprocessing
    inputs = torch.randn(images, made.channels, *made.size).to(device, memory_format=torch.channels_last)
    labels = torch.zeros(images, len(spec.findings))
    labels[:, 0] = 1
    loss_over = loss_of(spec.task, spec.recipe, labels.numpy())
    count = loss_over.count(labels).to(device)
    labels = labels.to(device)
    optimiser = make_optimiser(network, spec.recipe)
    took = []
    for _ in range(_TIMES + 1):  # the first one makes what the optimiser keeps
        began = time.perf_counter()
        optimiser.zero_grad()
        with autocast(device, spec.recipe.precision):
            logits = network(inputs).float()
        (loss_over.total(logits, labels) / count).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        float(logits.detach().sum())  # waits for the device
        took.append(time.perf_counter() - began)
    return min(took[1:])
