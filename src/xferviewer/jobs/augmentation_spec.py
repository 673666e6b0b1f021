"""The moves of the training images of a job, and published ones by name (jobs/augmentation_cards.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Interpolation = Literal["nearest", "bilinear"]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ResizedCrop:
    """A random part of the image, resized to the network's input (torchvision's RandomResizedCrop, antialiased).

    scale   of its area to the image's
    ratio   of its width to its height, as the image is, not as a square network sees it
    detail  the image is kept this many times finer than the network's input, so that small parts keep theirs
    """

    scale: Range = (0.08, 1.0)
    ratio: Range = (3 / 4, 4 / 3)
    detail: float = 2.0

    def __post_init__(self) -> None:
        _ordered("scale", self.scale, above=0, most=1)
        _ordered("ratio", self.ratio, above=0)
        if not 1 <= self.detail <= 8:
            raise ValueError(f"detail {self.detail} should lie in [1, 8].")


@dataclass(frozen=True, slots=True)
class RandomCrop:
    """A random part of the network's size, out of the image resized to `before` (rows, columns): BiT's pre-crop."""

    before: tuple[int, int]

    def __post_init__(self) -> None:
        if min(self.before) < 1:
            raise ValueError(f"before {self.before} should be positive.")


@dataclass(frozen=True, slots=True)
class Turn:
    """Turned about the centre by up to ± `degrees`; `fill` (0 to 255) comes in from outside."""

    degrees: float
    interpolation: Interpolation = "nearest"
    fill: float = 0.0

    def __post_init__(self) -> None:
        _within("degrees", self.degrees, 180)
        _within("fill", self.fill, 255)


@dataclass(frozen=True, slots=True)
class Affine:
    """Shifted, scaled and sheared in one resampling (torchvision's RandomAffine without rotation).

    translate  ± a share of each side
    scale      both sides by one factor
    shear      ± degrees along the rows
    fill       0 to 255, from outside
    """

    translate: float = 0.0
    scale: Range = (1.0, 1.0)
    shear: float = 0.0
    interpolation: Interpolation = "nearest"
    fill: float = 0.0

    def __post_init__(self) -> None:
        _within("translate", self.translate, 1)
        _ordered("scale", self.scale, above=0)
        _within("shear", self.shear, 89)
        _within("fill", self.fill, 255)


@dataclass(frozen=True, slots=True)
class KerasMoves:
    """Keras's ImageDataGenerator: one bilinear resampling, the pixel at the edge repeated outside.

    rotation, shear  ± degrees;  shift  ± a share of each side;  zoom  each side by a factor of its own in 1 ± zoom
    """

    rotation: float = 0.0
    shift: float = 0.0
    shear: float = 0.0
    zoom: float = 0.0

    def __post_init__(self) -> None:
        _within("rotation", self.rotation, 180)
        _within("shift", self.shift, 1)
        _within("shear", self.shear, 89)
        if not 0 <= self.zoom < 1:
            raise ValueError(f"zoom {self.zoom} should lie in [0, 1).")


@dataclass(frozen=True, slots=True)
class ColourJitter:
    """Factors in 1 ± these, in random order (torchvision's ColorJitter); hue is ± a share of the circle.

    Saturation and hue of a grey image are what they were.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            _within(name, getattr(self, name), 1)
        _within("hue", self.hue, 0.5)


@dataclass(frozen=True, slots=True)
class Blur:
    """A Gaussian of `sigma` pixels (uniform in the range), cut off at `kernel` pixels; an odd number."""

    sigma: Range = (0.1, 2.0)
    kernel: int = 5

    def __post_init__(self) -> None:
        _ordered("sigma", self.sigma, above=0)
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"kernel {self.kernel} should be odd and positive.")


@dataclass(frozen=True, slots=True)
class RandAugment:
    """`operations` of torchvision's RandAugment (Cubuk et al. 2019), one after the other, on 256 levels.

    magnitude  0 to 10, as timm's names count it: "m9" is 9 of 10
    spread     standard deviation of the magnitude, drawn for each operation: "mstd0.5"
    """

    operations: int = 2
    magnitude: float = 9.0
    spread: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.operations <= 14:
            raise ValueError(f"operations {self.operations} should lie in [0, 14].")
        _within("magnitude", self.magnitude, 10)
        _within("spread", self.spread, 10)


@dataclass(frozen=True, slots=True)
class Erasing:
    """With this probability a rectangle becomes noise of mean 0 and deviation 1, after mean and deviation were taken.

    area   of the rectangle to the image's;  ratio  of its sides (Zhong et al. 2017; timm's RandomErasing, "pixel")
    """

    probability: float = 0.25
    area: Range = (0.02, 1 / 3)
    ratio: Range = (0.3, 3.3)

    def __post_init__(self) -> None:
        _within("probability", self.probability, 1)
        _ordered("area", self.area, above=0, most=1)
        _ordered("ratio", self.ratio, above=0)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random moves of each training image, in the order of the fields below.

    Every draw follows from the seed of the job, the view and the row of the image; the same spec sees the same views
    whether it is resumed, cached or neither.

    card         the published augmentation that stands for what is not said here (jobs.augmentation_cards)
    shift, scale, rotation
                 one bilinear resampling out of an image 1.15 times finer, black from outside: a shift in both
                 directions by ± a share of the side, 1 ± scale, ± degrees
    finer        False: the image is resized as in validation, and these three are 0
    resized_crop, random_crop
                 one of them at most, and neither with the three above
    flip         how often an image is mirrored from left to right, where laterality is "free"
    laterality   "matters" keeps every flip off: the heart of a chest film lies on the left, a marker or a report says
                 "right", and a mirrored film would teach that this may change
    keras        instead of turn and affine, as RadImageNet's authors trained
    views        how many views of each image there are, used in turns by the epochs; 0: a new one in each epoch
    """

    card: str | None = None
    shift: float = 0.05
    scale: float = 0.1
    rotation: float = 7.0
    finer: bool = True
    resized_crop: ResizedCrop | None = None
    random_crop: RandomCrop | None = None
    flip: float = 0.0
    laterality: Literal["matters", "free"] = "matters"
    turn: Turn | None = None
    affine: Affine | None = None
    keras: KerasMoves | None = None
    colour: ColourJitter | None = None
    blur: Blur | None = None
    rand_augment: RandAugment | None = None
    erasing: Erasing | None = None
    views: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.shift < 1 and 0 <= self.scale < 1 and 0 <= self.rotation <= 180):
            raise ValueError("shift and scale should lie in [0, 1), rotation in [0, 180].")
        if not self.finer and (self.shift or self.scale or self.rotation):
            raise ValueError("shift, scale and rotation need finer images; name affine and turn, or finer = true.")
        if self.finer and (self.resized_crop or self.random_crop):
            raise ValueError(
                "a random crop brings the image to its size; say finer = false, shift, scale, rotation = 0."
            )
        if self.resized_crop and self.random_crop:
            raise ValueError("name resized_crop or random_crop, not both.")
        if self.keras and (self.turn or self.affine):
            raise ValueError("name keras, or turn and affine, not both.")
        _within("flip", self.flip, 1)
        if self.views < 0:
            raise ValueError(f"views {self.views} should not be negative.")

    @classmethod
    def expand(cls, mapping: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a file says, completed by the card that it names. Raises ValueError for a card that nobody knows."""
        if not isinstance(mapping.get("card"), str):
            return mapping
        from xferviewer.checkpoints.fields import to_mapping
        from xferviewer.jobs.augmentation_cards import augmentation_card

        return {**to_mapping(augmentation_card(mapping["card"]).augmentation), **mapping}

    @property
    def flips(self) -> float:
        """How often an image is mirrored indeed."""
        return self.flip if self.laterality == "free" else 0.0

    @property
    def random(self) -> bool:
        """Whether two views of an image can differ."""
        return bool(
            self.shift or self.scale or self.rotation or self.resized_crop or self.random_crop or self.flips
            or (self.turn and self.turn.degrees)
            or (self.affine and (self.affine.translate or self.affine.shear or self.affine.scale != (1.0, 1.0)))
            or (self.keras and self.keras != KerasMoves())
            or (self.colour and self.colour != ColourJitter())
            or self.blur
            or (self.rand_augment and self.rand_augment.operations)
            or (self.erasing and self.erasing.probability)
        )  # fmt: skip

    def view_of(self, epoch: int) -> int:
        """Which view of its images an epoch sees."""
        if not self.random:
            return 0
        return epoch % self.views if self.views else epoch


def _within(name: str, value: float, most: float) -> None:
    if not 0 <= value <= most:
        raise ValueError(f"{name} {value} should lie in [0, {most}].")


def _ordered(name: str, ends: Range, above: float, most: float | None = None) -> None:
    low, high = ends
    if not above < low <= high or (most is not None and high > most):
        limits = f"above {above}" if most is None else f"above {above} and at most {most}"
        raise ValueError(f"{name} {list(ends)} should be a smaller and a larger number {limits}.")
