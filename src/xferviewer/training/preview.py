"""Training images of a job as its network will see them, without starting it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from xferviewer.checkpoints.fields import to_mapping
from xferviewer.processes import usable_cores
from xferviewer.studies.reading_processes import ReadingProcesses
from xferviewer.training.augmentation import Augmenter
from xferviewer.training.batches import Planned, TrainingImages, check_readable
from xferviewer.training.job_data import open_split
from xferviewer.training.loop import MIXING
from xferviewer.training.mixing import mix, mixes
from xferviewer.training.planes import Planes, Precision
from xferviewer.training.seeds import generator
from xferviewer.training.sides import training_planes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from xferviewer.checkpoints import Preprocessing
    from xferviewer.errors import UnreadableImage
    from xferviewer.jobs.spec import TrainingSpec


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A picture as the network will see it, uint8 (rows, columns, 3) RGB, and its labels (findings,) as it learns them.

    Labels are between 0 and 1 where images are mixed; NaN where not stated, -1 where the job learns what is uncertain.
    """

    picture: NDArray[np.uint8]
    labels: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PreviewedImage:
    """An image of the training side: as validation would see it, and its views in the first epochs."""

    path: Path
    frame: int
    original: Seen
    views: tuple[Seen, ...]

    def stated(self, findings: tuple[str, ...]) -> dict[str, float | None]:
        """Its labels by finding; None where not stated."""
        labels = self.original.labels.tolist()
        return {finding: None if value != value else value for finding, value in zip(findings, labels, strict=True)}


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """The first images of a job's first batch. `moves` is what its recipe says of them, as in its specification."""

    findings: tuple[str, ...]
    moves: dict[str, object]
    images: tuple[PreviewedImage, ...]
    refused: tuple[UnreadableImage, ...]


def preview(spec: TrainingSpec, progress: Callable[[str], None], images: int = 6, views: int = 5) -> Preview:
    """The first `images` of the job's first batch, and each of them in the first `views` epochs.

    Raises what opening the data of a job raises, and UnusableTable where none of them can be read.
    """
    cohort, split = open_split(spec.data, spec.findings, progress)
    side = cohort.part(split.training)
    refused: list[UnreadableImage] = []
    moves, made = spec.recipe.augmentation, spec.network.preprocessing
    with (
        ReadingProcesses(usable_cores()) as reading,
        Planes(side, training_planes(made, moves), Precision.UINT8, reading, refused.append) as moved,
        Planes(side, made, Precision.FLOAT32, reading, lambda _again: None) as still,
    ):
        augmenter = Augmenter(moves, made, spec.seed, len(side.paths), spec.recipe.batch_size)
        training = TrainingImages(
            cohort.name, moved, side.labels, lambda write: write(), augmenter, spec.recipe, spec.task
        )
        mixed = mixes(spec.recipe.mixing, len(training.rows))
        batch = training.plan(0)[0].rows
        rows = moved.wait(batch if mixed else batch[:images])
        moved.tell()
        shown = still.wait(rows[:images])
        check_readable(cohort.name, moved, "training")
        columns = [_epoch(spec, training, rows, epoch, mixed) for epoch in range(views)]
        originals = still.batch(shown)
    return Preview(
        findings=spec.findings,
        moves=to_mapping(moves),
        images=tuple(
            PreviewedImage(
                side.paths[row],
                side.frames[row],
                Seen(_picture(originals[place], made), side.labels[row]),
                tuple(Seen(_picture(inputs[place], made), labels[place]) for inputs, labels in columns),
            )
            for place, row in enumerate(shown)
        ),
        refused=tuple(refused),
    )


def _epoch(
    spec: TrainingSpec, training: TrainingImages, rows: NDArray[np.intp], epoch: int, mixed: bool
) -> tuple[Tensor, NDArray[np.float32]]:
    """These rows as an epoch sees them, in [0, 1] again, and their labels; mixed as in its first batch."""
    views = np.full(len(rows), training.augmenter.view(epoch))
    (batch,) = training.batches([Planned(0, rows, views)])
    inputs, labels = batch.inputs, batch.labels
    if mixed:
        # of an uncertain label (-1) nothing is present
        inputs, labels = mix(inputs, labels.clamp(min=0), spec.recipe.mixing, generator(spec.seed, epoch, 0, MIXING))
    made = spec.network.preprocessing
    mean, std = torch.tensor(made.mean)[:, None, None], torch.tensor(made.std)[:, None, None]
    found: NDArray[np.float32] = labels.numpy()
    return inputs * std + mean, found


def _picture(planes: Tensor, made: Preprocessing) -> NDArray[np.uint8]:
    """Planes in [0, 1], in the order of the network's channels, as RGB."""
    rgb = planes.flip(0) if made.channel_order == "BGR" else planes
    levels = (rgb.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).expand(-1, -1, 3)
    return np.ascontiguousarray(levels.numpy())
