"""The training loop: examples in, the best weights out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from xferviewer.engine.device import is_out_of_memory, release_memory
from xferviewer.errors import XferviewerError
from xferviewer.networks.backbones import train_mode
from xferviewer.networks.preprocessing import normalise
from xferviewer.training.augmentation import augment
from xferviewer.training.schedule import warmup_cosine
from xferviewer.training.seeds import generator, seed_of
from xferviewer.training.validation import Validation, validate
from xferviewer.training.watch import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lightning_fabric import Fabric

    from xferviewer.jobs.recipe import Recipe
    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.examples import Examples
    from xferviewer.training.resume import Keeper
    from xferviewer.training.state import TrainingState
    from xferviewer.training.watch import Watch

# What random numbers are for, so that no two uses share them.
_DROPOUT, _AUGMENTATION = 1, 2


def fit(
    spec: TrainingSpec,
    fabric: Fabric,
    state: TrainingState,
    training: Examples,
    validation: Examples,
    watch: Watch,
    keeper: Keeper,
) -> None:
    """Train `state.network` in place; it ends with the weights of the epoch with the largest mean validation AUC.

    A later epoch must be strictly better to replace an earlier one. The run goes on from where `state` is. On one
    device with one number of threads it depends on the spec alone, however often it was interrupted: what is random is
    drawn anew at each step, from the seed and the place in the run. Raises XferviewerError when the loss is no number
    any more, or when the memory is too small.
    """
    recipe = spec.recipe
    steps_per_epoch = len(_starts(training, recipe))
    steps = steps_per_epoch * recipe.epochs
    rates = make_schedule(recipe, steps_per_epoch)
    loss_of = stated_cross_entropy
    network, optimiser = fabric.setup(state.network, state.optimiser)
    watch.before_waiting = lambda: keeper.save(state)
    while state.epoch < recipe.epochs:
        train_mode(network, spec.network.counting)
        for inputs, labels in _batches(spec, training, state.epoch, state.step):
            watch.working()
            step = state.epoch * steps_per_epoch + state.step
            for group in state.optimiser.param_groups:
                group["lr"] = rates[step]
            loss = _gradients(spec, fabric, state, network, loss_of, inputs, labels)
            if fabric.device.type == "cpu" and not math.isfinite(loss):  # elsewhere looking waits for the device
                raise _diverged(spec, step)
            optimiser.step()
            state.loss.add(loss)
            state.step += 1
            watch.stepped(Step(step + 1, steps, state.epoch + 1, recipe.epochs, loss, rates[step], len(inputs)))
            if keeper.due:
                _save(spec, state, step, watch, keeper)
        found = validate(spec, state.network, validation, loss_of, watch)
        step = state.epoch * steps_per_epoch + state.step - 1
        _end_epoch(state, found, recipe, rates[step], watch)
        _save(spec, state, step, watch, keeper)
    watch.before_waiting = None
    state.network.load_state_dict(state.best.weights)


def make_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW on what learns. Weight decay for matrices and kernels; none for vectors, scalars and what timm exempts."""
    exempt = set(network.no_weight_decay()) if hasattr(network, "no_weight_decay") else set()  # type: ignore[operator]
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (plain if parameter.ndim <= 1 or name in exempt else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def make_schedule(recipe: Recipe, steps_per_epoch: int) -> Sequence[float]:
    """The learning rate of each step of the run."""
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    steps = steps_per_epoch * recipe.epochs
    return [float(r) for r in warmup_cosine(steps, warmup, recipe.learning_rate, recipe.minimum_learning_rate)]


def stated_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy with logits, averaged over the labels that are stated; NaN is not stated. 0 if none is."""
    stated = ~torch.isnan(labels)
    each = functional.binary_cross_entropy_with_logits(logits, torch.nan_to_num(labels), reduction="none")
    return (each * stated).sum() / stated.sum().clamp(min=1)


def _gradients(
    spec: TrainingSpec,
    fabric: Fabric,
    state: TrainingState,
    network: nn.Module,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    labels: Tensor,
) -> Tensor:
    """The loss of one batch, and its gradients in the parameters; in more parts than before where it does not fit."""
    while True:
        try:
            torch.manual_seed(seed_of(spec.seed, state.epoch, state.step, _DROPOUT))
            state.optimiser.zero_grad()
            return _in_parts(fabric, network, loss_of, inputs, labels, state.parts)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if not spec.machine.allow_smaller_batch or state.parts * 2 > len(inputs) // 2:
                raise _too_small(spec, fabric, state, len(inputs)) from error
        # outside the except clause, so that what the failed attempt held is free already
        state.optimiser.zero_grad()
        release_memory(fabric.device)
        state.parts *= 2


def _in_parts(
    fabric: Fabric,
    network: nn.Module,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    labels: Tensor,
    parts: int,
) -> Tensor:
    """Sum up the gradients of the parts of a batch, each weighed by its share of the labels that are stated."""
    total = torch.zeros((), device=fabric.device)
    stated = (~torch.isnan(labels)).sum().clamp(min=1)
    sizes = _part_sizes(len(inputs), parts)
    for number, (some, theirs) in enumerate(zip(inputs.split(sizes), labels.split(sizes), strict=True)):
        with fabric.no_backward_sync(network, enabled=number + 1 < len(sizes)):
            logits = network(some.to(fabric.device, memory_format=torch.channels_last)).float()
            loss = loss_of(logits, theirs.to(fabric.device))
            if len(sizes) > 1:
                loss = loss * ((~torch.isnan(theirs)).sum() / stated).to(fabric.device)
            fabric.backward(loss)
        total += loss.detach()
    return total


def _part_sizes(images: int, parts: int) -> list[int]:
    """Nearly equal, none of a single image: batch normalisation cannot learn from one."""
    parts = max(1, min(parts, images // 2))
    return [images // parts + (number < images % parts) for number in range(parts)]


def _starts(training: Examples, recipe: Recipe) -> list[int]:
    """Where each batch of an epoch begins. A single image left over joins no batch, for the same reason."""
    count = len(training.rows)
    return [start for start in range(0, count, recipe.batch_size) if count - start > 1 or start == 0]


def _batches(spec: TrainingSpec, examples: Examples, epoch: int, first: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Every example once in an order of its epoch's own, augmented, from the `first` batch on."""
    made, recipe = spec.network.preprocessing, spec.recipe
    order = torch.randperm(len(examples.rows), generator=torch.Generator().manual_seed(spec.seed * 100_003 + epoch))
    ordered = examples.rows[order.numpy()]
    for number, start in enumerate(_starts(examples, recipe)[first:], first):
        rows = ordered[start : start + recipe.batch_size]
        random = generator(spec.seed, epoch, number, _AUGMENTATION)
        planes = augment(examples.planes.batch(rows), made.size, recipe.augmentation, random)
        yield normalise(planes, made), torch.from_numpy(examples.labels[rows])


def _end_epoch(state: TrainingState, found: Validation, recipe: Recipe, rate: float, watch: Watch) -> None:
    """Count the epoch, keep its weights where they are the best so far, and say so."""
    training_loss = state.loss.mean()
    state.epoch, state.step, state.loss = state.epoch + 1, 0, type(state.loss)()
    better = found.auc > state.best.score or not state.best.epoch
    if better:
        state.keep_as_best(found.auc if not math.isnan(found.auc) else -math.inf)
    watch.say(
        "epoch",
        f"Epoch {state.epoch} of {recipe.epochs}: loss {training_loss:.4f}, validation loss {found.loss:.4f}, "
        f"validation AUC {found.auc:.4f}{', the best so far' if better else ''}"
        f"{'; it says the same of every image' if found.majority_guess else ''}",
        epoch=state.epoch,
        training_loss=training_loss,
        learning_rate=rate,
        best=better,
        **found.as_event(),
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
