"""What no file of weights carries, read from a file beside it."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

from xferviewer.checkpoints import Preprocessing
from xferviewer.checkpoints.fields import FieldError, from_mapping
from xferviewer.checkpoints.import_answers import Answers
from xferviewer.errors import UnusableChoice

if TYPE_CHECKING:
    from pathlib import Path


def beside(file: Path) -> tuple[Answers, list[str]]:
    """The answers in FILE.toml or in timm's config.json beside `file`, and the names of those read.

    Raises UnusableChoice for one that cannot be read as such.
    """
    answers, read = Answers(), []
    own = file.with_name(f"{file.name}.toml")
    config = file.with_name("config.json")
    if own.is_file():
        answers = _read(own, lambda text: from_mapping(Answers, tomllib.loads(text)))
        read.append(own.name)
    if config.is_file():
        answers = answers.else_from(_read(config, lambda text: _from_timm(json.loads(text))))
        read.append(config.name)
    return answers, read


def preprocessing_file(path: Path) -> Preprocessing:
    """The preprocessing in a TOML file, with the keys of a card. Raises UnusableChoice."""
    made: Preprocessing = _read(path, lambda text: from_mapping(Preprocessing, tomllib.loads(text)))
    return made


def _read(path: Path, parse: Any) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, json.JSONDecodeError, FieldError) as error:
        raise UnusableChoice(
            f"{path.name} cannot be used.", f"{error}", "Correct the file, or take it away."
        ) from error


def _from_timm(config: object) -> Answers:
    """config.json as timm writes it for the model hubs."""
    if not isinstance(config, dict) or not isinstance(config.get("architecture"), str):
        return Answers()  # a config.json of some other program
    made = config.get("pretrained_cfg", {})
    labels = config.get("label_names") or made.get("label_names") or []
    answers: dict[str, Any] = {
        "architecture": config["architecture"], "options": dict(config.get("model_args", {})), "findings": list(labels),
    }  # fmt: skip
    answers["options"].pop("in_chans", None)
    if {"mean", "std", "input_size"} <= set(made):
        channels, *size = made["input_size"]
        answers["preprocessing"] = {
            "size": size, "mean": made["mean"], "std": made["std"],
            "resize": "squash" if made.get("crop_mode") == "squash" else "shorter",
            "crop_fraction": made.get("crop_pct", 1.0), "interpolation": made.get("interpolation", "bilinear"),
            "channel_order": "grey" if channels == 1 else "RGB",
        }  # fmt: skip
    return from_mapping(Answers, answers)
