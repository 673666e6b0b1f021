"""A fine-tuning job, from its spec to a checkpoint in its folder."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from xferviewer import __version__
from xferviewer.checkpoints import (
    Card,
    Checkpoint,
    InitialisationStep,
    SeenImages,
    TrainingData,
    seen_images,
    write_card,
    write_checkpoint,
    write_seen_images,
)
from xferviewer.checkpoints.fields import to_mapping
from xferviewer.engine.device import choose_device
from xferviewer.engine.inference import load
from xferviewer.engine.training_inputs import describe_images, write_described
from xferviewer.errors import UnusableFolder, UnusableSpec, UnusableTable, XferviewerError
from xferviewer.jobs.folder import Heart, JobFolder
from xferviewer.jobs.network_spec import SETTINGS, NetworkSpec
from xferviewer.jobs.spec import TrainingSpec
from xferviewer.networks import backbones, initialisation
from xferviewer.networks.importing.torchvision_names import timm_equal
from xferviewer.studies.catalogue_writing import FileStamp, ImageEntry
from xferviewer.studies.examination import examine
from xferviewer.studies.splits import Split
from xferviewer.training.cohort import Cohort, leakage_receipt, open_cohort, phantom_cohort, split_by_patient
from xferviewer.training.held_out import measure
from xferviewer.training.loop import Examples, fit
from xferviewer.training.memory import check_memory
from xferviewer.training.planes import Precision, prepare
from xferviewer.training.watch import Cancelled, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from xferviewer.checkpoints import Preprocessing
    from xferviewer.engine.training_inputs import Described

# Training images are kept this much finer than the network's input, so that turning and scaling them costs no detail.
_FINER = 1.15


def run(spec: TrainingSpec, folder: JobFolder, command: str | None = None) -> Checkpoint | None:
    """Run a job to its end: the checkpoint that then lies in `folder.result`, or None when the job was cancelled.

    `command` is what the card says reproduces the checkpoint. Whatever ends the job, its status says so. Raises
    XferviewerError for what its user can mend, and anything else as it came.
    """
    heart = Heart(folder)
    try:
        checkpoint = _run(spec, Watch(folder, heart), command or f"xferviewer train {folder.path / 'spec.toml'}")
    except Cancelled:
        heart.stop("cancelled", "Cancelled as asked.")
        return None
    except XferviewerError as error:
        folder.log(str(error))
        heart.stop("failed", error.what, error)
        raise
    except BaseException as error:
        told = XferviewerError(
            f"The job {folder.name} stopped.",
            f"{type(error).__name__}: {error}.",
            "Read log.txt in its folder, and start it again.",
        )
        folder.log(str(told))
        heart.stop("failed", told.what, told)
        raise
    heart.stop("finished", f"The checkpoint {checkpoint.name} is ready.")
    return checkpoint


def _run(spec: TrainingSpec, watch: Watch, command: str) -> Checkpoint:
    # torchvision's name of a network that timm has too is timm's from here on, also on the card
    equal = timm_equal(spec.network.architecture)
    options = {**equal.options, **spec.network.options}
    spec = replace(spec, network=replace(spec.network, architecture=equal.architecture, options=options))
    torch.manual_seed(spec.seed)
    if spec.recipe.threads:
        torch.set_num_threads(spec.recipe.threads)
    cohort = open_cohort(spec.data, spec.findings, watch.working)
    split = split_by_patient(cohort, spec.data.validation_fraction, spec.data.split_seed)
    data = _training_data(spec, cohort, split, watch)
    needed, network, start = _build(spec, watch)
    learning = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    watch.say(
        "network",
        f"{spec.network.architecture}, {SETTINGS[spec.network.setting]}: {learning:,} parameters learn; "
        f"weights, gradients and AdamW take {needed / 1e9:.2f} GB",
        parameters=learning,
        bytes=needed,
    )
    training = _examples(spec.network, cohort, split.training, "training", watch)
    validation = _examples(spec.network, cohort, split.validation, "validation", watch)
    fit(spec, network, training, validation, watch)
    card = _card(spec, start, data, command, watch.folder.name)
    weights = {name: values.cpu().contiguous().numpy() for name, values in network.state_dict().items()}
    options = backbones.options_for_timm(network, spec.network.options)
    checkpoint = write_checkpoint(watch.folder.result / spec.name, card, options, weights)
    write_seen_images(checkpoint, seen_in(cohort, split))
    try:
        found = described(cohort, split, checkpoint.preprocessing, watch.working)
    except UnusableFolder as error:
        watch.say("training inputs", f"The card does not describe the training images: {error.why}")
    else:
        checkpoint = write_described(checkpoint, found)
    return _measured(spec, checkpoint, cohort, watch)


def described(cohort: Cohort, split: Split, preprocessing: Preprocessing, progress: Callable[[str], None]) -> Described:
    """What the training images look like to the network, without the moves of augmentation. Raises UnusableFolder."""
    return describe_images(
        [(cohort.paths[row], cohort.frames[row]) for row in split.training],
        preprocessing,
        f"{cohort.name}, training split",
        lambda done, total: progress(f"training images: {done} of {total} measured"),
    )


def seen_in(cohort: Cohort, split: Split) -> SeenImages:
    """The images of both sides, so that nobody takes numbers on them for numbers on new ones."""
    entries = [examine(FileStamp(str(path), 0, 0)) for path in cohort.paths]
    identities = [entry.identity if isinstance(entry, ImageEntry) else None for entry in entries]
    sides = [[name for row in rows if (name := identities[row])] for rows in (split.training, split.validation)]
    return seen_images(split.digest, *sides)


def _training_data(spec: TrainingSpec, cohort: Cohort, split: Split, watch: Watch) -> TrainingData:
    receipt = leakage_receipt(cohort, split)
    watch.say("receipt", f"Leakage receipt: {receipt}", **to_mapping(receipt), split_digest=split.digest)
    if receipt.shared_patients:
        raise UnusableSpec(
            f"The job {spec.name} does not start.", f"{receipt}.", "Split the cohort by patient, and start it again."
        )
    return TrainingData(
        cohort=cohort.name,
        site=cohort.site,
        seed=spec.data.phantom.seed if spec.data.phantom else None,
        training=len(split.training),
        validation=len(split.validation),
        training_patients=receipt.training_patients,
        validation_patients=receipt.validation_patients,
        shared_patients=receipt.shared_patients,
        split_digest=split.digest,
    )


def _build(spec: TrainingSpec, watch: Watch) -> tuple[int, nn.Module, tuple[InitialisationStep, ...]]:
    """The bytes that training keeps, the network on its device, and what its weights start from."""
    made = spec.network
    try:
        needed = check_memory(spec, choose_device())
        network = backbones.create(
            made.architecture, len(spec.findings), made.preprocessing.channels, made.options, made.head
        )
        start = initialisation.start(network, made, lambda said: watch.say("weights", said))
        backbones.freeze(network, made.trainable_groups, made.counting)
    except ValueError as error:
        raise UnusableSpec(
            f"The network of the job {spec.name} cannot be built.",
            f"{error}",
            "Correct the section network of the job, and start it again.",
        ) from error
    return needed, network.to(choose_device()).to(memory_format=torch.channels_last), start


def _examples(
    made: NetworkSpec, cohort: Cohort, rows: np.ndarray, side: Literal["training", "validation"], watch: Watch
) -> Examples:
    """Training images finer than the network's input and in whole grey levels; validation images as in inference."""
    preprocessing, precision = made.preprocessing, Precision.FLOAT32
    if side == "training":
        height, width = preprocessing.size
        preprocessing = replace(preprocessing, size=(round(height * _FINER), round(width * _FINER)))
        precision = Precision.UINT8
    part = cohort.part(rows)
    planes = prepare(
        part,
        preprocessing,
        precision,
        lambda done: watch.working(f"{side}: {done} of {len(rows)} images prepared"),
        watch.refused,
    )
    if not planes.readable.any():
        raise UnusableTable(
            f"The job cannot learn from {cohort.name}.",
            f"None of its {len(rows)} {side} images can be read; log.txt says why of each.",
            "Correct the paths in the table of labels, or choose other images.",
        )
    return Examples(planes, part.labels, np.flatnonzero(planes.readable))


