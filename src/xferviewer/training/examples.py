"""One side of a split, ready to be learned from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from xferviewer.errors import UnusableTable
from xferviewer.training.planes import Planes, Precision, prepare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.checkpoints import Preprocessing
    from xferviewer.training.cohort import Cohort
    from xferviewer.training.watch import Watch

# Training images are kept this much finer than the network's input, so that turning and scaling them costs no detail.
_FINER = 1.15


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """One side of a split: planes and labels float32 (n, findings), and the rows of both that can be learned from."""

    planes: Planes
    labels: NDArray[np.float32]
    rows: NDArray[np.intp]


def prepare_examples(
    preprocessing: Preprocessing,
    cohort: Cohort,
    rows: NDArray[np.intp],
    side: Literal["training", "validation"],
    watch: Watch,
) -> Examples:
    """Training images finer than the network's input and in whole grey levels; validation images as in inference.

    Raises UnusableTable when none of them can be read, UnusableFolder when they cannot be kept.
    """
    precision = Precision.FLOAT32
    if side == "training":
        height, width = preprocessing.size
        preprocessing = replace(preprocessing, size=(round(height * _FINER), round(width * _FINER)))
        precision = Precision.UINT8
    part = cohort.part(rows)
    planes = prepare(
        part,
        preprocessing,
        precision,
        lambda done: watch.working(f"{side}: {done} of {len(rows)} images prepared"),
        watch.refused,
    )
    if not planes.readable.any():
        raise UnusableTable(
            f"The job cannot learn from {cohort.name}.",
            f"None of its {len(rows)} {side} images can be read; log.txt says why of each.",
            "Correct the paths in the table of labels, or choose other images.",
        )
    return Examples(planes, part.labels, np.flatnonzero(planes.readable))
