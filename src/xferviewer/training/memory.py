"""What a training job needs to keep, and whether the device has room for it, before anything is built."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from xferviewer.errors import UnusableSpec
from xferviewer.networks import backbones

if TYPE_CHECKING:
    from xferviewer.jobs.spec import TrainingSpec

_FLOAT = 4


def training_bytes(spec: TrainingSpec) -> tuple[int, int]:
    """How many parameters the network has, and the bytes for them, their best copy, gradients and AdamW's two means.

    What a batch needs on top depends on its images and is not counted. Nothing is allocated. Raises ValueError for a
    network that cannot be built.
    """
    made = spec.network
    with torch.device("meta"):
        network = backbones.create(
            made.architecture, len(spec.findings), made.preprocessing.channels, made.options, made.head
        )
    backbones.freeze(network, made.trainable_groups, made.counting)
    total = sum(parameter.numel() for parameter in network.parameters())
    learning = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    return total, _FLOAT * (2 * total + 3 * learning)


def check_memory(spec: TrainingSpec, device: torch.device) -> int:
    """The bytes of `training_bytes`. Raises UnusableSpec where the device has fewer, ValueError as that does."""
    parameters, needed = training_bytes(spec)
    has = device_memory(device)
    if has is not None and needed > has:
        raise UnusableSpec(
            f"The job {spec.name} does not start.",
            f"Its network has {parameters:,} parameters; training it keeps {needed / 1e9:.1f} GB, and "
            f"{device.type.upper()} has {has / 1e9:.1f} GB.",
            "Choose a smaller network or head (fewer filters, a smaller ratio), or freeze more of it.",
        )
    return needed


def device_memory(device: torch.device) -> int | None:
    """Bytes that are free on a graphics card, or that the computer has; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    names = ("SC_PHYS_PAGES", "SC_PAGE_SIZE")
    if not hasattr(os, "sysconf") or not all(name in os.sysconf_names for name in names):
        return None
    pages, size = (os.sysconf(name) for name in names)
    return pages * size
