"""What differs between families of networks: the layer groups, and the layer at which a saliency map is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from timm.models import group_parameters
from timm.models.convnext import ConvNeXt
from timm.models.densenet import DenseNet
from timm.models.efficientnet import EfficientNet
from timm.models.inception_resnet_v2 import InceptionResnetV2
from timm.models.inception_v3 import InceptionV3
from timm.models.resnet import ResNet
from timm.models.resnetv2 import ResNetV2
from timm.models.swin_transformer import SwinTransformer
from timm.models.vgg import VGG
from timm.models.vision_transformer import VisionTransformer
from timm.models.xception import Xception
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable


# How the output of a layer lies: (N, C, H, W), (N, H, W, C), (N, prefix tokens + H·W, C), (N, H·W, C) of a square, or
# one of the first two, told apart by the number of channels that timm states of the layer.
Layout = Literal["channels first", "channels last", "tokens", "patch tokens", "as timm states"]


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """Layers that are frozen together: a name for people, and the prefixes of their parameters' names."""

    name: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A family of architectures, with functions of one network of it.

    groups            its backbone's layer groups from stem to top; the classifier belongs to none
    saliency_layer    the name of the last layer with positions whose output reaches the logits through pooling or,
                      where they are read off a class token, through one more block. Raises ValueError where there is
                      none.
    earlier_layer     the end of the stage before it, in a transformer of one stage of the block before it; likewise
    published_groups  the children of torchvision's network without its classifier, which is what the BUSI and MRNet
                      study counted; None where it had no such network
    published_layers  the layers whose maps that study averaged; empty where it had no such network
    """

    name: str
    groups: Callable[[nn.Module], list[LayerGroup]]
    saliency_layer: Callable[[nn.Module], str]
    earlier_layer: Callable[[nn.Module], str]
    layout: Layout
    published_groups: Callable[[nn.Module], list[LayerGroup]] | None = None
    published_layers: tuple[str, ...] = ()


def family_of(network: nn.Module) -> Family:
    """The family of a network; one of timm that is not described here has the groups and the layer that timm states."""
    from xferviewer.networks import token_families, torchvision_networks  # which need this module's classes

    described = {**_FAMILIES, **token_families.FAMILIES, **torchvision_networks.FAMILIES}
    for kind, family in described.items():
        if isinstance(network, kind):
            return family
    return _STATED_BY_TIMM


def _count(network: nn.Module, name: str) -> int:
    """Number of children of the submodule `name`."""
    return len(list(network.get_submodule(name).children()))


def _each(name: str, *modules: str) -> LayerGroup:
    return LayerGroup(name, tuple(f"{module}." for module in modules))


def _efficientnet_groups(network: nn.Module) -> list[LayerGroup]:
    stages = [_each(f"stage {i + 1}", f"blocks.{i}") for i in range(_count(network, "blocks"))]
    return [_each("stem", "conv_stem", "bn1"), *stages, _each("head convolution", "conv_head", "bn2")]


def _resnet_groups(_network: nn.Module) -> list[LayerGroup]:
    return [_each("stem", "conv1", "bn1"), *(_each(f"stage {i}", f"layer{i}") for i in (1, 2, 3, 4))]


def _published_resnet_groups(_network: nn.Module) -> list[LayerGroup]:
    stages = [_each(f"layer{i}", f"layer{i}") for i in (1, 2, 3, 4)]
    first = [_each("conv1", "conv1"), _each("bn1", "bn1"), LayerGroup("relu", ()), LayerGroup("maxpool", ())]
    return [*first, *stages, LayerGroup("avgpool", ())]


def _resnetv2_groups(_network: nn.Module) -> list[LayerGroup]:
    stages = [_each(f"stage {i + 1}", f"stages.{i}") for i in (0, 1, 2)]
    return [_each("stem", "stem"), *stages, _each("stage 4", "stages.3", "norm")]


def _vgg_groups(network: nn.Module) -> list[LayerGroup]:
    blocks: list[list[str]] = [[]]
    for name, module in network.get_submodule("features").named_children():
        blocks[-1].append(f"features.{name}")
        if isinstance(module, nn.MaxPool2d):
            blocks.append([])
    groups = [_each(f"block {i + 1}", *names) for i, names in enumerate(blocks) if names]
    return [*groups, _each("fully connected", "pre_logits")]


def _densenet_groups(_network: nn.Module) -> list[LayerGroup]:
    blocks = [_each(f"block {i}", f"features.denseblock{i}", f"features.transition{i}") for i in (1, 2, 3)]
    last = _each("block 4", "features.denseblock4", "features.norm5")
    return [_each("stem", "features.conv0", "features.norm0"), *blocks, last]


def _inception_v3_groups(_network: nn.Module) -> list[LayerGroup]:
    stem = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
    blocks = [(number, [f"Mixed_{number}{letter}" for letter in letters]) for number, letters in _MIXED.items()]
    return [_each("stem", *stem), *(_each(f"{names[0]} to {names[-1]}", *names) for _, names in blocks)]


_MIXED = {5: "bcd", 6: "abcde", 7: "abc"}


def _published_inception_v3_groups(_network: nn.Module) -> list[LayerGroup]:
    first = [
        "Conv2d_1a_3x3",
        "Conv2d_2a_3x3",
        "Conv2d_2b_3x3",
        "maxpool1",
        "Conv2d_3b_1x1",
        "Conv2d_4a_3x3",
        "maxpool2",
    ]
    mixed = [f"Mixed_{number}{letter}" for number, letters in _MIXED.items() for letter in letters]
    without = ("maxpool1", "maxpool2", "avgpool", "dropout")
    names = [*first, *mixed, "avgpool", "dropout"]
    return [LayerGroup(name, ()) if name in without else _each(name, name) for name in names]


def _inception_resnet_groups(_network: nn.Module) -> list[LayerGroup]:
    return [
        _each("stem", "conv2d_1a", "conv2d_2a", "conv2d_2b", "conv2d_3b", "conv2d_4a"),
        _each("mixed 5b and blocks 35", "mixed_5b", "repeat"),
        _each("mixed 6a and blocks 17", "mixed_6a", "repeat_1"),
        _each("mixed 7a, blocks 8, last convolution", "mixed_7a", "repeat_2", "block8", "conv2d_7b"),
    ]


def _xception_groups(_network: nn.Module) -> list[LayerGroup]:
    def blocks(first: int, last: int) -> LayerGroup:
        return _each(f"blocks {first} to {last}", *(f"block{i}" for i in range(first, last + 1)))

    top = _each("block 12 and last convolutions", "block12", "conv3", "bn3", "conv4", "bn4")
    return [_each("stem", "conv1", "bn1", "conv2", "bn2"), blocks(1, 3), blocks(4, 8), blocks(9, 11), top]


def _convnext_groups(network: nn.Module) -> list[LayerGroup]:
    stages = [_each(f"stage {i + 1}", f"stages.{i}") for i in range(_count(network, "stages"))]
    return [_each("stem", "stem"), *stages, _each("norm", "norm_pre", "head.norm", "head.pre_logits")]


def _vit_groups(network: nn.Module) -> list[LayerGroup]:
    tokens = ("patch_embed.", "pos_embed", "cls_token", "reg_token", "dist_token", "norm_pre.")
    blocks = [_each(f"block {i + 1}", f"blocks.{i}") for i in range(_count(network, "blocks"))]
    return [LayerGroup("embedding", tokens), *blocks, _each("norm", "norm", "fc_norm", "attn_pool")]


def _swin_groups(network: nn.Module) -> list[LayerGroup]:
    stages = [_each(f"stage {i + 1}", f"layers.{i}") for i in range(_count(network, "layers"))]
    return [_each("stem", "patch_embed"), *stages, _each("norm", "norm")]


def stated_groups(network: nn.Module) -> list[LayerGroup]:
    """timm's own coarse groups, which it makes for learning rates that grow from layer to layer. Raises ValueError."""
    module: Any = network
    try:
        matcher = module.group_matcher(coarse=True)
    except (AttributeError, AssertionError) as error:
        raise ValueError(f"timm states no layer groups of {type(network).__name__}.") from error
    classifiers = module.get_classifier()
    ends = {
        id(p) for one in (classifiers if isinstance(classifiers, tuple) else (classifiers,)) for p in one.parameters()
    }
    parameters = dict(network.named_parameters())
    stated = group_parameters(network, matcher).values()
    names = [tuple(name for name in group if id(parameters[name]) not in ends) for group in stated]
    return [LayerGroup(f"group {i + 1}", group) for i, group in enumerate(group for group in names if group)]


