"""One colour and one line style for each checkpoint, the same on screen, in reports and in exported figures.

The colours are those of Okabe and Ito (2008), told apart with any of the common colour-vision deficiencies; the line
style tells them apart without colour. No figure library is imported here, so that the window can use it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

DashName = Literal["solid", "dashed", "dotted", "dashdot"]

# Okabe and Ito without black. First those that stand out from a dark ground and from paper; dark blue and yellow, which
# have little contrast on one of the two, come last.
_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#f0e442")
_DASHES: tuple[DashName, ...] = ("solid", "dashed", "dotted", "dashdot")


@dataclass(frozen=True, slots=True)
class CheckpointStyle:
    """How a checkpoint is drawn: `colour` as #rrggbb, `dash` by its name."""

    colour: str
    dash: DashName


def style_of(place: int) -> CheckpointStyle:
    """The style of the checkpoint at `place` (from 0) in the comparison; 28 are told apart before one comes again."""
    # Seven colours and four dashes have no common divisor, so that each pair comes once before any comes again.
    return CheckpointStyle(_COLOURS[place % len(_COLOURS)], _DASHES[place % len(_DASHES)])


def checkpoint_styles(checkpoints: Iterable[str]) -> dict[str, CheckpointStyle]:
    """The style of each checkpoint, by its place in the list."""
    return {name: style_of(place) for place, name in enumerate(dict.fromkeys(checkpoints))}
