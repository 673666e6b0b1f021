"""How a job trains: optimiser, learning rates and length."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from xferviewer.jobs.augmentation_spec import Augmentation


@dataclass(frozen=True, slots=True)
class Recipe:
    """AdamW on the mean binary cross-entropy of the stated labels; linear warm-up, then a cosine, step by step.

    minimum_learning_rate  where the cosine ends
    weight_decay           on weight matrices and kernels only, not on biases, norms and embeddings
    precision              of the forward pass in training; validation and metrics are always float32
    threads                of the CPU; 0 takes all
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

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2 or self.threads < 0:
            raise ValueError("epochs should be at least 1, batch_size at least 2, threads not negative.")
        if not (0 < self.learning_rate < math.inf and 0 <= self.minimum_learning_rate <= self.learning_rate):
            raise ValueError("learning_rate should be positive and not below minimum_learning_rate.")
        if not (0 <= self.warmup_epochs < self.epochs and 0 <= self.weight_decay < math.inf):
            raise ValueError("warmup_epochs should be fewer than epochs, weight_decay not negative.")
