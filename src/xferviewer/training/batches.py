"""The two sides of a split as the loop takes them: batches of images in a defined order, ready for the network."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from xferviewer.errors import UnusableTable
from xferviewer.networks.preprocessing import normalise
from xferviewer.processes import usable_cores
from xferviewer.training.augmentation import of_epoch
from xferviewer.training.sampling import batch_starts, epoch_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import nn

    from xferviewer.checkpoints import Preprocessing
    from xferviewer.evaluation.scores import Task
    from xferviewer.jobs.recipe import Recipe
    from xferviewer.training.augmentation import Augmenter
    from xferviewer.training.planes import Planes

VALIDATION_BATCH = 32

Work = TypeVar("Work")
Made = TypeVar("Made")
Keep = Callable[[Callable[[], Any]], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What goes through the network at once.

    number  of the batch in its epoch, from 0
    inputs  float32 (images, channels, rows, columns), or (images, features) where the backbone's part is done
    labels  float32 (images, findings): 1, 0, NaN not stated
    rows    (images,) of the side of the split that they are of
    """

    number: int
    inputs: Tensor
    labels: Tensor
    rows: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """A batch to be made: its number, the rows of its images, and which view of each."""

    number: int
    rows: NDArray[np.intp]
    views: NDArray[np.int64]


class TrainingSide(Protocol):
    """What the loop learns from."""

    @property
    def rows(self) -> NDArray[np.intp]:
        """Those of the side that take part in an epoch."""

    @property
    def labels(self) -> NDArray[np.float32]:
        """(n, findings) of the whole side."""

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from the `first` on. One whose images could all not be read but one is left out."""

    def part(self, network: nn.Module) -> nn.Module:
        """What makes logits of the inputs: the network, or what of it is left to do."""


class ValidationSide(Protocol):
    """What the loop is judged by."""

    @property
    def units(self) -> Sequence[str]:
        """The study or patient of each row, where those are counted; empty where images are."""

    def batches(self) -> Iterator[Batch]:
        """Every image that can be read, in order."""

    def part(self, network: nn.Module) -> nn.Module:
        """As of the training side."""


class TrainingImages:
    """The training side: each image once in an epoch, in an order of the epoch's own, moved as the recipe says."""

    def __init__(
        self,
        name: str,
        planes: Planes,
        labels: NDArray[np.float32],
        keep: Keep,
        augmenter: Augmenter,
        recipe: Recipe,
        task: Task,
    ) -> None:
        self.name, self.planes, self.labels, self.keep, self.augmenter = name, planes, labels, keep, augmenter
        self.rows = np.arange(len(planes), dtype=np.intp)
        self._recipe, self._task = recipe, task

    def plan(self, epoch: int) -> list[Planned]:
        """The batches of an epoch."""
        order = epoch_order(self._recipe, self._task, self.rows, self.labels, of_epoch(self.augmenter.seed, epoch))
        views = np.array([self.augmenter.view(epoch, again) for again in _occurrences(order)], dtype=np.int64)
        size, starts = self._recipe.batch_size, batch_starts(self._recipe, len(self.rows))
        return [
            Planned(number, order[start : start + size], views[start : start + size])
            for number, start in enumerate(starts)
        ]

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """See TrainingSide. Raises UnusableTable after an epoch without a single image that can be read."""
        for batch in self.batches(self.plan(epoch)[first:]):
            if len(batch.rows) > 1 or (len(batch.rows) and len(self.rows) == 1):
                yield batch
        check_readable(self.name, self.planes, "training")

    def batches(self, plan: Sequence[Planned]) -> Iterator[Batch]:
        """The batches that are planned, each without those images that cannot be read."""
        return _made(self.planes, plan, self._batch, self.keep, depth(self._recipe.batch_size))

    def part(self, network: nn.Module) -> nn.Module:
        """See TrainingSide."""
        return network

    def _batch(self, planned: Planned) -> Batch:
        rows = self.planes.wait(planned.rows)
        views = planned.views[np.isin(planned.rows, rows)]
        inputs = self.augmenter.inputs(self.planes.batch(rows), self.planes.sizes(rows), rows, views)
        return _batch(planned.number, inputs, self.labels, rows)


