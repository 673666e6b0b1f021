"""torchvision's networks and the equal ones of timm."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import timm
import torch
import torchvision
from torch import Tensor, nn

from xferviewer.networks import torchvision_networks

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Equal:
    """timm's network that computes what one of torchvision's does, and the options of timm.create_model for it."""

    architecture: str
    options: dict[str, Any] = field(default_factory=dict)


_SAME_NAMES = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d"),
    *("resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"),
    *("densenet121", "densenet161", "densenet169", "densenet201"),
    *("vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "inception_v3"),
    *("convnext_tiny", "convnext_small", "convnext_base", "convnext_large"),
    *("efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4"),
)
# Of these torchvision's batch normalisation adds TensorFlow's 0.001 to the variance, timm's its own 0.00001.
_EPSILON = {"bn_eps": 0.001}
_REGNETS = {"400mf": "004", "800mf": "008", "1_6gf": "016", "3_2gf": "032", "8gf": "080", "16gf": "160", "32gf": "320"}
# Whose widths timm rounds otherwise; under these names it has torchvision's.
_ROUNDED_OTHERWISE = {"regnetx_004": "regnetx_004_tv", "regnety_008": "regnety_008_tv", "regnety_080": "regnety_080_tv"}


def _regnets() -> dict[str, Equal]:
    made = {
        f"regnet_{kind}_{flops}": f"regnet{kind}_{timms}" for kind in ("x", "y") for flops, timms in _REGNETS.items()
    }
    made["regnet_y_128gf"] = "regnety_1280"
    return {name: Equal(_ROUNDED_OTHERWISE.get(equal, equal)) for name, equal in made.items()}


# By torchvision's name. Only such whose layers compute the same, epsilon of the norms included; tests compare logits.
EQUALS: dict[str, Equal] = {
    **{name: Equal(name) for name in _SAME_NAMES},
    **{f"efficientnet_b{number}": Equal(f"efficientnet_b{number}", _EPSILON) for number in (5, 6, 7)},
    **{f"efficientnet_v2_{size}": Equal(f"efficientnetv2_{size}", _EPSILON) for size in "sml"},
    "mobilenet_v2": Equal("mobilenetv2_100"),
    "mobilenet_v3_small": Equal("mobilenetv3_small_100", _EPSILON),
    "mobilenet_v3_large": Equal("mobilenetv3_large_100", _EPSILON),
    "mnasnet0_5": Equal("mnasnet_050"),
    "mnasnet0_75": Equal("mnasnet_075"),
    "mnasnet1_0": Equal("mnasnet_100"),
    **_regnets(),
    "vit_b_16": Equal("vit_base_patch16_224"),
    "vit_b_32": Equal("vit_base_patch32_224"),
    "vit_l_16": Equal("vit_large_patch16_224"),
    "vit_l_32": Equal("vit_large_patch32_224"),
    "vit_h_14": Equal("vit_huge_patch14_224"),
    "swin_t": Equal("swin_tiny_patch4_window7_224"),
    "swin_s": Equal("swin_small_patch4_window7_224"),
    "swin_b": Equal("swin_base_patch4_window7_224"),
    "swin_v2_t": Equal("swinv2_tiny_window8_256"),
    "swin_v2_s": Equal("swinv2_small_window8_256"),
    "swin_v2_b": Equal("swinv2_base_window8_256"),
}


def timm_equal(architecture: str) -> Equal:
    """timm's network for either library's name; where both have the name, `torchvision/` before it says whose it is.

    A network of torchvision that timm has no equal of keeps its name, with `torchvision/` before it.
    """
    name = architecture.removeprefix("torchvision/")
    if name in EQUALS and (name != architecture or not timm.is_model(name)):
        return EQUALS[name]
    return Equal(f"torchvision/{name}" if name in torchvision_networks.NAMES else name)


def timm_name(architecture: str) -> str:
    """The name of `timm_equal`."""
    return timm_equal(architecture).architecture


def from_torchvision(
    architecture: str, state: dict[str, Tensor], network: nn.Module
) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The state dict of torchvision's network as timm's equal one has it, and its options; None where it is no such."""
    known = next((name for name, equal in EQUALS.items() if equal.architecture == architecture), None)
    if known is None:
        return None
    rename = next((rename for family, rename in _RENAMED.items() if known.startswith(family)), None)
    renamed = _in_pairs(known, state, network) if rename is None else _by_pattern(state, rename)
    return None if renamed is None else (renamed, EQUALS[known].options)


def _in_pairs(known: str, state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor] | None:
    """Both libraries register the same layers in the same order, but for two places, so names are paired in order.

    A fully connected layer that timm writes as a convolution over all positions is given its shape.
    """
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


def _by_pattern(
    state: dict[str, Tensor], rename: tuple[str, tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]]
) -> dict[str, Tensor] | None:
    sign, patterns = rename
    if sign not in state:
        return None
    renamed: dict[str, Tensor] = {}
    for key, values in state.items():
        for pattern, replacement in patterns:
            key = re.sub(pattern, replacement, key)  # noqa: PLW2901  each pattern sees what the one before left
        if key.endswith("attn.qkv.bias") and sign == _SWIN_V2_SIGN:
            # keys have no bias: torchvision keeps one and multiplies by none of it, timm keeps the other two
            part = len(values) // 3
            stem = key.removesuffix("qkv.bias")
            renamed |= {f"{stem}q_bias": values[:part].clone(), f"{stem}v_bias": values[2 * part :].clone()}
        else:
            renamed[key] = values
    return renamed


_SWIN_V2_SIGN = "features.1.0.attn.logit_scale"
# A tensor that only torchvision's network has by that name, and what its names are in timm, for families whose layers
# the two libraries register in another order.
_RENAMED: dict[str, tuple[str, tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]]] = {
    "regnet_": (
        "trunk_output.block1.block1-0.f.a.0.weight",
        (
            (r"^trunk_output\.block\d\.block(\d)-(\d+)\.", lambda found: f"s{found[1]}.b{int(found[2]) + 1}."),
            (r"\.f\.a\.0\.", ".conv1.conv."),
            (r"\.f\.a\.1\.", ".conv1.bn."),
            (r"\.f\.b\.0\.", ".conv2.conv."),
            (r"\.f\.b\.1\.", ".conv2.bn."),
            (r"\.f\.c\.0\.", ".conv3.conv."),
            (r"\.f\.c\.1\.", ".conv3.bn."),
            (r"\.f\.se\.", ".se."),
            (r"\.proj\.0\.", ".downsample.conv."),
            (r"\.proj\.1\.", ".downsample.bn."),
            (r"^stem\.0\.", "stem.conv."),
            (r"^stem\.1\.", "stem.bn."),
            (r"^fc\.", "head.fc."),
        ),
    ),
    "swin_v2_": (
        _SWIN_V2_SIGN,
        (
            (r"^features\.0\.0\.", "patch_embed.proj."),
            (r"^features\.0\.2\.", "patch_embed.norm."),
            (r"^features\.([246])\.", lambda found: f"layers.{int(found[1]) // 2}.downsample."),
            (r"^features\.([1357])\.(\d+)\.", lambda found: f"layers.{int(found[1]) // 2}.blocks.{found[2]}."),
            (r"\.mlp\.0\.", ".mlp.fc1."),
            (r"\.mlp\.3\.", ".mlp.fc2."),
            (r"^head\.", "head.fc."),
        ),
    ),
}
