"""What a person has chosen in the import dialog: what is wrong with it, and the command line that says it. No Qt."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from xferviewer.checkpoints import Preprocessing
from xferviewer.checkpoints.fields import FieldError, from_mapping
from xferviewer.checkpoints.import_answers import Answers, Task, import_words
from xferviewer.checkpoints.import_report import Candidate, FileReport
from xferviewer.checkpoints.preprocessing_presets import PRESETS
from xferviewer.errors import XferviewerError

OWN = "own constants"
WEIGHT_SUFFIXES = (".pt", ".pth", ".pkl", ".tar", ".ckpt", ".bin", ".safetensors")
_REFUSED_SUFFIXES = {
    ".h5": "Keras", ".hdf5": "Keras", ".keras": "Keras", ".onnx": "ONNX",
}  # fmt: skip
_WHY = {
    "Keras": "It is a file of Keras; its layers are TensorFlow's, which pad and normalise otherwise.",
    "ONNX": "ONNX holds a computing graph and not the network's layers by name, so that no map could be made of it.",
}


def is_weights(path: Path) -> bool:
    """A file that the import dialog looks at, or says why it does not."""
    return path.suffix.lower() in (*WEIGHT_SUFFIXES, *_REFUSED_SUFFIXES)


def refusal(path: Path) -> XferviewerError | None:
    """Why a file of another program's format is not even looked at."""
    kind = _REFUSED_SUFFIXES.get(path.suffix.lower())
    if kind is None:
        return None
    return XferviewerError(
        f"{path.name} cannot be imported.",
        _WHY[kind],
        "Import the PyTorch weights that it was made of, or convert it and compare the outputs first.",
    )


@dataclass(frozen=True, slots=True)
class Constants:
    """The constants of a preprocessing as they stand in fields: text, numbers with commas between them."""

    size: str = ""
    resize: str = "squash"
    crop_fraction: str = "1"
    interpolation: str = "bilinear"
    channel_order: str = "RGB"
    mean: str = ""
    std: str = ""
    polarity: str = "as shown"
    window: str = "default"
    window_range: str = ""


@dataclass(frozen=True, slots=True)
class ImportChoices:
    """All fields of the dialog.

    published  the name under which the hub has the file; empty where it is any file
    findings   a name for each logit; empty where none is given yet
    untrained  the places of those without training
    preset     a name, OWN, or empty while none is chosen; base: what the constants were before any was changed
    out        the folder to write
    """

    file: Path
    out: Path
    architecture: str = ""
    findings: tuple[str, ...] = ()
    untrained: tuple[int, ...] = ()
    task: Task = "multi-label"
    preset: str = ""
    base: Preprocessing | None = None
    constants: Constants = Constants()
    name: str = ""
    title: str = ""
    license: str = ""
    origin: str = ""
    published: str = ""


def shown_constants(made: Preprocessing) -> Constants:
    """A preprocessing as it stands in fields: six digits, which `read_constants` knows again."""
    return Constants(
        size=", ".join(map(str, made.size)),
        resize=made.resize,
        crop_fraction=f"{made.crop_fraction:.6g}",
        interpolation=made.interpolation,
        channel_order=made.channel_order,
        mean=", ".join(f"{value:.6g}" for value in made.mean),
        std=", ".join(f"{value:.6g}" for value in made.std),
        polarity=made.polarity,
        window=made.window,
        window_range=", ".join(f"{value:.6g}" for value in made.window_range or ()),
    )


def base_of(preset: str, candidate: Candidate, said: Answers) -> Preprocessing | None:
    """The constants that a preset begins with; None where it is none for this architecture."""
    if preset == "timm":
        return candidate.timm
    if preset in PRESETS:
        return PRESETS[preset].at(candidate.size)
    if preset == OWN and said.preprocessing is not None:
        return said.preprocessing
    if preset == OWN:
        return candidate.timm or PRESETS["grey" if candidate.channels == 1 else "imagenet"].at(candidate.size)
    return None


