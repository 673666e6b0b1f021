"""BiT-HyperRule: learning rates and length by the size of the data (Kolesnikov et al. 2020, 3.3).

As google-research/big_transfer has it; what else belongs to the rule stands on its recipe card.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FEW, _MANY = 20_000, 500_000


def supports(examples: int) -> tuple[int, ...]:
    """Steps, for so many training images: where the warm-up ends, where the rate falls to a tenth, where it ends."""
    if examples < _FEW:
        return (100, 200, 300, 400, 500)
    if examples < _MANY:
        return (500, 3000, 6000, 9000, 10_000)
    return (500, 6000, 12_000, 18_000, 20_000)


def rates(examples: int, base: float) -> NDArray[np.float64]:
    """The learning rate of each step: linear from 0, then a tenth after each of the supports between."""
    first, *middle, last = supports(examples)
    steps = np.arange(last)
    falls = np.searchsorted(middle, steps, side="left")  # how many supports are strictly smaller than the step
    return np.where(steps < first, base * steps / first, base / 10.0**falls)
