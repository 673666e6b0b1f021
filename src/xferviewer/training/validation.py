"""What the network says of the validation images after an epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from xferviewer.errors import UnusableTable
from xferviewer.training.epoch_metrics import EpochMetrics, epoch_metrics

if TYPE_CHECKING:
    from torch import nn

    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.batches import ValidationSide
    from xferviewer.training.cohort import Cohort
    from xferviewer.training.losses import Loss
    from xferviewer.training.watch import Watch


# What is said where the logits are no numbers.
_NOTHING: dict[str, Any] = {"validation_auc": None, "findings": {}, "majority_guess": False}


@dataclass(frozen=True, slots=True)
class Validation:
    """How well the network does on images that it does not learn from.

    loss     on all of them, without augmentation; the loss of the recipe, its weights and smoothing included
    metrics  what else comes of the logits, in the unit that the recipe counts; None where they are no numbers
    """

    loss: float
    metrics: EpochMetrics | None

    @property
    def auc(self) -> float:
        """The mean over the findings that have both classes; NaN where none has."""
        return self.metrics.mean_auc if self.metrics else math.nan

    @property
    def majority_guess(self) -> bool:
        """The network says the same of every image."""
        return self.metrics is not None and self.metrics.majority

    def as_event(self, spec: TrainingSpec) -> dict[str, Any]:
        """For events.jsonl, which holds no NaN."""
        rest = self.metrics.as_event(spec.findings) if self.metrics else dict(_NOTHING)
        return {"validation_loss": None if math.isnan(self.loss) else round(self.loss, 6), **rest}


def validate(spec: TrainingSpec, network: nn.Module, examples: ValidationSide, loss: Loss, watch: Watch) -> Validation:
    """Loss and areas in float32, in evaluation mode."""
    network.eval()
    device = next(network.parameters()).device
    found, stated, rows = [], [], []
    with torch.inference_mode():
        for batch in examples.batches():
            watch.working()
            found.append(network(batch.inputs.to(device)).float().cpu())
            stated.append(batch.labels)
            rows += batch.rows.tolist()
    outputs, labels = torch.cat(found), torch.cat(stated)
    if not np.isfinite(outputs.numpy()).all():
        return Validation(math.nan, None)
    logits = loss.finding_logits(outputs).numpy()
    units = [examples.units[row] for row in rows] if examples.units else None
    return Validation(
        loss=float(loss(outputs, loss.targets(labels))),
        metrics=epoch_metrics(spec.task, spec.recipe, logits, labels.numpy(), units),
    )


def validation_units(spec: TrainingSpec, cohort: Cohort) -> tuple[str, ...]:
    """The study or patient of each image, by what the recipe counts; () where it counts images.

    Raises UnusableTable where the cohort does not know them.
    """
    unit = spec.recipe.unit
    names = {"image": (), "patient": cohort.patients, "study": cohort.studies}[unit]
    if unit != "image" and not all(names):
        raise UnusableTable(
            f"The job {spec.name} cannot be validated by {unit}.",
            f"{cohort.name} does not say of every image which {unit} it belongs to.",
            f'Add a column {unit} to its table, or set recipe.unit = "image".',
        )
    return names
