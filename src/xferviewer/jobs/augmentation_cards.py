"""Augmentations as published recipes have them, by name, with the evaluation that belongs to each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xferviewer.jobs.augmentation_spec import (
    Affine,
    Augmentation,
    Erasing,
    KerasMoves,
    RandAugment,
    RandomCrop,
    ResizedCrop,
    Turn,
)

if TYPE_CHECKING:
    from xferviewer.checkpoints import Preprocessing


@dataclass(frozen=True, slots=True)
class AugmentationCard:
    """One published augmentation.

    source         who trained so
    augmentation   of training images
    preset         the preprocessing of evaluation (checkpoints.preprocessing_presets); None: whatever the network has
    passes         how its checkpoints are asked in the test ("ten-crop"), empty: once
    """

    name: str
    description: str
    source: str
    augmentation: Augmentation
    preset: str | None = None
    passes: str = ""

    def evaluation(self, preprocessing: Preprocessing) -> Preprocessing:
        """The preprocessing of its evaluation at the size that a network has, or that preprocessing itself."""
        from xferviewer.checkpoints.preprocessing_presets import PRESETS

        return PRESETS[self.preset].at(preprocessing.size) if self.preset else preprocessing


_STILL = Augmentation(shift=0.0, scale=0.0, rotation=0.0, finer=False)
_CHEST = replace(_STILL, resized_crop=ResizedCrop(), flip=0.5, turn=Turn(7.0))


def _card(name: str, description: str, source: str, augmentation: Augmentation, *evaluation: str) -> AugmentationCard:
    return AugmentationCard(name, description, source, replace(augmentation, card=name), *evaluation)


_CARDS = (
    AugmentationCard(
        "default", "shifted by ± 5 %, scaled by ± 10 %, turned by ± 7°, never mirrored", "xferviewer", Augmentation()
    ),
    _card("none", "each image as validation sees it", "", replace(_STILL, views=1)),
    _card(
        "P0",
        "resized and normalised only",
        "Borah et al., ten networks in five settings; what else they did is not known",
        replace(_STILL, views=1),
        "imagenet-squash",
    ),
    _card(
        "P1",
        "256²; mirrored, turned by ± 10° (grey comes in), shifted by ± 10 %, scaled by ± 10 %, sheared by ± 0.1°",
        "the BUSI and MRNet study's code; its text says a shear of 10 %, torchvision takes degrees",
        replace(
            _STILL,
            flip=0.5,
            laterality="free",
            turn=Turn(10.0, "nearest", 128.0),
            affine=Affine(0.1, (0.9, 1.1), 0.1),
        ),
        "caffe+std",
    ),
    _card(
        "RadImageNet Keras",
        "turned by ± 10°, shifted and zoomed by ± 10 %, sheared by ± 0.1°, mirrored; edges repeated",
        "RadImageNet's authors; Keras takes the shear in degrees",
        replace(_STILL, flip=0.5, laterality="free", keras=KerasMoves(10.0, 0.1, 0.1, 0.1)),
        "radimagenet-keras",
    ),
    _card(
        "BenchmarkTransformers",
        "a random part of 8 to 100 %, turned by ± 7°; mirrored where laterality is free",
        "BenchmarkTransformers (NIH films; there it was)",
        _CHEST,
        "imagenet-256",
        "ten-crop",
    ),
    _card(
        "P2",
        "a random part of 8 to 100 %, turned by ± 7°; mirrored where laterality is free",
        "Krones' study of domain-specific pre-training (NIH films; there it was)",
        _CHEST,
        "imagenet-squash",
    ),
    _card(
        "BiT",
        "resized to 512², a random 480² of it; mirrored where laterality is free",
        "Big Transfer's HyperRule for images of 96² and more",
        replace(_STILL, random_crop=RandomCrop((512, 512)), flip=0.5),
        "half",
    ),
    _card(
        "BiT small",
        "resized to 160², a random 128² of it; mirrored where laterality is free",
        "Big Transfer's HyperRule for images below 96²",
        replace(_STILL, random_crop=RandomCrop((160, 160)), flip=0.5),
        "half",
    ),
    _card(
        "DeiT-style",
        "a random part of 8 to 100 %, two RandAugment operations (9 of 10, spread 0.5), a quarter with a part erased",
        "Touvron et al. 2021; operations are torchvision's, each is done",
        replace(_STILL, resized_crop=ResizedCrop(), flip=0.5, rand_augment=RandAugment(), erasing=Erasing()),
        "imagenet",
    ),
)

AUGMENTATION_CARDS: dict[str, AugmentationCard] = {card.name: card for card in _CARDS}


def augmentation_card(name: str) -> AugmentationCard:
    """Raises ValueError for a name that nobody knows."""
    if name not in AUGMENTATION_CARDS:
        raise ValueError(f"no augmentation is called {name}; known are {', '.join(AUGMENTATION_CARDS)}.")
    return AUGMENTATION_CARDS[name]
