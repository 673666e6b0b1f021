"""The folder of a checkpoint: config.json and model.safetensors as timm lays them out, and README.md with the card."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xferviewer.atomic_files import write_atomically
from xferviewer.checkpoints.card import Card, Head, Preprocessing, parse_card, render_card
from xferviewer.checkpoints.fields import FieldError
from xferviewer.errors import UnusableCheckpoint, UnusableFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CARD = "README.md"

# A checkpoint may lie as deep as JOBS/job/result/checkpoint below the folder that is searched.
_SEARCH_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint folder that was read and found in order; the weights are not loaded.

    options  keyword arguments of timm.create_model beyond architecture, outputs and channels, as `model_args` of
             config.json states them
    """

    folder: Path
    card: Card
    options: dict[str, Any]

    @property
    def name(self) -> str:
        """Short, for tables and legends."""
        return self.card.name

    @property
    def title(self) -> str:
        return self.card.title

    @property
    def architecture(self) -> str:
        """timm's name of the network."""
        return self.card.architecture

    @property
    def findings(self) -> tuple[str, ...]:
        """In the order of the logits."""
        return self.card.findings

    @property
    def trained_findings(self) -> tuple[str, ...]:
        return self.card.trained_findings

    @property
    def task(self) -> Literal["multi-label", "multi-class", "binary"]:
        return self.card.task

    @property
    def head(self) -> Head:
        return self.card.head

    @property
    def preprocessing(self) -> Preprocessing:
        return self.card.preprocessing

    @property
    def weights_sha256(self) -> str:
        return self.card.weights_sha256

    @property
    def digest(self) -> str:
        """What tells it from all others, wherever its folder lies: the SHA-256 of its weights."""
        return self.card.weights_sha256

    @property
    def weights(self) -> Path:
        """Path of model.safetensors."""
        return self.folder / WEIGHTS


def read_checkpoint(folder: Path | str) -> Checkpoint:
    """The checkpoint in `folder`, its card and config read and compared. Raises UnusableCheckpoint.

    The weights are not touched: `verify_digest` compares them with the card, the engine does so when it loads them.
    """
    folder = Path(folder)
    for name, purpose in ((CARD, "its card"), (CONFIG, "its architecture"), (WEIGHTS, "its weights")):
        if not (folder / name).is_file():
            raise UnusableCheckpoint(
                f"The checkpoint {folder.name} cannot be used.",
                f"It has no {name}, which holds {purpose}.",
                "Choose a folder with config.json, model.safetensors and README.md, or import the weights anew.",
            )
    try:
        card = parse_card((folder / CARD).read_text(encoding="utf-8"))
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        options = _options_that_fit(config, card)
    except FieldError as error:
        raise _unusable(folder, str(error)) from error
    except json.JSONDecodeError as error:
        raise _unusable(folder, f"config.json is not JSON: {error}.") from error
    except UnicodeDecodeError as error:
        raise _unusable(folder, "README.md or config.json is not UTF-8 text.") from error
    except OSError as error:
        raise _unusable(folder, f"A file could not be read: {error.strerror}.") from error
    return Checkpoint(folder, card, options)


def verify_digest(checkpoint: Checkpoint) -> None:
    """Compare model.safetensors with the digest on the card. Raises UnusableCheckpoint if they differ."""
    try:
        found = file_digest(checkpoint.weights)
    except OSError as error:
        raise _unusable(checkpoint.folder, f"{WEIGHTS} could not be read: {error.strerror}.") from error
    if found != checkpoint.weights_sha256:
        raise UnusableCheckpoint(
            f"The checkpoint {checkpoint.name} cannot be used.",
            f"Its weights are not the ones that its card describes: SHA-256 {found[:12]}…, "
            f"the card says {checkpoint.weights_sha256[:12]}….",
            "Copy the folder again from where it came, or import the weights anew.",
        )


