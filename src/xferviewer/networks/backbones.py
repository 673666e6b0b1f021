"""Networks by timm's names with one of our heads, and which of their layers learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import timm
from timm.models.swin_transformer import SwinTransformer
from timm.models.swin_transformer_v2 import SwinTransformerV2
from torch import nn
from torchvision.models import MaxVit, SqueezeNet

from xferviewer.checkpoints import Head
from xferviewer.networks import heads, torchvision_networks
from xferviewer.networks.families import LayerGroup, family_of

if TYPE_CHECKING:
    from collections.abc import Mapping

LINEAR = Head()

Counting = Literal["corrected", "as published"]

# Arguments of timm.create_model and torchvision's get_model that read files or ask the network for weights.
_REACH_OUT = frozenset(
    ("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "weights")
)


def create(
    architecture: str,
    findings: int,
    channels: int = 3,
    options: Mapping[str, Any] | None = None,
    head: Head = LINEAR,
) -> nn.Module:
    """A network with random weights and one logit per finding. It never asks anybody for weights.

    architecture  a name that timm knows, without a tag ("tf_efficientnet_lite0"), or one of torchvision's that timm has
                  no equal of ("torchvision/alexnet")
    channels      of the input
    options       further keyword arguments of timm.create_model, as config.json keeps them (`depth`, `img_size`, …)
    head          linear is timm's own classifier; any other stands in its place, under the same name

    Raises ValueError when timm knows no such architecture or the options or the head do not suit it.
    """
    if not is_known(architecture):
        raise ValueError(f"timm {timm.__version__} knows no architecture named {architecture}.")
    reaching = sorted(_REACH_OUT & set(options or {}))
    if reaching:  # options come from the config.json of whoever made the folder
        raise ValueError(f"the option {reaching[0]} would read weights from elsewhere; a checkpoint has its own.")
    try:
        network = _built(architecture, findings, channels, dict(options or {}))
    except (TypeError, AssertionError, RuntimeError) as error:
        raise ValueError(f"{architecture} cannot be built with {dict(options or {})}: {error}.") from error
    if head.kind != "linear":
        _check_room_for_head(network, architecture)
        network.set_submodule(classifier_name(network), heads.build(head, classifier_features(network), findings))
    return network


def _check_room_for_head(network: nn.Module, architecture: str) -> None:
    """Another head takes the place of one linear layer that pooled features go into. Raises ValueError."""
    if len(classifier_names(network)) > 1:
        raise ValueError(f"{architecture} averages two linear classifiers; no other head takes their place.")
    if isinstance(network, SqueezeNet):
        raise ValueError(f"{architecture} pools after its classifier; no other head takes its place.")


def is_known(architecture: str) -> bool:
    """Whether `create` builds it: a name of timm without a tag, or of torchvision where timm has no equal."""
    if architecture.startswith(torchvision_networks.PREFIX):
        return architecture.removeprefix(torchvision_networks.PREFIX) in torchvision_networks.NAMES
    return bool(timm.is_model(architecture))


def _built(architecture: str, findings: int, channels: int, options: dict[str, Any]) -> nn.Module:
    if architecture.startswith(torchvision_networks.PREFIX):
        return torchvision_networks.create(architecture, findings, channels, options)
    arguments = {**options, "num_classes": findings, "in_chans": channels}
    network: nn.Module = timm.create_model(architecture, pretrained=False, **arguments)
    return network


def classifier_names(network: nn.Module) -> tuple[str, ...]:
    """The names of the layers that make logits of pooled features, the first of the class token; () where none does.

    Two where a transformer was distilled: that of its distillation token, too; the network averages their logits.
    """
    if not hasattr(network, "get_classifier"):  # torchvision's
        stated: Any = network.pretrained_cfg
        return (str(stated["classifier"]),)
    classifiers = network.get_classifier()  # type: ignore[operator]
    wanted = classifiers if isinstance(classifiers, tuple) else (classifiers,)
    modules = list(network.named_modules())
    names = (next((name for name, module in modules if module is one), "") for one in wanted)
    return tuple(name for name, one in zip(names, wanted, strict=True) if name and not isinstance(one, nn.Identity))


def classifier_name(network: nn.Module) -> str:
    """The first of `classifier_names` ("fc", "head.fc"). Raises ValueError for a network without one."""
    names = classifier_names(network)
    if not names:
        raise ValueError(f"{type(network).__name__} has no classifier.")
    return names[0]


def output_layers(network: nn.Module) -> tuple[str, ...]:
    """The names of the linear layers whose outputs are the logits: of a classifier, or of the head in its place.

    Two where a distilled transformer averages both. Raises ValueError where something else makes logits of them.
    """
    if isinstance(network, SqueezeNet):
        raise ValueError(f"{type(network).__name__} has a ReLU behind its classifier.")
    names = tuple(
        f"{name}.{inner}" if (inner := heads.output_layer(network.get_submodule(name))) else name
        for name in classifier_names(network)
    )
    if not names or not all(isinstance(network.get_submodule(name), nn.Linear | nn.Conv2d) for name in names):
        raise ValueError(f"{type(network).__name__} does not end in a linear layer.")
    return names


def fixed_size(network: nn.Module) -> tuple[str, tuple[int, int]] | None:
    """The option of `create` that fixes the size of the images, and (rows, columns), if no weight shows it."""
    module: Any = network
    if isinstance(network, SwinTransformer | SwinTransformerV2):
        rows, columns = module.patch_embed.img_size
        return "img_size", (rows, columns)
    if isinstance(network, MaxVit):
        _, rows, columns = module.pretrained_cfg["input_size"]
        return "input_size", (rows, columns)
    return None


def options_for_timm(network: nn.Module, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with which timm builds this network again from a folder.

    Of an architecture for images of one size timm knows that size by its name; from a folder it has to be told.
    """
    stated: Any = network.pretrained_cfg
    if stated.get("fixed_input_size") and "img_size" not in options:
        return {**options, "img_size": list(stated["input_size"][1:])}
    return dict(options)