def _card(
    spec: TrainingSpec, start: tuple[InitialisationStep, ...], data: TrainingData, command: str, job: str
) -> Card:
    return Card(
        name=spec.name,
        title=spec.title,
        architecture=spec.network.architecture,
        findings=spec.findings,
        trained_findings=spec.findings,
        task="multi-label",
        preprocessing=spec.network.preprocessing,
        head=spec.network.head,
        weights_sha256="",
        license=spec.license,
        initialisation=start,
        data=data,
        recipe={
            "setting": f"{spec.network.setting}: {SETTINGS[spec.network.setting]}",
            "top_groups": spec.network.trainable_groups,
            "counting": spec.network.counting,
            "channel_adaptation": spec.network.channel_adaptation,
            **to_mapping(spec.recipe),
        },
        seed=spec.seed,
        job=job,
        command=command,
        libraries={
            "python": platform.python_version(),
            "xferviewer": __version__,
            **{name: importlib.metadata.version(name) for name in ("torch", "timm", "numpy", "safetensors")},
        },
    )


def _measured(spec: TrainingSpec, checkpoint: Checkpoint, cohort: Cohort, watch: Watch) -> Checkpoint:
    """The checkpoint with its AUC on every held-out cohort on its card."""
    loaded = load(checkpoint, choose_device())
    for data in spec.held_out:
        unseen = phantom_cohort(data, spec.findings, watch.working)
        found = measure(loaded, unseen, cohort, watch)
        checkpoint = write_card(checkpoint, replace(checkpoint.card, metrics=(*checkpoint.card.metrics, *found)))
        areas = ", ".join(f"{metric.finding} {metric.auc}" for metric in found)
        watch.say("held out", f"{unseen.name}: {areas}", cohort=unseen.name, metrics=[to_mapping(one) for one in found])
    return checkpoint