def write_checkpoint(
    folder: Path, card: Card, options: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]
) -> Checkpoint:
    """Write a checkpoint folder whole or not at all; one that stood there is replaced. Raises UnusableFolder.

    The digest on the card is taken from the file that was written, the library from the architecture; those of `card`
    as given do not count.
    """
    from safetensors.numpy import save_file

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            save_file({name: np.asarray(values, order="C") for name, values in weights.items()}, beside / WEIGHTS)
            card = replace(card, weights_sha256=file_digest(beside / WEIGHTS), library_name=_library(card))
            (beside / CONFIG).write_text(json.dumps(_config(card, options), indent=2) + "\n", encoding="utf-8")
            (beside / CARD).write_text(render_card(card), encoding="utf-8")
            # safetensors and mkdtemp make what only their owner may read
            (beside / WEIGHTS).chmod((beside / CONFIG).stat().st_mode)
            beside.chmod(0o755)
            for path in beside.iterdir():
                _flush(path)
            _put_in_place(beside, folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise UnusableFolder(
            f"The checkpoint {folder.name} could not be written.",
            f"{folder.parent}: {error.strerror or error}.",
            "Free space there, or choose a folder that you may write to.",
        ) from error
    return Checkpoint(folder, card, dict(options))


def _library(card: Card) -> str:
    return "torchvision" if card.architecture.startswith("torchvision/") else "timm"


def write_card(checkpoint: Checkpoint, card: Card) -> Checkpoint:
    """Replace the card of a checkpoint, for example by one with more metrics. Raises UnusableFolder."""
    write_atomically(checkpoint.folder / CARD, render_card(card).encode())
    return replace(checkpoint, card=card)


def find_checkpoints(folder: Path | str) -> list[Path]:
    """The checkpoint folders in `folder`, itself included, by path; also such as `read_checkpoint` will refuse.

    Raises UnusableFolder where `folder` is no folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UnusableFolder(
            f"The folder {folder} cannot be searched for checkpoints.",
            "It does not exist, or it is not a folder.",
            "Choose the folder that holds the checkpoint folders.",
        )
    found = {path.parent for depth in range(_SEARCH_DEPTH + 1) for path in folder.glob("*/" * depth + WEIGHTS)}
    return sorted(path for path in found if not path.name.startswith("."))


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _config(card: Card, options: Mapping[str, Any]) -> dict[str, Any]:
    """config.json as timm's `local-dir:` source reads it (timm 1.0, timm/models/_hub.py)."""
    made = card.preprocessing
    return {
        "architecture": card.architecture,
        "num_classes": len(card.findings),
        "label_names": list(card.findings),
        # timm takes three channels for granted
        "model_args": {**options, **({} if made.channels == 3 else {"in_chans": made.channels})},
        "pretrained_cfg": {
            "num_classes": len(card.findings),
            "input_size": [made.channels, *made.size],
            "interpolation": made.interpolation,
            "crop_pct": made.crop_fraction,
            "crop_mode": "squash" if made.resize == "squash" else "center",
            "mean": list(made.mean),
            "std": list(made.std),
            "license": card.license,
        },
    }


def _options_that_fit(config: object, card: Card) -> dict[str, Any]:
    """`model_args` of config.json, once it is certain that card and config speak of the same network."""
    if not isinstance(config, dict):
        raise FieldError("config.json should hold one JSON object.")
    if config.get("architecture") != card.architecture:
        raise FieldError(
            f"config.json names the architecture {config.get('architecture')}, the card {card.architecture}."
        )
    if config.get("num_classes") != len(card.findings):
        raise FieldError(
            f"config.json has {config.get('num_classes')} outputs, the card {len(card.findings)} findings."
        )
    labels = config.get("label_names", list(card.findings))
    if labels != list(card.findings):
        raise FieldError("The findings of the card are not the label_names of config.json, in the same order.")
    options = config.get("model_args", {})
    if not isinstance(options, dict):
        raise FieldError("model_args of config.json should be a JSON object.")
    options = dict(options)
    channels = options.pop("in_chans", card.preprocessing.channels)
    if channels != card.preprocessing.channels:
        raise FieldError(f"config.json has {channels} channels, the preprocessing {card.preprocessing.channels}.")
    return options


def _unusable(folder: Path, why: str) -> UnusableCheckpoint:
    return UnusableCheckpoint(
        f"The checkpoint {folder.name} cannot be used.",
        why,
        "Correct the file, copy the folder again from where it came, or import the weights anew.",
    )


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _put_in_place(beside: Path, folder: Path) -> None:
    """Rename `beside` to `folder`. No folder can be renamed over one that holds files: that one steps aside."""
    if not folder.exists():
        beside.rename(folder)
        return
    aside = beside.with_name(beside.name + ".old")
    folder.rename(aside)
    try:
        beside.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    shutil.rmtree(aside)
