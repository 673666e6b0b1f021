"""What differs between families of networks: the layer groups, and the layer at which a saliency map is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from timm.models.densenet import DenseNet
from timm.models.efficientnet import EfficientNet
from timm.models.resnet import ResNet
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

# How the output of a layer lies: (N, C, H, W), (N, H, W, C), or (N, prefix tokens + H·W, C).
Layout = Literal["channels first", "channels last", "tokens"]


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """Layers that are frozen together: a name for people, and the prefixes of their parameters' names."""

    name: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A family of architectures, with functions of one network of it.

    groups          its backbone's layer groups from stem to top; the classifier belongs to none
    saliency_layer  the name of the last layer with positions whose output reaches the logits through pooling or, in a
                    transformer, through one more block
    """

    name: str
    groups: Callable[[nn.Module], list[LayerGroup]]
    saliency_layer: Callable[[nn.Module], str]
    layout: Layout


def family_of(network: nn.Module) -> Family:
    """The family of a timm network. Raises ValueError for one that is not described here."""
    for kind, family in _FAMILIES.items():
        if isinstance(network, kind):
            return family
    raise ValueError(f"{type(network).__name__} belongs to no family that xferviewer knows.")


def _count(network: nn.Module, name: str) -> int:
    """Number of children of the submodule `name`."""
    return len(list(network.get_submodule(name).children()))


def _efficientnet_groups(network: nn.Module) -> list[LayerGroup]:
    stages = [LayerGroup(f"stage {i + 1}", (f"blocks.{i}.",)) for i in range(_count(network, "blocks"))]
    return [LayerGroup("stem", ("conv_stem.", "bn1.")), *stages, LayerGroup("head convolution", ("conv_head.", "bn2."))]


def _resnet_groups(_network: nn.Module) -> list[LayerGroup]:
    stages = [LayerGroup(f"stage {i}", (f"layer{i}.",)) for i in (1, 2, 3, 4)]
    return [LayerGroup("stem", ("conv1.", "bn1.")), *stages]


def _densenet_groups(_network: nn.Module) -> list[LayerGroup]:
    blocks = [LayerGroup(f"block {i}", (f"features.denseblock{i}.", f"features.transition{i}.")) for i in (1, 2, 3)]
    last = LayerGroup("block 4", ("features.denseblock4.", "features.norm5."))
    return [LayerGroup("stem", ("features.conv0.", "features.norm0.")), *blocks, last]


def _vit_groups(network: nn.Module) -> list[LayerGroup]:
    embedding = LayerGroup("embedding", ("patch_embed.", "pos_embed", "cls_token", "reg_token", "norm_pre."))
    blocks = [LayerGroup(f"block {i + 1}", (f"blocks.{i}.",)) for i in range(_count(network, "blocks"))]
    return [embedding, *blocks, LayerGroup("norm", ("norm.", "fc_norm.", "attn_pool."))]


def _swin_groups(network: nn.Module) -> list[LayerGroup]:
    stages = [LayerGroup(f"stage {i + 1}", (f"layers.{i}.",)) for i in range(_count(network, "layers"))]
    return [LayerGroup("stem", ("patch_embed.",)), *stages, LayerGroup("norm", ("norm.",))]


def _vit_saliency_layer(network: nn.Module) -> str:
    """After the last block the patch tokens no longer reach a logit that is read off the class token."""
    return f"blocks.{_count(network, 'blocks') - 1}.norm1"


def _swin_saliency_layer(network: nn.Module) -> str:
    last = _count(network, "layers") - 1
    return f"layers.{last}.blocks.{_count(network, f'layers.{last}.blocks') - 1}.norm1"


_FAMILIES: dict[type[nn.Module], Family] = {
    EfficientNet: Family("EfficientNet", _efficientnet_groups, lambda _: "bn2", "channels first"),
    ResNet: Family("ResNet", _resnet_groups, lambda net: f"layer4.{_count(net, 'layer4') - 1}", "channels first"),
    DenseNet: Family("DenseNet", _densenet_groups, lambda _: "features.norm5", "channels first"),
    VisionTransformer: Family("ViT", _vit_groups, _vit_saliency_layer, "tokens"),
    SwinTransformer: Family("Swin", _swin_groups, _swin_saliency_layer, "channels last"),
}
