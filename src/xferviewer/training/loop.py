"""The training loop: examples in, the best weights out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from xferviewer.engine.device import autocast
from xferviewer.errors import XferviewerError
from xferviewer.evaluation.roc import auc
from xferviewer.networks.backbones import train_mode
from xferviewer.networks.preprocessing import normalise
from xferviewer.training.augmentation import augment
from xferviewer.training.schedules import warmup_cosine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.planes import Planes
    from xferviewer.training.watch import Watch

_VALIDATION_BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """One side of a split: planes and labels float32 (n, findings), and the rows of both that can be learned from."""

    planes: Planes
    labels: NDArray[np.float32]
    rows: NDArray[np.intp]


def fit(spec: TrainingSpec, network: nn.Module, training: Examples, validation: Examples, watch: Watch) -> None:
    """Train `network` in place; it ends with the weights of the epoch with the largest mean validation AUC.

    A later epoch must be strictly better to replace an earlier one. Deterministic for a spec on one device with one
    number of threads. Raises XferviewerError when the loss is no number any more.
    """
    recipe = spec.recipe
    device = next(network.parameters()).device
    steps_per_epoch = math.ceil(len(training.rows) / recipe.batch_size)
    steps = steps_per_epoch * recipe.epochs
    rates = warmup_cosine(
        steps, round(recipe.warmup_epochs * steps_per_epoch), recipe.learning_rate, recipe.minimum_learning_rate
    )
    optimiser = torch.optim.AdamW(_parameter_groups(network, recipe.weight_decay), lr=recipe.learning_rate)
    best_auc, best = -math.inf, _copy(network)
    for epoch in range(recipe.epochs):
        train_mode(network, spec.network.counting)
        losses = []
        for number, (inputs, labels) in enumerate(_batches(spec, training, epoch)):
            step = epoch * steps_per_epoch + number
            for group in optimiser.param_groups:
                group["lr"] = rates[step]
            with autocast(device, recipe.precision):
                logits = network(inputs.to(device, memory_format=torch.channels_last)).float()
            loss = stated_cross_entropy(logits, labels.to(device))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(float(loss.detach()))
            if not math.isfinite(losses[-1]):
                raise _diverged(spec, step)
            watch.working(f"Epoch {epoch + 1} of {recipe.epochs}, loss {losses[-1]:.4f}", step=step + 1, steps=steps)
        areas = _validate(spec, network, validation, watch)
        mean = _mean_of_defined(areas)
        better = mean > best_auc
        if better:
            best_auc, best = mean, _copy(network)
        watch.say(
            "epoch",
            f"Epoch {epoch + 1} of {recipe.epochs}: loss {np.mean(losses):.4f}, "
            f"validation AUC {mean:.4f}{', the best so far' if better else ''}",
            epoch=epoch + 1,
            loss=float(np.mean(losses)),
            learning_rate=float(rates[step]),
            validation_auc=None if math.isnan(mean) else mean,
            validation_auc_per_finding={
                finding: None if math.isnan(area) else area for finding, area in zip(spec.findings, areas, strict=True)
            },
            best=better,
        )
    network.load_state_dict(best)


def stated_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy with logits, averaged over the labels that are stated; NaN is not stated. 0 if none is."""
    stated = ~torch.isnan(labels)
    each = functional.binary_cross_entropy_with_logits(logits, torch.nan_to_num(labels), reduction="none")
    return (each * stated).sum() / stated.sum().clamp(min=1)


def _batches(spec: TrainingSpec, examples: Examples, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Every example once in an order of its epoch's own, augmented. A single one left over joins no batch.

    Batch normalisation cannot learn from one image.
    """
    made, recipe = spec.network.preprocessing, spec.recipe
    random = torch.Generator().manual_seed(spec.seed * 100_003 + epoch)
    order = examples.rows[torch.randperm(len(examples.rows), generator=random).numpy()]
    for start in range(0, len(order), recipe.batch_size):
        rows = order[start : start + recipe.batch_size]
        if len(rows) == 1 and start > 0:
            return
        planes = augment(examples.planes.batch(rows), made.size, recipe.augmentation, random)
        yield normalise(planes, made), torch.from_numpy(examples.labels[rows])


def _validate(spec: TrainingSpec, network: nn.Module, examples: Examples, watch: Watch) -> list[float]:
    """AUC of each finding in float32; NaN where a finding has one class only."""
    network.eval()
    device = next(network.parameters()).device
    logits = []
    with torch.inference_mode():
        for start in range(0, len(examples.rows), _VALIDATION_BATCH):
            watch.working()
            inputs = normalise(
                examples.planes.batch(examples.rows[start : start + _VALIDATION_BATCH]), spec.network.preprocessing
            )
            logits.append(network(inputs.to(device, memory_format=torch.channels_last)).float().cpu().numpy())
    scores, labels = np.concatenate(logits), examples.labels[examples.rows]
    return [auc(labels[:, column], scores[:, column]) for column in range(scores.shape[1])]


def _mean_of_defined(areas: list[float]) -> float:
    defined = [area for area in areas if not math.isnan(area)]
    return float(np.mean(defined)) if defined else math.nan


def _parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay for matrices and kernels; none for vectors, scalars and embeddings that timm exempts."""
    exempt = set(network.no_weight_decay()) if hasattr(network, "no_weight_decay") else set()  # type: ignore[operator]
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (plain if parameter.ndim <= 1 or name in exempt else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: values.detach().clone() for name, values in network.state_dict().items()}


def _diverged(spec: TrainingSpec, step: int) -> XferviewerError:
    return XferviewerError(
        f"The job {spec.name} stopped at step {step + 1}.",
        "Its loss is no finite number any more.",
        "Lower the learning rate or lengthen the warm-up, and start it again.",
    )
