"""A film at the size of the screen: what a step of the window costs is the screen's pixels, not the film's.

A film of 9 megapixels is drawn on half a megapixel. Its values are brought to that size once for each place and zoom,
and a step of the window is one look-up for each pixel of the screen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from xferviewer.gui.slide_detail import Patch, Place, SlideDetail
from xferviewer.studies.colour_profiles import in_srgb
from xferviewer.studies.image import Image
from xferviewer.studies.voi import VoiLut, Window, brightness

_MOST_TABLE = 1 << 16
_SMALLEST_LEVEL = 64
_KEPT_SIZES = 16  # of twelve panes, with some to spare while one of them moves


class FilmRaster:
    """One film with its reductions by two, four, eight …, each pixel the mean of those that it stands for.

    low, high  lowest and highest value that is not padding, in the unit of the pixels
    default    how the film is shown until a window is chosen
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        self.low, self.high = image.value_range()
        self.default = Window(128, 256) if image.is_colour else image.voi_lut or image.default_window()
        self.detail: SlideDetail | None = None  # of a slide: what lies beneath its overview
        self._levels = [in_srgb(image.pixels, image.profile) if image.is_colour else image.pixels]
        while min(self._levels[-1].shape[:2]) >= 2 * _SMALLEST_LEVEL:
            self._levels.append(_halved(self._levels[-1]))
        self._first = 0
        self._table_size = 0  # none: values are windowed one by one
        if not image.is_colour and image.pixels.dtype.kind in "iu":
            self._first, last = int(image.pixels.min()), int(image.pixels.max())
            self._table_size = last - self._first + 1 if last - self._first < _MOST_TABLE else 0
        self._values: _Recent[NDArray[Any]] = _Recent(_KEPT_SIZES)
        self._tables: _Recent[NDArray[np.uint8]] = _Recent(_KEPT_SIZES)
        self._shades: _Recent[NDArray[np.uint8]] = _Recent(_KEPT_SIZES)

    @property
    def nbytes(self) -> int:
        """Memory of the film and its reductions."""
        return sum(level.nbytes for level in self._levels)

    def leave_screen(self) -> None:
        """Forget what was made for the screen: `nbytes` does not count it, and it is made anew in some milliseconds."""
        self._values.clear()
        self._shades.clear()

    def percentiles(self, *per_cent: float) -> list[float]:
        """Percentiles of the values that are not padding, of a reduction of at most a quarter of a megapixel."""
        level = next((each for each in self._levels if each.shape[0] * each.shape[1] <= 1 << 18), self._levels[-1])
        values = level[(level >= self.low) & (level <= self.high)]
        return (
            [float(value) for value in np.percentile(values, per_cent)] if values.size else [self.low] * len(per_cent)
        )

    def on_screen(
        self, place: Place, rows: int, columns: int, window: Window | None, *, inverted: bool
    ) -> NDArray[np.uint8]:
        """That part of the film on so many pixels: uint8 (rows, columns), of colour (rows, columns, 3).

        Between the film's pixels values are interpolated before they are windowed; where a pixel of the screen stands
        for many, it is windowed from their mean. `inverted` is on top of the film's own polarity.
        """
        patch = self.detail.patch(place, columns) if self.detail is not None else None
        key = (place, rows, columns, patch)
        if patch is not None:
            values = self._values.get(key, lambda: _sampled_patch(patch, place, rows, columns))
        else:
            values = self._values.get(key, lambda: self._sampled(place, rows, columns))
        return self._shades.get((*key, window, inverted), lambda: self._shaded(values, window, inverted=inverted))

    def _sampled(self, place: Place, rows: int, columns: int) -> NDArray[Any]:
        """Values (rows, columns) in the unit of the film, or, where there is a table, the rows of it that they are."""
        left, top, right, bottom = place
        reduction = min((right - left) / columns, (bottom - top) / rows)
        number = min(max(int(np.log2(max(reduction, 1.0))), 0), len(self._levels) - 1)
        level = self._levels[number]
        values = _interpolated(
            level, _centres(left, right, columns, 0.5**number), _centres(top, bottom, rows, 0.5**number)
        )
        if self.image.is_colour:
            return np.asarray(np.rint(values), dtype=np.uint8)
        if self._table_size:
            return np.asarray(np.rint(values) - self._first, dtype=np.uint16)
        return values

    def _shaded(self, values: NDArray[Any], window: Window | None, *, inverted: bool) -> NDArray[np.uint8]:
        if self.image.is_colour:
            return np.asarray(255 - values if inverted else values, dtype=np.uint8)
        voi = window or self.default
        flipped = self.image.inverted != inverted
        if self._table_size:
            return np.take(self._tables.get((voi, flipped), lambda: self._table(voi, flipped)), values)
        return _in_256_steps(brightness(values, voi, inverted=flipped), values, flipped)

    def _table(self, voi: Window | VoiLut, flipped: bool) -> NDArray[np.uint8]:
        values = np.arange(self._first, self._first + self._table_size)
        return _in_256_steps(brightness(values, voi, inverted=flipped), values, flipped)