def presets_for(candidate: Candidate) -> list[str]:
    """The names of presets that make as many channels as the network takes."""
    fitting = [name for name, preset in PRESETS.items() if len(preset.mean) == candidate.channels]
    return [*(["timm"] if candidate.timm is not None else []), *fitting, OWN]


def read_constants(shown: Constants, base: Preprocessing | None) -> tuple[Preprocessing | None, dict[str, str]]:
    """The preprocessing in the fields, or what is wrong with them by field. Unchanged text keeps all digits."""
    before = shown_constants(base) if base is not None else None
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name in (each.name for each in fields(Constants)):
        text = getattr(shown, name)
        if base is not None and text == getattr(before, name):
            values[name] = getattr(base, name)
            continue
        try:
            values[name] = _CONSTANT_READERS.get(name, str)(text)
        except ValueError:
            faults[name] = _EXPECTED[name]
    if faults:
        return None, faults
    try:
        return from_mapping(Preprocessing, values), {}
    except FieldError as error:
        text = str(error)
        named = next(
            (name for name in ("size", "crop_fraction", "mean", "std", "window_range") if text.startswith(name)), "mean"
        )
        return None, {named: f"{text[0].upper()}{text[1:]}".replace("_", " ")}


def _whole_numbers(text: str) -> list[int]:
    sides = [int(part) for part in re.split(r"[,x×\s]+", text.strip())]
    if len(sides) not in (1, 2):
        raise ValueError
    if not 1 <= min(sides) <= max(sides) <= _LARGEST_SIDE:
        raise ValueError
    return [sides[0], sides[-1]]


def _numbers(text: str) -> list[float]:
    numbers = [float(part) for part in re.split(r"[,;\s]+", text.strip(" ,;"))]
    if not all(abs(number) < float("inf") for number in numbers):
        raise ValueError
    return numbers


def _numbers_or_none(text: str) -> list[float] | None:
    return _numbers(text) if text.strip() else None


_LARGEST_SIDE = 4096
_CONSTANT_READERS: dict[str, Any] = {
    "size": _whole_numbers, "crop_fraction": float, "mean": _numbers, "std": _numbers, "window_range": _numbers_or_none,
}  # fmt: skip
_EXPECTED = {
    "size": f"Rows and columns as whole numbers from 1 to {_LARGEST_SIDE}, as in 224, 224.",
    "crop_fraction": "A number above 0 and at most 1, as in 0.875.",
    "mean": "A number for each channel, as in 0.485, 0.456, 0.406.",
    "std": "A number for each channel, as in 0.229, 0.224, 0.225.",
    "window_range": "Two numbers, as in -1000, 400; nothing where the window needs none.",
}


def faults_of(choices: ImportChoices, report: FileReport, candidate: Candidate | None) -> dict[str, str]:
    """What is still missing or wrong, a sentence by field; empty when the import can begin."""
    faults: dict[str, str] = {}
    if candidate is None:
        fitting = ", ".join(each.architecture for each in report.candidates if each.fits)
        faults["architecture"] = (
            f"It fits {fitting}, which compute different things with the same weights: choose."
            if fitting
            else f"It could not be told from the names, of which the first is {report.first_name}: name the "
            "architecture that it was trained as."
        )
    elif not candidate.fits:
        faults["architecture"] = f"It is not {candidate.architecture}: {candidate.first_fault}."
    elif candidate.outputs is None:
        faults["architecture"] = (
            "The file holds a backbone without a classifier, which says nothing of any finding. Name it as "
            "network.weights in the specification of a training job, which gives it a head."
        )
    else:
        if fault := _findings_fault(choices.findings, candidate.outputs):
            faults["findings"] = fault
        if choices.task == "binary" and candidate.outputs != 1:
            faults["task"] = f"A binary task has one logit, the network gives {candidate.outputs}."
        if not choices.preset:
            faults["preset"] = "No file says how its images were scaled and normalised: choose."
        else:
            made, wrong = read_constants(choices.constants, choices.base)
            faults |= wrong
            if made is not None and made.channels != candidate.channels:
                faults["channel_order"] = (
                    f"The network takes {candidate.channels} channels, this makes {made.channels}."
                )
    return faults | _place_faults(choices)


