"""How alike two saliency maps of one film are: rank correlation, overlap of what is highest, structural similarity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.map_geometry import Part, on_common_grid

Map = NDArray[np.float32]

TOP_SHARE = 0.1
"""The share of a map's pixels that counts as its top where nobody chose another."""


@dataclass(frozen=True, slots=True, eq=False)
class MapComparison:
    """Two maps of one film, A and B, on the part of it that both networks saw.

    rank_correlation  Spearman's, over the pixels of the common grid; NaN where a map is flat
    overlap           intersection over union of the highest `top_share` of the pixels of each; NaN where both are zero
    difference        A - B (rows, columns) float32 on the grid, in the units of the maps as they were given
    part              the part of the film under the grid
    """

    rank_correlation: float
    overlap: float
    top_share: float
    difference: Map
    part: Part


def compare_maps(a: Map, part_a: Part, b: Map, part_b: Part, top_share: float = TOP_SHARE) -> MapComparison:
    """Compare two maps (rows, columns) of one film whose inputs may be different crops of it.

    Maps on one scale give a difference on that scale; rank correlation and overlap do not depend on the scale.
    Raises ValueError for a share outside (0, 1], or parts that have nothing in common.
    """
    a, b, part = on_common_grid(a, part_a, b, part_b)
    return MapComparison(rank_correlation(a, b), top_overlap(a, b, top_share), top_share, a - b, part)


def scale_factors(strength_a: float, strength_b: float, scale: str) -> tuple[np.float32, np.float32]:
    """What maps in [0, 1] are multiplied by before they are subtracted.

    "own": nothing; "shared": the stronger one of the two reaches to 1, the other one to its share of that strength.
    """
    strongest = max(strength_a, strength_b)
    if scale != "shared" or strongest <= 0:
        return np.float32(1), np.float32(1)
    return np.float32(strength_a / strongest), np.float32(strength_b / strongest)


def rank_correlation(a: Map, b: Map) -> float:
    """Spearman's rank correlation of the pixels of two maps of one shape; mid-ranks; NaN where a map is flat."""
    if not (_varies(a) and _varies(b)):
        return math.nan
    from scipy.stats import rankdata

    ranks = [rankdata(values, axis=None) - (values.size + 1) / 2 for values in (a, b)]
    products = np.sum(ranks[0] * ranks[1])
    return float(products / math.sqrt(float(np.sum(ranks[0] ** 2)) * float(np.sum(ranks[1] ** 2))))


def top_pixels(values: Map, count: int) -> NDArray[np.bool_]:
    """The `count` highest pixels; of equal ones those that come first row by row.

    Pixels of value 0 carry no evidence and are never among them, so that there may be fewer.
    """
    flat = values.ravel()
    chosen = np.zeros(flat.size, dtype=np.bool_)
    chosen[descending(values)[:count]] = True
    return (chosen & (flat > 0)).reshape(values.shape)


def descending(values: Map) -> NDArray[np.intp]:
    """The pixels' places, row by row, from the highest to the lowest value; equal ones in their order."""
    return np.argsort(-values.ravel(), kind="stable")


def top_overlap(a: Map, b: Map, share: float = TOP_SHARE) -> float:
    """Intersection over union of the highest `share` (0 to 1) of the pixels of two maps; NaN where both are zero.

    The number of pixels is `share` of all, rounded to the nearest, and at least one. Raises ValueError for a share
    outside (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share of the pixels lies between 0 and 1, got {share}")
    count = max(round(share * a.size), 1)
    top_a, top_b = top_pixels(a, count), top_pixels(b, count)
    union = np.count_nonzero(top_a | top_b)
    return np.count_nonzero(top_a & top_b) / union if union else math.nan


_SIGMA, _TRUNCATE = 1.5, 3.5  # a window of 11 pixels
_K1, _K2 = 0.01, 0.03


def structural_similarity(a: Map, b: Map, value_range: float = 1.0) -> float:
    """The mean structural similarity of two maps of one shape (Wang et al. 2004, eq. 13, 14 and 17).

    Gaussian windows of 11 pixels, sigma 1.5; K1 0.01, K2 0.03; pixels nearer to the border than half a window are left
    out, as scikit-image does. Raises ValueError for maps smaller than a window.
    """
    from scipy.ndimage import gaussian_filter

    half = int(_TRUNCATE * _SIGMA + 0.5)
    if min(a.shape) < 2 * half + 1:
        raise ValueError(f"maps of {a.shape[0]} × {a.shape[1]} pixels are smaller than a window of {2 * half + 1}")

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        filtered = gaussian_filter(values, _SIGMA, truncate=_TRUNCATE)
        return np.asarray(filtered[half:-half, half:-half], dtype=np.float64)

    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = mean(x), mean(y)
    variance_x, variance_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * value_range) ** 2, (_K2 * value_range) ** 2
    alike = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float(np.mean(alike / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))))


def undefined_as_none(value: float) -> float | None:
    """For JSON, which has no NaN."""
    return None if math.isnan(value) else value


def _varies(values: Map) -> bool:
    return bool(values.size) and bool(values.min() < values.max())
