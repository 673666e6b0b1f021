"""Random fields that give tissue its grain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from xferviewer.studies.phantom.projection import Field


def enlarge(coarse: Field, size: int) -> Field:
    """A coarse square field at `size` rows and columns, by cubic interpolation."""
    picture = Image.fromarray(np.ascontiguousarray(coarse, dtype=np.float32))
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)


def shrink(field: Field, size: int) -> Field:
    """The means of equal blocks of a square field, `size` rows and columns of them."""
    picture = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(picture.resize((size, size), Image.Resampling.BOX), dtype=np.float32)


def grain(draw: np.random.Generator, size: int, cells: tuple[int, ...], fall: float = 0.6) -> Field:
    """A sum of smooth noises with about `cells` bumps across, each finer one `fall` times weaker; variance about 1."""
    field = np.zeros((size, size), dtype=np.float32)
    weight, power = 1.0, 0.0
    for count in cells:
        coarse = draw.standard_normal((count, count), dtype=np.float32)
        field += np.float32(weight) * enlarge(coarse, size)
        power += weight**2
        weight *= fall
    return field * np.float32(1.25 / power**0.5)
