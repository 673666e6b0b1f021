"""What a job is told about the machine: which device, how many of them, and what it may do when that is too small."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """Where a job computes. Nothing here changes what it is meant to learn.

    device               auto (CUDA, then Apple's MPS, then the CPU), cpu, mps, cuda, or one card as cuda:1
    devices              how many graphics cards share each batch, or processes of the CPU
    allow_smaller_batch  when the memory is too small for a batch, it is computed in parts whose gradients are summed;
                         batch normalisation then sees the parts alone, so that this must be allowed
    save_seconds         at most so long apart the whole state is kept, from which a killed job goes on
    keep_features        of a frozen backbone, for later epochs and jobs; without, each epoch computes them anew
    """

    device: str = "auto"
    devices: int = 1
    allow_smaller_batch: bool = False
    save_seconds: float = 60.0
    keep_features: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device):
            raise ValueError(f"device should be auto, cpu, mps, cuda or one card as cuda:1, not {self.device!r}.")
        if self.devices < 1:
            raise ValueError("devices should be at least 1.")
        if self.devices > 1 and (self.device == "mps" or ":" in self.device):
            raise ValueError(f"{self.device} is one device; name cuda or cpu for {self.devices}.")
        if not 0 <= self.save_seconds < math.inf:
            raise ValueError("save_seconds should not be negative.")
