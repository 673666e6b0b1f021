"""A recipe at work: what a training asks at each step and after each epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xferviewer.training.averaging import WeightAverage, make_average
from xferviewer.training.epoch_metrics import SameAnswers
from xferviewer.training.losses import Loss, loss_of
from xferviewer.training.mixing import mixes
from xferviewer.training.sampling import epoch_length
from xferviewer.training.schedules import Schedule, make_schedule
from xferviewer.training.selection import Selection

if TYPE_CHECKING:
    from torch import nn

    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.batches import TrainingSide
    from xferviewer.training.state import Stateful


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """The objects that a recipe stands for; what they remember is part of the state of a run.

    average          the averaged weights, which are then what is validated and kept; None where there are none
    answers          what was answered in the epoch under way, for the majority monitor
    learning         names of the parameters that the setting lets learn in the end
    frozen_norm      batch normalisation of frozen layers
    mixes            whether images are mixed
    steps_per_epoch  of an epoch that is whole
    """

    loss: Loss
    schedule: Schedule
    selection: Selection
    average: WeightAverage | None
    answers: SameAnswers
    learning: frozenset[str]
    frozen_norm: Literal["eval", "train"]
    mixes: bool
    steps_per_epoch: int

    @property
    def epochs(self) -> int:
        """How many epochs there are; the last one may be cut short."""
        return math.ceil(self.schedule.steps / self.steps_per_epoch)

    def kept(self) -> dict[str, Stateful]:
        """What a run has to keep to go on."""
        objects: dict[str, Stateful] = {
            "schedule": self.schedule, "selection": self.selection, "answers": self.answers,
        }  # fmt: skip
        return objects if self.average is None else {**objects, "average": self.average}


def make_method(spec: TrainingSpec, network: nn.Module, training: TrainingSide) -> Method:
    """The recipe of a job for a network that is frozen as its setting says, and these training images."""
    recipe, examples = spec.recipe, len(training.rows)
    # a single image left over joins no batch, but its step is counted: version 1 of the specification did
    steps_per_epoch = math.ceil(epoch_length(recipe, examples) / recipe.batch_size)
    schedule = make_schedule(recipe, steps_per_epoch, examples)
    published = recipe.layers.frozen_norm == "by counting" and spec.network.counting == "as published"
    return Method(
        loss=loss_of(spec.task, recipe, training.labels[training.rows], three_classes=spec.three_classes),
        schedule=schedule,
        selection=Selection(recipe),
        average=make_average(network, recipe.averaging, schedule.steps),
        answers=SameAnswers(spec.task, len(spec.findings)),
        learning=frozenset(name for name, parameter in network.named_parameters() if parameter.requires_grad),
        frozen_norm="train" if published or recipe.layers.frozen_norm == "train" else "eval",
        mixes=mixes(recipe.mixing, examples),
        steps_per_epoch=steps_per_epoch,
    )
