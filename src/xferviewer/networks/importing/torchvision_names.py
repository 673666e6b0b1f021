"""torchvision's networks and the equal ones of timm."""

from __future__ import annotations

import torch
import torchvision
from torch import Tensor, nn

_SAME_NAMES = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d"),
    *("wide_resnet50_2", "wide_resnet101_2", "densenet121", "densenet161", "densenet169", "densenet201"),
    *("vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "inception_v3"),
    *("convnext_tiny", "convnext_small", "convnext_base", "convnext_large"),
    *("efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4"),
)
# torchvision's name: timm's. Only such whose layers compute the same, epsilon of the norms included.
TIMM_NAMES = {
    **{name: name for name in _SAME_NAMES},
    "mobilenet_v2": "mobilenetv2_100",
    "vit_b_16": "vit_base_patch16_224",
    "vit_b_32": "vit_base_patch32_224",
    "vit_l_16": "vit_large_patch16_224",
    "vit_l_32": "vit_large_patch32_224",
    "swin_t": "swin_tiny_patch4_window7_224",
    "swin_s": "swin_small_patch4_window7_224",
    "swin_b": "swin_base_patch4_window7_224",
}


def timm_name(architecture: str) -> str:
    """timm's name of an architecture by either library's name; `torchvision/` before torchvision's is allowed."""
    name = architecture.removeprefix("torchvision/")
    return TIMM_NAMES.get(name, name)


def from_torchvision(architecture: str, state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor] | None:
    """The state dict of torchvision's network under the names of timm's equal one; None where it is no such.

    Both libraries register the same layers in the same order, but for two places, so that names are paired in order. A
    fully connected layer that timm writes as a convolution over all positions is given its shape.
    """
    known = next((name for name, equal in TIMM_NAMES.items() if equal == architecture), None)
    if known is None:
        return None
    own: dict[str, Tensor] = network.state_dict()
    theirs = _in_timms_order(_names_of(known))
    if set(theirs) == set(own) or len(theirs) != len(own) or len(set(state) & set(theirs)) < len(theirs) - 4:
        return None
    names = dict(zip(theirs, own, strict=True))
    return {names.get(key, key): _shaped(values, own.get(names.get(key, ""))) for key, values in state.items()}


def _names_of(known: str) -> list[str]:
    # both options change nothing in the names; without them torchvision draws random numbers and warns
    options = {"init_weights": False, "aux_logits": False} if known == "inception_v3" else {}
    with torch.device("meta"):
        network = torchvision.models.get_model(known, **options)
    return [name for name in network.state_dict() if not name.endswith("relative_position_index")]


def _in_timms_order(names: list[str]) -> list[str]:
    if "class_token" in names:  # a vision transformer: timm has the position embedding before the patch embedding
        names = ["class_token", "encoder.pos_embedding", *names[1:]]
        return list(dict.fromkeys(names))
    ordered = list(names)
    for place, name in enumerate(names):  # Swin's merging of patches: timm has the norm before the reduction
        if name.endswith(".reduction.weight"):
            ordered[place : place + 3] = [*names[place + 1 : place + 3], name]
    return ordered


def _shaped(values: Tensor, own: Tensor | None) -> Tensor:
    if own is not None and values.shape != own.shape and values.numel() == own.numel():
        return values.reshape(own.shape)
    return values
