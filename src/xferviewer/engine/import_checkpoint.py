"""`xferviewer import-checkpoint`: a file of another program as a checkpoint folder."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from xferviewer import __version__
from xferviewer.checkpoints import Card, ImportRecord, InitialisationStep, Preprocessing, write_checkpoint
from xferviewer.checkpoints.folder import file_digest
from xferviewer.checkpoints.preprocessing_presets import PRESETS
from xferviewer.engine.import_answers import Answers, beside
from xferviewer.errors import UnusableCheckpoint, UnusableChoice, UnusableFolder
from xferviewer.networks import backbones
from xferviewer.networks.importing.reading import read_network
from xferviewer.networks.importing.weight_files import refused

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xferviewer.engine.import_answers import Task
    from xferviewer.networks.importing.foreign_heads import FoundHead
    from xferviewer.networks.importing.recognition import Fit


def import_checkpoint(file: Path, out: Path, given: Answers, command: str | None = None) -> dict[str, Any]:
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
    found_beside, read = beside(file)
    answers = given.else_from(found_beside)
    found = _read(file, given, answers, read)
    if found.head is None:
        raise refused(
            file,
            "It holds a backbone without a classifier, which says nothing of any finding.",
            "Name it as the weights that a training job starts from (network.weights in its specification).",
        )
    decisions = [*found.decisions, *(f"What the weights do not say was read from {name}." for name in read)]
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
    _fill(file, network, found, found.head)
    _run_once(file, network, preprocessing)
    card = _card(file, answers, found, findings, task, preprocessing, decisions, command)
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    checkpoint = write_checkpoint(out, card, options, weights)
    return {
        "checkpoint": str(out), "name": card.name, "architecture": card.architecture, "options": options,
        "findings": list(card.findings), "trained_findings": list(card.trained_findings), "task": card.task,
        "head": card.head.kind, "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "size": list(preprocessing.size), "preprocessing_digest": preprocessing.digest,
        "weights_sha256": checkpoint.weights_sha256, "source": file.name,
        "source_sha256": card.imported.sha256 if card.imported else None, "decisions": decisions,
    }  # fmt: skip


def _read(file: Path, given: Answers, answers: Answers, read: list[str]) -> Fit:
    try:
        return read_network(file, answers.architecture, answers.options)
    except UnusableCheckpoint as error:
        if answers.architecture == given.architecture:
            raise
        named = f"Its architecture {answers.architecture} was read from {' and '.join(read)} beside it."
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
    strangers = sorted(set(answers.untrained) - set(answers.findings))
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
    stated: Any = network.pretrained_cfg
    side = found.options.get("img_size", stated["input_size"][1:])
    size = (side, side) if isinstance(side, int) else tuple(side)
    if answers.preprocessing is not None:
        made = answers.preprocessing
    elif answers.preset == "timm":
        made = Preprocessing(
            size=size,
            mean=tuple(stated["mean"]),
            std=tuple(stated["std"]),
            resize="shorter",
            crop_fraction=stated["crop_pct"],
            interpolation=stated["interpolation"],
        )
    elif answers.preset in PRESETS:
        made = PRESETS[answers.preset].at(size)
    else:
        known = ", ".join(["timm", *PRESETS])
        raise UnusableChoice(
            f"{file.name} is not imported yet.",
            f"{answers.preset} is no preprocessing known by name."
            if answers.preset
            else "No file says how its images were scaled and normalised.",
            f"Say so with --preprocessing, by one of the names {known}, or by a TOML file with the constants.",
        )
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
    return made


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
    why = "Its logits of an empty image are not finite."
    try:
        with torch.inference_mode():
            logits = network.eval()(torch.zeros(1, preprocessing.channels, *preprocessing.size))
        finite = bool(torch.isfinite(logits).all())
    except (RuntimeError, AssertionError, ValueError) as error:
        why, finite = (
            f"It does not compute images of {preprocessing.size[0]} by {preprocessing.size[1]}: {error}",
            False,
        )
    if not finite:
        raise refused(file, why, "Name the preprocessing and the architecture that it was trained with.")


def _card(
    file: Path,
    answers: Answers,
    found: Fit,
    findings: tuple[str, ...],
    task: Task,
    preprocessing: Preprocessing,
    decisions: list[str],
    command: str | None,
) -> Card:
    digest = file_digest(file)
    name = answers.name or file.name.partition(".")[0]
    licence = answers.license or "unknown"
    return Card(
        name=name,
        title=answers.title or f"{name}, imported",
        architecture=found.architecture,
        findings=findings,
        trained_findings=tuple(one for one in findings if one not in answers.untrained),
        task=task,
        preprocessing=preprocessing,
        weights_sha256="",
        license=licence,
        head=found.head.head if found.head else backbones.LINEAR,
        initialisation=(InitialisationStep("imported", file.name, digest, answers.license),),
        imported=ImportRecord(file.name, digest, tuple(decisions)),
        command=command,
        libraries={
            "xferviewer": __version__,
            **{library: importlib.metadata.version(library) for library in ("torch", "timm", "safetensors")},
        },
    )