def _findings_fault(findings: tuple[str, ...], outputs: int) -> str:
    named = [name for name in findings if name]
    if not named:
        return f"The file gives {outputs} logits and does not say of which findings: name them in their order."
    if len(findings) > outputs:
        return (
            f"{len(findings)} findings are named, the file gives {outputs} logits: take {len(findings) - outputs} away."
        )
    if len(named) < outputs:
        return f"{len(named)} of {outputs} logits are named."
    twice = [name for name, times in Counter(named).items() if times > 1]
    return f"{twice[0]} is named twice; every logit needs a name of its own." if twice else ""


def _place_faults(choices: ImportChoices) -> dict[str, str]:
    faults = {}
    if not choices.name.strip():
        faults["name"] = "A short name, for tables and legends."
    out = choices.out
    if not out.is_absolute() or not out.name:
        faults["out"] = "The whole path of a folder that does not exist yet."
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        faults["out"] = "This folder is not empty; nothing is ever replaced. Choose another name."
    elif not _writable(out):
        faults["out"] = "You may not write there. Choose another folder."
    return faults


def _writable(folder: Path) -> bool:
    existing = next((each for each in (folder, *folder.parents) if each.exists()), None)
    return existing is not None and existing.is_dir() and os.access(existing, os.W_OK)


def answers_of(choices: ImportChoices, said: Answers) -> Answers:
    """The choices as the command line says them; only where no constant is wrong."""
    made, _ = read_constants(choices.constants, choices.base)
    begin = choices.base if choices.preset != OWN else None
    constants = {
        each.name: getattr(made, each.name)
        for each in fields(Constants)
        if made is not None
        and getattr(made, each.name) is not None
        and (begin is None or getattr(made, each.name) != getattr(begin, each.name))
    }
    untrained = tuple(choices.findings[place] for place in choices.untrained if place < len(choices.findings))
    return Answers(
        architecture=choices.architecture or None,
        findings=choices.findings,
        untrained=untrained if untrained or said.untrained else None,
        task=choices.task,
        preset=choices.preset if choices.preset not in ("", OWN) else None,
        constants=constants if choices.preset else {},
        name=choices.name.strip() or None,
        title=choices.title.strip() or None,
        license=choices.license.strip() or None,
        origin=choices.origin.strip() or None,
    )


def words_of(choices: ImportChoices, said: Answers) -> list[str]:
    """The words of the command line after `import-checkpoint`."""
    return [*_weights_words(choices), "--out", str(choices.out), *import_words(answers_of(choices, said))]


def preview_words(choices: ImportChoices, said: Answers, outputs: int) -> list[str]:
    """The same without what the input and the logits do not depend on: names stand for the logits' places."""
    plain = replace(
        choices, findings=tuple(f"logit {place + 1}" for place in range(outputs)), untrained=(), name="", title="",
        license="", origin="",
    )  # fmt: skip
    answers = replace(answers_of(plain, said), untrained=())
    return [*_weights_words(choices), *import_words(answers)]


def _weights_words(choices: ImportChoices) -> list[str]:
    return [choices.published, "--from-hub"] if choices.published else [str(choices.file)]


def command_line(words: list[str]) -> str:
    """As it is typed into a shell."""
    return shlex.join(["xferviewer", "import-checkpoint", *words])


def folder_name(name: str) -> str:
    """A checkpoint's name as that of a folder on every system."""
    return re.sub(r"[^\w.+-]+", "-", name.strip()).strip("-.") or "checkpoint"


def free_folder(parent: Path, name: str) -> Path:
    """A folder of that name that does not exist; with a number where one does."""
    wanted, number = folder_name(name), 2
    folder = parent / wanted
    while folder.exists():
        folder = parent / f"{wanted}-{number}"
        number += 1
    return folder
