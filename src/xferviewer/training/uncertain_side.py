"""Uncertain labels of the training images under a smoothed policy: drawn anew each time that an image is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from xferviewer.studies.uncertain_labels import UncertainPolicy, targets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.batches import Batch, TrainingSide

SMOOTHED = (UncertainPolicy.LSR_ONES, UncertainPolicy.LSR_ZEROS)


def with_uncertain(side: TrainingSide, spec: TrainingSpec) -> TrainingSide:
    """The training side with its uncertain labels (-1) drawn as the job's policy has it; itself under the others."""
    cohort = spec.data.cohort
    if cohort is None or cohort.uncertain not in SMOOTHED:
        return side
    return _Smoothed(side, UncertainPolicy(cohort.uncertain), spec.seed)


class _Smoothed:
    """A training side whose labels are of this epoch. The draw follows from seed, epoch and row alone."""

    def __init__(self, side: TrainingSide, policy: UncertainPolicy, seed: int) -> None:
        self._side, self._policy, self._seed = side, policy, seed

    @property
    def rows(self) -> NDArray[np.intp]:
        return self._side.rows

    @property
    def labels(self) -> NDArray[np.float32]:
        return self._side.labels

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        for batch in self._side.epoch(epoch, first):
            drawn = targets(batch.labels.numpy(), self._policy, rows=batch.rows, seed=self._seed, epoch=epoch)
            yield replace(batch, labels=torch.from_numpy(drawn))

    def part(self, network: nn.Module) -> nn.Module:
        return self._side.part(network)
