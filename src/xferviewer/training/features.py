"""What a frozen backbone makes of each view of each image, computed once and kept on disk for later epochs and jobs.

Where nothing below the classifier learns, what goes into the classifier is the same in every epoch that sees the same
view. The classifier then trains on that alone, and its weights and numbers are those of a job without the cache but for
the last bits, which depend on how many images share a batch.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from xferviewer.training.array_store import ABSENT, KEY_BYTES, ArrayStore, make_room, stored_bytes
from xferviewer.training.augmentation import augmentation_digest
from xferviewer.training.batches import VALIDATION_BATCH, Batch, Planned, check_readable
from xferviewer.training.frozen_backbone import Classifier, Frozen, features_folder, frozen_backbone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.engine.device import Precision
    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.batches import TrainingImages, TrainingSide, ValidationImages, ValidationSide
    from xferviewer.training.method import Method
    from xferviewer.training.watch import Watch

# All kept features together; the least recently used make room.
LIMIT_BYTES = 20 * 10**9


class TrainingFeatures:
    """The training side of a frozen backbone: the same batches as of its images, their inputs being features."""

    def __init__(self, images: TrainingImages, frozen: Frozen, precision: Precision, watch: Watch) -> None:
        self.images, self._frozen, self._watch = images, frozen, watch
        self.rows, self.labels = images.rows, images.labels
        self.computed = 0
        spec = images.augmenter.spec
        moved = augmentation_digest(spec)[:16] if spec.random else "still"
        self._precision = precision
        self.store = frozen.folder(precision)
        self._folder = self.store / f"training-{images.planes.digest[:16]}-{moved}"
        self._views: dict[int, _View] = {}

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """See TrainingSide. What is not kept of an epoch's views is computed first."""
        plan = self.images.plan(epoch)
        for view, rows in _views_of(plan):
            self._complete(view, np.unique(rows))
        for planned in plan[first:]:
            readable = self.images.planes.readable[planned.rows]
            rows, views = planned.rows[readable], planned.views[readable]
            if len(rows) > 1 or (len(rows) and len(self.rows) == 1):
                inputs = np.empty((len(rows), self._frozen.features), dtype=np.float32)
                for view in np.unique(views):
                    inputs[views == view] = self._views[int(view)].take(rows[views == view])
                yield Batch(planned.number, torch.from_numpy(inputs), torch.from_numpy(self.labels[rows]), rows)
        check_readable(self.images.name, self.images.planes, "training")

    def ahead(self, epochs: int) -> tuple[int, int]:
        """How many different views so many epochs take, and how many of them are kept already."""
        taken: dict[int, NDArray[np.bool_]] = {}
        for epoch in range(epochs):
            for view, rows in _views_of(self.images.plan(epoch)):
                taken.setdefault(view, np.zeros(len(self.images.planes), dtype=np.bool_))[rows] = True
        kept = 0
        for view, of_rows in taken.items():
            if view in self._views or (self._folder / f"view-{view}").is_dir():
                rows = np.flatnonzero(of_rows)
                kept += len(rows) - len(self._view(view).lacking(rows))
        return sum(int(of_rows.sum()) for of_rows in taken.values()), kept

    def part(self, network: nn.Module) -> nn.Module:
        """See TrainingSide: the classifier."""
        return Classifier(network)

    def close(self) -> None:
        """Put away what was computed."""
        for view in self._views.values():
            view.store.close()

    def _complete(self, view: int, rows: NDArray[np.intp]) -> None:
        """Compute what is not kept of these rows' view."""
        kept = self._view(view)
        lacking = kept.lacking(rows[self.images.planes.readable[rows]])
        if not len(lacking):
            return
        plan = [Planned(number, part, np.full(len(part), view)) for number, part in enumerate(_parts(lacking))]
        done = 0
        for batch in self.images.batches(plan):
            if len(batch.rows):
                computed = self._frozen.compute(batch.inputs, self._precision)
                self._watch.keep(partial(kept.put, batch.rows, computed))
            done += len(batch.rows)
            self._watch.working(f"training features: {done} of {len(lacking)} images computed")
        self.computed += done

    def _view(self, view: int) -> _View:
        """A store holds one view; which images it saw, and what its moves were, is in the keys."""
        if view not in self._views:
            keys = [
                _key(image, self.images.augmenter.digest(row, view))
                for row, image in enumerate(self.images.planes.keys)
            ]
            self._views[view] = _View(self._folder / f"view-{view}", keys, self._frozen.features)
        return self._views[view]


class ValidationFeatures:
    """The validation side of a frozen backbone."""

    def __init__(self, images: ValidationImages, frozen: Frozen, watch: Watch) -> None:
        self._images, self._frozen, self._watch = images, frozen, watch
        self.units = images.units
        self.computed = 0
        keys = [_key(key, b"") for key in images.planes.keys]
        self._kept = _View(frozen.folder("fp32") / f"validation-{images.planes.digest[:16]}", keys, frozen.features)

    def batches(self) -> Iterator[Batch]:
        """See ValidationSide."""
        planes = self._images.planes
        rows = np.arange(len(planes), dtype=np.intp)
        lacking = self._kept.lacking(rows[planes.readable])
        plan = [Planned(number, part, np.zeros_like(part)) for number, part in enumerate(_parts(lacking))]
        for batch in self._images.readable(plan):
            self._watch.keep(partial(self._kept.put, batch.rows, self._frozen.compute(batch.inputs, "fp32")))
            self.computed += len(batch.rows)
            self._watch.working(f"validation features: {self.computed} of {len(lacking)} images computed")
        check_readable(self._images.name, planes, "validation")
        for number, part in enumerate(_parts(rows[planes.readable])):
            inputs = torch.from_numpy(self._kept.take(part))
            yield Batch(number, inputs, torch.from_numpy(self._images.labels[part]), part)

    def ahead(self) -> tuple[int, int]:
        """How many images there are, and of how many the features are kept already."""
        rows = np.arange(len(self._images.planes), dtype=np.intp)
        return len(rows), len(rows) - len(self._kept.lacking(rows))

    def part(self, network: nn.Module) -> nn.Module:
        """See ValidationSide: the classifier."""
        return Classifier(network)

    def close(self) -> None:
        """Put away what was computed."""
        self._kept.store.close()


