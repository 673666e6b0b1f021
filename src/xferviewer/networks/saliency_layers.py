"""The layers at which maps are taken, by name, and their outputs as maps of channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from xferviewer.networks.families import family_of

if TYPE_CHECKING:
    from torch import Tensor, nn


def saliency_layers(network: nn.Module, chosen: str) -> tuple[str, ...]:
    """The names of the layers in a network that `chosen` means: a name of LAYER_SETS, or layers separated by commas.

    Raises ValueError for a network without such layers.
    """
    family = family_of(network)
    if chosen == "standard":
        return (family.saliency_layer(network),)
    if chosen == "last-two":
        return family.earlier_layer(network), family.saliency_layer(network)
    if chosen == "published":
        if not family.published_layers:
            raise ValueError(f"That study made no maps of a network of the family {family.name}.")
        return family.published_layers
    names = tuple(name.strip() for name in chosen.split(",") if name.strip())
    there = dict(network.named_modules())
    absent = [name for name in names if name not in there] or ([] if names else [repr(chosen)])
    if absent:
        raise ValueError(f"{type(network).__name__} has no layer {', '.join(absent)}.")
    return names


def channel_axis(output: Tensor, network: nn.Module, layer: str) -> int:
    """The axis of the channels in the output of a layer. Raises ValueError for an output without rows and columns."""
    layout = family_of(network).layout
    if output.ndim == 3 and layout in ("tokens", "patch tokens", "channels last"):
        return 2
    if output.ndim == 4 and layout in ("channels first", "patch tokens", "channels last"):
        return 3 if layout == "channels last" else 1
    if output.ndim == 4 and layout == "as timm states":
        return _stated_axis(output, network, layer)
    raise ValueError(f"The output of the layer {layer} of {type(network).__name__} has no rows and columns.")


def channels_first(values: Tensor, network: nn.Module, layer: str) -> Tensor:
    """(images, channels, rows, columns) float32 of the output of a layer, or of its gradients.

    Raises ValueError for an output without rows and columns.
    """
    values = values.float()
    axis = channel_axis(values, network, layer)
    if axis != 2:
        return values if axis == 1 else values.permute(0, 3, 1, 2)
    rows, columns = _grid(values.shape[1], network, layer)
    patches = values[:, values.shape[1] - rows * columns :]
    return patches.transpose(1, 2).reshape(len(values), -1, rows, columns)


def _grid(tokens: int, network: nn.Module, layer: str) -> tuple[int, int]:
    """Rows and columns of patches; of a later stage of a network in stages, in the proportion of its first one."""
    if family_of(network).layout == "patch tokens":
        side = math.isqrt(tokens)
        if side**2 != tokens:
            raise ValueError(f"The tokens of the layer {layer} of {type(network).__name__} make no square.")
        return side, side
    module: Any = network  # torch types every attribute of a module as tensor or module
    rows, columns = module.patch_embed.grid_size
    if family_of(network).layout != "tokens":
        shrunk = math.isqrt(rows * columns // tokens)
        rows, columns = rows // max(shrunk, 1), columns // max(shrunk, 1)
        prefix = 0
    else:
        prefix = module.num_prefix_tokens
    if tokens not in (rows * columns, rows * columns + prefix):
        raise ValueError(f"The {tokens} tokens of the layer {layer} of {type(network).__name__} are no grid.")
    return rows, columns


def _stated_axis(output: Tensor, network: nn.Module, layer: str) -> int:
    """By the width that timm states of the layer; where it states none, by the order it states of the network."""
    module: Any = network
    widths = {each["module"]: each["num_chs"] for each in getattr(network, "feature_info", None) or ()}
    if layer not in widths:
        return 3 if getattr(module, "output_fmt", "NCHW") == "NHWC" else 1
    if widths[layer] not in (output.shape[1], output.shape[3]):
        raise ValueError(f"The layer {layer} of {type(network).__name__} that timm states has no rows and columns.")
    return 1 if output.shape[1] == widths[layer] else 3
