"""Which architecture a state dict is of, told from its names and shapes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from xferviewer.networks import backbones
from xferviewer.networks.importing.foreign_heads import FoundHead, find_heads
from xferviewer.networks.importing.layouts import under_timms_names
from xferviewer.networks.importing.torchvision_names import EQUALS

if TYPE_CHECKING:
    from collections.abc import Mapping

_EFFICIENTNETS = tuple(f"efficientnet_b{number}" for number in range(8))
_EFFICIENTNETS_V2 = tuple(f"efficientnetv2_{size}" for size in "sml")
_LITES = tuple(f"efficientnet_lite{number}" for number in range(5))
_TF = tuple(f"tf_{name}" for name in (*_EFFICIENTNETS, *_LITES))
_RESNETS = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"),
)
_REGNETS = tuple(equal.architecture for name, equal in EQUALS.items() if name.startswith("regnet_"))
# A name that gives a family away, and the architectures of it that are tried.
_FAMILIES: dict[str, tuple[str, ...]] = {
    r"layer1\.0\.conv1\.weight|4\.0\.conv1\.weight": _RESNETS,
    r".*denseblock1\.denselayer1\.conv\.?1\.weight": ("densenet121", "densenet161", "densenet169", "densenet201"),
    r"Mixed_5b\.branch1x1\.conv\.weight|7\.branch1x1\.conv\.weight": ("inception_v3",),
    r"mixed_5b\.branch0\.conv\.weight": ("inception_resnet_v2",),
    r"block12\.rep\..*": ("legacy_xception",),
    "dist_token": tuple(f"deit_{size}_distilled_patch16_224" for size in ("tiny", "small", "base")),
    r"blocks\.0\.attn\.qkv\.weight|encoder\.layers\.encoder_layer_0\.ln_1\.weight": (
        *("vit_tiny_patch16_224", "vit_small_patch16_224", "vit_small_patch32_224", "vit_small_patch8_224"),
        *("vit_base_patch16_224", "vit_base_patch32_224", "vit_base_patch8_224"),
        *("vit_large_patch16_224", "vit_large_patch32_224", "vit_huge_patch14_224"),
    ),
    r"(layers\.0\.blocks\.0|features\.1\.0)\.attn\.logit_scale": (
        *(f"swinv2_{size}_window8_256" for size in ("tiny", "small", "base")),
        *(f"swinv2_{size}_window16_256" for size in ("tiny", "small", "base")),
    ),
    r"(layers\.0\.blocks\.0|features\.1\.0)\.attn\.relative_position_bias_table": (
        *("swin_tiny_patch4_window7_224", "swin_small_patch4_window7_224", "swin_base_patch4_window7_224"),
        *("swin_base_patch4_window12_384", "swin_large_patch4_window7_224", "swin_large_patch4_window12_384"),
    ),
    r"stages\.0\.blocks\.0\.conv_dw\.weight|features\.1\.0\.layer_scale": (
        *("convnext_tiny", "convnext_small", "convnext_base", "convnext_large"),
    ),
    r"_conv_stem\.weight": _TF,
    r"features\.1\.0\.block\.0\.0\.weight": (*_EFFICIENTNETS, *_EFFICIENTNETS_V2),
    r"features\.1\.block\.0\.0\.weight": ("mobilenetv3_small_100", "mobilenetv3_large_100"),
    r"conv_stem\.weight": (*_EFFICIENTNETS, *_LITES, *_TF, "mobilenetv2_100"),
    r"features\.1\.conv\.0\.0\.weight": ("mobilenetv2_100",),
    r"layers\.8\.0\.layers\.0\.weight": ("mnasnet_050", "mnasnet_075", "mnasnet_100", "torchvision/mnasnet1_3"),
    r"(trunk_output\.block1\.block1-0\.f\.a\.0|s1\.b1\.conv1\.conv)\.weight": _REGNETS,
    r"conv5\.0\.weight": tuple(f"torchvision/shufflenet_v2_x{width}" for width in ("0_5", "1_0", "1_5", "2_0")),
    r"features\.\d+\.squeeze\.weight": ("torchvision/squeezenet1_0", "torchvision/squeezenet1_1"),
    r"inception5b\.branch1\.conv\.weight": ("torchvision/googlenet",),
    r"blocks\.0\.layers\.0\.layers\.MBconv\.layers\.pre_norm\.weight": ("torchvision/maxvit_t",),
    r"stages\.0\.blocks\.0\.norm1\.weight": tuple(
        f"resnetv2_{size}_bit" for size in ("50x1", "50x3", "101x1", "101x3")
    ),
    r"features\.0\.weight": (
        *(f"vgg{depth}{norm}" for norm in ("", "_bn") for depth in (11, 13, 16, 19)),
        "torchvision/alexnet",
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A state dict as timm's architecture takes it.

    options    further arguments of timm.create_model that its shapes tell
    channels   1 or 3, of its first layer
    backbone   tensors under timm's names, without the classifier
    head       None for a backbone alone
    decisions  sentences
    """

    architecture: str
    options: dict[str, Any]
    channels: int
    backbone: dict[str, Tensor]
    head: FoundHead | None
    decisions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why an architecture does not take a state dict: how many tensors do not fit, and the first of them."""

    architecture: str
    count: int
    first: str = field(compare=False)


def candidates(state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Architectures that a state dict could be of, by the name of one tensor; empty where no family is known by it."""
    for pattern, architectures in _FAMILIES.items():
        if any(re.fullmatch(pattern, key) for key in state):
            return architectures
    return ()


