"""Images of a batch mixed with one another, and their labels with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from xferviewer.jobs.loss_spec import MixingSpec


def mix(images: Tensor, labels: Tensor, mixing: MixingSpec, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """The batch with each image mixed with a partner, drawn by one λ and one permutation for the whole batch.

    images  float32 (images, channels, rows, columns)
    labels  float32 (images, findings): λ y + (1 - λ) of the partner's; not stated where either is not

    Mixup (Zhang et al. 2018): λ of the one, 1 - λ of the other. Cutmix (Yun et al. 2019): a rectangle of the partner,
    cut off at the edges, and λ is the share of the image that stays. The loss of linear labels is the same mean of two
    losses. All of it is drawn from `random`, on the CPU.
    """
    by_cutmix = bool(mixing.cutmix) and (not mixing.mixup or bool(torch.rand((), generator=random) < 0.5))
    alpha = mixing.cutmix if by_cutmix else mixing.mixup
    if not alpha:
        return images, labels
    share = _beta(alpha, random)
    partners = torch.randperm(len(images), generator=random)
    if by_cutmix:
        top, bottom, left, right = _rectangle(images.shape[-2], images.shape[-1], share, random)
        mixed = images.clone()
        mixed[..., top:bottom, left:right] = images[partners.to(images.device), :, top:bottom, left:right]
        share = 1 - (bottom - top) * (right - left) / (images.shape[-2] * images.shape[-1])
    else:
        mixed = images * share + images[partners.to(images.device)] * (1 - share)
    return mixed, labels * share + labels[partners.to(labels.device)] * (1 - share)


def mixes(mixing: MixingSpec, examples: int) -> bool:
    """Whether a training on so many images mixes any."""
    return bool(mixing.mixup or mixing.cutmix) and examples >= mixing.least_examples


def _beta(alpha: float, random: torch.Generator) -> float:
    """One number from Beta(α, α), by numpy seeded from `random`: torch draws betas from its global state only."""
    seed = int(torch.randint(0, 2**62, (), generator=random))
    return float(np.random.default_rng(seed).beta(alpha, alpha))


def _rectangle(rows: int, columns: int, share: float, random: torch.Generator) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a rectangle of the share 1 - λ around a point drawn anywhere."""
    side = math.sqrt(1 - share)
    height, width = int(rows * side), int(columns * side)
    row, column = (int(torch.randint(0, limit, (), generator=random)) for limit in (rows, columns))
    return (
        max(row - height // 2, 0), min(row + height // 2, rows),
        max(column - width // 2, 0), min(column + width // 2, columns),
    )  # fmt: skip
