"""Random moves of training images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from xferviewer.jobs.augmentation_spec import Augmentation


def augment(planes: Tensor, size: tuple[int, int], moves: Augmentation, random: torch.Generator) -> Tensor:
    """Shift, scale and turn each image by amounts of its own, and bring it to `size`; black comes in from outside.

    planes  float32 (images, channels, rows, columns); may be finer than `size`, with the same field of view
    """
    count = len(planes)

    def uniform(limit: float) -> Tensor:
        return (2 * torch.rand(count, generator=random) - 1) * limit

    scale = 1 + uniform(moves.scale)
    angle = uniform(math.radians(moves.rotation))
    # grid coordinates run from -1 to 1, so that a whole side is 2
    shift_x, shift_y = 2 * uniform(moves.shift), 2 * uniform(moves.shift)
    rows, columns = size
    sine, cosine = torch.sin(angle) / scale, torch.cos(angle) / scale
    across = torch.stack([cosine, -sine * rows / columns, shift_x], dim=1)
    down = torch.stack([sine * columns / rows, cosine, shift_y], dim=1)
    grid = functional.affine_grid(torch.stack([across, down], dim=1), [count, 1, rows, columns], align_corners=False)
    return functional.grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