class ValidationImages:
    """The validation side, or a cohort that was held out: each image as in inference, in order."""

    def __init__(
        self,
        name: str,
        planes: Planes,
        labels: NDArray[np.float32],
        keep: Keep,
        preprocessing: Preprocessing,
        batch_size: int = VALIDATION_BATCH,
        units: Sequence[str] = (),
    ) -> None:
        self.name, self.planes, self.labels, self.keep, self.units = name, planes, labels, keep, units
        self._preprocessing, self._batch_size = preprocessing, batch_size

    def plan(self) -> list[Planned]:
        """All its batches."""
        rows = np.arange(len(self.planes), dtype=np.intp)
        parts = [rows[at : at + self._batch_size] for at in range(0, len(rows), self._batch_size)]
        return [Planned(number, part, np.zeros_like(part)) for number, part in enumerate(parts)]

    def readable(self, plan: Sequence[Planned]) -> Iterator[Batch]:
        """The batches that are planned, each without those images that cannot be read; no empty one."""
        for batch in _made(self.planes, plan, self._batch, self.keep, depth(self._batch_size)):
            if len(batch.rows):
                yield batch

    def batches(self) -> Iterator[Batch]:
        """See ValidationSide. Raises UnusableTable where none can be read."""
        yield from self.readable(self.plan())
        check_readable(self.name, self.planes, "validation")

    def part(self, network: nn.Module) -> nn.Module:
        """See ValidationSide."""
        return network

    def _batch(self, planned: Planned) -> Batch:
        rows = self.planes.wait(planned.rows)
        return _batch(planned.number, normalise(self.planes.batch(rows), self._preprocessing), self.labels, rows)


def _batch(number: int, inputs: Tensor, labels: NDArray[np.float32], rows: NDArray[np.intp]) -> Batch:
    # laid out as the network wants it here, not in the thread that computes
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    return Batch(number, inputs, torch.from_numpy(labels[rows]), rows)


def _made(
    planes: Planes, plan: Sequence[Planned], make: Callable[[Planned], Batch], keep: Keep, ahead: int
) -> Iterator[Batch]:
    for batch in made_ahead(plan, lambda planned: planes.ahead(planned.rows), make, keep, ahead):
        planes.tell()
        yield batch


def depth(batch_size: int) -> int:
    """How many batches are made ahead, so that every core may decode meanwhile."""
    return max(2, math.ceil(2 * usable_cores() / batch_size))


def made_ahead(
    work: Iterable[Work], begin: Callable[[Work], None], make: Callable[[Work], Made], keep: Keep, ahead: int
) -> Iterator[Made]:
    """What `make` makes of each piece of work, in order, while up to `ahead` more are begun and made in a thread.

    keep  calls what it is given, and again where the disk was full and is not any more (Watch.keep)
    """
    coming: deque[tuple[Work, Future[Made]]] = deque()

    def take() -> Made:
        one, future = coming.popleft()
        attempts: Iterator[Callable[[], Made]] = chain([future.result], repeat(partial(make, one)))
        made: Made = keep(lambda: _next_attempt(attempts))
        return made

    with ThreadPoolExecutor(1, "batches") as pool:
        try:
            for one in work:
                begin(one)
                coming.append((one, pool.submit(make, one)))
                if len(coming) > ahead:
                    yield take()
            while coming:
                yield take()
        finally:  # also where whoever takes them stops in the middle
            pool.shutdown(wait=False, cancel_futures=True)


def _next_attempt(attempts: Iterator[Callable[[], Made]]) -> Made:
    return next(attempts)()


def check_readable(name: str, planes: Planes, side: str) -> None:
    """Raises UnusableTable where not a single image of a side can be read."""
    if not planes.readable.any():
        raise UnusableTable(
            f"The job cannot learn from {name}.",
            f"None of its {len(planes)} {side} images can be read; log.txt says why of each.",
            "Correct the paths in the table of labels, or choose other images.",
        )


def _occurrences(order: NDArray[np.intp]) -> NDArray[np.intp]:
    """How often each row came before in an order in which rows may come again."""
    if len(np.unique(order)) == len(order):
        return np.zeros(len(order), dtype=np.intp)
    seen: dict[int, int] = {}
    found = np.zeros(len(order), dtype=np.intp)
    for place, row in enumerate(map(int, order)):
        found[place] = seen.get(row, 0)
        seen[row] = found[place] + 1
    return found
