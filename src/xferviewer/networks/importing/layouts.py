"""Names of tensors in other programs' files, and timm's for the same."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xferviewer.networks.importing.torchvision_names import from_torchvision

if TYPE_CHECKING:
    from torch import Tensor, nn

# The children of torchvision's networks without their classifier, which the files of RadImageNet count through.
_RESNET_CHILDREN = {0: "conv1", 1: "bn1", 4: "layer1", 5: "layer2", 6: "layer3", 7: "layer4"}
_INCEPTION_CHILDREN = {
    0: "Conv2d_1a_3x3",
    1: "Conv2d_2a_3x3",
    2: "Conv2d_2b_3x3",
    4: "Conv2d_3b_1x1",
    5: "Conv2d_4a_3x3",
    **{
        7 + i: f"Mixed_{name}"
        for i, name in enumerate(("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"))
    },
}
_DENSENET_CHILDREN = {0: "features"}


@dataclass(frozen=True, slots=True, eq=False)
class Renamed:
    """A state dict under timm's names.

    layout   whose names it had, for people; "" for timm's own
    options  of timm.create_model, without which the network computes something else than where the names come from
    """

    layout: str
    tensors: dict[str, Tensor]
    options: dict[str, Any] = field(default_factory=dict)


def under_timms_names(architecture: str, state: dict[str, Tensor], network: nn.Module) -> Renamed:
    """The state dict under the names of `network`, which is of the architecture.

    Names that a layout does not know stay as they are; whether all fit is for the caller to see.
    """
    if "_conv_stem.weight" in state:
        blocks = [len(stage) for stage in _stages(network)]
        return Renamed("EfficientNet's first port to PyTorch", {_timm_name(key, blocks): state[key] for key in state})
    children = _children(state)
    if children:
        renamed = {_child(key, children): state[key] for key in state}
        return Renamed("RadImageNet's count of torchvision's children", renamed)
    converted = from_torchvision(architecture, state, network)
    if converted is not None:
        return Renamed("torchvision's names", *converted)
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.", r"\1\2.", key): values for key, values in state.items()}
    return Renamed("" if set(old) == set(state) else "DenseNet's names before 2018", old)


def _children(state: dict[str, Tensor]) -> dict[int, str]:
    if "4.0.conv1.weight" in state:
        return _RESNET_CHILDREN
    if "7.branch1x1.conv.weight" in state:
        return _INCEPTION_CHILDREN
    return _DENSENET_CHILDREN if any(key.startswith("0.denseblock1.") for key in state) else {}


def _child(key: str, children: dict[int, str]) -> str:
    number, _, rest = key.partition(".")
    name = children.get(int(number)) if number.isdecimal() else None
    key = key if name is None else f"{name}.{rest}"
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.", r"\1\2.", key)


def _stages(network: nn.Module) -> list[Any]:
    blocks: Any = getattr(network, "blocks", [])
    return list(blocks)


def _timm_name(key: str, blocks: list[int]) -> str:
    """timm's name of a tensor of EfficientNet's first port: blocks counted through there are stages and blocks here."""
    block = re.fullmatch(r"_blocks\.(\d+)\._(\w+)\.(\w+)", key)
    if block is None:
        top = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
        layer, _, tensor = key.partition(".")
        return f"{top.get(layer, layer)}.{tensor}"
    number, stage = int(block[1]), 0
    while stage < len(blocks) and number >= blocks[stage]:
        number -= blocks[stage]
        stage += 1
    names = {"expand_conv": "conv_pw", "bn0": "bn1", "depthwise_conv": "conv_dw", "bn1": "bn2"}
    names |= {"project_conv": "conv_pwl", "bn2": "bn3"}
    if stage == 0:  # blocks of the first stage expand nothing, and timm counts their layers from one
        names = {"depthwise_conv": "conv_dw", "bn1": "bn1", "project_conv": "conv_pw", "bn2": "bn2"}
    names |= {"se_reduce": "se.conv_reduce", "se_expand": "se.conv_expand"}
    return f"blocks.{stage}.{number}.{names.get(block[2], block[2])}.{block[3]}"
