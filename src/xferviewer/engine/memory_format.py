"""How the values of an image lie in memory: plane after plane of channels, or position after position."""

from __future__ import annotations

import torch
from torch import nn

from xferviewer.engine.device import Precision
from xferviewer.networks.families import family_of

# Measured family by family in docs/decisions/0048: these gain, the others gain nothing or lose.
_FASTER_CHANNELS_LAST = frozenset(
    {"VGG", "ResNet", "Inception v3", "Inception-ResNet v2", "Xception", "DenseNet", "EfficientNet"}
)


def memory_format(network: nn.Module, device: torch.device, precision: Precision) -> torch.memory_format:
    """The format in which a network of this family computes fastest on a device at a precision.

    In float32 it is channels first everywhere: those numbers are the ones that others are compared with, and they equal
    plain timm's to the bit.
    """
    if precision == "fp32" or device.type == "mps" or family_of(network).name not in _FASTER_CHANNELS_LAST:
        return torch.contiguous_format
    return torch.channels_last