def _vgg_layer(from_the_end: int) -> Callable[[nn.Module], str]:
    """The last activation before a max-pooling, which is the last map of its stage that keeps all positions."""

    def name(network: nn.Module) -> str:
        layers = list(network.get_submodule("features").children())
        poolings = [index for index, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
        return f"features.{poolings[-from_the_end] - 1}"

    return name


def block_norm(from_the_end: int) -> Callable[[nn.Module], str]:
    """The first normalisation of a block: after the last block's, a class token alone reaches the logits."""
    return lambda network: f"blocks.{_count(network, 'blocks') - from_the_end}.norm1"


def _vit_layer(network: nn.Module) -> str:
    """Where the patches are averaged, what comes out of the last normalisation counts, all of it alike."""
    module: Any = network
    return block_norm(1)(network) if module.global_pool == "token" else "norm"


def _stated_layer(from_the_end: int) -> Callable[[nn.Module], str]:
    def name(network: nn.Module) -> str:
        features: Any = getattr(network, "feature_info", None)
        stated: str = features[-from_the_end]["module"] if features and len(features) >= from_the_end else ""
        if not stated or stated not in dict(network.named_modules()):
            raise ValueError(f"timm states no layer with positions of {type(network).__name__}.")
        return stated

    return name


def last_block(stage: str) -> Callable[[nn.Module], str]:
    return lambda network: f"{stage}.{_count(network, stage) - 1}"


def stage(stages: str, from_the_end: int) -> Callable[[nn.Module], str]:
    return lambda network: f"{stages}.{_count(network, stages) - from_the_end}"


def _named(layer: str) -> Callable[[nn.Module], str]:
    return lambda _network: layer


_FAMILIES: dict[type[nn.Module], Family] = {
    VGG: Family("VGG", _vgg_groups, _vgg_layer(1), _vgg_layer(2), "channels first"),
    ResNet: Family(
        "ResNet",
        _resnet_groups,
        last_block("layer4"),
        last_block("layer3"),
        "channels first",
        _published_resnet_groups,
        ("layer3", "layer4"),
    ),
    ResNetV2: Family("ResNet v2", _resnetv2_groups, _named("norm"), stage("stages", 2), "channels first"),
    InceptionV3: Family(
        "Inception v3",
        _inception_v3_groups,
        _named("Mixed_7c"),
        _named("Mixed_6e"),
        "channels first",
        _published_inception_v3_groups,
        ("Mixed_7c",),
    ),
    InceptionResnetV2: Family(
        "Inception-ResNet v2", _inception_resnet_groups, _named("conv2d_7b"), _named("repeat_1"), "channels first"
    ),
    Xception: Family("Xception", _xception_groups, _named("act4"), _named("block11"), "channels first"),
    DenseNet: Family(
        "DenseNet",
        _densenet_groups,
        _named("features.norm5"),
        _named("features.denseblock3"),
        "channels first",
        lambda _: [_each("features", "features")],
        ("features.denseblock4",),
    ),
    EfficientNet: Family("EfficientNet", _efficientnet_groups, _named("bn2"), _stated_layer(2), "channels first"),
    ConvNeXt: Family("ConvNeXt", _convnext_groups, stage("stages", 1), stage("stages", 2), "channels first"),
    VisionTransformer: Family("ViT", _vit_groups, _vit_layer, block_norm(2), "tokens"),
    SwinTransformer: Family("Swin", _swin_groups, _named("norm"), stage("layers", 2), "channels last"),
}
_STATED_BY_TIMM = Family("as timm states", stated_groups, _stated_layer(1), _stated_layer(2), "as timm states")
