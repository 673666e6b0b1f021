"""Preprocessing by name, as published recipes have it. Constants are of an image in [0, 1], channels in its order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xferviewer.checkpoints.card import Preprocessing

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
# Caffe's means of blue, green and red on 0 to 255 (Jia et al. 2014).
_CAFFE = (103.939 / 255, 116.779 / 255, 123.68 / 255)


@dataclass(frozen=True, slots=True)
class Preset:
    """A preprocessing but for the size, which is the network's unless the recipe has one of its own."""

    description: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channel_order: Literal["grey", "RGB", "BGR"] = "RGB"
    resize: Literal["squash", "shorter"] = "squash"
    crop_fraction: float = 1.0
    size: tuple[int, int] | None = None

    def at(self, size: tuple[int, int]) -> Preprocessing:
        return Preprocessing(
            size=self.size or size,
            mean=self.mean,
            std=self.std,
            resize=self.resize,
            crop_fraction=self.crop_fraction,
            channel_order=self.channel_order,
        )


PRESETS = {
    "imagenet": Preset("shorter side, middle 7/8, ImageNet", *_IMAGENET, resize="shorter", crop_fraction=0.875),
    "imagenet-squash": Preset("both sides to the network's (P2), ImageNet", *_IMAGENET),
    "imagenet-256": Preset(
        "both sides to 8/7, middle cut out (BenchmarkTransformers)", *_IMAGENET, crop_fraction=0.875
    ),
    "half": Preset("mean and deviation 0.5 (BiT, Inception, vision transformers)", *_HALF),
    "caffe+std": Preset(
        "BUSI and MRNet study: 256 squared, BGR", _CAFFE, (0.225, 0.224, 0.229), channel_order="BGR", size=(256, 256)
    ),
    "radimagenet": Preset("RadImageNet's PyTorch example: BGR in [-1, 1]", *_HALF, channel_order="BGR"),
    "radimagenet-keras": Preset("RadImageNet's Keras code: BGR less Caffe's means", _CAFFE, (1.0,) * 3, "BGR"),
    "chestx-ray": Preset("BenchmarkTransformers' own for NIH films", (0.5056,) * 3, (0.252,) * 3, crop_fraction=0.875),
    "grey": Preset("P2, one channel", (0.485,), (0.229,), "grey"),
    "grey-mimic": Preset("P2, one channel, MIMIC-CXR", (0.5292,), (0.2507,), "grey"),
    "torchxrayvision": Preset(
        "one channel in [-1024, 1024], the middle square", (0.5,), (1 / 2048,), "grey", resize="shorter"
    ),
}
