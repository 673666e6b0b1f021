"""Random numbers that depend on a place in a run alone, so that a run taken up again draws the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_of(*place: int) -> int:
    """63 bits for a place, such as (seed, epoch, step); numpy's SeedSequence keeps neighbouring places apart."""
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> np.uint64(1))


def generator(*place: int) -> torch.Generator:
    """A generator on the CPU that starts at a place."""
    return torch.Generator().manual_seed(seed_of(*place))


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Only algorithms that give the same bits each time, while it lasts; torch refuses what has no such one.

    CUDA's matrix products are told by the environment, which is read when the first of them is computed.
    """
    before = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = benchmark
