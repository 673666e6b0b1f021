"""Integrated gradients: which pixels make up the difference to the logit of an even image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from xferviewer.engine.perturbed_maps import Progress, Run

STEPS = 64
_IMAGES_AT_ONCE = 4


def attributions(run: Run, image: Tensor, rows: Sequence[int], progress: Progress, steps: int = STEPS) -> Tensor:
    """(findings, channels, rows, columns) float32: the share of each pixel of `image` (1, channels, rows, columns).

    Sundararajan, Taly and Yan 2017, eq. 1: the gradients on the straight way from a baseline to the image, averaged and
    multiplied by the way. The baseline is zero, which is an even image of the mean that the preprocessing takes off.
    They add up to the logit of the image less that of the baseline, as far as `steps` points of Gauss and Legendre's
    rule give the integral. `run` computes logits (images, all).
    """
    points, shares = np.polynomial.legendre.leggauss(steps)
    along = torch.tensor((points + 1) / 2, dtype=image.dtype, device=image.device)
    weights = torch.tensor(shares / 2, dtype=image.dtype, device=image.device)
    mean = torch.zeros(len(rows), *image.shape[1:], device=image.device)
    done = 0
    for at, share in zip(torch.split(along, _IMAGES_AT_ONCE), torch.split(weights, _IMAGES_AT_ONCE), strict=True):
        inputs = (at[:, None, None, None] * image).requires_grad_(True)
        with torch.enable_grad():
            sums = run(inputs).float().sum(dim=0)
        each = torch.eye(len(sums), device=image.device)
        for index, row in enumerate(rows):
            last = index == len(rows) - 1
            (slopes,) = torch.autograd.grad(sums, inputs, each[row], retain_graph=not last)
            mean[index] += torch.einsum("n,nchw->chw", share, slopes)
            done += len(at)
            progress(done, steps * len(rows))
    return mean * image[0]
