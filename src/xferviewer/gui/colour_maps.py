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
    "jet": "Familiar, but its bands look like edges that are not there, and its dark blue is lost on a film",
}

MISLEADING = ("turbo", "jet")
"""Those with bands that are not in the map."""


@lru_cache(maxsize=16)
def colours(name: str) -> NDArray[np.uint8]:
    """The 256 colours (256, 3) of a colour map, uint8 RGB."""
    if name == "jet":
        return _jet()
    table: NDArray[np.uint8] = pg.colormap.get(name).getLookupTable(nPts=256, alpha=False)
    return table


def _jet() -> NDArray[np.uint8]:
    """Blue, cyan, yellow, red: each of red, green and blue rises, stays and falls along straight lines."""
    place = np.linspace(0, 1, 256)
    rise = [1.5 - np.abs(4 * place - middle) for middle in (3, 2, 1)]
    return np.rint(255 * np.clip(np.stack(rise, axis=1), 0, 1)).astype(np.uint8)


DIFFERENCE_LEVELS = 255
"""An odd number: the one in the middle is zero, and as many lie on either side."""


@lru_cache(maxsize=1)
def difference_colours() -> NDArray[np.uint8]:
    """The 255 colours (255, 3) of a difference from -1 to 1, uint8 RGB: blue, dark as the film at zero, orange."""
    table: NDArray[np.uint8] = pg.colormap.get("CET-D4").getLookupTable(nPts=DIFFERENCE_LEVELS, alpha=False)
    return table


def difference_table(opacity: float, cut_off: float) -> NDArray[np.uint8]:
    """Those colours with opacity (256, 4), uint8 RGBA: nothing where a difference is below the cut-off on either side.

    The last row belongs to no difference; pixels are `difference_levels`.
    """
    table = np.zeros((256, 4), dtype=np.uint8)
    table[:DIFFERENCE_LEVELS, :3] = difference_colours()
    away = np.abs(np.arange(DIFFERENCE_LEVELS) - DIFFERENCE_LEVELS // 2)
    drawn = away >= max(round(cut_off * (DIFFERENCE_LEVELS // 2)), 1)
    table[:DIFFERENCE_LEVELS, 3] = np.where(drawn, round(opacity * 255), 0)
    return table


def difference_levels(difference: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A difference in [-1, 1] as rows of that table, uint8; zero is its middle row."""
    middle = DIFFERENCE_LEVELS // 2
    return np.asarray(middle + np.rint(np.clip(difference, -1, 1) * middle), dtype=np.uint8)


def map_levels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A map in [0, 1] as rows of `overlay_table`, uint8."""
    return np.rint(values * 255).astype(np.uint8)


def overlay_table(name: str, opacity: float, cut_off: float) -> NDArray[np.uint8]:
    """Colours with opacity (256, 4), uint8 RGBA: the same opacity from the cut-off (0 to 1) up, nothing below it."""
    table = np.empty((256, 4), dtype=np.uint8)
    table[:, :3] = colours(name)
    drawn = np.arange(256) >= max(round(cut_off * 255), 1)  # zero is no evidence: never drawn
    table[:, 3] = np.where(drawn, round(opacity * 255), 0)
    return table
