"""Flags for what is wrong with an image whichever checkpoint looks at it."""

from __future__ import annotations

from xferviewer.checkpoints.input_flag import Flag
from xferviewer.checkpoints.input_measures import InputMeasures

# Between the darkest and the brightest hundredth of what the network sees. Films have 0.39 and more, photographs of
# skin 0.25; a tenth is a film of nothing.
_LEAST_CONTRAST = 0.1
# A film of 8-bit values in a window made for 12 bits ends at a sixteenth.
_DARKEST_FILM, _LARGEST_BYTE = 0.25, 255.0
# Of a film, collimated parts included, up to 0.37 is black, of a slice of a brain 0.74; white are 0.01 and 0.46.
_MOST_CLIPPED = 0.9


def not_finite(measures: InputMeasures) -> Flag | None:
    """NaN or infinite pixels."""
    share = measures.of("not_finite")
    if share == 0:
        return None
    return Flag(
        "not finite",
        "Some pixels are no numbers.",
        f"{percent(share)} of them are NaN or infinite and count as black.",
        "Export the image again.",
    )


def empty(measures: InputMeasures) -> Flag | None:
    """Of one brightness, or nearly."""
    contrast = measures.of("quantile_99") - measures.of("quantile_01")
    if contrast >= _LEAST_CONTRAST:
        return None
    if measures.of("deviation") < 1e-6:
        why = f"All of it is of one brightness, {measures.of('mean'):.2f}."
    else:
        why = f"98 % of what the network sees lies within {percent(contrast)} of the range of brightness."
    return Flag("empty", "The image is nearly empty.", why, f"{_range_of(measures)} Look at its window and its pixels.")


def few_values(measures: InputMeasures) -> Flag | None:
    """Eight bits shown as if they were more."""
    low, high, brightest = measures.of("pixel_low"), measures.of("pixel_high"), measures.of("quantile_99")
    if not (low >= 0 and high <= _LARGEST_BYTE and brightest < _DARKEST_FILM and measures.of("black") < 1):
        return None
    return Flag(
        "range",
        "The values look like those of an 8-bit image in a window made for more.",
        f"They run from {low:g} to {high:g} and end at {percent(brightest)} of full brightness.",
        "Correct the window in the file, or convert it again with all its bits.",
    )


def clipped(measures: InputMeasures) -> Flag | None:
    """All but black and white."""
    black, white = measures.of("black"), measures.of("white")
    if black + white <= _MOST_CLIPPED:
        return None
    return Flag(
        "clipped",
        "The window cuts most of the image off.",
        f"{percent(black)} of the pixels are black and {percent(white)} white.",
        f"{_range_of(measures)} Correct the window in the file.",
    )


def _range_of(measures: InputMeasures) -> str:
    return f"Its values run from {measures.of('pixel_low'):g} to {measures.of('pixel_high'):g}."


def percent(share: float) -> str:
    """A share, two digits where it is below a hundredth."""
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.2g} %"
