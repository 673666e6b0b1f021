"""A fine-tuning job, from its spec to a checkpoint in its folder."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from xferviewer.checkpoints import InitialisationStep
from xferviewer.errors import UnusableSpec, XferviewerError
from xferviewer.jobs.folder import Heart, JobFolder
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import SETTINGS
from xferviewer.jobs.spec import TrainingSpec, render_spec
from xferviewer.networks import backbones, initialisation
from xferviewer.networks.importing.torchvision_names import timm_equal
from xferviewer.training.examples import Examples, prepare_examples
from xferviewer.training.fabric import make_fabric
from xferviewer.training.job_data import learnable, open_data, say_receipt
from xferviewer.training.loop import fit, make_optimiser
from xferviewer.training.memory import check_memory
from xferviewer.training.result import Made, measured, write_result
from xferviewer.training.resume import Keeper
from xferviewer.training.state import TrainingState
from xferviewer.training.watch import Cancelled, Watch

if TYPE_CHECKING:
    from torch import nn

    from xferviewer.checkpoints import Checkpoint
    from xferviewer.studies.splits import Split


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
    spec = _as_timm_names_it(spec)
    torch.manual_seed(spec.seed)
    if spec.recipe.threads:
        torch.set_num_threads(spec.recipe.threads)
    fabric = make_fabric(spec)
    opened = open_data(spec.data, spec.findings, watch.working)
    cohort, split = opened.cohort, opened.split
    data = say_receipt(spec, opened, watch)
    taught = learnable(opened, spec.findings, "multi-label", watch)
    needed, network, start = _build(spec, fabric.device, watch)
    learning = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    watch.say(
        "network",
        f"{spec.network.architecture}, {SETTINGS[spec.network.setting]}: {learning:,} parameters learn; "
        f"weights, gradients and AdamW take {needed / 1e9:.2f} GB",
        parameters=learning,
        bytes=needed,
    )
    training = prepare_examples(spec.network.preprocessing, cohort, split.training, "training", watch)
    validation = prepare_examples(spec.network.preprocessing, cohort, split.validation, "validation", watch)
    state = TrainingState(network, make_optimiser(network, spec.recipe))
    keeper = Keeper(watch.folder.path / "resume", _identity(spec, split, training), spec.machine.save_seconds)
    if keeper.restore(state):
        watch.say(
            "resumed", f"Goes on after epoch {state.epoch}, step {state.step}", epoch=state.epoch, step=state.step
        )
    fit(spec, fabric, state, training, validation, watch, keeper)
    made = Made(spec, network, start, data, taught, command, watch.folder.name)
    checkpoint = write_result(made, watch.folder.result, cohort, split, watch)
    return measured(spec, checkpoint, opened, watch)


def _as_timm_names_it(spec: TrainingSpec) -> TrainingSpec:
    """torchvision's name of a network that timm has too is timm's from here on, also on the card."""
    equal = timm_equal(spec.network.architecture)
    options = {**equal.options, **spec.network.options}
    return replace(spec, network=replace(spec.network, architecture=equal.architecture, options=options))


def _identity(spec: TrainingSpec, split: Split, training: Examples) -> str:
    """A digest of all that the weights after so many steps follow from, save the libraries and the machine."""
    told = render_spec(replace(spec, machine=MachineSpec()))
    rows = hashlib.sha256(training.rows.tobytes()).hexdigest()
    return hashlib.sha256(f"{told}\n{split.digest}\n{rows}".encode()).hexdigest()


def _build(
    spec: TrainingSpec, device: torch.device, watch: Watch
) -> tuple[int, nn.Module, tuple[InitialisationStep, ...]]:
    """The bytes that training keeps, the network on its device, and what its weights start from."""
    made = spec.network
    try:
        needed = check_memory(spec, device)
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
    return needed, network.to(device).to(memory_format=torch.channels_last), start
