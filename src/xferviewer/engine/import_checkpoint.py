"""`xferviewer import-checkpoint`: a file of another program as a checkpoint folder."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from xferviewer import __version__
from xferviewer.checkpoints import Card, ImportRecord, InitialisationStep, Preprocessing, write_checkpoint
from xferviewer.checkpoints.fields import FieldError, from_mapping, to_mapping
from xferviewer.checkpoints.folder import file_digest
from xferviewer.checkpoints.import_answers import Answers, Task
from xferviewer.checkpoints.preprocessing_presets import PRESETS
from xferviewer.engine.import_answers import beside
from xferviewer.errors import UnusableCheckpoint, UnusableChoice, UnusableFolder
from xferviewer.networks import backbones
from xferviewer.networks.importing.reading import read_network
from xferviewer.networks.importing.weight_files import refused

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xferviewer.networks.importing.foreign_heads import FoundHead
    from xferviewer.networks.importing.recognition import Fit


@dataclass(frozen=True, slots=True, eq=False)
class ImportedNetwork:
    """A file as a network that computes, with all that was found and decided; nothing is written yet.

    options  of timm.create_model beside architecture, outputs and channels
    """

    network: nn.Module
    found: Fit
    options: dict[str, Any]
    findings: tuple[str, ...]
    task: Task
    preprocessing: Preprocessing
    answers: Answers
    decisions: list[str]


Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much (0: nobody knows)."""


def tell_nobody(stage: str, done: int, total: int) -> None:
    """For who does not want to know."""


