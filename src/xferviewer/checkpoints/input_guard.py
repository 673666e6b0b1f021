"""What is wrong with an image as the input of a checkpoint, judged before its numbers are shown.

A flag never changes a number and never hides one. Thresholds are such that films that belong rarely raise one
(docs/decisions/0056 says how rarely, on which images).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from xferviewer.checkpoints.image_flags import clipped, empty, few_values, not_finite, percent
from xferviewer.checkpoints.input_flag import Flag, FlagKind
from xferviewer.checkpoints.training_flags import brightness, layout, polarity, trained_on

if TYPE_CHECKING:
    from xferviewer.checkpoints.card import Card, Preprocessing
    from xferviewer.checkpoints.input_measures import InputMeasures

_MOST_UPSCALING = 2.0
_MOST_DISTORTION = 1.5
_COLOURED, _GREY = 0.05, 0.02  # chroma

# An empty image is dark as well, and a negative is laid out against all others: once is enough.
_SAID_BY_ANOTHER: set[FlagKind] = {"layout", "brightness", "clipped"}


def flags_of(measures: InputMeasures, card: Card) -> tuple[Flag, ...]:
    """Everything about an image that the card does not expect, gravest first; empty where nothing is."""
    found = [
        _constants(card),
        *(check(measures) for check in _OF_ANY_IMAGE),
        *(c(measures, card) for c in _OF_THE_CARD),
    ]
    flags = [flag for flag in found if flag is not None]
    hidden = _SAID_BY_ANOTHER if {flag.kind for flag in flags} & {"empty", "polarity"} else set()
    return tuple(flag for flag in flags if flag.kind not in hidden)


def _constants(card: Card) -> Flag | None:
    made = card.preprocessing
    if all(0 <= value <= 1 for value in made.mean) and max(made.std) <= 1:
        return None
    return Flag(
        "constants",
        "The card's mean and std are not of an image in [0, 1].",
        f"They are {_numbers(made.mean)} and {_numbers(made.std)}, as for values up to 255.",
        "Divide them by 255 on the card, or import the weights anew with the preprocessing of their training.",
    )


def _size(measures: InputMeasures, card: Card) -> Flag | None:
    rows, columns = measures.of("rows"), measures.of("columns")
    height, width = _scaled_to(rows, columns, card.preprocessing)
    factor = max(height / rows, width / columns)
    if factor <= _MOST_UPSCALING:
        return None
    return Flag(
        "size",
        f"The image is far smaller than what the network takes: enlarged {factor:.1f} times.",
        f"It has {rows:.0f} × {columns:.0f} pixels, and {height:.0f} × {width:.0f} are made of them.",
        "Take the image at its full size, not a thumbnail.",
    )


def _aspect(measures: InputMeasures, card: Card) -> Flag | None:
    made = card.preprocessing
    rows, columns = measures.of("rows"), measures.of("columns")
    factor = (rows / columns) / (made.size[0] / made.size[1])
    factor = max(factor, 1 / factor)
    if factor <= _MOST_DISTORTION:
        return None
    does = f"squashed {factor:.1f} times" if made.resize == "squash" else f"cut to {percent(1 / factor)} of one side"
    return Flag(
        "aspect",
        f"The image is much longer than wide, or the reverse, and is {does}.",
        f"It has {rows:.0f} × {columns:.0f} pixels.",
        "Crop it to the part that the checkpoint was trained for.",
    )


def _colour(measures: InputMeasures, card: Card) -> Flag | None:
    chroma, trained = measures.of("chroma"), trained_on(card)
    grey_card = card.preprocessing.channels == 1
    trained_grey = trained is not None and trained.at("chroma", 0.99) < _GREY
    if chroma > _COLOURED and (grey_card or trained_grey):
        why = "It was trained on grey images." if trained_grey else "It takes one channel; colour is turned to grey."
        return Flag("colour", "The image is in colour.", why, "See that it is of the kind that the checkpoint is for.")
    if chroma < _GREY and trained is not None and trained.at("chroma", 0.01) > _COLOURED:
        return Flag(
            "colour",
            "The image is grey.",
            "The checkpoint was trained on images in colour.",
            "See that it is of the kind that the checkpoint is for.",
        )
    return None


def _modality(measures: InputMeasures, card: Card) -> Flag | None:
    return _of_header("modality", measures.modality, card.expects.modalities)


def _body_part(measures: InputMeasures, card: Card) -> Flag | None:
    return _of_header("body part", measures.body_part, card.expects.body_parts)


def _of_header(kind: FlagKind, stated: str, wanted: tuple[str, ...]) -> Flag | None:
    if not stated or not wanted or stated.casefold() in {one.casefold() for one in wanted}:
        return None
    return Flag(
        kind,
        f"The file states another {kind} than the card expects.",
        f"It is {stated}; the card expects {' or '.join(wanted)}.",
        "See that the image is of the kind that the checkpoint is for.",
    )


_OF_ANY_IMAGE = (not_finite, empty, few_values, clipped)
_OF_THE_CARD: tuple[Callable[..., Flag | None], ...] = (
    polarity, layout, brightness, _size, _aspect, _colour, _modality, _body_part,
)  # fmt: skip


def _scaled_to(rows: float, columns: float, made: Preprocessing) -> tuple[float, float]:
    """The size that an image of that size is brought to before the middle is cut out."""
    height, width = (side / made.crop_fraction for side in made.size)
    if made.resize == "shorter":
        scale = max(height / rows, width / columns)
        return rows * scale, columns * scale
    return height, width


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
