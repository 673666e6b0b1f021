"""Both sides of a job's split, from its specification."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from xferviewer.jobs.augmentation_cards import augmentation_card
from xferviewer.processes import usable_cores
from xferviewer.studies.reading_processes import ReadingProcesses
from xferviewer.training.augmentation import Augmenter
from xferviewer.training.batches import TrainingImages, ValidationImages
from xferviewer.training.planes import Planes, Precision

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xferviewer.checkpoints import Preprocessing
    from xferviewer.jobs.augmentation_spec import Augmentation
    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.studies.splits import Split
    from xferviewer.training.cohort import Cohort
    from xferviewer.training.watch import Watch

# The three oldest moves start from images this much finer than the network's input, so that they cost no detail.
_FINER = 1.15


def training_planes(preprocessing: Preprocessing, augmentation: Augmentation) -> Preprocessing:
    """How training images are kept before they are moved: finer, or whole where a part will be cut out."""
    height, width = preprocessing.size
    if augmentation.finer:
        return replace(preprocessing, size=(round(height * _FINER), round(width * _FINER)))
    if augmentation.resized_crop:
        detail = augmentation.resized_crop.detail
        size = (round(height * detail), round(width * detail))
        return replace(preprocessing, size=size, resize="squash", crop_fraction=1.0)
    if augmentation.random_crop:
        return replace(preprocessing, size=augmentation.random_crop.before, resize="squash", crop_fraction=1.0)
    return preprocessing


def say_moves(spec: TrainingSpec, watch: Watch) -> None:
    """What a person should know of the moves: whether images are mirrored, and how the card's authors evaluated."""
    moves, made = spec.recipe.augmentation, spec.network.preprocessing
    said = []
    if moves.flips:
        said.append(f"{moves.flips:.0%} of the images are mirrored. Of a chest film that makes another patient")
    elif moves.flip:
        said.append(
            f"{moves.card or 'The specification'} would mirror {moves.flip:.0%} of the images. None is: left and right "
            'matter in a film of the chest; augmentation.laterality = "free" says that they do not here'
        )
    if moves.card:
        card = augmentation_card(moves.card)
        if card.evaluation(made) != made:
            said.append(f"{moves.card} was evaluated by the preprocessing {card.preset}, this job is by another")
        if card.passes:
            said.append(f"Its checkpoints were tested by {card.passes}, as predict --augment {card.passes} does")
    if said:
        watch.say("augmentation", ". ".join(said) + ".", card=moves.card, mirrored=moves.flips)


@contextmanager
def open_sides(
    spec: TrainingSpec, cohort: Cohort, split: Split, units: Sequence[str], watch: Watch
) -> Iterator[tuple[TrainingImages, ValidationImages]]:
    """Training images in whole grey levels, as the augmentation needs them; validation images as in inference.

    units  the study or patient of each image of the cohort, where validation counts those; else empty

    Nothing is decoded before the first batch is asked for.
    """
    preprocessing, recipe = spec.network.preprocessing, spec.recipe
    learned, judged = cohort.part(split.training), cohort.part(split.validation)
    with (
        ReadingProcesses(usable_cores()) as reading,
        Planes(
            learned,
            training_planes(preprocessing, recipe.augmentation),
            Precision.UINT8,
            reading,
            watch.refused,
        ) as training,
        Planes(judged, preprocessing, Precision.FLOAT32, reading, watch.refused) as validation,
    ):
        augmenter = Augmenter(recipe.augmentation, preprocessing, spec.seed, len(training), recipe.batch_size)
        yield (
            TrainingImages(cohort.name, training, learned.labels, watch.keep, augmenter, recipe, spec.task),
            ValidationImages(
                cohort.name,
                validation,
                judged.labels,
                watch.keep,
                preprocessing,
                units=[units[row] for row in split.validation] if units else (),
            ),
        )
