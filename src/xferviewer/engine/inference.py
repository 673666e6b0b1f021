"""Logits: one checkpoint on one batch, or several checkpoints over many images."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from xferviewer.checkpoints import Checkpoint, Preprocessing, read_checkpoint, verify_digest
from xferviewer.engine import parity
from xferviewer.engine.device import (
    CPU,
    Precision,
    autocast,
    check_precision,
    choose_device,
    compute_exactly,
    is_out_of_memory,
    release_memory,
)
from xferviewer.engine.memory_format import memory_format
from xferviewer.engine.pipeline import Pipeline
from xferviewer.errors import EngineFailure, UnusableCheckpoint, XferviewerError
from xferviewer.networks import backbones
from xferviewer.networks.input_measuring import measured_input
from xferviewer.networks.preprocessing import Presentations
from xferviewer.processes import usable_cores
from xferviewer.studies.images import ImageFacts
from xferviewer.studies.reading_processes import ReadingProcesses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from xferviewer.checkpoints.input_measures import InputMeasures
    from xferviewer.protocol import ParityCheck

_BATCH_OFF_THE_CPU = 16
_IN_TURN_ON_THE_CPU = 4  # images by one network before the next one has its turn
_AT_A_TIME_OFF_THE_CPU = 2  # one batch is copied while the other is computed


@dataclass(slots=True)
class BatchLimit:
    """The most images that a device has room for at once; None while it was not found out.

    Several threads compute with one checkpoint: whoever changes it, and what is told of it, holds `lock`.
    """

    images: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedCheckpoint:
    """A checkpoint with its network on a device, ready to compute; none of its parameters takes gradients.

    device, precision  where and how it really computes, which may not be what was asked for
    checks             the parity checks that led there; none on the CPU in float32
    limit              how many images go into one batch, once the memory was found too small for more
    warnings           what the user is to be told, once; whoever tells it takes it out
    """

    checkpoint: Checkpoint
    network: nn.Module
    device: torch.device
    precision: Precision
    checks: tuple[ParityCheck, ...] = ()
    limit: BatchLimit = field(default_factory=BatchLimit)
    warnings: list[EngineFailure] = field(default_factory=list)

    def logits(self, batch: Tensor) -> NDArray[np.float32]:
        """Raw logits, float32 (images, findings), of a batch float32 (images, channels, rows, columns).

        The batch is computed in one go, unless the device's memory is too small for it: then in halves, and from then
        on in none larger than that. On the CPU the last bits of a logit depend on how many images share its batch
        (docs/decisions/0011): whoever compares numbers to the bit passes one image at a time, as `predict_images` does.

        Raises EngineFailure where there is no room for one image.
        """
        parts: list[NDArray[np.float32]] = []
        waiting = batch
        while len(waiting) or not parts:
            part = waiting[: self.limit.images]
            try:
                parts.append(self._compute(part))
                waiting = waiting[len(part) :]
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                too_many = len(part)
            else:
                continue
            self._compute_fewer_than(too_many)  # once the error is gone, and with it what it held of the memory
        return np.concatenate(parts)

    def placed(self, batch: Tensor) -> Tensor:
        """A batch where the network computes, and as its values lie in memory there."""
        return batch.to(self.device, memory_format=memory_format(self.network, self.device, self.precision))

    def on(self, device: torch.device, precision: Precision) -> LoadedCheckpoint:
        """The same checkpoint on another device; its network is moved there and leaves this one."""
        form = memory_format(self.network, device, precision)
        network = self.network.to(device).to(memory_format=form)
        return LoadedCheckpoint(self.checkpoint, network, device, precision)

    def _compute(self, batch: Tensor) -> NDArray[np.float32]:
        with torch.inference_mode(), autocast(self.device, self.precision):
            computed: NDArray[np.float32] = self.network(self.placed(batch)).float().cpu().numpy()
        return computed

    def _compute_fewer_than(self, images: int) -> None:
        """Halve the batch from now on, and say so. Raises EngineFailure where nothing is left to halve."""
        release_memory(self.device)
        where = self.device.type.upper()
        if images == 1:
            raise EngineFailure(
                f"{self.checkpoint.name} cannot compute on this {where}.",
                "Its memory does not suffice for a single image.",
                "Close other programs that use it, compare fewer checkpoints, or choose another device or precision.",
            )
        with self.limit.lock:
            if self.limit.images is not None and self.limit.images < images:
                return  # another thread found it out
            self.limit.images = images // 2
            self.warnings.append(
                EngineFailure(
                    f"{self.checkpoint.name} computes {self.limit.images} images at a time, not {images}.",
                    f"The memory of this {where} does not suffice for more.",
                    "Nothing need be done; it takes longer. Smaller batches or fewer checkpoints need less memory.",
                )
            )

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

    It is (findings,) of a plain checkpoint and (passes, findings) of one that is asked several times. `inputs` holds
    what was measured of the image under each distinct preprocessing, by its digest.
    """

    path: Path
    frame: int
    identity: str
    facts: ImageFacts
    logits: tuple[NDArray[np.float32], ...]
    inputs: dict[str, InputMeasures]


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
    inputs: dict[str, InputMeasures]


class _Closed(Exception):
    """Nobody waits for the answers any more."""


