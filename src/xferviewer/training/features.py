"""What a frozen backbone makes of each view of each image, computed once and kept on disk for later epochs and jobs.

Where nothing below the classifier learns, what goes into the classifier is the same in every epoch that sees the same
view. The classifier then trains on that alone, and its weights and numbers are those of a job without the cache but for
the last bits, which depend on how many images share a batch.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import timm
import torch
from torch import Tensor, nn

from xferviewer.engine.device import autocast
from xferviewer.networks import backbones
from xferviewer.settings import data_folder
from xferviewer.training.array_store import ABSENT, KEY_BYTES, ArrayStore, make_room
from xferviewer.training.augmentation import augmentation_digest
from xferviewer.training.batches import VALIDATION_BATCH, Batch, Planned, check_readable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.engine.device import Precision
    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.batches import TrainingImages, TrainingSide, ValidationImages, ValidationSide
    from xferviewer.training.method import Method
    from xferviewer.training.watch import Watch

# Raise it when the same network, image and view give other features.
FEATURES_VERSION = 1

# All kept features together; the least recently used make room.
LIMIT_BYTES = 20 * 10**9


class Frozen:
    """A backbone that does not learn: what it makes of images, and where that is kept."""

    def __init__(self, spec: TrainingSpec, network: nn.Module) -> None:
        self.network = network
        self.classifier = network.get_submodule(backbones.classifier_name(network))
        self.device = next(network.parameters()).device
        self._spec = spec

    @cached_property
    def features(self) -> int:
        """How many there are of an image."""
        return self.compute(_probe(self._spec)[:1], "fp32").shape[1]

    def compute(self, inputs: Tensor, precision: Precision) -> Tensor:
        """float32 (images, features), on the CPU, of inputs float32 (images, channels, rows, columns)."""
        self.network.eval()
        return self.both(inputs, precision)[0]

    def both(self, inputs: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
        """Features, and the logits (images, findings) of the whole network; in the mode in which it is."""
        taken: list[Tensor] = []
        handle = self.classifier.register_forward_pre_hook(lambda _module, arguments: taken.append(arguments[0]))
        try:
            with torch.inference_mode(), autocast(self.device, precision):
                logits = self.network(inputs.to(self.device, memory_format=torch.channels_last))
        finally:
            handle.remove()
        return taken[-1].float().flatten(1).cpu(), logits.float().cpu()

    def folder(self, precision: Precision) -> Path:
        """Changes with every weight of the backbone, and with all that its numbers depend on besides."""
        made = self._spec.network
        said = [FEATURES_VERSION, made.architecture, sorted(made.options.items()), made.preprocessing.digest]
        said += [precision, self.device.type, timm.__version__, self._weights_digest]
        digest = hashlib.sha256(repr(said).encode()).hexdigest()
        return features_folder() / f"{made.architecture.replace('/', '-')}-{digest[:24]}"

    @cached_property
    def _weights_digest(self) -> str:
        """SHA-256 (hex) of every weight and statistic of the backbone."""
        digest = hashlib.sha256()
        classifier = backbones.classifier_name(self.network)
        for name, values in sorted(self.network.state_dict().items()):
            if not _belongs(name, classifier):
                digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
                digest.update(values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()


class Classifier(nn.Module):
    """The classifier of a network by itself: logits (images, findings) of features (images, features)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.classifier = network.get_submodule(backbones.classifier_name(network))

    def forward(self, features: Tensor) -> Tensor:
        """Some networks end in a convolution of 1 × 1."""
        convolves = isinstance(self.classifier, nn.Conv2d)
        logits: Tensor = self.classifier(features[..., None, None] if convolves else features)
        return logits.flatten(1)


