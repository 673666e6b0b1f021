"""What lies beneath the overview of a slide: read in the background for the part that is looked at.

Painting asks; the finer pixels come when they are read, and the film is painted again. Nothing is asked for that is not
on a screen.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.errors import UnreadableImage
from xferviewer.studies.colour_profiles import in_srgb
from xferviewer.studies.image import Image, Pyramid
from xferviewer.studies.slides import Region

_MARGIN = 0.125  # of a part's size, read on each side of it: small movements need nothing new
_FINER = math.sqrt(2)  # a level this much finer than the screen is preferred to one as much coarser

Place = tuple[float, float, float, float]
"""Left, top, right and bottom of a part of a film, in its pixels: the first pixel reaches from 0 to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Finer pixels (rows, columns, 3) uint8 of a part of the overview, for the screen."""

    place: Place
    level: int
    pixels: NDArray[np.uint8]


class SlideDetail:
    """The finer pixels of one slide; keeps the last ones. `arrived` is called by the thread that read them."""

    def __init__(
        self,
        image: Image,
        pyramid: Pyramid,
        read: Callable[[Region], NDArray[np.uint8]],
        threads: Executor,
        arrived: Callable[[], None],
    ) -> None:
        self._image, self._pyramid = image, pyramid
        self._read, self._threads, self._arrived = read, threads, arrived
        self._lock = threading.Lock()
        self._patch: Patch | None = None
        self._wanted: Region | None = None
        self._reading = False

    def patch(self, place: Place, columns: int) -> Patch | None:
        """The patch that covers `place`, to be drawn on so many columns of the screen.

        None where it has yet to be read, and where the overview is as fine.
        """
        rows_, columns_ = self._image.pixels.shape[:2]
        inside = (max(place[0], 0.0), max(place[1], 0.0), min(place[2], columns_), min(place[3], rows_))
        level = best_level(self._pyramid, (place[2] - place[0]) / columns)
        if level is None or inside[0] >= inside[2] or inside[1] >= inside[3]:
            return None
        held = self._patch
        if held is not None and held.level == level and _covers(held.place, inside):
            return held
        self._want(region_of(self._pyramid, level, inside))
        return None

    def _want(self, region: Region) -> None:
        with self._lock:
            self._wanted = region
            if self._reading:  # its thread looks for what is wanted when it has done
                return
            self._reading = True
        self._threads.submit(self._read_wanted)

    def _read_wanted(self) -> None:
        while True:
            with self._lock:
                region, self._wanted = self._wanted, None
                if region is None:
                    self._reading = False
                    return
            try:
                pixels = in_srgb(self._read(region), self._image.profile)
            except UnreadableImage:  # the overview stays; it was read from the same file
                continue
            self._patch = Patch(place_of(self._pyramid, region), region.level, pixels)
            self._arrived()


def best_level(pyramid: Pyramid, overview_pixels: float) -> int | None:
    """The level nearest to a pixel of the screen that spans so many pixels of the overview; None: the overview is."""
    finest_pixels = overview_pixels * pyramid.pixels_of_finest
    scales = [downsample(pyramid, level) for level in range(len(pyramid.levels))]
    finer = [level for level, scale in enumerate(scales) if scale < pyramid.pixels_of_finest * 0.99]
    if not finer or overview_pixels >= 1:
        return None
    enough = [level for level in finer if scales[level] <= finest_pixels * _FINER]
    return enough[-1] if enough else finer[0]


def downsample(pyramid: Pyramid, level: int) -> float:
    """How many pixels of the finest level a pixel of this one spans."""
    return pyramid.levels[0][1] / pyramid.levels[level][1]


def region_of(pyramid: Pyramid, level: int, place: Place) -> Region:
    """A part of the overview, and a little around it, in whole pixels of a level."""
    scale = pyramid.pixels_of_finest / downsample(pyramid, level)
    left, top, right, bottom = place
    across, down = _MARGIN * (right - left), _MARGIN * (bottom - top)
    rows, columns = pyramid.levels[level]
    first_column, first_row = max(0, math.floor((left - across) * scale)), max(0, math.floor((top - down) * scale))
    last_column, last_row = (
        min(columns, math.ceil((right + across) * scale)),
        min(rows, math.ceil((bottom + down) * scale)),
    )
    return Region(level, first_row, first_column, max(1, last_row - first_row), max(1, last_column - first_column))


def place_of(pyramid: Pyramid, region: Region) -> Place:
    """Where a region lies in the pixels of the overview."""
    scale = downsample(pyramid, region.level) / pyramid.pixels_of_finest
    return (
        region.left * scale,
        region.top * scale,
        (region.left + region.columns) * scale,
        (region.top + region.rows) * scale,
    )


def _covers(place: Place, inside: Place) -> bool:
    return place[0] <= inside[0] and place[1] <= inside[1] and place[2] >= inside[2] and place[3] >= inside[3]
