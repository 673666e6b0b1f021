"""Whether a saliency map lies where a finding is: measures of a map against a region, and their means over a cohort."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.estimate import Estimate, of_mean, of_proportion
from xferviewer.evaluation.intervals import Proportion
from xferviewer.evaluation.map_geometry import Part, on_film
from xferviewer.evaluation.map_similarity import Map, top_pixels

TOLERANCE = 15.0
"""Pixels of the film by which the pointing game (Zhang et al. 2018, section 5.1) widens a region."""

SHARE_OF_MAXIMUM = 0.15

MEASURES = ("hit", "energy", "iou", "dice", "iou_of_area", "dice_of_area")
"""The measures of one map, in the order of `Localisation.values`."""


@dataclass(frozen=True, slots=True)
class Localisation:
    """The measures of one map against the region of its finding, both at the film's pixels.

    hit           pointing game: 1 when the map's maximum (of equal ones the first, row by row) lies in the region or at
                  most 15 pixels of the film from it, else 0; a map that is zero everywhere points nowhere: 0
    energy        the share of the map's sum that lies in the region (Wang et al. 2020, section 4.3); NaN for a zero map
    iou, dice     of the region and the pixels strictly above 15 % of the map's maximum; 0 for a zero map
    iou_of_area,  of the region and as many of the highest pixels as it has: its size is known, only its place is asked
    dice_of_area  for
    """

    hit: float
    energy: float
    iou: float
    dice: float
    iou_of_area: float
    dice_of_area: float

    @property
    def values(self) -> NDArray[np.float64]:
        """(6,) in the order of MEASURES."""
        return np.array([getattr(self, name) for name in MEASURES], dtype=np.float64)


def localise(values: Map, part: Part, region: NDArray[np.bool_], tolerance: float = TOLERANCE) -> Localisation:
    """Measure a map (map rows, map columns) of `part` of a film against a region (rows, columns) of that film.

    Raises ValueError for a region without a pixel.
    """
    if not region.any():
        raise ValueError("the region has no pixel")
    film = on_film(values, part, *region.shape)
    total = float(np.sum(film, dtype=np.float64))
    above = film > SHARE_OF_MAXIMUM * film.max()
    highest = top_pixels(film, int(np.count_nonzero(region)))
    return Localisation(
        float(total > 0 and _points_at(film, region, tolerance)),
        float(np.sum(film[region], dtype=np.float64)) / total if total > 0 else math.nan,
        *_overlap(above, region),
        *_overlap(highest, region),
    )


def _points_at(film: Map, region: NDArray[np.bool_], tolerance: float) -> bool:
    row, column = divmod(int(np.argmax(film)), film.shape[1])
    reach = int(tolerance)
    top, left = max(row - reach, 0), max(column - reach, 0)
    rows, columns = np.nonzero(region[top : row + reach + 1, left : column + reach + 1])
    return bool(np.any((rows + top - row) ** 2 + (columns + left - column) ** 2 <= tolerance**2))


def _overlap(marked: NDArray[np.bool_], region: NDArray[np.bool_]) -> tuple[float, float]:
    """Intersection over union, and Dice's coefficient; the region has at least one pixel."""
    both = int(np.count_nonzero(marked & region))
    sizes = int(np.count_nonzero(marked)) + int(np.count_nonzero(region))
    return both / (sizes - both), 2 * both / sizes


@dataclass(frozen=True, slots=True)
class MeasuredMap:
    """One map of a cohort that was measured: of which image (and patient, "" where not known), checkpoint, finding."""

    image: str
    checkpoint: str
    finding: str
    localisation: Localisation
    patient: str = ""


@dataclass(frozen=True, slots=True)
class LocalisationSummary:
    """What the maps of one checkpoint for one finding do over a cohort; `finding` is "" in the mean over findings.

    n            maps measured; n_patients of them known to be of different patients (0: not known)
    n_empty      of the maps those that are zero everywhere: misses, without an energy
    pointing     hits / n with Wilson's interval; the others are means with the normal interval of the standard error,
                 cut off at 0 and 1.
                 In the mean over findings every finding counts alike and there is no interval
    """

    checkpoint: str
    finding: str
    n: int
    n_patients: int
    n_empty: int
    pointing: Estimate
    energy: Estimate
    iou: Estimate
    dice: Estimate
    iou_of_area: Estimate
    dice_of_area: Estimate


def summarise(maps: Iterable[MeasuredMap], level: float = 0.95) -> list[LocalisationSummary]:
    """A summary for each checkpoint and finding, in the order in which they come; after each checkpoint's findings the
    mean over them (Zhang et al. 2018: accuracy per category, then the mean)."""
    groups: dict[str, dict[str, list[MeasuredMap]]] = {}
    for one in maps:
        groups.setdefault(one.checkpoint, {}).setdefault(one.finding, []).append(one)
    summaries = []
    for checkpoint, findings in groups.items():
        of_findings = [_summary(checkpoint, finding, of_one, level) for finding, of_one in findings.items()]
        summaries += [*of_findings, _mean_over(checkpoint, of_findings, level)]
    return summaries


def _summary(checkpoint: str, finding: str, maps: Sequence[MeasuredMap], level: float) -> LocalisationSummary:
    values = np.stack([one.localisation.values for one in maps])
    hits = int(values[:, 0].sum())
    # In ascending order, so that the last bits of a mean do not depend on the order of the images.
    means = (_share(of_mean(np.sort(column[~np.isnan(column)]), level)) for column in values.T[1:])
    patients = {one.patient for one in maps if one.patient}
    return LocalisationSummary(
        checkpoint, finding, len(maps), len(patients), int(np.isnan(values[:, 1]).sum()),
        of_proportion(Proportion(hits, len(maps)), level), *means,
    )  # fmt: skip


def _share(mean: Estimate) -> Estimate:
    """The mean of values in [0, 1] lies there too, and so does what its interval may reach."""
    if math.isnan(mean.lower):
        return mean
    return Estimate(mean.value, max(mean.lower, 0.0), min(mean.upper, 1.0), mean.level)


def _mean_over(checkpoint: str, findings: Sequence[LocalisationSummary], level: float) -> LocalisationSummary:
    def mean(name: str) -> Estimate:
        values = np.array([getattr(one, name).value for one in findings])
        known = values[~np.isnan(values)]
        return Estimate(float(known.mean()) if known.size else math.nan, math.nan, math.nan, level)

    names = ("pointing", "energy", "iou", "dice", "iou_of_area", "dice_of_area")
    n, n_empty = (sum(getattr(one, name) for one in findings) for name in ("n", "n_empty"))
    return LocalisationSummary(checkpoint, "", n, 0, n_empty, *(mean(name) for name in names))
