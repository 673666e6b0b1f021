"""Names of published weights, and what timm and torchvision say of them. Nothing here asks the network."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

import timm
from torchvision import models

from xferviewer.checkpoints import Preprocessing
from xferviewer.errors import UnusableChoice

# torchvision's weights without a licence of their own have the library's.
_TORCHVISION_LICENSE = "BSD-3-Clause"
# With its ImageNet weights torchvision builds these so that they turn ImageNet's statistics into these themselves; the
# bare network wants them in its input.
_TURNED_BY_THE_NETWORK = ("inception_v3", "googlenet")


@dataclass(frozen=True, slots=True)
class Published:
    """Published weights, as the library that names them describes them.

    name           "timm/resnet50.a1_in1k", "torchvision/resnet50.IMAGENET1K_V2"
    architecture   as networks.importing takes it
    url            where they are published
    file           under which name they are kept
    sha256         the first digits of their digest, where the name of the published file has them; else empty
    size           in bytes, as far as the library says; else None
    license        as the library says; None where it does not
    classes        in the order of the logits; empty where the library does not say
    """

    name: str
    architecture: str
    url: str
    file: str
    sha256: str
    size: int | None
    license: str | None
    classes: tuple[str, ...]
    preprocessing: Preprocessing


def published(name: str) -> Published:
    """What `name` is the name of. Raises UnusableChoice, with the names that are near, where it is none."""
    library, _, rest = name.partition("/")
    if library == "timm" and rest:
        return _of_timm(name, rest)
    if library == "torchvision" and rest:
        return _of_torchvision(name, rest)
    raise _unknown(name, "It begins with neither timm/ nor torchvision/.", [])


def published_names() -> list[str]:
    """Every name that `published` knows, timm's first."""
    ours = [f"timm/{name}" for name in timm.list_pretrained() if timm.get_pretrained_cfg(name).hf_hub_id]
    theirs = [
        f"torchvision/{name}.{entry.name}"
        for name in models.list_models(module=models)
        for entry in models.get_model_weights(name)
    ]
    return [*ours, *theirs]


def hub_address() -> str:
    """Where the model hub is: the variable HF_ENDPOINT, as its own library reads it, or its public address."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _of_timm(name: str, full: str) -> Published:
    architecture, _, tag = full.partition(".")
    tags = timm.list_pretrained(f"{architecture}.*") if re.fullmatch(r"\w+", architecture) else []
    if full not in tags:
        why = f"timm {timm.__version__} knows no weights of that name" if tag else "It lacks the tag of the weights"
        raise _unknown(name, f"{why}.", [f"timm/{one}" for one in tags])
    stated: Any = timm.get_pretrained_cfg(full)
    if not stated.hf_hub_id:
        raise _unknown(name, "timm states no place on the hub for them.", [])
    file = stated.hf_hub_filename or "model.safetensors"
    return Published(
        name=name,
        architecture=architecture,
        url=f"{hub_address()}/{stated.hf_hub_id}/resolve/main/{file}",
        file=f"{full}.{file.rpartition('.')[2]}",
        sha256="",
        size=None,
        license=stated.license,
        classes=_imagenet_classes() if stated.num_classes == 1000 else (),
        preprocessing=Preprocessing(
            size=stated.input_size[1:],
            mean=stated.mean,
            std=stated.std,
            resize="squash" if stated.crop_mode == "squash" else "shorter",
            crop_fraction=stated.crop_pct,
            interpolation=stated.interpolation if stated.interpolation in ("bilinear", "bicubic") else "bicubic",
        ),
    )


def _of_torchvision(name: str, full: str) -> Published:
    architecture, _, tag = full.partition(".")
    known = models.list_models(module=models)
    entries: list[Any] = list(models.get_model_weights(architecture)) if architecture in known else []
    entry = next((one for one in entries if one.name == tag), None)
    if entry is None:
        why = (
            "torchvision publishes no weights of that name" if tag or not entries else "It lacks the tag of the weights"
        )
        raise _unknown(name, f"{why}.", [f"torchvision/{architecture}.{one.name}" for one in entries])
    file = entry.url.rpartition("/")[2]
    digest = re.fullmatch(r".*-([0-9a-f]{8,})\.\w+", file)  # as torch.hub reads it
    made = entry.transforms()
    half = architecture in _TURNED_BY_THE_NETWORK
    size, resized = made.crop_size[0], made.resize_size[0]
    return Published(
        name=name,
        architecture=f"torchvision/{architecture}",
        url=entry.url,
        file=file,
        sha256=digest[1] if digest else "",
        size=round(entry.meta["_file_size"] * 2**20) if "_file_size" in entry.meta else None,
        license=entry.meta.get("license", _TORCHVISION_LICENSE),
        classes=_told_apart(entry.meta.get("categories") or ()),
        preprocessing=Preprocessing(
            size=(size, size),
            mean=(0.5, 0.5, 0.5) if half else tuple(made.mean),
            std=(0.5, 0.5, 0.5) if half else tuple(made.std),
            resize="shorter",
            crop_fraction=size / resized,
            interpolation=made.interpolation.value,
        ),
    )


def _imagenet_classes() -> tuple[str, ...]:
    return _told_apart(models.ResNet50_Weights.IMAGENET1K_V1.meta["categories"])


def _told_apart(classes: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Two classes of ImageNet are called crane, and two maillot; the later has its number beside it."""
    return tuple(name if classes.index(name) == number else f"{name} ({number})" for number, name in enumerate(classes))


def _unknown(name: str, why: str, near: list[str]) -> UnusableChoice:
    shown = ", ".join(near[:12]) + (" and others" if len(near) > 12 else "")
    return UnusableChoice(
        f"{name} names no published weights.",
        why,
        f"Name one of {shown}." if near else "Write timm/ARCHITECTURE.TAG or torchvision/ARCHITECTURE.TAG.",
    )
