"""From an image, as it is presented on the screen, to the tensor that a network takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from xferviewer.studies.images import Image, present
from xferviewer.studies.voi import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.checkpoints import Preprocessing

# ITU-R BT.601, as Pillow and OpenCV weigh red, green and blue.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def to_tensor(image: Image, preprocessing: Preprocessing) -> Tensor:
    """The input of the network for one image: float32 (channels, rows, columns), the same bits every time."""
    return present_to_tensor(Presentations(image).of(preprocessing), preprocessing)


class Presentations:
    """One image as several preprocessings have it presented; the same array where they agree on the window."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._made: dict[object, NDArray[np.float32]] = {}

    def of(self, preprocessing: Preprocessing) -> NDArray[np.float32]:
        """The presentation in the window of a preprocessing (see studies.images.present)."""
        window = preprocessing.window, preprocessing.window_range
        if window not in self._made:
            self._made[window] = present(self._image, _window(self._image, preprocessing))
        return self._made[window]


def _window(image: Image, preprocessing: Preprocessing) -> Window | None:
    """None for the file's own."""
    if preprocessing.window == "default" or image.is_colour:
        return None
    if preprocessing.window == "full range":
        whole = image.pixels.dtype.kind == "u"
        if image.windows or image.voi_lut is not None or not whole:
            return None
        return _from_to(0.0, float(np.iinfo(image.pixels.dtype).max))
    low, high = preprocessing.window_range or (0.0, 0.0)
    if preprocessing.window == "percentiles":
        low, high = image.percentiles(low, high)
        if low == high:  # most of the image is of one value; the rest is darker or brighter than that
            return None
    return _from_to(low, high)


def _from_to(low: float, high: float) -> Window:
    return Window((low + high) / 2, high - low, "LINEAR_EXACT")


def present_to_tensor(presentation: NDArray[np.float32], preprocessing: Preprocessing) -> Tensor:
    """The same from the presentation: float32 in [0, 1], (rows, columns) grey or (rows, columns, 3) RGB."""
    return normalise(fit(presentation, preprocessing), preprocessing)


def fit(presentation: NDArray[np.float32], preprocessing: Preprocessing) -> Tensor:
    """Channels, size and crop, still in [0, 1]: float32 (channels, rows, columns), one where all are equal."""
    grey = presentation.ndim == 2
    if not grey and preprocessing.channels == 1:
        presentation, grey = presentation @ _LUMA, True
    planes = torch.from_numpy(np.ascontiguousarray(presentation))
    planes = planes[None] if grey else planes.permute(2, 0, 1)
    if preprocessing.channel_order == "BGR" and not grey:
        planes = planes.flip(0)
    planes = _resize_and_crop(planes, preprocessing)
    return 1 - planes if preprocessing.polarity == "inverted" else planes


def normalise(planes: Tensor, preprocessing: Preprocessing) -> Tensor:
    """(value - mean) / std per channel, over the last three axes; a single plane fills every channel."""
    mean = torch.tensor(preprocessing.mean, dtype=torch.float32)[:, None, None]
    std = torch.tensor(preprocessing.std, dtype=torch.float32)[:, None, None]
    return (planes - mean) / std


def _resize_and_crop(planes: Tensor, preprocessing: Preprocessing) -> Tensor:
    rows, columns = planes.shape[-2:]
    height, width = preprocessing.size
    before_crop = _size_before_crop(rows, columns, preprocessing)
    if before_crop != [rows, columns]:
        planes = functional.interpolate(
            planes[None], size=before_crop, mode=preprocessing.interpolation, antialias=True, align_corners=False
        )[0]
        planes = planes.clamp(0.0, 1.0)  # bicubic overshoots
    top, left = _crop_corner(before_crop, preprocessing)
    return planes[:, top : top + height, left : left + width].contiguous()


def seen_part(rows: int, columns: int, preprocessing: Preprocessing) -> tuple[float, float, float, float]:
    """The part of a film of that size that reaches the network: (top, left, bottom, right) in fractions of the film."""
    before_crop = _size_before_crop(rows, columns, preprocessing)
    top, left = _crop_corner(before_crop, preprocessing)
    height, width = preprocessing.size
    return (
        top / before_crop[0],
        left / before_crop[1],
        (top + height) / before_crop[0],
        (left + width) / before_crop[1],
    )


def _size_before_crop(rows: int, columns: int, preprocessing: Preprocessing) -> list[int]:
    before_crop = [round(side / preprocessing.crop_fraction) for side in preprocessing.size]
    if preprocessing.resize == "shorter":
        scale = max(before_crop[0] / rows, before_crop[1] / columns)
        before_crop = [round(rows * scale), round(columns * scale)]
    return before_crop


def _crop_corner(before_crop: list[int], preprocessing: Preprocessing) -> tuple[int, int]:
    top, left = ((have - want) // 2 for have, want in zip(before_crop, preprocessing.size, strict=True))
    return top, left