def frozen_backbone(spec: TrainingSpec, network: nn.Module, method: Method) -> Frozen | str:
    """The backbone whose features can be kept, or why they cannot, as a sentence.

    Judged by what learns and by what is computed indeed: S1, S4 where no group learns, and as published a topmost group
    without parameters.
    """
    if not spec.machine.keep_features:
        return "The job asks for none to be kept."
    names = backbones.classifier_names(network)
    if len(names) != 1:
        return "The network has no single classifier that pooled features go into."
    backbone = [name for name, _ in network.named_parameters() if not _belongs(name, names[0])]
    learning = [name for name in backbone if name in method.learning]
    if learning:
        return f"The backbone learns: {len(learning)} of its {len(backbone)} tensors."
    if method.mixes:
        return "Images are mixed with each other, anew in each epoch."
    outside = [module for name, module in network.named_modules() if not _belongs(name, names[0])]
    if method.frozen_norm == "train" and any(map(_normalises_batches, outside)):
        return "As published, batch normalisation of the frozen backbone takes in every batch, so that features change."
    if any(map(_drops, outside)):
        return "The frozen backbone drops some of what it computes, other parts each time."
    frozen = Frozen(spec, network)
    with _restored(network), torch.no_grad():
        for parameter in frozen.classifier.parameters():
            parameter.normal_()  # one of zeros would say the same of everything
        return _why_not_alike(frozen, method, _probe(spec)) or frozen


def _why_not_alike(frozen: Frozen, method: Method, probe: Tensor) -> str:
    """By trying: what goes into the classifier is the same while that learns, and is all that it needs."""
    frozen.network.eval()
    still, whole = frozen.both(probe, "fp32")
    parted = Classifier(frozen.network).eval()(still.to(frozen.device)).detach().float().cpu()
    if parted.shape != whole.shape or not torch.allclose(parted, whole, rtol=1e-4, atol=1e-4):
        return "More than a classifier follows the pooled features of this network."
    backbones.train_mode(frozen.network, method.frozen_norm)
    learning, _ = frozen.both(probe, "fp32")
    if not torch.allclose(still, learning, rtol=1e-5, atol=1e-5):
        return "The frozen backbone computes otherwise while the classifier learns."
    return ""


