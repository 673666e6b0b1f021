"""The training loop: examples in, the best weights out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from xferviewer.engine.device import is_out_of_memory, release_memory
from xferviewer.errors import XferviewerError
from xferviewer.networks.backbones import train_mode
from xferviewer.training.layer_rates import unfreeze
from xferviewer.training.mixing import mix
from xferviewer.training.optimisers import set_rate
from xferviewer.training.seeds import generator, seed_of
from xferviewer.training.several_devices import share
from xferviewer.training.validation import Validation, validate
from xferviewer.training.watch import Step

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.batches import Batch, TrainingSide, ValidationSide
    from xferviewer.training.method import Method
    from xferviewer.training.resume import Keeper
    from xferviewer.training.state import TrainingState
    from xferviewer.training.watch import Watch

# What random numbers are for, so that no two uses share them.
_DROPOUT, MIXING = 1, 3


def fit(
    spec: TrainingSpec,
    fabric: Fabric,
    state: TrainingState,
    method: Method,
    training: TrainingSide,
    validation: ValidationSide | None,
    watch: Watch,
    keeper: Keeper,
) -> dict[str, Tensor]:
    """Train `state.network` in place; it ends with the weights of the epoch that the recipe selects.

    method      the recipe at work; what it remembers has to be among what `state` keeps
    validation  None in a process that helps another one on several devices, which does it for all

    Returns the weights of the last step; where the recipe averages weights, their average.

    The run goes on from where `state` is. On one device with one number of threads it depends on the spec alone,
    however often it was interrupted: what is random is drawn anew at each step, from the seed and the place in the
    run. Raises XferviewerError when the loss is no number any more, or when the memory is too small.
    """
    recipe, schedule = spec.recipe, method.schedule
    network, optimiser = fabric.setup(training.part(state.network), state.optimiser)
    judged = state.network if method.average is None else method.average.network
    watch.before_waiting = lambda: keeper.save(state)
    while state.epoch < method.epochs and not method.selection.stops:
        unfreeze(state.network, recipe.layers, method.learning, state.epoch)
        train_mode(network, method.frozen_norm)
        for batch in training.epoch(state.epoch, state.step):
            watch.working()
            state.step = batch.number  # one before it may have had no image that can be read
            step = state.epoch * method.steps_per_epoch + state.step
            if step == schedule.steps:
                break
            rate = schedule.rate(step)
            set_rate(state.optimiser, rate)
            loss = _gradients(spec, fabric, state, network, method, batch, watch)
            if fabric.device.type == "cpu" and not math.isfinite(loss):  # elsewhere looking waits for the device
                raise _diverged(spec, step)
            if recipe.clip_norm:
                fabric.clip_gradients(network, optimiser, max_norm=recipe.clip_norm, error_if_nonfinite=False)
            optimiser.step()
            if method.average is not None:
                method.average.follow(state.network, step)
            state.loss.add(loss)
            state.step += 1
            watch.stepped(Step(step + 1, schedule.steps, state.epoch + 1, method.epochs, loss, rate, len(batch.rows)))
            if keeper.due:
                _save(spec, state, step, watch, keeper)
        step = state.epoch * method.steps_per_epoch + state.step - 1
        # one process validates for all
        found: Any = (
            None if validation is None else validate(spec, validation.part(judged), validation, method.loss, watch)
        )
        found = fabric.broadcast(found)
        _end_epoch(spec, state, method, judged, found, schedule.rate(step), watch)
        _save(spec, state, step, watch, keeper)
    watch.before_waiting = None
    last = {name: values.detach().clone() for name, values in judged.state_dict().items()}
    state.network.load_state_dict(state.best.weights)
    return last


def _gradients(
    spec: TrainingSpec,
    fabric: Fabric,
    state: TrainingState,
    network: nn.Module,
    method: Method,
    batch: Batch,
    watch: Watch,
) -> Tensor:
    """The loss of one batch, and its gradients in the parameters; in more parts than before where it does not fit."""
    inputs, labels = batch.inputs, method.loss.targets(batch.labels)
    if method.mixes:
        random = generator(spec.seed, state.epoch, state.step, MIXING)
        inputs, labels = mix(inputs, labels, spec.recipe.mixing, random)
    while True:
        before = _part_sizes(len(inputs), state.parts)
        try:
            torch.manual_seed(seed_of(spec.seed, state.epoch, state.step, _DROPOUT))
            state.optimiser.zero_grad()
            return _in_parts(fabric, network, method, inputs, labels, state.parts)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            last = state.parts * 2 > len(inputs) // 2
            # with several devices the others wait for gradients that are half sent
            if not spec.machine.allow_smaller_batch or last or fabric.world_size > 1:
                raise _too_small(spec, fabric, state, len(inputs)) from error
        # outside the except clause, so that what the failed attempt held is free already
        state.optimiser.zero_grad()
        release_memory(fabric.device)
        state.parts *= 2
        watch.say(
            "halved batch",
            f"{fabric.device.type.upper()} has no room for {max(before)} images at a time: from here on a batch goes "
            f"through in {state.parts} parts, whose gradients are summed; batch normalisation sees the parts alone",
            parts=state.parts,
        )


def _in_parts(fabric: Fabric, network: Any, method: Method, inputs: Tensor, labels: Tensor, parts: int) -> Tensor:
    """Sum up the gradients of the parts of a batch: the loss is a mean over the stated labels of the whole."""
    total = torch.zeros((), device=fabric.device)
    count = method.loss.count(labels).clamp(min=1e-12).to(fabric.device)
    inputs, labels, weight = share(fabric, inputs, labels)
    sizes = _part_sizes(len(inputs), parts)
    each = zip(torch.split(inputs, sizes), torch.split(labels, sizes), strict=True)
    for number, (some, theirs) in enumerate(each):
        with fabric.no_backward_sync(network, enabled=number + 1 < len(sizes)):
            outputs = network(some.to(fabric.device)).float()
            loss = method.loss.total(outputs, theirs.to(fabric.device)) / count * weight
            fabric.backward(loss)
        method.answers.add(method.loss.finding_logits(outputs.detach()))
        total += loss.detach()
    if fabric.world_size > 1:
        torch.distributed.all_reduce(total)
        total /= fabric.world_size
    return total


def _part_sizes(images: int, parts: int) -> list[int]:
    """Nearly equal, none of a single image: batch normalisation cannot learn from one."""
    parts = max(1, min(parts, images // 2))
    return [images // parts + (number < images % parts) for number in range(parts)]


def _end_epoch(
    spec: TrainingSpec,
    state: TrainingState,
    method: Method,
    judged: nn.Module,
    found: Validation,
    rate: float,
    watch: Watch,
) -> None:
    """Count the epoch, keep the weights that were judged where they are the best so far, and say so."""
    training_loss, same = state.loss.mean(), method.answers.all_same()
    state.epoch, state.step, state.loss = state.epoch + 1, 0, type(state.loss)()
    better = method.selection.epoch_ended(found.auc, found.loss)
    method.schedule.epoch_ended(found.loss)
    if better:
        state.keep_as_best(judged)
    sides = [name for name, one in (("training", same), ("validation", found.majority_guess)) if one]
    told_same = f"; it says the same of every {' and '.join(sides)} image" if sides else ""
    watch.say(
        "epoch",
        f"Epoch {state.epoch} of {method.epochs}: loss {training_loss:.4f}, validation loss {found.loss:.4f}, "
        f"validation AUC {found.auc:.4f}{', the best so far' if better else ''}"
        f"{told_same}{', and it stops: patience has run out' if method.selection.stops else ''}",
        epoch=state.epoch,
        training_loss=training_loss,
        learning_rate=rate,
        best=better,
        training_majority_guess=same,
        **found.as_event(spec),
    )


def _save(spec: TrainingSpec, state: TrainingState, step: int, watch: Watch, keeper: Keeper) -> None:
    """Keep the state, unless it is no number any more: what is on disk is then always from before."""
    if not math.isfinite(float(state.loss.total)) or not state.is_finite():
        raise _diverged(spec, step)
    watch.keep(lambda: keeper.save(state))


def _diverged(spec: TrainingSpec, step: int) -> XferviewerError:
    return XferviewerError(
        f"The job {spec.name} stopped at step {step + 1}.",
        "Its loss is no finite number any more.",
        "Lower the learning rate or lengthen the warm-up, and start it again; its state from before is kept.",
    )


def _too_small(spec: TrainingSpec, fabric: Fabric, state: TrainingState, images: int) -> XferviewerError:
    at_once = max(_part_sizes(images, state.parts))
    return XferviewerError(
        f"The job {spec.name} ran out of memory.",
        f"{fabric.device.type.upper()} has no room for {at_once} images at a time.",
        "Choose a smaller batch_size, smaller images or a smaller network; or set machine.allow_smaller_batch, which "
        "computes a batch in parts.",
    )
