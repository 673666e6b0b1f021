"""One colour and one line style for each checkpoint, in the window and in every figure that leaves it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckpointStyle:
    """colour: `#rrggbb`; line: "solid", "dashed", "dotted" or "dashdot", as matplotlib names them."""

    colour: str
    line: str


# Okabe and Ito's colours (jfly.uni-koeln.de/color), which people with a colour-vision deficiency can tell apart,
# without black; the line style tells them apart once more, in print and for everybody.
_STYLES = (
    CheckpointStyle("#56b4e9", "solid"),
    CheckpointStyle("#e69f00", "dashed"),
    CheckpointStyle("#009e73", "dotted"),
    CheckpointStyle("#cc79a7", "dashdot"),
    CheckpointStyle("#f0e442", "solid"),
    CheckpointStyle("#0072b2", "dashed"),
    CheckpointStyle("#d55e00", "dotted"),
    CheckpointStyle("#999999", "dashdot"),
)


def style_of(place: int) -> CheckpointStyle:
    """The style of the checkpoint at `place` (from 0) in the comparison; after the eighth they repeat."""
    return _STYLES[place % len(_STYLES)]
