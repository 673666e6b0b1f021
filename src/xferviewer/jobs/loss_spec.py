"""What a training makes small: the loss, its weights, and how images of a batch are mixed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LossSpec:
    """Cross-entropy of the stated labels: of a sigmoid for each finding, or of the softmax of classes.

    kind       "focal" makes what the network already answers rightly count little: times (1 - p)^gamma, p the
               probability of the truth (Lin et al. 2017)
    gamma      of focal: 2
    alpha      of focal, findings only: the weight of positives, 1 - alpha that of negatives: 0.25
    weights    "balanced": a positive label of a finding counts n_negative / n_positive, a class n / (K n_class), as the
               training images have it, 100 at most
    smoothing  ε: a label y is learned as (1 - ε) y + ε / 2, one of K classes as (1 - ε) y + ε / K
    """

    kind: Literal["cross-entropy", "focal"] = "cross-entropy"
    gamma: float | None = None
    alpha: float | None = None
    weights: Literal["none", "balanced"] = "none"
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if self.kind != "focal" and (self.gamma, self.alpha) != (None, None):
            raise ValueError("gamma and alpha are for the focal loss.")
        if self.gamma is not None and not 0 <= self.gamma < math.inf:
            raise ValueError(f"gamma {self.gamma} should not be negative.")
        if self.alpha is not None and not 0 < self.alpha < 1:
            raise ValueError(f"alpha {self.alpha} should lie between 0 and 1.")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing {self.smoothing} should be at least 0 and below 1.")
        if self.kind == "focal" and self.gamma is None:
            object.__setattr__(self, "gamma", 2.0)


@dataclass(frozen=True, slots=True)
class MixingSpec:
    """Each training image of a batch with another one of it; their labels are mixed as the images are.

    mixup           α of Zhang et al. 2018: λ of the image and 1 - λ of its partner, λ from Beta(α, α), one for a batch
    cutmix          α of Yun et al. 2019: a rectangle of the partner, of the share 1 - λ; with both, each batch has
                    either, by a fair coin
    least_examples  mixes only where there are so many training images (BiT's rule: 20,000)
    """

    mixup: float = 0.0
    cutmix: float = 0.0
    least_examples: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.mixup < math.inf and 0 <= self.cutmix < math.inf):
            raise ValueError("mixup and cutmix should not be negative.")
        if self.least_examples < 0 or (self.least_examples and not (self.mixup or self.cutmix)):
            raise ValueError("least_examples should not be negative, and is for mixup and cutmix.")


@dataclass(frozen=True, slots=True)
class AveragingSpec:
    """An exponential moving average of the weights over the steps, which is what is validated and kept.

    decay        d: average = d · average + (1 - d) · weights after each step; 0: none
    final_decay  where d ends, along half a cosine; left out: it stays
    """

    decay: float = 0.0
    final_decay: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay {self.decay} should be at least 0 and below 1.")
        if self.final_decay is not None and not self.decay <= self.final_decay <= 1:
            raise ValueError(f"final_decay {self.final_decay} should be from decay to 1.")
        if self.final_decay is not None and not self.decay:
            raise ValueError("final_decay needs a decay.")
