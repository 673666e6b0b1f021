"""Learning rate, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def warmup_cosine(steps: int, warmup_steps: int, base: float, final: float) -> NDArray[np.float64]:
    """The value at each of `steps` steps: linear from 0 to `base` over the warm-up, its end included, then a cosine.

    As in DINO (Caron et al. 2021, `cosine_scheduler`): with T steps after the warm-up, the i-th of them has
    final + (base - final) (1 + cos(π i / T)) / 2. A warm-up of one step has only its end, `base`.
    """
    if not 0 <= warmup_steps <= steps:
        raise ValueError(f"a warm-up of {warmup_steps} steps does not fit into {steps}")
    rising = np.linspace(0, base, warmup_steps) if warmup_steps > 1 else np.full(warmup_steps, base)
    after = np.arange(steps - warmup_steps)
    falling = final + 0.5 * (base - final) * (1 + np.cos(np.pi * after / max(len(after), 1)))
    return np.concatenate([rising, falling])
