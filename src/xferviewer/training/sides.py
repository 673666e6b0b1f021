"""Both sides of a job's split, from its specification."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

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
