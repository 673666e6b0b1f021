"""Flags for an image that is unlike the images that the checkpoint learned from.

Where the card says nothing of those, but the checkpoint or the file's header speaks of the chest, a negative is told by
the layout that all frontal chest radiographs have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xferviewer.checkpoints.input_flag import Flag
from xferviewer.checkpoints.input_measures import InputMeasures, agreement
from xferviewer.checkpoints.vocabulary import are_of_the_chest

if TYPE_CHECKING:
    from xferviewer.checkpoints.card import Card
    from xferviewer.checkpoints.training_inputs import TrainingInputs

# Training images of one detector may agree to a thousandth: what nobody could see is no reason for a flag.
_LEAST_REACH = {"black": 0.25, "layout": 0.3}
_AGAINST = -0.1  # correlation with the mean training image, of an image that is its negative
_ALIKE = 0.2  # the same correlation, that 99 % of training images exceed where they are alike at all
_CHEST_PARTS = ("chest", "thorax")

# The mean of 2,400 phantom films (seed 101, site A), 8 × 8 fields of brightness.
CHEST = np.array(
    [
        [0.08, 0.22, 0.34, 0.39, 0.39, 0.34, 0.22, 0.09],
        [0.31, 0.47, 0.34, 0.53, 0.53, 0.34, 0.47, 0.31],
        [0.31, 0.33, 0.16, 0.53, 0.57, 0.16, 0.33, 0.31],
        [0.22, 0.20, 0.20, 0.66, 0.67, 0.20, 0.20, 0.22],
        [0.22, 0.21, 0.25, 0.73, 0.80, 0.29, 0.21, 0.22],
        [0.27, 0.27, 0.35, 0.85, 0.91, 0.47, 0.26, 0.27],
        [0.30, 0.58, 0.79, 0.94, 0.92, 0.65, 0.45, 0.29],
        [0.30, 0.76, 0.88, 0.93, 0.93, 0.86, 0.74, 0.30],
    ]
)

BRIGHTNESS_WORDS = {
    "mean": "mean brightness",
    "deviation": "contrast (standard deviation)",
    "quantile_05": "brightness of the darkest twentieth",
    "quantile_50": "median brightness",
    "quantile_95": "brightness of the brightest twentieth",
    "black": "share of black",
    "white": "share of white",
}


def trained_on(card: Card) -> TrainingInputs | None:
    """What the card says of its training images; None where it says nothing, or of another preprocessing."""
    section = card.training_inputs
    return section if section is not None and section.preprocessing_digest == card.preprocessing.digest else None


def polarity(measures: InputMeasures, card: Card) -> Flag | None:
    """Bright where training images are dark."""
    trained = trained_on(card)
    if trained is not None and trained.at("layout", 0.01) >= _ALIKE:
        found = agreement(measures.thumbnail, trained.layout)
        low, high = trained.at("layout", 0.01), trained.at("layout", 0.99)
        against = f"those of the training images (correlation {found:.2f}; 98 % of those have {low:.2f} to {high:.2f})"
    elif trained is None and _of_the_chest(measures, card):
        found = agreement(measures.thumbnail, CHEST)
        against = f"those of a frontal chest radiograph (correlation {found:.2f})"
    else:
        return None
    if found > _AGAINST:
        return None
    return Flag(
        "polarity",
        "The image looks like a negative, or is turned, or shows something else.",
        f"Its bright and dark fields run against {against}.",
        "Compare it with other films; if bones are dark, store it again with the right polarity (MONOCHROME1 or 2).",
    )


def _of_the_chest(measures: InputMeasures, card: Card) -> bool:
    stated = measures.body_part.casefold()
    return stated in _CHEST_PARTS if stated else are_of_the_chest(card.findings)


def layout(measures: InputMeasures, card: Card) -> Flag | None:
    """Bright and dark elsewhere than in training images."""
    trained = trained_on(card)
    if trained is None:
        return None
    value = agreement(measures.thumbnail, trained.layout)
    if value >= _fences(trained, "layout")[0] or trained.at("layout", 0.01) < _ALIKE:
        return None
    return Flag(
        "layout",
        "The image is laid out unlike the training images.",
        f"Its bright and dark fields agree with theirs by {value:.2f} (correlation); 98 % of those have "
        f"{trained.at('layout', 0.01):.2f} to {trained.at('layout', 0.99):.2f}.",
        "See that it shows what the checkpoint was trained for: body part, view, orientation.",
    )


def brightness(measures: InputMeasures, card: Card) -> Flag | None:
    """Beyond every training image in brightness or contrast."""
    trained = trained_on(card)
    if trained is None:
        return None
    beyond = []
    for name, words in BRIGHTNESS_WORDS.items():
        value, (lower, upper) = measures.of(name), _fences(trained, name)
        if not lower <= value <= upper:
            low, high = trained.at(name, 0.01), trained.at(name, 0.99)
            beyond.append(f"{words} {value:.2f} ({low:.2f} to {high:.2f})")
    if not beyond:
        return None
    return Flag(
        "brightness",
        "The image is brighter, darker or of another contrast than any training image.",
        f"In brackets what 98 % of those have: {'; '.join(beyond)}.",
        "Look at its window; an image of another detector or processing may need one of its own.",
    )


def _fences(trained: TrainingInputs, feature: str) -> tuple[float, float]:
    """Outside lies what is far out (Tukey 1977, section 2D: three quartile ranges) and beyond every training image."""
    lower, upper = trained.at(feature, 0.25), trained.at(feature, 0.75)
    reach = max(3 * (upper - lower), _LEAST_REACH.get(feature, 0.1))
    # the card has four digits
    return min(lower - reach, trained.at(feature, 0.0) - 1e-4), max(upper + reach, trained.at(feature, 1.0) + 1e-4)
