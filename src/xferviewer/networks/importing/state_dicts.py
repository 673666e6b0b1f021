"""The state dict inside what a file holds, without the names that training programs put around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from xferviewer.networks.importing.weight_files import refused
from xferviewer.networks.importing.whole_networks import SavedNetwork

if TYPE_CHECKING:
    from pathlib import Path

# Where training programs keep the weights, the first that is there. Of a student and its teacher the teacher is what
# self-supervised methods publish (DINO, SiT).
_KEPT_UNDER = (
    *("teacher", "state_dict", "model_state_dict", "model_state", "model", "network", "net", "net_state_dict"),
    *("weights", "params", "student", "backbone", "encoder"),
)
_DEEPEST = 4
# Names around a whole network: DataParallel, Lightning, torch.compile, wrappers of laboratories (CheXNet's is the
# architecture's name).
_AROUND_ALL = re.compile(
    r"module|model|net|network|_orig_mod|student|teacher|backbone|encoder|base_encoder|encoder_q|trunk|"
    r"(resnet|densenet|vgg|inception|efficientnet|convnext)\w*"
)
# Of several branches the first that is there is the network, and its others are what it was pre-trained with: MoCo v3,
# MoCo, SimMIM and GMML, DINO.
_BRANCHES = ("teacher", "base_encoder", "encoder_q", "encoder", "backbone")
_PRETRAINING = (
    r"student|momentum_encoder|predictor|encoder_k|queue|queue_ptr|decoder|mask_token|rec_head|"
    r"head\.(mlp|last_layer)|projector|center"
)
# What is kept beside the weights and is no part of the network: losses, metrics, profilers, thresholds.
_BESIDE = re.compile(
    r"(criterion|loss|loss_fn|loss_function|\w*(auc|auroc|accuracy|metrics?))\..*|pos_weight|op_threshs|"
    r"mask_token|(.*\.)?total_(ops|params)|(.*\.)?relative_position_index|(.*\.)?relative_coords_table|"
    r"(.*\.)?attn_mask|AuxLogits\..*|aux[12]\..*"
)


@dataclass(frozen=True, slots=True, eq=False)
class StateDict:
    """Named tensors on the CPU, floating ones float32, and in sentences what was decided on the way to them.

    methods  pre-training methods that the names speak of
    """

    tensors: dict[str, Tensor]
    decisions: tuple[str, ...]
    methods: frozenset[str] = frozenset()


def find_state_dict(path: Path, content: object) -> StateDict:
    """The weights of one network in the content of `path`. Raises UnusableCheckpoint."""
    decisions: list[str] = []
    named = _named_tensors(path, content, decisions)
    _check_values(path, named)
    methods = frozenset({"MoCo v3"} if any(re.match(r"(module\.)?base_encoder\.", key) for key in named) else ())
    tensors = {key: _plain(values) for key, values in _without_wrapping(named, decisions).items()}
    if any(values.dtype in (torch.float16, torch.bfloat16, torch.float64) for values in named.values()):
        decisions.append("Its weights have another precision; they are kept in float32.")
    if not tensors:
        raise refused(path, "It holds no weights of a network.")
    return StateDict(tensors, tuple(decisions), methods)


def _named_tensors(path: Path, content: object, decisions: list[str]) -> dict[str, Tensor]:
    for _ in range(_DEEPEST):
        if not isinstance(content, Mapping):
            break
        if isinstance(content, SavedNetwork):
            decisions.append(f"It was saved as a whole network ({content.kind}); its tensors alone were read.")
        tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
        inner = [key for key in _KEPT_UNDER if isinstance(content.get(key), Mapping)]
        if not inner:
            if tensors and len(tensors) == len(content):
                return tensors
            break
        decisions.append(f"Taken from “{inner[0]}”{f', not from “{inner[1]}”' if len(inner) > 1 else ''}.")
        content = content[inner[0]]
    raise refused(
        path,
        "It holds no state dict: no table of named tensors, alone or under one of the usual names.",
        "In the program that made it, save network.state_dict() with torch.save, and import that.",
    )


def _check_values(path: Path, named: dict[str, Tensor]) -> None:
    for key, values in named.items():
        if values.layout != torch.strided or values.is_quantized or values.is_complex() or values.device.type != "cpu":
            raise refused(path, f"Its {key} is not a plain tensor of numbers.")
        if values.is_floating_point() and not torch.isfinite(values).all():
            raise refused(
                path,
                f"Its {key} holds values that are not finite (NaN or infinite): the training diverged, or the file is "
                "damaged.",
                "Choose an earlier checkpoint of that training.",
            )


def _without_wrapping(named: dict[str, Tensor], decisions: list[str]) -> dict[str, Tensor]:
    """Strip names around the network, and leave out what stands beside it and the branches of its pre-training."""
    while True:
        named = _without_company(named, decisions)
        first = {key.partition(".")[0] for key in named}
        (only,) = first if len(first) == 1 else ("",)
        branch = next((name for name in _BRANCHES if name in first), "")
        others = [key for key in named if not key.startswith(f"{branch}.")]
        if _is_around_all(only, named):
            decisions.append(f"“{only}.” was taken off every name.")
            named = {key.partition(".")[2]: values for key, values in named.items()}
        elif branch and others and all(re.match(rf"({_PRETRAINING})(\.|$)", key) for key in others):
            decisions.append(f"Of its branches “{branch}” is the network; left out {_few(sorted(others))}.")
            named = {key: values for key, values in named.items() if key.startswith(f"{branch}.")}
        else:
            shorter = _with_one_trunk(named, decisions)
            if shorter is named:
                return named
            named = shorter


def _is_around_all(name: str, named: dict[str, Tensor]) -> bool:
    """Whether `name`, with which all names begin, says nothing of the network."""
    if not name or not all("." in key for key in named):
        return False
    if name == "0":  # the network in a sequence with a sigmoid, say; not RadImageNet's count of a DenseNet's one child
        return not any(key.startswith("0.denseblock1.") for key in named)
    return _AROUND_ALL.fullmatch(name) is not None


def _without_company(named: dict[str, Tensor], decisions: list[str]) -> dict[str, Tensor]:
    beside = sorted(key for key in named if _BESIDE.fullmatch(key))
    if not beside:
        return named
    decisions.append(f"Left out {_few(beside)}: no part of the network's function.")
    return {key: values for key, values in named.items() if not _BESIDE.fullmatch(key)}


def _with_one_trunk(named: dict[str, Tensor], decisions: list[str]) -> dict[str, Tensor]:
    """A trunk and its head side by side (`backbone.…`, `classifier.…`): the trunk's names without that of the trunk."""
    if "conv_proj.weight" in named:  # torchvision's own transformer has an encoder between two other parts
        return named
    for trunk in ("0.backbone", "backbone", "encoder", "model", "net", "features_extractor"):
        inside = [key for key in named if key.startswith(f"{trunk}.")]
        if 20 < len(inside) < len(named):
            decisions.append(f"“{trunk}.” was taken off the names of the backbone; the head stands beside it.")
            return {key.removeprefix(f"{trunk}."): values for key, values in named.items()}
    return named


def _plain(values: Tensor) -> Tensor:
    values = values.detach()
    return (values.float() if values.is_floating_point() else values).contiguous()


def _few(keys: list[str]) -> str:
    shown = ", ".join(keys[:3])
    return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3} more"
