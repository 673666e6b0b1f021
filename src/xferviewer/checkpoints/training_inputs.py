"""The section of a card that says what the training images looked like to the network: their measures, summed up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints.input_measures import THUMBNAIL_SIDE, InputMeasures, agreement

FEATURES = ("mean", "deviation", "quantile_05", "quantile_50", "quantile_95", "black", "white", "chroma", "layout")
"""What is compared with training images; `layout` is the agreement of an image's thumbnail with their mean one."""

# Where the distribution of a feature over the training images is kept: each twentieth, and more towards the ends.
LEVELS = (0.0, 0.005, 0.01, 0.025, *(twentieth / 20 for twentieth in range(1, 20)), 0.975, 0.99, 0.995, 1.0)
_DIGITS = 4  # a 10,000th of full brightness
FEWEST_IMAGES = 20


@dataclass(frozen=True, slots=True)
class TrainingInputs:
    """How the measures of the training images are distributed, under one preprocessing.

    images                images that were measured
    source                for people: which images these are
    digest                SHA-256 over the identities of these images, sorted, a line each
    preprocessing_digest  of the preprocessing that they were measured under: with another one this section says nothing
    quantiles             for each of FEATURES its quantiles over the images, at LEVELS
    mean, deviation       of brightness over all pixels of all images, in [0, 1], before the card's mean and std
    thumbnail             the mean of the images' thumbnails, 8 × 8 row by row, brightness in [0, 1]
    """

    images: int
    source: str
    digest: str
    preprocessing_digest: str
    mean: float
    deviation: float
    thumbnail: tuple[float, ...]
    quantiles: dict[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        if len(self.thumbnail) != THUMBNAIL_SIDE**2:
            raise ValueError(f"thumbnail should have {THUMBNAIL_SIDE**2} values, not {len(self.thumbnail)}.")
        missing = next((name for name in FEATURES if name not in self.quantiles), None)
        if missing is not None:
            raise ValueError(f"quantiles should have {missing}.")
        for name, values in self.quantiles.items():
            if len(values) != len(LEVELS) or list(values) != sorted(values):
                raise ValueError(f"quantiles.{name} should have {len(LEVELS)} values in ascending order.")

    @property
    def layout(self) -> NDArray[np.float64]:
        """The mean thumbnail, (8, 8)."""
        return np.array(self.thumbnail).reshape(THUMBNAIL_SIDE, THUMBNAIL_SIDE)

    def at(self, feature: str, level: float) -> float:
        """The value of a feature that this share of the training images does not exceed; `level` is one of LEVELS."""
        return self.quantiles[feature][LEVELS.index(level)]

    def features(self, measures: InputMeasures) -> dict[str, float]:
        """The features of one image, by name."""
        return {name: measures.of(name) for name in FEATURES[:-1]} | {
            "layout": agreement(measures.thumbnail, self.layout)
        }


def summarise_inputs(
    measures: Sequence[InputMeasures],
    identities: Iterable[str],
    source: str,
    preprocessing_digest: str,
) -> TrainingInputs:
    """The section of the card from measured images. Raises ValueError for fewer than FEWEST_IMAGES images."""
    if len(measures) < FEWEST_IMAGES:
        raise ValueError(f"{len(measures)} images are too few to say what training images look like")
    thumbnails = np.array([one.thumbnail for one in measures], dtype=np.float64)
    layout = np.asarray(np.round(thumbnails.mean(axis=0), _DIGITS), dtype=np.float64)
    table = {name: np.array([one.of(name) for one in measures]) for name in FEATURES[:-1]}
    table["layout"] = np.array([agreement(one.thumbnail, layout) for one in measures])
    # all images have the same number of pixels: the variance is that within plus that between
    within, between = np.mean(table["deviation"] ** 2), np.var(table["mean"])
    names = "".join(f"{identity}\n" for identity in sorted(identities))
    return TrainingInputs(
        images=len(measures),
        source=source,
        digest=hashlib.sha256(names.encode()).hexdigest(),
        preprocessing_digest=preprocessing_digest,
        mean=round(float(table["mean"].mean()), _DIGITS),
        deviation=round(float(np.sqrt(within + between)), _DIGITS),
        thumbnail=tuple(layout.ravel().tolist()),
        quantiles={name: tuple(np.quantile(values, LEVELS).round(_DIGITS).tolist()) for name, values in table.items()},
    )
