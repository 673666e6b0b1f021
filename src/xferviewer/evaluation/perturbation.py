"""Deletion and insertion curves: what a network says while the pixels that a map puts first go, or come (RISE).

Petsiuk et al. 2018 (RISE, BMVC), section 4.3. A network that looks where the map says loses its probability early under
deletion and gains it early under insertion; only the comparison with a map drawn by lot says whether it does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.map_similarity import descending

Input = NDArray[np.float32]
Ground = Literal["zero", "mean", "blur"]
"""What stands in the place of pixels that are not there: zero, which after normalisation is the mean of the training
data; the mean of this input per channel; this input blurred."""

DELETION_GROUND: Ground = "zero"
INSERTION_GROUND: Ground = "blur"

_KERNEL, _SIGMA = 11, 5.0


def pixels_per_step(rows: int, columns: int) -> int:
    """RISE's 224 pixels a step of an input of 224 × 224, for any size: as many steps as the input has rows."""
    return -(-rows * columns // rows)


def n_points(rows: int, columns: int, step: int) -> int:
    """How many points a curve has: one before the first step, and one after each."""
    return -(-rows * columns // step) + 1


def perturbed(image: Input, ground: Input, order: NDArray[np.intp], step: int) -> Iterator[Input]:
    """`image` (channels, rows, columns), then with `step` more pixels of `order` taken from `ground` each time.

    Deletion goes from the image to a ground, insertion from a ground to the image. The last one is all ground. Each
    input that is given is an array of its own. Raises ValueError for a step below 1.
    """
    if step < 1:
        raise ValueError(f"a step has at least one pixel, got {step}")
    current = image.copy()
    yield current.copy()
    flat, source = current.reshape(len(image), -1), ground.reshape(len(ground), -1)
    for first in range(0, order.size, step):
        places = order[first : first + step]
        flat[:, places] = source[:, places]
        yield current.copy()


def ground_of(image: Input, kind: Ground) -> Input:
    """What pixels of a normalised input (channels, rows, columns) are replaced by, of the same shape, float32."""
    if kind == "zero":
        return np.zeros_like(image)
    if kind == "mean":
        means = image.astype(np.float64).mean(axis=(1, 2), keepdims=True)
        return np.broadcast_to(means, image.shape).astype(np.float32)
    return _blurred(image)


def _blurred(image: Input) -> Input:
    """As RISE's published code blurs: an impulse of 11 pixels filtered with sigma 5 is the kernel, and outside the
    image lies zero."""
    from scipy.ndimage import convolve1d, gaussian_filter1d

    impulse = np.zeros(_KERNEL)
    impulse[_KERNEL // 2] = 1
    kernel = gaussian_filter1d(impulse, _SIGMA)
    down = convolve1d(image.astype(np.float64), kernel, axis=1, mode="constant")
    return np.asarray(convolve1d(down, kernel, axis=2, mode="constant"), dtype=np.float32)


def order_of(values: NDArray[np.float32]) -> NDArray[np.intp]:
    """The pixels of a map from the highest to the lowest, equal ones row by row."""
    return descending(values)


def random_map(rows: int, columns: int, seed: int, identity: str) -> NDArray[np.float32]:
    """A map drawn by lot, uniform in [0, 1): the same for an image whatever other images are measured with it."""
    digest = hashlib.sha256(identity.encode()).digest()
    random = np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])
    return random.random((rows, columns), dtype=np.float32)


def curve_area(scores: NDArray[np.float64]) -> float:
    """The area under a curve (points,) whose steps are equally wide and together 1, by trapezia.

    Raises ValueError for less than two points.
    """
    if scores.size < 2:
        raise ValueError("a curve has at least two points")
    return float((np.sum(scores) - scores[0] / 2 - scores[-1] / 2) / (scores.size - 1))