@contextmanager
def _restored(network: nn.Module) -> Iterator[None]:
    """Whatever is tried with the classifier, or with statistics, is undone; so are the random numbers that it takes."""
    classifier, statistics = backbones.classifier_name(network), {name for name, _ in network.named_buffers()}
    kept = {
        name: values.clone()
        for name, values in network.state_dict().items()
        if _belongs(name, classifier) or name in statistics
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            yield
        finally:
            network.load_state_dict(kept, strict=False)


def features_folder() -> Path:
    """Where features are kept."""
    return data_folder() / "features"


class TrainingFeatures:
    """The training side of a frozen backbone: the same batches as of its images, their inputs being features."""

    def __init__(self, images: TrainingImages, frozen: Frozen, precision: Precision, watch: Watch) -> None:
        self.images, self._frozen, self._watch = images, frozen, watch
        self.rows, self.labels = images.rows, images.labels
        self.computed = 0
        spec = images.augmenter.spec
        moved = augmentation_digest(spec)[:16] if spec.random else "still"
        self._precision = precision
        self._folder = frozen.folder(precision) / f"training-{images.planes.digest[:16]}-{moved}"
        self._views: dict[int, _View] = {}

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """See TrainingSide. What is not kept of an epoch's views is computed first."""
        plan = self.images.plan(epoch)
        for view in np.unique(np.concatenate([planned.views for planned in plan])):
            rows = np.concatenate([planned.rows[planned.views == view] for planned in plan])
            self._complete(int(view), np.unique(rows))
        for planned in plan[first:]:
            readable = self.images.planes.readable[planned.rows]
            rows, views = planned.rows[readable], planned.views[readable]
            if len(rows) > 1 or (len(rows) and len(self.rows) == 1):
                inputs = np.empty((len(rows), self._frozen.features), dtype=np.float32)
                for view in np.unique(views):
                    inputs[views == view] = self._views[int(view)].take(rows[views == view])
                yield Batch(planned.number, torch.from_numpy(inputs), torch.from_numpy(self.labels[rows]), rows)
        check_readable(self.images.name, self.images.planes, "training")

    def part(self, network: nn.Module) -> nn.Module:
        """See TrainingSide: the classifier."""
        return Classifier(network)

    def close(self) -> None:
        """Put away what was computed."""
        for view in self._views.values():
            view.store.close()

    def _complete(self, view: int, rows: NDArray[np.intp]) -> None:
        """Compute what is not kept of these rows' view."""
        planes = self.images.planes
        if view not in self._views:
            # a store holds one view; which images it saw, and what its moves were, is in the keys
            keys = [_key(planes.keys[row], self.images.augmenter.digest(row, view)) for row in range(len(planes))]
            self._views[view] = _View(self._folder / f"view-{view}", keys, self._frozen.features)
        kept = self._views[view]
        lacking = kept.lacking(rows[planes.readable[rows]])
        if not len(lacking):
            return
        plan = [Planned(number, part, np.full(len(part), view)) for number, part in enumerate(_parts(lacking))]
        done = 0
        for batch in self.images.batches(plan):
            if len(batch.rows):
                self._watch.keep(
                    lambda batch=batch: kept.put(batch.rows, self._frozen.compute(batch.inputs, self._precision))
                )
            done += len(batch.rows)
            self._watch.working(f"training features: {done} of {len(lacking)} images computed")
        self.computed += done


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
            self._watch.keep(lambda batch=batch: self._kept.put(batch.rows, self._frozen.compute(batch.inputs, "fp32")))
            self.computed += len(batch.rows)
            self._watch.working(f"validation features: {self.computed} of {len(lacking)} images computed")
        check_readable(self._images.name, planes, "validation")
        for number, part in enumerate(_parts(rows[planes.readable])):
            inputs = torch.from_numpy(self._kept.take(part))
            yield Batch(number, inputs, torch.from_numpy(self._images.labels[part]), part)

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
        return rows[self._places[rows] == ABSENT]

    def put(self, rows: NDArray[np.intp], features: Tensor) -> None:
        for row, values in zip(rows, features.numpy(), strict=True):
            self.store.put(self._keys[row], values)
        self._places[rows] = self.store.places([self._keys[row] for row in rows])

    def take(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self.store.take(self._places[rows])
        return found


@contextmanager
def kept_features(
    spec: TrainingSpec,
    network: nn.Module,
    method: Method,
    training: TrainingImages,
    validation: ValidationImages,
    watch: Watch,
) -> Iterator[tuple[TrainingSide, ValidationSide]]:
    """Both sides as the features of a frozen backbone where these can be kept, else as they are; either is said."""
    frozen = frozen_backbone(spec, network, method)
    if isinstance(frozen, str):
        watch.say("features", f"No features are kept. {frozen}", kept=False, why=frozen)
        yield training, validation
        return
    moves = spec.recipe.augmentation
    views = 1 if not moves.random else moves.views or method.epochs
    images, numbers = len(training.rows) * views + len(validation.planes), frozen.features
    needed = images * (4 * numbers + KEY_BYTES)
    why = _no_room(frozen.folder(spec.recipe.precision), needed)
    if why:
        watch.say("features", f"No features are kept. {why}", kept=False, why=why)
        yield training, validation
        return
    watch.say(
        "features",
        f"The backbone is frozen: its {numbers} features of {views} view{'s' if views > 1 else ''} of each of "
        f"{len(training.rows)} training images are kept for later epochs and jobs, at most {needed / 1e6:.0f} MB",
        kept=True,
        views=views,
        bytes=needed,
    )
    learned = TrainingFeatures(training, frozen, spec.recipe.precision, watch)
    judged = ValidationFeatures(validation, frozen, watch)
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


def _no_room(store: Path, needed: int) -> str:
    """Why so many bytes more cannot be kept, as a sentence; empty where there is room, which is made if need be."""
    root = features_folder()
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if needed > free:
        return f"They would take {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB of the disk are free."
    if not make_room([folder for folder in root.iterdir() if folder.is_dir()], needed, LIMIT_BYTES, store):
        return (
            f"They would take {needed / 1e9:.1f} GB, more than the {LIMIT_BYTES / 1e9:.0f} GB that features may take."
        )
    return ""


def _probe(spec: TrainingSpec) -> Tensor:
    """Two images of noise."""
    made = spec.network.preprocessing
    return torch.randn(2, made.channels, *made.size, generator=torch.Generator().manual_seed(0))


def _key(image: bytes, view: bytes) -> bytes:
    return hashlib.sha256(image + view).digest()[:KEY_BYTES]


def _parts(rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return [rows[at : at + VALIDATION_BATCH] for at in range(0, len(rows), VALIDATION_BATCH)]


def _belongs(name: str, classifier: str) -> bool:
    return f"{name}.".startswith(f"{classifier}.")


def _normalises_batches(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001  torch's only common class of them


def _drops(module: nn.Module) -> bool:
    """Dropout of any kind and stochastic depth, where it drops anything; `drop_rate` is dropout without a module."""
    shares = [getattr(module, name, None) for name in ("p", "drop_prob", "drop_rate")]
    return any(isinstance(share, float | int) and share > 0 for share in shares)