def fit(state: Mapping[str, Tensor], architecture: str, options: Mapping[str, Any] | None = None) -> Fit | Misfit:
    """The state dict as `architecture` (timm's name) takes it, every name and shape strictly, or why it does not.

    Raises ValueError where timm cannot build the architecture with the options.
    """
    given = dict(options or {})
    network = _without_memory(architecture, 3, given)
    renamed = under_timms_names(architecture, dict(state), network)
    converted = renamed.tensors
    decisions = [f"Its names are {renamed.layout}."] if renamed.layout else []
    channels = _channels(converted, network)
    told = {**renamed.options, **_options(converted, network)}
    given |= {name: value for name, value in told.items() if name not in given}
    if channels != 3 or given != dict(options or {}):
        network = _without_memory(architecture, channels, given)
    classifiers = backbones.classifier_names(network)
    ends = tuple(f"{name}." for name in classifiers)
    own = {name: values.shape for name, values in network.state_dict().items() if not name.startswith(ends)}
    for name in own:
        if name.endswith("num_batches_tracked"):  # torch before 0.4.1 did not count them, and nothing here reads them
            counted = converted.get(name)
            converted[name] = (
                torch.zeros((), dtype=torch.int64) if counted is None or counted.numel() != 1 else counted.reshape(())
            )
    faults = [f"It has no {name}" for name in own if name not in converted]
    faults += [
        f"Its {name} has the shape {tuple(converted[name].shape)}, {architecture} wants {tuple(shape)}"
        for name, shape in own.items()
        if name in converted and converted[name].shape != shape
    ]
    rest = {name: values for name, values in converted.items() if name not in own}
    head = find_heads(rest, backbones.classifier_features(network), classifiers) if rest else None
    if isinstance(head, str):
        faults.append(f"{architecture} has no {head}")
    if faults:
        return Misfit(architecture, len(faults) + (len(rest) if isinstance(head, str) else 0), faults[0])
    if isinstance(head, FoundHead):
        decisions += head.decisions
    return Fit(architecture, given, channels, {name: converted[name] for name in own}, _head(head), tuple(decisions))


def _head(found: FoundHead | str | None) -> FoundHead | None:
    return None if isinstance(found, str) else found


def _without_memory(architecture: str, channels: int, options: Mapping[str, Any]) -> nn.Module:
    with torch.device("meta"):
        return backbones.create(architecture, 2, channels, options)


def _channels(state: Mapping[str, Tensor], network: nn.Module) -> int:
    module: Any = network
    first = module.pretrained_cfg["first_conv"]
    weight = state.get(f"{first if isinstance(first, str) else first[0]}.weight")
    return weight.shape[1] if weight is not None and weight.ndim == 4 and weight.shape[1] == 1 else 3


def _options(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Any]:
    """What the shapes of a vision transformer say of its image size and its pooling."""
    if not isinstance(network, VisionTransformer):
        return {}
    transformer: Any = network
    options: dict[str, Any] = {}
    positions = state.get("pos_embed")
    if positions is not None and positions.ndim == 3 and positions.shape != transformer.pos_embed.shape:
        side = math.isqrt(max(positions.shape[1] - transformer.num_prefix_tokens, 0))
        if side and side**2 == positions.shape[1] - transformer.num_prefix_tokens:
            options["img_size"] = side * transformer.patch_embed.patch_size[0]
    if "fc_norm.weight" in state and "norm.weight" not in state:
        options["global_pool"] = "avg"
    return options
