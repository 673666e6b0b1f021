"""Many images against those that a checkpoint learned from: are they of the same kind?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints.input_flag import FlagKind
from xferviewer.checkpoints.input_guard import flags_of
from xferviewer.checkpoints.input_measures import InputMeasures
from xferviewer.checkpoints.training_flags import BRIGHTNESS_WORDS, trained_on
from xferviewer.checkpoints.training_inputs import LEVELS, TrainingInputs

if TYPE_CHECKING:
    from xferviewer.checkpoints.card import Card

MOST_IMAGES = 500
"""So many of a cohort are looked at, evenly spaced: the distance of more is known no better than it needs to be."""

LEAST_DISTANCE = 0.3
"""Of the Kolmogorov-Smirnov distance, at any number of images; docs/decisions/0056 says why."""

_LEAST_MOVE = 0.02  # of the median, in brightness or correlation: five grey levels of 255
_SIGNIFICANCE = 0.001
_MARKED_SHARE = 0.05
# Shares of black, white and colour are mostly zero and tell less than the rest.
_COMPARED = ("mean", "deviation", "quantile_05", "quantile_50", "quantile_95", "layout")


@dataclass(frozen=True, slots=True)
class Shift:
    """One feature whose distribution is another one than in training.

    distance  of Kolmogorov and Smirnov: the largest difference of the two cumulative shares, in (0, 1]
    here, in_training  the middle half of the images: lower and upper quartile
    """

    feature: str
    distance: float
    here: tuple[float, float]
    in_training: tuple[float, float]

    def __str__(self) -> str:
        words = BRIGHTNESS_WORDS.get(self.feature, "agreement with the mean training image")
        here, trained = (f"{low:.2f} to {high:.2f}" for low, high in (self.here, self.in_training))
        return f"{words} {here}, in training {trained} (distance {self.distance:.2f})"


@dataclass(frozen=True, slots=True)
class CohortInputs:
    """What the inputs of a cohort are like to one checkpoint.

    images    that were measured and looked at
    compared  the card says what its training images were like
    shifts    the features that lie far off, farthest first
    flagged   images with a flag, by its kind
    n_flagged images with any
    """

    images: int
    compared: bool
    shifts: tuple[Shift, ...]
    flagged: Mapping[FlagKind, int]
    n_flagged: int

    @property
    def marked(self) -> bool:
        """Whoever reads numbers of this cohort should be told first."""
        return bool(self.shifts) or self.n_flagged >= max(1.0, _MARKED_SHARE * self.images)

    def sentences(self) -> list[str]:
        """What is unlike training, and how many images are flagged for what; empty where nothing is."""
        said = []
        if self.shifts:
            farthest = "; ".join(map(str, self.shifts[:3]))
            said.append(f"These {self.images} images are unlike those that the checkpoint was trained on: {farthest}.")
        if self.n_flagged:
            kinds = ", ".join(f"{kind} {count}" for kind, count in self.flagged.items())
            said.append(f"{self.n_flagged} of {self.images} images are flagged: {kinds}.")
        return said

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "images": self.images,
            "compared_with_training": self.compared,
            "marked": self.marked,
            "shifts": [
                {"feature": s.feature, "distance": s.distance, "here": list(s.here), "in_training": list(s.in_training)}
                for s in self.shifts
            ],
            "flagged": dict(self.flagged),
            "n_flagged": self.n_flagged,
            "sentences": self.sentences(),
        }


def looked_at(identities: Iterable[str]) -> list[str]:
    """Those of a cohort that are looked at: at most MOST_IMAGES, spread evenly over the identities in their order."""
    ordered = sorted(identities)
    if len(ordered) <= MOST_IMAGES:
        return ordered
    return [ordered[place] for place in np.linspace(0, len(ordered) - 1, MOST_IMAGES).astype(int)]


def cohort_inputs(measures: Mapping[str, InputMeasures], card: Card) -> CohortInputs:
    """The images of a cohort, by identity; at most MOST_IMAGES of them are looked at, spread over the identities."""
    chosen = [measures[identity] for identity in looked_at(measures)]
    kinds = [{flag.kind for flag in flags_of(one, card)} for one in chosen]
    trained = trained_on(card)
    return CohortInputs(
        images=len(chosen),
        compared=trained is not None,
        shifts=_shifts(chosen, trained) if trained is not None and chosen else (),
        flagged=dict(Counter(kind for of_image in kinds for kind in sorted(of_image)).most_common()),
        n_flagged=sum(bool(of_image) for of_image in kinds),
    )


def _shifts(measures: list[InputMeasures], trained: TrainingInputs) -> tuple[Shift, ...]:
    features = [trained.features(one) for one in measures]
    found = []
    for name in _COMPARED:
        values = np.array([one[name] for one in features])
        distance = distance_to(values, np.array(trained.quantiles[name]))
        moved = abs(float(np.median(values)) - trained.at(name, 0.5)) >= _LEAST_MOVE
        if moved and distance >= max(LEAST_DISTANCE, critical_distance(values.size, trained.images)):
            lower, upper = np.quantile(values, (0.25, 0.75)).tolist()
            in_training = (trained.at(name, 0.25), trained.at(name, 0.75))
            found.append(Shift(name, round(distance, 4), (round(lower, 4), round(upper, 4)), in_training))
    return tuple(sorted(found, key=lambda shift: -shift.distance))


def distance_to(values: NDArray[np.float64], quantiles: NDArray[np.float64]) -> float:
    """The Kolmogorov-Smirnov distance of `values` (n,) to the distribution with these quantiles at LEVELS.

    Between two quantiles the distribution is taken as even.
    """
    ordered = np.sort(values)
    steps = np.arange(ordered.size + 1) / ordered.size
    levels = np.array(LEVELS)
    at = np.interp(ordered, quantiles, levels, left=0.0, right=1.0)
    # just below: the same from the other side, so that of equal quantiles the first level counts
    below = 1 - np.interp(-ordered, -quantiles[::-1], 1 - levels[::-1], left=0.0, right=1.0)
    return float(max(np.max(steps[1:] - at), np.max(below - steps[:-1]), 0.0))


def critical_distance(n: int, m: int) -> float:
    """What two samples of n and m images of one distribution exceed once in a thousand cohorts, for all features.

    Smirnov's asymptotic distribution (Ann. Math. Stat. 19, 1948): c(alpha) sqrt((n + m) / (n m)) with
    c = sqrt(-ln(alpha / 2) / 2); alpha is shared out among the features (Bonferroni).
    """
    alpha = _SIGNIFICANCE / len(_COMPARED)
    return math.sqrt(-math.log(alpha / 2) / 2) * math.sqrt((n + m) / (n * m))
