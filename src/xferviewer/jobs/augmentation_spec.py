"""The moves of the training images of a job."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random moves of each training image, uniform in ± these; no flip, which would swap left and right.

    shift     in both directions, as a share of the side
    scale     1 ± scale
    rotation  in degrees
    """

    shift: float = 0.05
    scale: float = 0.1
    rotation: float = 7.0

    def __post_init__(self) -> None:
        if not (0 <= self.shift < 1 and 0 <= self.scale < 1 and 0 <= self.rotation <= 180):
            raise ValueError("shift and scale should lie in [0, 1), rotation in [0, 180].")