def import_checkpoint(
    file: Path, out: Path, given: Answers, command: str | None = None, tell: Tell = tell_nobody
) -> dict[str, Any]:
    """Write the network in `file` as the checkpoint folder `out`; what was found and decided, for `--json`.

    What neither the file nor `given` says is read from the file beside it (engine.import_answers). The network is run
    once before anything is written. Raises UnusableCheckpoint for a file that is refused, UnusableChoice naming the
    option for what nobody said, UnusableFolder for an `out` that is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UnusableFolder(
            f"The checkpoint cannot be written to {out}.",
            "It is not empty.",
            "Choose a folder that does not exist yet.",
        )
    tell("reading", 0, 0)
    made = imported_network(file, given)
    tell("computing an empty image", 0, 0)
    _run_once(file, made.network, made.preprocessing)
    tell("writing", 0, 0)
    card = _card(file, made, command)
    weights = {name: values.numpy() for name, values in made.network.state_dict().items()}
    checkpoint = write_checkpoint(out, card, made.options, weights)
    return {
        "checkpoint": str(out), "name": card.name, "architecture": card.architecture, "options": made.options,
        "findings": list(card.findings), "trained_findings": list(card.trained_findings), "task": card.task,
        "head": card.head.kind, "parameters": sum(parameter.numel() for parameter in made.network.parameters()),
        "size": list(made.preprocessing.size), "preprocessing_digest": made.preprocessing.digest,
        "weights_sha256": checkpoint.weights_sha256, "source": file.name,
        "source_sha256": card.imported.sha256 if card.imported else None, "decisions": made.decisions,
    }  # fmt: skip


Read = Callable[[Path, str | None, Mapping[str, Any] | None], "Fit"]
"""As `read_network`: of a file, an architecture and options of timm.create_model."""


def imported_network(file: Path, given: Answers, read: Read = read_network) -> ImportedNetwork:
    """The network in `file` as `given` and the file beside it describe it. Raises as `import_checkpoint` does."""
    found_beside, read_beside = beside(file)
    answers = given.else_from(found_beside)
    found = _read(file, given, answers, read_beside, read)
    if found.head is None:
        raise refused(
            file,
            "It holds a backbone without a classifier, which says nothing of any finding.",
            "Name it as the weights that a training job starts from (network.weights in its specification).",
        )
    decisions = [*found.decisions, *(f"What the weights do not say was read from {name}." for name in read_beside)]
    findings = _findings(file, answers, found.head)
    task = _task(answers, len(findings), decisions)
    network = backbones.create(found.architecture, len(findings), found.channels, found.options, found.head.head)
    preprocessing = _preprocessing(file, answers, found, network, decisions)
    options = dict(found.options)
    fixed = backbones.fixed_size(network)
    if fixed and preprocessing.size != fixed[1]:
        options[fixed[0]] = list(preprocessing.size)  # its masks, which no file holds, depend on it
        try:
            network = backbones.create(found.architecture, len(findings), found.channels, options, found.head.head)
        except ValueError as error:
            raise refused(file, f"{error}", "Name a preprocessing of a size that the architecture takes.") from error
    options = backbones.options_for_timm(network, options)
    _fill(file, network, found, found.head)
    return ImportedNetwork(network.eval(), found, options, findings, task, preprocessing, answers, decisions)


def _read(file: Path, given: Answers, answers: Answers, read_beside: list[str], read: Read) -> Fit:
    try:
        return read(file, answers.architecture, answers.options)
    except UnusableCheckpoint as error:
        if answers.architecture == given.architecture:
            raise
        named = f"Its architecture {answers.architecture} was read from {' and '.join(read_beside)} beside it."
        raise UnusableCheckpoint(error.what, f"{error.why} {named}", error.todo) from error


def _findings(file: Path, answers: Answers, head: FoundHead) -> tuple[str, ...]:
    if not answers.findings:
        raise UnusableChoice(
            f"{file.name} is not imported yet.",
            f"It gives {head.outputs} logits, and no file says of which findings.",
            "Name them in the order of the logits with --findings A,B,… or --findings FILE.txt, one to a line.",
        )
    if len(answers.findings) != head.outputs or len(set(answers.findings)) != head.outputs:
        raise UnusableChoice(
            f"{file.name} cannot be imported with these findings.",
            f"It gives {head.outputs} logits; {len(set(answers.findings))} different findings are named.",
            "Name every logit once, in their order.",
        )
    strangers = sorted(set(answers.untrained or ()) - set(answers.findings))
    if strangers:
        raise UnusableChoice(
            f"{file.name} cannot be imported with these findings.",
            f"{strangers[0]} is named as untrained and is none of its findings.",
            "Name under --untrained findings that --findings names.",
        )
    return answers.findings


def _task(answers: Answers, outputs: int, decisions: list[str]) -> Task:
    if answers.task:
        if answers.task == "binary" and outputs != 1:
            raise UnusableChoice(
                "The task does not suit the network.",
                f"A binary task has one logit, the network gives {outputs}.",
                "Say --task multi-class for classes that exclude each other, multi-label for findings that do not.",
            )
        return answers.task
    if outputs == 1:
        return "binary"
    decisions.append(
        "Nobody said the task; taken as multi-label, a sigmoid per finding (--task multi-class: a softmax)."
    )
    return "multi-label"


def _preprocessing(file: Path, answers: Answers, found: Fit, network: nn.Module, decisions: list[str]) -> Preprocessing:
    size = native_size(found, network)
    base = _stated_preprocessing(file, answers, size, network)
    try:
        begin = to_mapping(base)
        if "window" in answers.constants:
            begin.pop("window_range", None)  # of another kind of window
        made = from_mapping(Preprocessing, {**begin, **answers.constants}) if answers.constants else base
    except FieldError as error:
        raise UnusableChoice(
            f"{file.name} cannot be imported with this preprocessing.", f"{error}", "Correct the constant."
        ) from error
    if made.channels != found.channels:
        grey = ", ".join(name for name, preset in PRESETS.items() if len(preset.mean) == found.channels)
        raise UnusableChoice(
            f"{file.name} cannot be imported with this preprocessing.",
            f"It makes {made.channels} channels, the network takes {found.channels}.",
            f"Name one with {found.channels} ({grey}), or a TOML file with the constants.",
        )
    if answers.preset:
        described = PRESETS[answers.preset].description if answers.preset in PRESETS else "as timm states it"
        decisions.append(f"Preprocessing {answers.preset}: {described}.")
    changed = [name for name, value in to_mapping(made).items() if value != to_mapping(base).get(name)]
    if changed and (answers.preset or answers.preprocessing):
        decisions.append(f"Of its constants were said otherwise: {', '.join(changed)}.")
    return made


def _stated_preprocessing(file: Path, answers: Answers, size: tuple[int, int], network: nn.Module) -> Preprocessing:
    """By name, whole, or from the constants alone, before single constants are put in."""
    if answers.preprocessing is not None:
        return answers.preprocessing
    if answers.preset == "timm":
        return timm_preprocessing(network, size)
    if answers.preset in PRESETS:
        return PRESETS[answers.preset].at(size)
    if answers.preset is None and {"mean", "std"} <= set(answers.constants):
        order = "grey" if len(answers.constants["mean"]) == 1 else "RGB"
        stated = {"size": size, "channel_order": order, **answers.constants}
        try:
            return from_mapping(Preprocessing, stated)
        except FieldError as error:
            raise UnusableChoice(
                f"{file.name} cannot be imported with this preprocessing.", f"{error}", "Correct the constant."
            ) from error
    known = ", ".join(["timm", *PRESETS])
    raise UnusableChoice(
        f"{file.name} is not imported yet.",
        f"{answers.preset} is no preprocessing known by name."
        if answers.preset
        else "No file says how its images were scaled and normalised.",
        f"Say so with --preprocessing, by one of the names {known}, or by a TOML file with the constants.",
    )


def native_size(found: Fit, network: nn.Module) -> tuple[int, int]:
    """(rows, columns) that the weights were made for: as their shapes say, else as timm does."""
    stated: Any = network.pretrained_cfg
    side = found.options.get("img_size", stated["input_size"][1:])
    return (side, side) if isinstance(side, int) else (side[0], side[1])


def timm_preprocessing(network: nn.Module, size: tuple[int, int]) -> Preprocessing:
    """What timm states for the architecture, at this size."""
    stated: Any = network.pretrained_cfg
    return Preprocessing(
        size=size,
        mean=tuple(stated["mean"]),
        std=tuple(stated["std"]),
        resize="shorter",
        crop_fraction=stated["crop_pct"],
        interpolation=stated["interpolation"],
    )


def _fill(file: Path, network: nn.Module, found: Fit, head: FoundHead) -> None:
    own = network.state_dict()
    classifier = backbones.classifier_name(network)
    state: dict[str, Tensor] = {**found.backbone, **head.further}
    for name, values in head.tensors.items():
        key = f"{classifier}.{name}"
        if key not in own and not values.any():
            continue  # a bias of zero, for a classifier without one
        state[key] = values.reshape(own[key].shape) if values.numel() == own[key].numel() else values
    for key in own:
        if key.startswith(classifier) and key.endswith("num_batches_tracked"):
            state.setdefault(key, own[key])
    wrong = next((key for key in own if key not in state or state[key].shape != own[key].shape), None)
    if wrong is not None:
        raise refused(file, f"Its head does not fit at {wrong}.")
    network.load_state_dict(state, strict=True)


def _run_once(file: Path, network: nn.Module, preprocessing: Preprocessing) -> None:
    """Refuse what does not compute at the size of its preprocessing before anything is written."""
    logits = computed_logits(file, network, torch.zeros(1, preprocessing.channels, *preprocessing.size))
    if not torch.isfinite(logits).all():
        raise refused(file, "Its logits of an empty image are not finite.", _AS_TRAINED)


def computed_logits(file: Path, network: nn.Module, inputs: Tensor) -> Tensor:
    """Logits (images, findings) float32 of (images, channels, rows, columns) on the CPU.

    Raises UnusableCheckpoint where the network does not take images of that size.
    """
    try:
        with torch.inference_mode():
            logits: Tensor = network(inputs)
    except (RuntimeError, AssertionError, ValueError) as error:
        rows, columns = inputs.shape[2:]
        raise refused(file, f"It does not compute images of {rows} by {columns}: {error}", _AS_TRAINED) from error
    return logits


_AS_TRAINED = "Name the preprocessing and the architecture that it was trained with."


def _card(file: Path, made: ImportedNetwork, command: str | None) -> Card:
    digest = file_digest(file)
    answers, found = made.answers, made.found
    name = answers.name or file.name.partition(".")[0]
    before = (InitialisationStep(answers.origin),) if answers.origin else ()
    return Card(
        name=name,
        title=answers.title or f"{name}, imported",
        architecture=found.architecture,
        findings=made.findings,
        trained_findings=tuple(one for one in made.findings if one not in (answers.untrained or ())),
        task=made.task,
        preprocessing=made.preprocessing,
        weights_sha256="",
        license=answers.license or "unknown",
        head=found.head.head if found.head else backbones.LINEAR,
        initialisation=(*before, InitialisationStep("imported", file.name, digest, answers.license)),
        imported=ImportRecord(file.name, digest, tuple(made.decisions)),
        command=command,
        libraries={
            "xferviewer": __version__,
            **{library: importlib.metadata.version(library) for library in ("torch", "timm", "safetensors")},
        },
    )
