"""A fine-tuning job, from its spec to a checkpoint in its folder."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from xferviewer.checkpoints import InitialisationStep
from xferviewer.checkpoints.fields import chosen_of
from xferviewer.engine.device import describe
from xferviewer.errors import UnusableSpec
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import SETTINGS
from xferviewer.jobs.process import JobProcess
from xferviewer.jobs.recipe_cards import provenance
from xferviewer.jobs.spec import TrainingSpec
from xferviewer.networks import backbones, initialisation
from xferviewer.networks.hub.obtaining import at_hand, policy
from xferviewer.networks.hub.published import published
from xferviewer.networks.importing.torchvision_names import timm_equal
from xferviewer.training.estimate import Estimate, estimate
from xferviewer.training.fabric import make_fabric
from xferviewer.training.features import FeatureSides, feature_sides, kept_features
from xferviewer.training.frozen_backbone import probe
from xferviewer.training.head_start import start_head
from xferviewer.training.job_data import learnable, open_data, say_receipt
from xferviewer.training.loop import fit
from xferviewer.training.losses import check_classes
from xferviewer.training.memory import Memory, check_memory
from xferviewer.training.method import make_method
from xferviewer.training.optimisers import make_optimiser
from xferviewer.training.result import Made, measured, write_last, write_result
from xferviewer.training.resume import Keeper
from xferviewer.training.seeds import deterministic
from xferviewer.training.several_devices import (
    ReceivedTraining,
    SharedTraining,
    SilentWatch,
    other_devices,
    received,
    tell_rows,
)
from xferviewer.training.sides import open_sides, say_moves
from xferviewer.training.state import TrainingState
from xferviewer.training.uncertain_loss import check_differences
from xferviewer.training.uncertain_side import with_uncertain
from xferviewer.training.validation import validation_units
from xferviewer.training.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from xferviewer.checkpoints import Checkpoint
    from xferviewer.studies.splits import Split
    from xferviewer.training.batches import TrainingSide


def run(spec: TrainingSpec, folder: JobFolder, command: str | None = None) -> Checkpoint | None:
    """Run a job to its end: the checkpoint that then lies in `folder.result`, or None when it was cancelled or stopped.

    `command` is what the card says reproduces the checkpoint. Whatever ends the job, its status says so. Raises
    XferviewerError for what its user can mend, and anything else as it came.
    """
    with JobProcess(folder) as process:
        return train(spec, process, command)
    return None  # the process says why


def train(spec: TrainingSpec, process: JobProcess, command: str | None = None) -> Checkpoint:
    """The same in a process whose turn it is. Raises Cancelled or Interrupted besides."""
    with deterministic(spec.recipe.deterministic), other_devices(spec, process):
        return _train(spec, process, command)


def help_train(folder: JobFolder, devices: Sequence[str]) -> None:
    """A process that helps another one, which runs the job of `folder`, on one device more (several_devices)."""
    spec = _as_timm_names_it(folder.spec())
    watch: Any = SilentWatch()
    with deterministic(spec.recipe.deterministic):
        _prepare_torch(spec)
        fabric = make_fabric(spec, devices)
        network, _ = _build(spec, fabric.device, str)
        training = ReceivedTraining(fabric)
        method = make_method(spec, network, training)
        state = TrainingState(
            network, make_optimiser(network, spec.recipe), method.kept(), parts=spec.recipe.accumulation
        )
        keeper = Keeper(folder.path / "resume", received(fabric), math.inf)
        keeper.restore(state)
        fit(spec, fabric, state, method, training, None, watch, keeper)
        torch.distributed.destroy_process_group()


def _prepare_torch(spec: TrainingSpec) -> None:
    torch.manual_seed(spec.seed)
    if spec.recipe.threads:
        torch.set_num_threads(spec.recipe.threads)


def _train(spec: TrainingSpec, process: JobProcess, command: str | None) -> Checkpoint:
    watch = Watch(process)
    spec = _as_timm_names_it(spec)
    _prepare_torch(spec)
    fabric = make_fabric(spec, process.devices())
    watch.working(device=describe(fabric.device, spec.recipe.precision))
    _say_recipe(spec, watch)
    say_moves(spec, watch)
    opened = open_data(spec.data, spec.findings, watch.working)
    cohort, split = opened.cohort, opened.split
    data = say_receipt(spec, opened, watch)
    if spec.task == "multi-class":
        check_classes(cohort.labels, spec.findings, cohort.name)
    taught = learnable(opened, spec.findings, spec.task, watch)
    units = validation_units(spec, cohort)
    memory = _room_for(spec, fabric.device)  # before anything is built
    network, start = _build(spec, fabric.device, lambda said: watch.say("weights", said))
    learning = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    watch.say(
        "network",
        f"{spec.network.architecture}, {SETTINGS[spec.network.setting]}: {learning:,} parameters learn",
        parameters=learning,
    )
    with open_sides(spec, cohort, split, units, watch) as images:
        if fabric.world_size > 1:
            tell_rows(images[0], fabric)
        method = make_method(spec, network, images[0])
        optimiser = make_optimiser(network, spec.recipe)
        state = TrainingState(network, optimiser, method.kept(), parts=spec.recipe.accumulation)
        identity = fabric.broadcast(_identity(spec, split))
        keeper = Keeper(process.folder.path / "resume", identity, spec.machine.save_seconds)
        if keeper.restore(state):
            watch.goes_on(state.epoch * method.steps_per_epoch + state.step, state.epoch + 1)
        sides = feature_sides(spec, network, method, *images, watch)
        if not any(event["kind"] == "estimate" for event in watch.folder.events()):
            found = estimate(spec, memory, fabric.device, len(split.training), sides)
            watch.say("estimate", f"Before the start: {found}", **found.as_event())
        with kept_features(sides, *images, watch) as (training, validation):
            learned: TrainingSide = with_uncertain(training, spec)
            if fabric.world_size > 1:
                learned = SharedTraining(learned, network, fabric)
            last = fit(spec, fabric, state, method, learned, validation, watch, keeper)
    made = Made(spec, network, start, data, taught, command or _command(process.folder), process.folder.name)
    checkpoint = write_result(made, process.folder.result, cohort, split, watch)
    checkpoint = measured(spec, checkpoint, opened, watch)
    write_last(made, process.folder.path / "last", last, watch)
    process.finish(f"The checkpoint {checkpoint.name} is ready.")
    keeper.remove()
    return checkpoint


def _command(folder: JobFolder) -> str:
    return f"xferviewer train {folder.path / 'spec.toml'}"


def estimate_job(spec: TrainingSpec) -> Estimate:
    """What a job will take, from its specification, its data and the features that are kept; nothing of it is kept.

    Raises XferviewerError as the job would, UnusableSpec where the device has no room for it.
    """
    spec = _as_timm_names_it(spec)
    _prepare_torch(spec)  # random weights are then those of the job
    opened = open_data(spec.data, spec.findings, lambda _: None, compare=False)
    device = make_fabric(replace(spec, machine=replace(spec.machine, devices=1))).device
    memory = _room_for(spec, device)
    network, _ = _build(spec, device, str, fetch=False)  # of weights that are not here nothing is kept either
    sides: FeatureSides | str = "The backbone learns."
    if memory.learning == memory.head and spec.machine.keep_features:
        silent: Any = SilentWatch()
        with open_sides(spec, opened.cohort, opened.split, (), silent) as images:
            sides = feature_sides(spec, network, make_method(spec, network, images[0]), *images, silent)
    return estimate(spec, memory, device, len(opened.split.training), sides)


def _room_for(spec: TrainingSpec, device: torch.device) -> Memory:
    """What the job will hold. Raises UnusableSpec where the network cannot be built, or the device is too small."""
    try:
        return check_memory(spec, device)
    except ValueError as error:
        raise _unbuildable(spec, error) from error


def _as_timm_names_it(spec: TrainingSpec) -> TrainingSpec:
    """torchvision's name of a network that timm has too is timm's from here on, also on the card."""
    equal = timm_equal(spec.network.architecture)
    options = {**equal.options, **spec.network.options}
    return replace(spec, network=replace(spec.network, architecture=equal.architecture, options=options))


def _say_recipe(spec: TrainingSpec, watch: Watch) -> None:
    """Which published recipe this is, where it departs from that, and what its source left open."""
    recipe, known = spec.recipe, provenance(spec)
    if not known:
        return
    said = [f"Recipe {recipe.name}{f', {recipe.variant}' if recipe.variant else ''}"]
    said += ["as published, its errors included" if recipe.as_published else "as meant"]
    said += [f"a deviation: {known['departs']}"] if known["departs"] else []
    said += [f"a deviation: {', '.join(known['deviations'])}"] if known["deviations"] else []
    said += [f"not stated by its source: {', '.join(known['gaps'])}"] if known["gaps"] else []
    watch.say(
        "recipe",
        "; ".join(said),
        name=recipe.name,
        variant=recipe.variant,
        as_published=recipe.as_published,
        **known,
    )


def _identity(spec: TrainingSpec, split: Split) -> str:
    """A digest of all that the weights after so many steps follow from, save the libraries and the machine."""
    told = json.dumps(chosen_of(replace(spec, machine=MachineSpec())), sort_keys=True, default=str)
    return hashlib.sha256(f"{told}\n{split.digest}".encode()).hexdigest()


def _build(
    spec: TrainingSpec, device: torch.device, tell: Callable[[str], object], *, fetch: bool = True
) -> tuple[nn.Module, tuple[InitialisationStep, ...]]:
    """The network on its device, and what its weights start from; `tell` hears what is fetched.

    fetch  published weights that are not on this machine; else their place is taken by random ones
    """
    made = spec.network
    here = fetch or not made.hub or at_hand(published(made.hub), policy()) is not None
    try:
        network = backbones.create(
            made.architecture, spec.outputs, made.preprocessing.channels, made.options, made.head
        )
        start = initialisation.start(network, made, tell) if here else ()
        start_head(network, spec.recipe)
        if spec.three_classes:
            check_differences(network, probe(spec))
        backbones.freeze(network, made.trainable_groups, made.counting)
    except ValueError as error:
        raise _unbuildable(spec, error) from error
    return network.to(device).to(memory_format=torch.channels_last), start


def _unbuildable(spec: TrainingSpec, error: ValueError) -> UnusableSpec:
    return UnusableSpec(
        f"The network of the job {spec.name} cannot be built.",
        f"{error}",
        "Correct the section network of the job, and start it again.",
    )
