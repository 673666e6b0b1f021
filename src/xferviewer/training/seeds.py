"""Random numbers that depend on a place in a run alone, so that a run taken up again draws the same."""

from __future__ import annotations

import numpy as np
import torch


def seed_of(*place: int) -> int:
    """63 bits for a place, such as (seed, epoch, step); numpy's SeedSequence keeps neighbouring places apart."""
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> np.uint64(1))


def generator(*place: int) -> torch.Generator:
    """A generator on the CPU that starts at a place."""
    return torch.Generator().manual_seed(seed_of(*place))
