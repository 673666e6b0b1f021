"""What stands in which pane: a checkpoint over a frame or an image of the shown study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xferviewer.gui.display import ShownImage


@dataclass(frozen=True, slots=True)
class Content:
    """A pane's place: a checkpoint (empty: none is open), and how many frames or images after the chosen one."""

    digest: str
    ahead: int = 0


def contents(digests: Sequence[str], panes: int | None) -> list[Content]:
    """A pane for each checkpoint; in a layout of more panes, those of the next images follow, in the same order.

    In a layout of fewer panes than checkpoints the first ones have a pane.
    """
    compared = list(digests) or [""]
    count = len(compared) if panes is None else panes
    return [Content(compared[place % len(compared)], place // len(compared)) for place in range(count)]


def columns_for(panes: int) -> int:
    """Films are nearly square: this many columns give them the most room in a window that is wider than high."""
    return math.ceil(math.sqrt(panes))


def places(shown: ShownImage) -> list[tuple[int, int]]:
    """All frames of the study in their order: (image, frame)."""
    return [(index, frame) for index, image in enumerate(shown.images) for frame in range(image.frames)]


def ahead(shown: ShownImage, by: int) -> ShownImage | None:
    """The frame or image of the study that lies `by` after the shown one; None beyond its ends."""
    if not by:
        return shown
    frames = places(shown)
    wanted = frames.index((shown.index, shown.frame)) + by
    if not 0 <= wanted < len(frames):
        return None
    index, frame = frames[wanted]
    return replace(shown, index=index, frame=frame)
