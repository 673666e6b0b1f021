"""Colour maps of saliency maps: perceptually uniform by default; jet only for those who ask, with a note."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

COLOUR_MAPS = {
    "inferno": "",
    "viridis": "",
    "cividis": "Readable with a colour-vision deficiency",
    "turbo": "Like jet: familiar, but its bands look like edges that are not there",
}


@lru_cache(maxsize=16)
def colours(name: str) -> NDArray[np.uint8]:
    """The 256 colours (256, 3) of a colour map, uint8 RGB."""
    table: NDArray[np.uint8] = pg.colormap.get(name).getLookupTable(nPts=256, alpha=False)
    return table


def overlay_table(name: str, opacity: float, cut_off: float) -> NDArray[np.uint8]:
    """Colours with opacity (256, 4), uint8 RGBA: the same opacity from the cut-off (0 to 1) up, nothing below it."""
    table = np.empty((256, 4), dtype=np.uint8)
    table[:, :3] = colours(name)
    drawn = np.arange(256) >= max(round(cut_off * 255), 1)  # zero is no evidence: never drawn
    table[:, 3] = np.where(drawn, round(opacity * 255), 0)
    return table
