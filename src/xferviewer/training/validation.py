"""What the network says of the validation images after an epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from xferviewer.evaluation.roc import AucInterval, auc_interval
from xferviewer.networks.preprocessing import normalise

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.examples import Examples
    from xferviewer.training.watch import Watch

_BATCH = 32


@dataclass(frozen=True, slots=True)
class Validation:
    """How well the network does on images that it does not learn from.

    loss            on all of them, without augmentation
    areas           per finding, with 95 % DeLong interval; NaN where a finding has one class only
    majority_guess  the network says the same of every image, for every finding (METHODS 1.3's bad local minimum)
    """

    loss: float
    areas: dict[str, AucInterval]
    majority_guess: bool

    @property
    def auc(self) -> float:
        """The mean over the findings that have both classes; NaN where none has."""
        defined = [area.auc for area in self.areas.values() if not math.isnan(area.auc)]
        return float(np.mean(defined)) if defined else math.nan

    def as_event(self) -> dict[str, Any]:
        """For events.jsonl, which holds no NaN."""
        return {
            "validation_loss": _stated(self.loss),
            "validation_auc": _stated(self.auc),
            "findings": {
                finding: {"auc": _stated(area.auc), "lower": _stated(area.lower), "upper": _stated(area.upper)}
                for finding, area in self.areas.items()
            },
            "majority_guess": self.majority_guess,
        }


def validate(
    spec: TrainingSpec,
    network: nn.Module,
    examples: Examples,
    loss: Callable[[Tensor, Tensor], Tensor],
    watch: Watch,
) -> Validation:
    """Loss and areas in float32, in evaluation mode."""
    network.eval()
    device = next(network.parameters()).device
    found = []
    with torch.inference_mode():
        for start in range(0, len(examples.rows), _BATCH):
            watch.working()
            planes = examples.planes.batch(examples.rows[start : start + _BATCH])
            inputs = normalise(planes, spec.network.preprocessing).to(device, memory_format=torch.channels_last)
            found.append(network(inputs).float().cpu())
    logits, labels = torch.cat(found), examples.labels[examples.rows]
    scores = logits.numpy()
    if not np.isfinite(scores).all():
        return Validation(math.nan, {finding: _undefined(labels[:, 0]) for finding in spec.findings}, False)
    return Validation(
        loss=float(loss(logits, torch.from_numpy(labels))),
        areas={finding: auc_interval(labels[:, k], scores[:, k]) for k, finding in enumerate(spec.findings)},
        majority_guess=bool(((scores > 0) == (scores[:1] > 0)).all()),
    )


def _undefined(labels: np.ndarray) -> AucInterval:
    """Logits that are no numbers rank nothing."""
    return auc_interval(np.full_like(labels, np.nan), np.zeros(len(labels)))


def _stated(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