class _View:
    """The features of one view of the images of a side, by row."""

    def __init__(self, folder: Path, keys: list[bytes], features: int) -> None:
        self.store = ArrayStore(folder, np.float32, (features,))
        self._keys = keys
        self._places = self.store.places(keys)

    def lacking(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        lacking: NDArray[np.intp] = rows[self._places[rows] == ABSENT]
        return lacking

    def put(self, rows: NDArray[np.intp], features: Tensor) -> None:
        for row, values in zip(rows, features.numpy(), strict=True):
            self.store.put(self._keys[row], values)
        self._places[rows] = self.store.places([self._keys[row] for row in rows])

    def take(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self.store.take(self._places[rows])
        return found


@dataclass(frozen=True, slots=True, eq=False)
class FeatureSides:
    """Both sides of a frozen backbone, and what of their views is kept already.

    views    how many different views of training images the job takes; `kept` of them are kept
    lacking  bytes of those that are not, of validation images too
    """

    frozen: Frozen
    learned: TrainingFeatures
    judged: ValidationFeatures
    views: int
    kept: int
    lacking: int


def feature_sides(
    spec: TrainingSpec,
    network: nn.Module,
    method: Method,
    training: TrainingImages,
    validation: ValidationImages,
    watch: Watch,
) -> FeatureSides | str:
    """Both sides as the features of a frozen backbone, or why these cannot be kept, as a sentence. Writes nothing."""
    frozen = frozen_backbone(spec, network, method)
    if isinstance(frozen, str):
        return frozen
    learned = TrainingFeatures(training, frozen, spec.recipe.precision, watch)
    judged = ValidationFeatures(validation, frozen, watch)
    views, kept = learned.ahead(method.epochs)
    images, known = judged.ahead()
    lacking = (views - kept + images - known) * (4 * frozen.features + KEY_BYTES)
    why = _why_no_room(frozen.folder(spec.recipe.precision), lacking)
    return why or FeatureSides(frozen, learned, judged, views, kept, lacking)


@contextmanager
def kept_features(
    sides: FeatureSides | str, training: TrainingImages, validation: ValidationImages, watch: Watch
) -> Iterator[tuple[TrainingSide, ValidationSide]]:
    """Both sides as the features of a frozen backbone where these can be kept, else as they are; either is said."""
    if isinstance(sides, str):
        watch.say("features", f"No features are kept. {sides}", kept=False, why=sides)
        yield training, validation
        return
    root = features_folder()
    root.mkdir(parents=True, exist_ok=True)
    stores = [folder for folder in root.iterdir() if folder.is_dir()]
    make_room(stores, sides.lacking, LIMIT_BYTES, sides.learned.store)
    learned, judged = sides.learned, sides.judged
    each = -(-sides.views // len(training.rows))
    watch.say(
        "features",
        f"The backbone is frozen: its {sides.frozen.features} features of {each} view{'s' if each > 1 else ''} of each "
        f"of {len(training.rows)} training images are kept for later epochs and jobs; {sides.kept} of {sides.views} "
        f"are there, the others take at most {sides.lacking / 1e6:.0f} MB",
        kept=True,
        views=each,
        there=sides.kept,
        bytes=sides.lacking,
    )
    try:
        yield learned, judged
    finally:
        learned.close()
        judged.close()
    watch.say(
        "features",
        f"Of {learned.computed + judged.computed} views the features were computed, the others were kept from before",
        computed=learned.computed + judged.computed,
    )


def _why_no_room(store: Path, needed: int) -> str:
    """Why so many bytes more cannot be kept in a store, as a sentence; empty where they can."""
    root = features_folder()
    there = next(folder for folder in (root, *root.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    if needed > free:
        return f"They would take {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB of the disk are free."
    if needed + stored_bytes(store) > LIMIT_BYTES:
        return (
            f"They would take {needed / 1e9:.1f} GB, more than the {LIMIT_BYTES / 1e9:.0f} GB that features may take."
        )
    return ""


def _views_of(plan: list[Planned]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each view that the batches of an epoch take, and of which rows; a row may come again."""
    views = np.concatenate([planned.views for planned in plan])
    rows = np.concatenate([planned.rows for planned in plan])
    for view in np.unique(views):
        yield int(view), rows[views == view]


def _key(image: bytes, view: bytes) -> bytes:
    return hashlib.sha256(image + view).digest()[:KEY_BYTES]


def _parts(rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return [rows[at : at + VALIDATION_BATCH] for at in range(0, len(rows), VALIDATION_BATCH)]