def classifier_features(network: nn.Module) -> int:
    """How many pooled features the classifier of a network with a linear head takes. Raises ValueError."""
    classifier = network.get_submodule(classifier_name(network))
    if isinstance(classifier, nn.Linear):
        return classifier.in_features
    if isinstance(classifier, nn.Conv2d) and classifier.kernel_size == (1, 1):
        return classifier.in_channels
    raise ValueError(f"The classifier of {type(network).__name__} is no linear layer.")


def layer_groups(network: nn.Module, counting: Counting = "corrected") -> list[LayerGroup]:
    """The backbone's layer groups from stem to top, as `counting` has them. Raises ValueError.

    corrected     a family's groups that hold parameters (networks.families)
    as published  the children of torchvision's network, those without parameters too: of a ResNet the topmost is the
                  pooling, so that one trainable group trains nothing, and a DenseNet is one group
    """
    family = family_of(network)
    if counting == "as published":
        if family.published_groups is None:
            raise ValueError(f"layer groups of {family.name} were never published; count them corrected.")
        return family.published_groups(network)
    names = [name for name, _ in network.named_parameters()]
    return [group for group in family.groups(network) if any(name.startswith(group.prefixes) for name in names)]


def freeze(network: nn.Module, trainable_groups: int | None, counting: Counting = "corrected") -> list[str]:
    """Let the classifier and the topmost `trainable_groups` layer groups learn, nothing else; None lets everything.

    Returns the names of the frozen groups. Raises ValueError when the network has fewer groups than that; the published
    code counted once around from the top before it failed, so as published up to twice as many are taken for all.
    """
    network.requires_grad_(True)
    if trainable_groups is None:
        return []
    groups = layer_groups(network, counting)
    most = len(groups) * (2 if counting == "as published" else 1)
    if not 0 <= trainable_groups <= most:
        raise ValueError(f"the network has {len(groups)} layer groups, not {trainable_groups}.")
    frozen = groups[: max(len(groups) - trainable_groups, 0)]
    for name, parameter in network.named_parameters():
        if any(name.startswith(group.prefixes) for group in frozen):
            parameter.requires_grad_(False)
    return [group.name for group in frozen]


def train_mode(network: nn.Module, frozen_norm: Literal["eval", "train"] = "eval") -> None:
    """Training mode; batch normalisation whose scale is frozen keeps its running statistics too.

    Not so under "train": frozen layers go on taking in the statistics of every batch, as was published.
    """
    network.train()
    if frozen_norm == "train":
        return
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  torch's only common class of them
            own = list(module.parameters(recurse=False))
            if own and not any(parameter.requires_grad for parameter in own):
                module.eval()
