"""How a job trains: what it makes small, how, how long, and which weights it keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from xferviewer.jobs.augmentation_spec import Augmentation
from xferviewer.jobs.loss_spec import AveragingSpec, LossSpec, MixingSpec
from xferviewer.jobs.optimiser_spec import LayerSpec, OptimiserSpec
from xferviewer.jobs.schedule_spec import HAVE_MINIMUM, HAVE_NO_WARMUP, ScheduleSpec

Selection = Literal["validation AUC", "validation loss", "last"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is left out is AdamW on the cross-entropy of the stated labels, a warm-up and a cosine, step by step.

    epochs                 0 under the schedule BiT-HyperRule, which says itself how many steps there are
    batch_size             images of one optimiser step
    learning_rate          the largest
    scaled_to_batch        learning_rate is meant for batches of so many images and grows with batch_size; 0: as it is
    minimum_learning_rate  where a cosine ends, below which a plateau does not go
    warmup_epochs          from schedule.warmup_from to the learning rate, step by step
    weight_decay           on what optimiser.decays says
    precision              of the forward pass in training; validation and metrics are always float32
    threads                of the CPU; 0 takes all
    accumulation           a batch goes through the network in so many parts; their gradients are summed
    clip_norm              the gradient of all weights together is no longer than this; 0: as long as it is
    sampler                the images of an epoch: "shuffled", each once; "balanced", drawn with replacement, those of
                           rare labels more often; "filled", each once, drawn with replacement where a batch has more
    selection              the weights of which epoch are kept: of the largest mean validation AUC, of the smallest
                           validation loss, of equal ones the first; or of the last
    patience               stop when more than so many epochs in a row were no better by `selection`; 0: never
    unit, aggregation      what the validation AUC counts, and how scores of images make one
    head_start             a linear classifier begins "as built", with zeros, or from N(0, 0.01) with bias 0
    deterministic          only algorithms that give the same bits each time; slower on a graphics card
    name, variant          of the recipe card (jobs.recipe_cards) that it was taken from; empty: of none
    as_published           with what the published code of that card did otherwise than meant
    """

    epochs: int
    batch_size: int
    learning_rate: float
    minimum_learning_rate: float = 0.0
    warmup_epochs: float = 0.5
    weight_decay: float = 0.05
    precision: Literal["fp32", "bf16"] = "fp32"
    threads: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    scaled_to_batch: int = 0
    optimiser: OptimiserSpec = field(default_factory=OptimiserSpec)
    schedule: ScheduleSpec = field(default_factory=ScheduleSpec)
    loss: LossSpec = field(default_factory=LossSpec)
    mixing: MixingSpec = field(default_factory=MixingSpec)
    layers: LayerSpec = field(default_factory=LayerSpec)
    averaging: AveragingSpec = field(default_factory=AveragingSpec)
    sampler: Literal["shuffled", "balanced", "filled"] = "shuffled"
    accumulation: int = 1
    clip_norm: float = 0.0
    selection: Selection = "validation AUC"
    patience: int = 0
    unit: Literal["image", "study", "patient"] = "image"
    aggregation: Literal["max", "mean", "noisy-or"] = "max"
    head_start: Literal["as built", "zero", "normal"] = "as built"
    deterministic: bool = False
    name: str = ""
    variant: str = ""
    as_published: bool = False

    def __post_init__(self) -> None:
        self._check_length()
        self._check_rates()
        if not 1 <= self.accumulation <= self.batch_size // 2:
            raise ValueError("accumulation should be at least 1 and leave each part two images of a batch or more.")
        if not (0 <= self.weight_decay < math.inf and 0 <= self.clip_norm < math.inf):
            raise ValueError("weight_decay and clip_norm should not be negative.")
        if self.patience < 0 or (self.patience and self.selection == "last"):
            raise ValueError("patience should not be negative, and needs a selection other than last.")
        if self.aggregation != "max" and self.unit == "image":
            raise ValueError("aggregation is for the units study and patient.")
        if self.as_published and not self.name:
            raise ValueError("as_published is for a recipe by name.")

    def _check_length(self) -> None:
        ruled = self.schedule.kind == "BiT-HyperRule"
        if ruled and self.epochs != 0:
            raise ValueError("epochs should be 0 under BiT-HyperRule, which says itself how many steps there are.")
        for name, least in (("epochs", 0 if ruled else 1), ("batch_size", 2), ("threads", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} {getattr(self, name)} should be at least {least}.")
        if self.layers.unfreeze_every and self.layers.unfreeze_every >= self.epochs:
            raise ValueError("layers.unfreeze_every should be fewer than epochs, else nothing ever joins the head.")
        if any(milestone >= self.epochs for milestone in self.schedule.milestones):
            raise ValueError("schedule.milestones should be fewer than epochs.")

    def _check_rates(self) -> None:
        kind = self.schedule.kind
        if not (0 < self.learning_rate < math.inf and 0 <= self.minimum_learning_rate <= self.peak_learning_rate):
            raise ValueError("learning_rate should be positive and not below minimum_learning_rate.")
        if self.scaled_to_batch < 0:
            raise ValueError("scaled_to_batch should not be negative.")
        if self.minimum_learning_rate and kind not in HAVE_MINIMUM:
            raise ValueError(f"the schedule {kind} has no minimum_learning_rate.")
        if self.warmup_epochs and kind in HAVE_NO_WARMUP:
            raise ValueError(f"warmup_epochs should be 0: the schedule {kind} has a warm-up of its own.")
        if not 0 <= self.warmup_epochs < max(self.epochs, 1):
            raise ValueError("warmup_epochs should be fewer than epochs, and not negative.")
        if kind.startswith("timm cosine") and self.warmup_epochs != int(self.warmup_epochs):
            raise ValueError(f"warmup_epochs should be a whole number under the schedule {kind}.")
        if self.schedule.warmup_from and not self.warmup_epochs:
            raise ValueError("schedule.warmup_from is for a warm-up, and warmup_epochs is 0.")

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate of a batch of `batch_size`."""
        if not self.scaled_to_batch:
            return self.learning_rate
        return self.learning_rate * self.batch_size / self.scaled_to_batch
