"""Logits: one checkpoint on one batch, or several checkpoints over many images."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from xferviewer.checkpoints import Checkpoint, Preprocessing, read_checkpoint, verify_digest
from xferviewer.engine.device import Precision, autocast, check_precision, choose_device
from xferviewer.engine.pipeline import Pipeline
from xferviewer.errors import EngineFailure, UnusableCheckpoint, XferviewerError
from xferviewer.networks import backbones
from xferviewer.networks.preprocessing import present_to_tensor
from xferviewer.processes import usable_cores
from xferviewer.studies.images import ImageFacts, present
from xferviewer.studies.reading_processes import ReadingProcesses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

_BATCH_OFF_THE_CPU = 16
_AT_A_TIME_OFF_THE_CPU = 2  # one batch is copied while the other is computed


@dataclass(frozen=True, slots=True, eq=False)
class LoadedCheckpoint:
    """A checkpoint with its network on a device, ready to compute; none of its parameters takes gradients."""

    checkpoint: Checkpoint
    network: nn.Module
    device: torch.device
    precision: Precision

    def logits(self, batch: Tensor) -> NDArray[np.float32]:
        """Raw logits, float32 (images, findings), of a batch float32 (images, channels, rows, columns).

        The batch is computed in one go. On the CPU the last bits of a logit depend on how many images share its batch
        (docs/decisions/0011): whoever compares numbers to the bit passes one image at a time, as `predict_images` does.
        """
        batch = batch.to(self.device)
        with torch.inference_mode(), autocast(self.device, self.precision):
            computed: NDArray[np.float32] = self.network(batch).float().cpu().numpy()
        return computed

    @property
    def preprocessing(self) -> Preprocessing:
        """How an image is prepared for it."""
        return self.checkpoint.preprocessing

    def answers(self, batch: Tensor, identities: Sequence[str]) -> NDArray[np.float32]:  # noqa: ARG002
        """What `predict_images` gives of each image: the logits, whatever the images are called."""
        return self.logits(batch)


class Answering(Protocol):
    """What can be asked of images: a checkpoint, or one that is asked several times (engine/passes.py)."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def preprocessing(self) -> Preprocessing:
        """How an image is prepared for it."""

    def answers(self, batch: Tensor, identities: Sequence[str]) -> NDArray[np.float32]:
        """(images, …) float32 of a batch float32 (images, channels, rows, columns)."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What every checkpoint says of one image: `logits` holds an array per checkpoint, in their order.

    It is (findings,) of a plain checkpoint and (passes, findings) of one that is asked several times.
    """

    path: Path
    frame: int
    identity: str
    facts: ImageFacts
    logits: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that could not be read, and why."""

    path: Path
    frame: int
    error: XferviewerError


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    path: Path
    frame: int
    identity: str
    facts: ImageFacts
    tensors: dict[str, Tensor]


Predicting = Pipeline[tuple[Path, int], "_Prepared | Failure", Prediction | Failure]


def load(
    checkpoint: Checkpoint | Path | str, device: torch.device | None = None, precision: Precision = "fp32"
) -> LoadedCheckpoint:
    """Build the network of a checkpoint, its weights compared with the card's digest first.

    Raises UnusableCheckpoint for a folder that cannot be used, EngineFailure for a device that cannot.
    """
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = read_checkpoint(checkpoint)
    device = device or choose_device()
    check_precision(device, precision)
    torch.set_num_threads(1)  # for all that this process computes from here on: docs/decisions/0051
    verify_digest(checkpoint)
    try:
        network = backbones.create(
            checkpoint.architecture,
            len(checkpoint.findings),
            checkpoint.preprocessing.channels,
            checkpoint.options,
            checkpoint.head,
        )
        network.load_state_dict(_finite_weights(checkpoint), strict=True)
    except (ValueError, TypeError, SafetensorError) as error:
        raise _does_not_load(checkpoint, f"{error}") from error
    except RuntimeError as error:  # torch names every missing, unexpected and misshapen tensor; the first is enough
        raise _does_not_load(checkpoint, str(error).partition("\n\t")[2].partition("\n")[0]) from error
    network = network.eval().requires_grad_(False).to(device)
    return LoadedCheckpoint(checkpoint, network, device, precision)


def predict_images(
    checkpoints: Sequence[Answering],
    images: Iterable[tuple[Path, int]],
    batch_size: int | None = None,
    reading: ReadingProcesses | None = None,
) -> Iterator[Prediction | Failure]:
    """Logits of every (path, frame), in the order given, one at a time; a file that cannot be read is named and passed.

    See `start_predicting`. Without `reading` images are read in processes that end with the iteration.
    """
    with reading or ReadingProcesses(usable_cores()) as reading:
        run = start_predicting(checkpoints, images, reading, batch_size)
        try:
            while (answer := run.take()) is not None:
                yield answer
        finally:  # also when the caller stops in the middle
            reading.interrupt()
            run.close()


def start_predicting(
    checkpoints: Sequence[Answering],
    images: Iterable[tuple[Path, int]],
    reading: ReadingProcesses,
    batch_size: int | None = None,
    may_compute: threading.Event | None = None,
) -> Predicting:
    """Begin to predict (path, frame) after (path, frame); the pipeline hands out an answer for each, in that order.

    Each image is read once and preprocessed once per distinct preprocessing, while the images before it are computed.
    `batch_size` is by default 1 on the CPU, where as many images are computed at a time as there are cores, each by
    one thread, so that a number depends neither on its neighbours nor on the computer's number of cores; on other
    devices it is 16. While `may_compute` is not set, no network starts; what is under way ends.
    """
    on_cpu = all(asked.device.type == "cpu" for asked in checkpoints)
    cores = usable_cores()
    preprocessings = {asked.preprocessing.digest: asked.preprocessing for asked in checkpoints}
    return Pipeline(
        images,
        partial(_prepare, reading, preprocessings),
        partial(_predict, checkpoints, may_compute),
        group=batch_size or (1 if on_cpu else _BATCH_OFF_THE_CPU),
        preparing=cores,
        computing=cores if on_cpu else _AT_A_TIME_OFF_THE_CPU,
    )


def not_finite(path: Path | str, logits: NDArray[np.float32]) -> EngineFailure | None:
    """The refusal of logits that are no numbers: half precision overflows where float32 does not."""
    if np.isfinite(logits).all():
        return None
    return EngineFailure(
        f"{Path(path).name} has no prediction.",
        "The network computed a value that is not a finite number.",
        "Choose the precision fp32.",
    )


def _prepare(
    reading: ReadingProcesses, preprocessings: dict[str, Preprocessing], source: tuple[Path, int]
) -> _Prepared | Failure:
    path, frame = source
    try:
        image = reading.read(path, frame)
        presentation = present(image)
    except XferviewerError as error:
        return Failure(path, frame, error)
    tensors = {
        digest: present_to_tensor(presentation, preprocessing) for digest, preprocessing in preprocessings.items()
    }
    return _Prepared(path, frame, image.identity, image.facts, tensors)


def _predict(
    checkpoints: Sequence[Answering],
    may_compute: threading.Event | None,
    group: Sequence[_Prepared | Failure],
) -> list[Prediction | Failure]:
    """An answer for each item of the group. What torch refuses to compute costs the group and is named."""
    ready = [item for item in group if isinstance(item, _Prepared)]
    try:
        logits = _logits(checkpoints, may_compute, ready) if ready else []
    except (RuntimeError, MemoryError) as error:
        told = EngineFailure(
            "The image could not be computed.",
            f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else 'no more is known'}.",
            "Compare fewer or smaller checkpoints, or choose another device.",
        )
        return [item if isinstance(item, Failure) else Failure(item.path, item.frame, told) for item in group]
    rows = iter(zip(*logits, strict=True)) if logits else iter(())
    return [
        item
        if isinstance(item, Failure)
        else Prediction(item.path, item.frame, item.identity, item.facts, next(rows, ()))
        for item in group
    ]


def _logits(
    checkpoints: Sequence[Answering], may_compute: threading.Event | None, ready: Sequence[_Prepared]
) -> list[NDArray[np.float32]]:
    batches: dict[str, Tensor] = {}  # on the device: checkpoints that share a preprocessing share its copy
    logits = []
    for asked in checkpoints:
        if may_compute is not None:
            may_compute.wait()
        digest = asked.preprocessing.digest
        if digest not in batches:
            batches[digest] = _on_device([item.tensors[digest] for item in ready], asked.device)
        logits.append(asked.answers(batches[digest], [item.identity for item in ready]))
    return logits


def _on_device(tensors: Sequence[Tensor], device: torch.device) -> Tensor:
    """One batch; from page-locked memory the copy to a CUDA device goes on while the processor does other things."""
    batch = torch.stack(list(tensors))
    if device.type == "cuda":
        return batch.pin_memory().to(device, non_blocking=True)
    return batch.to(device)


def _finite_weights(checkpoint: Checkpoint) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = load_file(checkpoint.weights)
    for name, values in weights.items():
        if values.is_floating_point() and not torch.isfinite(values).all():
            raise ValueError(f"{name} holds values that are not finite")
    return weights


def _does_not_load(checkpoint: Checkpoint, why: str) -> UnusableCheckpoint:
    return UnusableCheckpoint(
        f"The weights of the checkpoint {checkpoint.name} cannot be loaded.",
        f"{why.strip().rstrip('.')}.",
        "Copy the folder again from where it came, or import the weights anew.",
    )
