"""One colour and one line style for each checkpoint, the same on screen, in reports and in exported figures.

The colours are those of Okabe and Ito (2008), told apart with any of the common colour-vision deficiencies; the line
style tells them apart without colour. No figure library is imported here, so that the window can use it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

DashName = Literal["solid", "dashed", "dotted", "dashdot"]

# Okabe and Ito without black, which has no contrast on a dark ground, and with yellow last, which has little on paper.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
_DASHES: tuple[DashName, ...] = ("solid", "dashed", "dotted", "dashdot")


@dataclass(frozen=True, slots=True)
class CheckpointStyle:
    """How a checkpoint is drawn: `colour` as #rrggbb, `dash` by its name."""

    colour: str
    dash: DashName


def checkpoint_styles(checkpoints: Iterable[str]) -> dict[str, CheckpointStyle]:
    """The style of each checkpoint, by its place in the list; 28 of them are told apart before one comes again."""
    # Seven colours and four dashes have no common divisor, so that each pair comes once before any comes again.
    return {
        name: CheckpointStyle(_COLOURS[place % len(_COLOURS)], _DASHES[place % len(_DASHES)])
        for place, name in enumerate(dict.fromkeys(checkpoints))
    }
