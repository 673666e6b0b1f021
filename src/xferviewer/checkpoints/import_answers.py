"""What no file of weights carries, and the words of the command line that say it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from xferviewer.checkpoints.card import Preprocessing

Task = Literal["multi-label", "multi-class", "binary"]


@dataclass(frozen=True, slots=True)
class Answers:
    """What is known of a network beside its weights; None or empty where nothing is.

    architecture   timm's or torchvision's name; options: further arguments of timm.create_model
    untrained      findings whose part of the head saw no labels; () says that all were trained
    preset         a name of checkpoints.preprocessing_presets, or "timm"; preprocessing: one whole
    constants      fields of Preprocessing that are otherwise than in preset or preprocessing; alone: at least mean, std
    origin         where the weights come from, for people: a paper, an address
    """

    architecture: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    untrained: tuple[str, ...] | None = None
    task: Task | None = None
    preset: str | None = None
    preprocessing: Preprocessing | None = None
    constants: dict[str, Any] = field(default_factory=dict)
    name: str | None = None
    title: str | None = None
    license: str | None = None
    origin: str | None = None

    def else_from(self, other: Answers) -> Answers:
        """These, and `other` where these say nothing."""
        merged = replace(
            other,
            **{name: value for name in _NAMES if (value := getattr(self, name)) is not None and value not in ((), {})},
        )
        if self.untrained is not None:
            merged = replace(merged, untrained=self.untrained)
        if self.preset or self.preprocessing:  # with their constants they are one answer
            merged = replace(
                merged, preset=self.preset, preprocessing=self.preprocessing, constants=dict(self.constants)
            )
        return merged


_NAMES = tuple(Answers.__dataclass_fields__)
# How a constant of the preprocessing is named on the command line.
CONSTANT_OPTIONS = {
    "size": "--size",
    "resize": "--resize",
    "crop_fraction": "--crop-fraction",
    "interpolation": "--interpolation",
    "channel_order": "--channels",
    "mean": "--mean",
    "std": "--std",
    "polarity": "--polarity",
    "window": "--window",
    "window_range": "--window-range",
}


def import_words(answers: Answers) -> list[str]:
    """The options of `xferviewer import-checkpoint` that say this.

    `options` and a whole `preprocessing` have no word: they come from the file beside the weights, which is read again.
    """
    words: list[str] = []
    for name in ("architecture", "findings", "untrained", "task", "preset"):
        value = getattr(answers, name)
        if value not in (None, (), "") or (name == "untrained" and value == ()):
            text = joined_names(value) if isinstance(value, tuple) else value
            words += _option("--preprocessing" if name == "preset" else f"--{name}", text)
    for name, option in CONSTANT_OPTIONS.items():
        if name in answers.constants:
            words += _option(option, _constant(answers.constants[name]))
    for name in ("name", "title", "license", "origin"):
        if getattr(answers, name):
            words += _option(f"--{name}", getattr(answers, name))
    return words


def joined_names(names: tuple[str, ...]) -> str:
    """Names with commas between them; one that holds a comma stands in quotes, as in CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()


def _constant(value: object) -> str:
    """Numbers with commas between them, every digit that they need; text as it is."""
    return ",".join(repr(entry) for entry in value) if isinstance(value, tuple | list) else str(value)


def _option(option: str, text: str) -> list[str]:
    # what begins with a hyphen would be taken for an option, and an empty word for a slip of the shell
    return [f"{option}={text}"] if text.startswith("-") or not text else [option, text]
