"""The input of a network together with what is measured of it on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch.nn import functional

from xferviewer.checkpoints.input_measures import QUANTILES, THUMBNAIL_SIDE, InputMeasures, measures_from
from xferviewer.networks.preprocessing import fit, normalise

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from xferviewer.checkpoints import Preprocessing
    from xferviewer.studies.images import Image

# Shares of black, white and colour are taken of every k-th pixel, so that a film of 9 megapixels costs no more than one
# of this side.
_SAMPLED_SIDE = 256
_LARGEST = float(np.finfo(np.float32).max)


def measured_input(
    image: Image, presentation: NDArray[np.float32], preprocessing: Preprocessing
) -> tuple[Tensor, InputMeasures]:
    """The tensor of `networks.preprocessing.present_to_tensor`, and its measures, of an image and its presentation."""
    planes = fit(presentation, preprocessing)
    return normalise(planes, preprocessing), measure(image, presentation, planes)


def measure(image: Image, presentation: NDArray[np.float32], planes: Tensor) -> InputMeasures:
    """What is measured of an image: of its file, of its presentation, and of the planes in [0, 1] made of that.

    planes  float32 (channels, rows, columns) of `networks.preprocessing.fit`
    """
    step = max(1, min(presentation.shape[:2]) // _SAMPLED_SIDE)
    sample = presentation[::step, ::step]
    colours = sample.reshape(*sample.shape[:2], -1)
    brightness = planes.mean(dim=0)
    seen = brightness.numpy()
    # a file of double floats may hold values that no float32 can
    low, high = np.clip(image.value_range(), -_LARGEST, _LARGEST).tolist()
    numbers = {
        "rows": float(presentation.shape[0]),
        "columns": float(presentation.shape[1]),
        "chroma": float((colours.max(axis=2) - colours.min(axis=2)).mean()) if image.is_colour else 0.0,
        "pixel_low": low,
        "pixel_high": high,
        "not_finite": _share_not_finite(image.pixels),
        "black": float((sample == 0).mean()),
        "white": float((sample == 1).mean()),
        "mean": float(seen.mean(dtype=np.float64)),
        "deviation": float(seen.std(dtype=np.float64)),
    }
    for level, value in zip(QUANTILES, np.quantile(seen, QUANTILES), strict=True):
        numbers[f"quantile_{100 * level:02.0f}"] = float(value)
    fields = functional.adaptive_avg_pool2d(brightness[None], THUMBNAIL_SIDE)[0]
    return measures_from(numbers, fields.numpy(), image.facts.modality, image.facts.body_part)


def _share_not_finite(pixels: NDArray[np.generic]) -> float:
    return float((~np.isfinite(pixels)).mean()) if pixels.dtype.kind == "f" else 0.0
