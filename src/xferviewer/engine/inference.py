"""Logits: one checkpoint on one batch, or several checkpoints over many images."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from xferviewer.checkpoints import Checkpoint, Preprocessing, read_checkpoint, verify_digest
from xferviewer.engine.device import Precision, autocast, check_precision, choose_device
from xferviewer.errors import UnusableCheckpoint, XferviewerError
from xferviewer.networks import backbones
from xferviewer.networks.preprocessing import present_to_tensor
from xferviewer.studies.images import ImageFacts, present, read_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

# Images decoded ahead of the network, in a thread: decoders are C code that lets others run.
_DECODED_AHEAD = 4


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
    checkpoints: Sequence[Answering], images: Iterable[tuple[Path, int]], batch_size: int | None = None
) -> Iterator[Prediction | Failure]:
    """Logits of every (path, frame), in the order given, one at a time; a file that cannot be read is named and passed.

    Each image is decoded once and preprocessed once per distinct preprocessing. `batch_size` is by default 1 on the
    CPU, so that a number never depends on its neighbours, and 16 on other devices.
    """
    if batch_size is None:
        batch_size = 1 if all(loaded.device.type == "cpu" for loaded in checkpoints) else 16
    preprocessings = {asked.preprocessing.digest: asked.preprocessing for asked in checkpoints}
    waiting: list[_Prepared | Failure] = []
    for prepared in _prepare_ahead(images, preprocessings):
        waiting.append(prepared)
        if sum(isinstance(item, _Prepared) for item in waiting) == batch_size:
            yield from _predict(checkpoints, waiting)
            waiting = []
    yield from _predict(checkpoints, waiting)


def _predict(
    checkpoints: Sequence[Answering], waiting: Sequence[_Prepared | Failure]
) -> Iterator[Prediction | Failure]:
    ready = [item for item in waiting if isinstance(item, _Prepared)]
    logits = []
    for asked in checkpoints if ready else ():
        digest = asked.preprocessing.digest
        batch = torch.stack([item.tensors[digest] for item in ready])
        logits.append(asked.answers(batch, [item.identity for item in ready]))
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