def _sampled_patch(patch: Patch, place: Place, rows: int, columns: int) -> NDArray[np.uint8]:
    """A part of a slide from its finer pixels."""
    (left, top, right, bottom), pixels = patch.place, patch.pixels
    while pixels.shape[1] / (right - left) * (place[2] - place[0]) >= 2 * columns and min(pixels.shape[:2]) > 1:
        pixels = _halved(pixels)
    x = _centres(place[0] - left, place[2] - left, columns, pixels.shape[1] / (right - left))
    y = _centres(place[1] - top, place[3] - top, rows, pixels.shape[0] / (bottom - top))
    return np.asarray(np.rint(_interpolated(pixels, x, y)), dtype=np.uint8)


def _centres(first: float, last: float, count: int, scale: float) -> NDArray[np.float32]:
    """The centres of `count` screen pixels from `first` to `last`, in a level's pixels from its first centre."""
    steps = first + (np.arange(count) + 0.5) * ((last - first) / count)
    centres = steps * scale - 0.5
    whole = np.rint(centres)
    return np.where(np.abs(centres - whole) < 1e-4, whole, centres).astype(
        np.float32
    )  # one to one: no value is changed


def _interpolated(level: NDArray[Any], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[Any]:
    """Values where rows `y` and columns `x` of a level cross, bilinearly; beyond its edges those of the edge."""
    rows, columns = level.shape[:2]
    x, y = np.clip(x, 0, columns - 1), np.clip(y, 0, rows - 1)
    x0, y0 = x.astype(np.intp), y.astype(np.intp)
    fx, fy = x - x0, y - y0
    if not fx.any() and not fy.any():
        return level[y0][:, x0]
    deep = level.ndim == 3
    from_x, to_x = int(x0[0]), int(x0[-1]) + 2
    band = level[:, from_x:to_x]
    above, below = (band[rows_].astype(np.float32) for rows_ in (y0, np.minimum(y0 + 1, rows - 1)))
    below -= above
    below *= fy[:, None, None] if deep else fy[:, None]
    above += below
    left = above[:, x0 - from_x]
    right = above[:, np.minimum(x0 + 1, columns - 1) - from_x]
    right -= left
    right *= fx[None, :, None] if deep else fx[None, :]
    left += right
    return left


def _halved(pixels: NDArray[Any]) -> NDArray[Any]:
    """The means of blocks of two by two; an odd last row or column counts twice. Same dtype, integers rounded."""
    rows, columns = pixels.shape[:2]
    if rows % 2 or columns % 2:
        edges = ((0, rows % 2), (0, columns % 2), *((0, 0) for _ in pixels.shape[2:]))
        pixels = np.pad(pixels, edges, mode="edge")
    parts = [pixels[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    if pixels.dtype.kind == "f":
        return np.asarray(np.add.reduce(parts) * pixels.dtype.type(0.25), dtype=pixels.dtype)
    wide: type[np.signedinteger[Any]] = np.int64 if pixels.dtype.itemsize > 2 else np.int32
    total: NDArray[Any] = parts[0].astype(wide)
    for part in parts[1:]:
        total += part
    return np.asarray((total + 2) >> 2, dtype=pixels.dtype)


def _in_256_steps(bright: NDArray[np.float32], values: NDArray[Any], flipped: bool) -> NDArray[np.uint8]:
    """Brightness in the steps of a screen.

    Middle grey alone lies between two of them, and is its own negative. Which of the two it becomes is told by the
    value being odd or even, and by the polarity: so a film and its negative add up to 255 everywhere, and a film that
    was stored inverted (2^n - 1 - value: odd for even) and says so is the same picture.
    """
    steps = np.asarray(np.rint(bright.astype(np.float64) * 255), dtype=np.uint8)  # float32 would round to halves
    between = bright == np.float32(0.5)
    if between.any():
        steps[between] = 127 + (np.asarray(values[between]).astype(np.int64) + flipped) % 2
    return steps


Made = TypeVar("Made")


class _Recent(Generic[Made]):
    """What was made last, by what it was made of."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[Hashable, Made] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What was made for this key, else made now."""
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        made = self._made[key] = make()
        while len(self._made) > self._most:
            self._made.popitem(last=False)
        return made

    def clear(self) -> None:
        """Forget all of it."""
        self._made.clear()
