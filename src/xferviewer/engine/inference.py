"""Logits: one checkpoint on one batch, or several checkpoints over many images."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
from xferviewer.errors import EngineFailure, UnusableCheckpoint, XferviewerError
from xferviewer.networks import backbones
from xferviewer.networks.preprocessing import present_to_tensor
from xferviewer.studies.images import ImageFacts, present, read_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.protocol import ParityCheck

# Images decoded ahead of the network, in a thread: decoders are C code that lets others run.
_DECODED_AHEAD = 4


@dataclass(slots=True)
class BatchLimit:
    """The most images that a device has room for at once; None while it was not found out."""

    images: int | None = None


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
        self.limit.images = images // 2
        self.warnings.append(
            EngineFailure(
                f"{self.checkpoint.name} computes {self.limit.images} images at a time, not {images}.",
                f"The memory of this {where} does not suffice for more.",
                "Nothing need be done; it takes longer. A smaller batch size or fewer checkpoints need less memory.",
            )
        )


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What every checkpoint says of one image: `logits` holds an array (findings,) per checkpoint, in their order."""

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
    checkpoints: Sequence[LoadedCheckpoint], images: Iterable[tuple[Path, int]], batch_size: int | None = None
) -> Iterator[Prediction | Failure]:
    """Logits of every (path, frame), in the order given, one at a time; a file that cannot be read is named and passed.

    Each image is decoded once and preprocessed once per distinct preprocessing. `batch_size` is by default 1 on the
    CPU, so that a number never depends on its neighbours, and 16 on other devices.
    """
    if batch_size is None:
        batch_size = 1 if all(loaded.device.type == "cpu" for loaded in checkpoints) else 16
    preprocessings = {loaded.checkpoint.preprocessing.digest: loaded.checkpoint.preprocessing for loaded in checkpoints}
    waiting: list[_Prepared | Failure] = []
    for prepared in _prepare_ahead(images, preprocessings):
        waiting.append(prepared)
        if sum(isinstance(item, _Prepared) for item in waiting) == batch_size:
            yield from _predict(checkpoints, waiting)
            waiting = []
    yield from _predict(checkpoints, waiting)


def _predict(
    checkpoints: Sequence[LoadedCheckpoint], waiting: Sequence[_Prepared | Failure]
) -> Iterator[Prediction | Failure]:
    ready = [item for item in waiting if isinstance(item, _Prepared)]
    logits = []
    for loaded in checkpoints if ready else ():
        digest = loaded.checkpoint.preprocessing.digest
        logits.append(loaded.logits(torch.stack([item.tensors[digest] for item in ready])))
    rows = iter(zip(*logits, strict=True)) if logits else iter(())
    for item in waiting:
        if isinstance(item, Failure):
            yield item
        else:
            yield Prediction(item.path, item.frame, item.identity, item.facts, next(rows, ()))


def _prepare_ahead(
    images: Iterable[tuple[Path, int]], preprocessings: dict[str, Preprocessing]
) -> Iterator[_Prepared | Failure]:
    """Decode and preprocess in a thread, a few images ahead of whoever asks."""
    with ThreadPoolExecutor(1, "decode") as pool:
        coming: deque[Future[_Prepared | Failure]] = deque()
        try:
            for path, frame in images:
                coming.append(pool.submit(_prepare, path, frame, preprocessings))
                if len(coming) > _DECODED_AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:  # also when the caller stops in the middle
            for future in coming:
                future.cancel()


def _prepare(path: Path, frame: int, preprocessings: dict[str, Preprocessing]) -> _Prepared | Failure:
    try:
        image = read_image(path, frame)
        presentation = present(image)
    except XferviewerError as error:
        return Failure(path, frame, error)
    tensors = {
        digest: present_to_tensor(presentation, preprocessing) for digest, preprocessing in preprocessings.items()
    }
    return _Prepared(path, frame, image.identity, image.facts, tensors)


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
