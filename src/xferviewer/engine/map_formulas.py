"""Maps from the output of a layer and its gradients: the formulas of the CAM methods, and how maps are scaled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, assert_never

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from typing import Literal

    GradientMethod = Literal["gradcam", "gradcam++", "xgradcam", "hirescam", "layercam"]

_SMALL = 1e-7  # where pytorch-grad-cam adds one, its maps are the reference
_SMALL_POWERS = 1e-6


def gradient_map(method: GradientMethod, activation: Tensor, slopes: Tensor, *, eigen: bool) -> Tensor:
    """(findings, rows, columns), signed: channels of an image weighted by slopes and added up.

    activation  (channels, rows, columns) float32
    slopes      (findings, channels, rows, columns): the derivatives of each logit
    eigen       the first principal component of the weighted channels in place of their sum
    """
    weights = _weights(method, activation, slopes)
    if eigen:
        return principal_map(weights * activation)
    if weights.shape[2:] == (1, 1):
        return torch.einsum("fc,chw->fhw", weights[:, :, 0, 0], activation)
    return torch.einsum("fchw,chw->fhw", weights, activation)


def _weights(method: GradientMethod, activation: Tensor, slopes: Tensor) -> Tensor:
    """(findings, channels, rows or 1, columns or 1)."""
    match method:
        case "gradcam":  # Selvaraju et al. 2017, eq. 1
            return slopes.mean(dim=(2, 3), keepdim=True)
        case "gradcam++":  # Chattopadhay et al. 2018, eq. 19 and 21, with the library's constant
            total = activation.sum(dim=(1, 2))[:, None, None]
            squares = slopes * slopes  # where a slope is zero, so is its share
            shares = squares / (squares * (2 + total * slopes) + _SMALL_POWERS)
            return (shares * torch.relu(slopes)).sum(dim=(2, 3), keepdim=True)
        case "xgradcam":  # Fu et al. 2020, eq. 8
            total = activation.sum(dim=(1, 2))[:, None, None]
            return (slopes * activation / (total + _SMALL)).sum(dim=(2, 3), keepdim=True)
        case "hirescam":  # Draelos and Carin 2020, eq. 2
            return slopes
        case "layercam":  # Jiang et al. 2021, eq. 5 and 6
            return torch.relu(slopes)
    assert_never(method)


def principal_map(values: Tensor) -> Tensor:
    """(n, rows, columns): the channels (n, channels, rows, columns), centred, along their first right-singular vector.

    Muhammad and Yeasin 2020. The sign of a singular vector is arbitrary; here the larger extreme is positive, as in
    pytorch-grad-cam. From the smaller of the two Gram matrices, in float64 on the CPU: the same number everywhere.
    """
    n, _, rows, columns = values.shape
    table = values.flatten(2).transpose(1, 2).to("cpu", torch.float64)  # (n, positions, channels)
    table = table - table.mean(dim=1, keepdim=True)
    if table.shape[1] <= table.shape[2]:
        lengths, vectors = torch.linalg.eigh(table @ table.transpose(1, 2))
        along = vectors[..., -1] * lengths[..., -1:].clamp(min=0).sqrt()
    else:
        _, vectors = torch.linalg.eigh(table.transpose(1, 2) @ table)
        along = (table @ vectors[..., -1:])[..., 0]
    lowest, highest = along.amin(dim=1, keepdim=True), along.amax(dim=1, keepdim=True)
    along = torch.where(lowest.abs() > highest.abs(), -along, along)
    return along.reshape(n, rows, columns).to(values.device, values.dtype)


def average_layers(signed: Sequence[Tensor], size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Maps (findings, *size) in [0, 1] and their peaks (findings,) from the signed maps of one or several layers.

    The positive part of each layer's map is scaled by itself and resized (bilinear); the mean over the layers is scaled
    again, as pytorch-grad-cam does. A peak is the maximum before any scaling, averaged over the layers.
    """
    positive = [torch.relu(each) for each in signed]
    if len(positive) == 1:
        mean = _resized(positive[0], size)
    else:
        mean = torch.stack([_resized(_scaled_for_a_mean(each), size) for each in positive]).mean(dim=0)
    return scaled(mean), torch.stack([each.amax(dim=(1, 2)) for each in positive]).mean(dim=0)


def scaled(maps: Tensor) -> Tensor:
    """Each map from its minimum to its maximum onto [0, 1]; one that is flat is zero: there is nothing to divide by."""
    maps = maps - maps.amin(dim=(1, 2), keepdim=True)
    highest = maps.amax(dim=(1, 2), keepdim=True)
    return torch.where(highest > 0, maps / highest, torch.zeros_like(maps))


def _scaled_for_a_mean(maps: Tensor) -> Tensor:
    maps = maps - maps.amin(dim=(1, 2), keepdim=True)
    return maps / (maps.amax(dim=(1, 2), keepdim=True) + _SMALL)


def _resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    return functional.interpolate(maps[None], size=tuple(size), mode="bilinear", align_corners=False)[0]
