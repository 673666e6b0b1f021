"""torchvision's networks that timm has no equal of, with what timm's networks know of themselves.

They are built by torchvision itself and go by `torchvision/` and its name (`torchvision/alexnet`); timm does not open
their checkpoint folders.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn
from torchvision import models
from torchvision.models import AlexNet, GoogLeNet, MaxVit, MNASNet, ShuffleNetV2, SqueezeNet

from xferviewer.networks.families import Family, LayerGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "torchvision/"
_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
_HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


@dataclass(frozen=True, slots=True)
class _Network:
    """The first convolution and the classifier by name; arguments without which torchvision builds another network.

    build   torchvision's own function
    stated  mean and deviation of the inputs that the bare network was trained for on ImageNet
    """

    build: Callable[..., nn.Module]
    first: str
    classifier: str
    options: dict[str, Any] = field(default_factory=dict)
    stated: dict[str, tuple[float, float, float]] = field(default_factory=lambda: _IMAGENET)


class _MNASNet(MNASNet):  # type: ignore[misc]  # torchvision states no types
    """Takes a state dict as it is. torchvision's own wants to be told which of its two versions it has, as only files
    of torch.save can; the one network built here was published in the second only.
    """

    def _load_from_state_dict(self, *arguments: Any) -> None:
        nn.Module._load_from_state_dict(self, *arguments)  # noqa: SLF001  past torchvision's


def _mnasnet1_3(**options: Any) -> nn.Module:
    return _MNASNet(1.3, **options)


_NETWORKS: dict[str, _Network] = {
    "alexnet": _Network(models.alexnet, "features.0", "classifier.6"),
    # torchvision's own ImageNet weights come with transform_input, which turns ImageNet's statistics into these
    "googlenet": _Network(models.googlenet, "conv1.conv", "fc", {"aux_logits": False, "init_weights": False}, _HALF),
    "maxvit_t": _Network(models.maxvit_t, "stem.0.0", "classifier.5", {"input_size": (224, 224)}),
    "mnasnet1_3": _Network(_mnasnet1_3, "layers.0", "classifier.1"),
    "shufflenet_v2_x0_5": _Network(models.shufflenet_v2_x0_5, "conv1.0", "fc"),
    "shufflenet_v2_x1_0": _Network(models.shufflenet_v2_x1_0, "conv1.0", "fc"),
    "shufflenet_v2_x1_5": _Network(models.shufflenet_v2_x1_5, "conv1.0", "fc"),
    "shufflenet_v2_x2_0": _Network(models.shufflenet_v2_x2_0, "conv1.0", "fc"),
    "squeezenet1_0": _Network(models.squeezenet1_0, "features.0", "classifier.1"),
    "squeezenet1_1": _Network(models.squeezenet1_1, "features.0", "classifier.1"),
}
NAMES = tuple(_NETWORKS)


def create(architecture: str, findings: int, channels: int, options: Mapping[str, Any]) -> nn.Module:
    """A network with random weights, its facts under `pretrained_cfg` as timm keeps them.

    Raises ValueError for a name that torchvision has not, or that timm has an equal of; TypeError for odd options.
    """
    known = _NETWORKS.get(architecture.removeprefix(PREFIX))
    if known is None:
        raise ValueError(f"{architecture} is none of torchvision's networks that are built here: {', '.join(NAMES)}.")
    arguments = {**known.options, **options}
    network: Any = known.build(num_classes=findings, **arguments)
    for module in network.modules():  # what is computed when a network is built is no weight; timm does not keep it
        if "relative_position_index" in module._buffers:  # noqa: SLF001  the only place where torch notes it
            module._non_persistent_buffers_set.add("relative_position_index")  # noqa: SLF001
    if channels != 3:
        network.set_submodule(known.first, _for_channels(network.get_submodule(known.first), channels))
    network.pretrained_cfg = {
        "architecture": architecture, "first_conv": known.first, "classifier": known.classifier,
        "input_size": (channels, *arguments.get("input_size", (224, 224))), "crop_pct": 0.875,
        "interpolation": "bilinear", **known.stated,
    }  # fmt: skip
    built: nn.Module = network
    return built


def _for_channels(first: nn.Conv2d, channels: int) -> nn.Conv2d:
    build: Any = nn.Conv2d  # torch types its sizes as tuples of a length that a layer does not state
    convolution: nn.Conv2d = build(
        channels, first.out_channels, first.kernel_size, first.stride, first.padding, bias=first.bias is not None
    )
    return convolution


def _each(name: str, *modules: str) -> LayerGroup:
    return LayerGroup(name, tuple(f"{module}." for module in modules))


def _between_poolings(network: nn.Module) -> list[LayerGroup]:
    blocks: list[list[str]] = [[]]
    for name, module in network.get_submodule("features").named_children():
        blocks[-1].append(f"features.{name}")
        if isinstance(module, nn.MaxPool2d):
            blocks.append([])
    return [_each(f"block {i + 1}", *names) for i, names in enumerate(blocks) if names]


def _alexnet_groups(network: nn.Module) -> list[LayerGroup]:
    return [*_between_poolings(network), _each("fully connected", "classifier.1", "classifier.4")]


def _googlenet_groups(_network: nn.Module) -> list[LayerGroup]:
    return [
        _each("stem", "conv1", "conv2", "conv3"),
        _each("inception 3", "inception3a", "inception3b"),
        _each("inception 4", *(f"inception4{letter}" for letter in "abcde")),
        _each("inception 5", "inception5a", "inception5b"),
    ]


def _maxvit_groups(_network: nn.Module) -> list[LayerGroup]:
    stages = [_each(f"stage {i + 1}", f"blocks.{i}") for i in range(4)]
    return [_each("stem", "stem"), *stages, _each("fully connected", "classifier.2", "classifier.3")]


def _mnasnet_groups(_network: nn.Module) -> list[LayerGroup]:
    stages = [_each(f"stage {i - 7}", f"layers.{i}") for i in range(8, 14)]
    stem, last = (tuple(f"layers.{i}" for i in numbers) for numbers in (range(8), range(14, 17)))
    return [_each("stem", *stem), *stages, _each("head convolution", *last)]


def _shufflenet_groups(_network: nn.Module) -> list[LayerGroup]:
    stages = [_each(f"stage {i}", f"stage{i}") for i in (2, 3, 4)]
    return [_each("stem", "conv1"), *stages, _each("last convolution", "conv5")]


def _before_the_last_pooling(network: nn.Module) -> str:
    layers = list(network.get_submodule("features").children())
    return f"features.{max(i for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)) - 1}"


FAMILIES: dict[type[nn.Module], Family] = {
    # the last activation before the last pooling, as for a VGG
    AlexNet: Family("AlexNet", _alexnet_groups, lambda _: "features.11", lambda _: "features.4", "channels first"),
    GoogLeNet: Family(
        "GoogLeNet", _googlenet_groups, lambda _: "inception5b", lambda _: "inception4e", "channels first"
    ),
    MaxVit: Family("MaxViT", _maxvit_groups, lambda _: "blocks.3", lambda _: "blocks.2", "channels first"),
    MNASNet: Family("MNASNet", _mnasnet_groups, lambda _: "layers", lambda _: "layers.11", "channels first"),
    ShuffleNetV2: Family("ShuffleNet v2", _shufflenet_groups, lambda _: "conv5", lambda _: "stage3", "channels first"),
    SqueezeNet: Family(
        "SqueezeNet", _between_poolings, lambda _: "features", _before_the_last_pooling, "channels first"
    ),
}
