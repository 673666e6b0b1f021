"""The head in a state dict, whatever it is called there."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from xferviewer.checkpoints import Head

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

# The names of the heads in the code of the BUSI and MRNet study, and ours.
_NON_LINEAR = {"fc1": "hidden", "bn1": "hidden_norm", "fc2": "output"}
_CONV = {
    "conv": "convolution",
    "bn_conv": "convolution_norm",
    "fc1": "rest.hidden",
    "bn_fc1": "rest.hidden_norm",
    "fc2": "rest.output",
}


@dataclass(frozen=True, slots=True, eq=False)
class FoundHead:
    """A head with its tensors under our names (`weight` and `bias` for a linear one), and how many logits it gives.

    further  those of a second linear classifier, under timm's whole names
    """

    head: Head
    tensors: dict[str, Tensor]
    outputs: int
    decisions: tuple[str, ...]
    further: dict[str, Tensor] = field(default_factory=dict)


def find_head(rest: Mapping[str, Tensor], features: int) -> FoundHead | str:
    """The head in the tensors that the backbone does not take, or the name of the first that belongs to none."""
    layers = {name.rpartition(".")[0] for name in rest}
    if len(layers) == 1:
        return _linear(rest, layers.pop(), features)
    around = _common(layers)
    named = {name.removeprefix(around): values for name, values in rest.items()}
    inner = {name.rpartition(".")[0] for name in named}
    if inner == set(_NON_LINEAR):
        return _hidden("non-linear", named, _NON_LINEAR, named["fc1.weight"].shape[1], features)
    if inner == set(_CONV) and named["conv.weight"].ndim == 3:
        return _hidden("conv", named, _CONV, named["fc1.weight"].shape[1], features)
    return min(rest)


def find_heads(rest: Mapping[str, Tensor], features: int, classifiers: Sequence[str]) -> FoundHead | str:
    """The same for a network whose classifiers have these names; each but the first has to stand under its own."""
    names = [f"{classifier}.{part}" for classifier in classifiers[1:] for part in ("weight", "bias")]
    found = find_head({name: values for name, values in rest.items() if name not in names}, features)
    if isinstance(found, str) or not names:
        return found
    wrong = next((name for name in names if name not in rest or len(rest[name]) != found.outputs), None)
    if wrong is not None or found.head.kind != "linear":
        return wrong or names[0]
    said = "It has two classifiers, of the class and of the distillation token; their logits are averaged."
    return replace(found, decisions=(*found.decisions, said), further={name: rest[name] for name in names})


def _linear(rest: Mapping[str, Tensor], layer: str, features: int) -> FoundHead | str:
    weight, bias = rest.get(f"{layer}.weight"), rest.get(f"{layer}.bias")
    strangers = sorted(set(rest) - {f"{layer}.weight", f"{layer}.bias"})
    if strangers or weight is None or weight.ndim not in (2, 4) or weight.shape[1:].numel() != features:
        return strangers[0] if strangers else f"{layer}.weight"
    decisions = []
    if weight.ndim == 4:
        decisions.append("Its classifier is a convolution of 1 by 1, which is a linear layer.")
    if re.fullmatch(r".*\.\d+", layer):
        decisions.append(
            f"Its classifier is {layer}, one of several steps; a sigmoid or softmax after it would have no weights; "
            "logits are kept without."
        )
    if bias is None:
        decisions.append("Its classifier has no bias; it is zero.")
        bias = torch.zeros(len(weight))
    return FoundHead(Head(), {"weight": weight.flatten(1), "bias": bias}, len(weight), tuple(decisions))


def _hidden(
    kind: str, named: Mapping[str, Tensor], names: Mapping[str, str], width: int, features: int
) -> FoundHead | str:
    hidden = named["fc1.weight"].shape[0]
    parameters = {"ratio": _ratio(hidden, width)}
    if kind == "conv":
        filters, _, kernel_size = named["conv.weight"].shape
        if width != filters * (features - kernel_size + 1):
            return "fc1.weight"
        parameters |= {"filters": float(filters), "kernel_size": float(kernel_size)}
    elif width != features:
        return "fc1.weight"
    tensors = {}
    for name, values in named.items():
        layer, _, tensor = name.rpartition(".")
        tensors[f"{names[layer]}.{tensor}"] = values
    head = Head("conv" if kind == "conv" else "non-linear", parameters)
    said = f"Its head is {head.kind} as in the BUSI and MRNet study; the rate of its dropout stands in no file."
    return FoundHead(head, tensors, named["fc2.weight"].shape[0], (said,))


def _ratio(hidden: int, width: int) -> float:
    """A ratio that makes `hidden` of `width` again, a short one where there is one."""
    short = round(hidden / width, 3)
    return short if math.floor(width * short) == hidden else (hidden + 0.5) / width


def _common(layers: set[str]) -> str:
    """The part of the names, up to a dot, that all layers share."""
    parents = {layer.rpartition(".")[0] for layer in layers}
    return f"{parents.pop()}." if len(parents) == 1 and "" not in parents else ""