class Predicting(Pipeline[tuple[Path, int], "_Prepared | Failure", Prediction | Failure]):
    """What `start_predicting` begins. Closing it ends its groups after the image and the network that they are at."""

    def __init__(self, *arguments: Any, closed: threading.Event, **options: Any) -> None:
        self._nobody_waits = closed
        super().__init__(*arguments, **options)

    def close(self) -> None:
        """As of `Pipeline`."""
        self._nobody_waits.set()
        super().close()


def load(
    checkpoint: Checkpoint | Path | str,
    device: torch.device | None = None,
    precision: Precision = "fp32",
    *,
    check_anew: bool = False,
) -> LoadedCheckpoint:
    """Build the network of a checkpoint, its weights compared with the card's digest first.

    On its first use of a device or precision other than the CPU's float32 its numbers there are compared with those of
    the CPU; where they do not agree it computes elsewhere, and says so in its warnings (`engine.parity`). `check_anew`
    compares them also when that was done before.

    Raises UnusableCheckpoint for a folder that cannot be used, EngineFailure for a device that cannot.
    """
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = read_checkpoint(checkpoint)
    device = device or choose_device()
    check_precision(device, precision)
    torch.set_num_threads(1)  # for all that this process computes from here on: docs/decisions/0051
    compute_exactly()
    exact = LoadedCheckpoint(checkpoint, _network(checkpoint), CPU, "fp32")
    return parity.settle(exact, device, precision, anew=check_anew)


def _network(checkpoint: Checkpoint) -> nn.Module:
    """With its weights, on the CPU, for computing only."""
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
    return network.eval().requires_grad_(False)


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
    one thread, so that a number depends neither on its neighbours nor on the computer's number of cores; a few go
    through one network, one after the other, before the next network has its turn, because its weights are then at
    hand. On other devices it is 16, and a checkpoint that is on the CPU all the same computes each of these alone.
    While `may_compute` is not set, no network starts; what is under way ends.
    """
    on_cpu = all(asked.device.type == "cpu" for asked in checkpoints)
    alone = on_cpu and batch_size is None
    cores = usable_cores()
    preprocessings = {asked.preprocessing.digest: asked.preprocessing for asked in checkpoints}
    closed = threading.Event()
    return Predicting(
        images,
        partial(_prepare, reading, preprocessings),
        partial(_predict, checkpoints, may_compute, closed, batch_size is None),
        group=batch_size or (_IN_TURN_ON_THE_CPU if on_cpu else _BATCH_OFF_THE_CPU),
        preparing=cores,
        computing=cores if on_cpu else _AT_A_TIME_OFF_THE_CPU,
        eager=alone,
        closed=closed,
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
    except XferviewerError as error:
        return Failure(path, frame, error)
    presentations = Presentations(image)
    tensors, inputs = {}, {}
    for digest, preprocessing in preprocessings.items():
        tensors[digest], inputs[digest] = measured_input(image, presentations.of(preprocessing), preprocessing)
    return _Prepared(path, frame, image.identity, image.facts, tensors, inputs)


def _predict(
    checkpoints: Sequence[Answering],
    may_compute: threading.Event | None,
    closed: threading.Event,
    alone_on_cpu: bool,
    group: Sequence[_Prepared | Failure],
) -> list[Prediction | Failure]:
    """An answer for each item of the group. What torch refuses to compute costs its batch and is named."""
    ready = [item for item in group if isinstance(item, _Prepared)]
    try:
        logits = _logits(checkpoints, may_compute, closed, alone_on_cpu, ready) if ready else []
    except (RuntimeError, MemoryError, EngineFailure) as error:
        if alone_on_cpu and len(group) > 1 and all(asked.device.type == "cpu" for asked in checkpoints):
            # No image shares a batch: each is tried by itself, and only those that fail are told of.
            return [each for item in group for each in _predict(checkpoints, may_compute, closed, alone_on_cpu, [item])]
        told = error if isinstance(error, EngineFailure) else _not_computed(error)
        return [item if isinstance(item, Failure) else Failure(item.path, item.frame, told) for item in group]
    rows = iter(zip(*logits, strict=True)) if logits else iter(())
    return [
        item
        if isinstance(item, Failure)
        else Prediction(item.path, item.frame, item.identity, item.facts, next(rows, ()), item.inputs)
        for item in group
    ]


def _not_computed(error: Exception) -> EngineFailure:
    return EngineFailure(
        "The image could not be computed.",
        f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else 'no more is known'}.",
        "Compare fewer or smaller checkpoints, or choose another device.",
    )


def _logits(
    checkpoints: Sequence[Answering],
    may_compute: threading.Event | None,
    closed: threading.Event,
    alone_on_cpu: bool,
    ready: Sequence[_Prepared],
) -> list[NDArray[np.float32]]:
    # On the device: checkpoints that share a preprocessing share its copy.
    batches: dict[tuple[str, torch.device], Tensor] = {}
    identities = [item.identity for item in ready]
    logits = []
    for asked in checkpoints:
        key = asked.preprocessing.digest, asked.device
        if key not in batches:
            batches[key] = _on_device([item.tensors[key[0]] for item in ready], asked.device)
        size = 1 if alone_on_cpu and asked.device.type == "cpu" else len(ready)
        parts = []
        for at in range(0, len(ready), size):
            if may_compute is not None:
                may_compute.wait()
            if closed.is_set():
                raise _Closed
            parts.append(asked.answers(batches[key][at : at + size], identities[at : at + size]))
        logits.append(np.concatenate(parts))
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
