"""A checkpoint asked several times of one image: mirrored, in ten crops, or with its dropout at work."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torchvision.transforms.functional import ten_crop

from xferviewer.checkpoints import Passes, Preprocessing
from xferviewer.engine.device import autocast
from xferviewer.engine.inference import LoadedCheckpoint
from xferviewer.errors import UnusableChoice

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DROPOUT_LAYERS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_OF_ELEMENTS = (functional.dropout,)
_OF_CHANNELS = (functional.dropout1d, functional.dropout2d, functional.dropout3d)


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedCheckpoint:
    """A loaded checkpoint that answers with the logits of every pass instead of one: predicted like a plain one."""

    loaded: LoadedCheckpoint
    passes: Passes

    def __post_init__(self) -> None:
        """Raises UnusableChoice where dropout is asked for and the network has none."""
        if self.passes.kind == "mc-dropout" and not has_dropout(self.loaded.network):
            raise without_dropout(self.loaded.checkpoint.name)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.loaded.device

    @property
    def preprocessing(self) -> Preprocessing:
        """How an image is prepared for it."""
        return self.passes.preprocessing(self.loaded.checkpoint.preprocessing)

    def answers(self, batch: Tensor, identities: Sequence[str]) -> NDArray[np.float32]:
        """Raw logits of each pass, float32 (images, passes, findings).

        batch       float32 (images, channels, rows, columns), prepared as `preprocessing` says
        identities  of the images: what the random numbers of dropout hang on

        Each pass is computed as the plain checkpoint computes a batch of that many images, so that the first pass of
        "flip" is the plain checkpoint's answer to the bit.
        """
        if self.passes.kind == "mc-dropout":
            each = [self._dropped(batch[row : row + 1], name) for row, name in enumerate(identities)]
            return np.stack(each)
        return np.stack([self.loaded.logits(view) for view in self._views(batch)], axis=1)

    def _views(self, batch: Tensor) -> Sequence[Tensor]:
        if self.passes.kind == "flip":
            return batch, batch.flip(-1)
        views: Sequence[Tensor] = ten_crop(batch, list(self.loaded.checkpoint.preprocessing.size))
        return [view.contiguous() for view in views]

    def _dropped(self, image: Tensor, identity: str) -> NDArray[np.float32]:
        """(passes, findings) of one image alone: its random numbers do not depend on its neighbours.

        The trunk is computed once where no dropout lies in it and the network, as all of timm's, tells trunk and head
        apart.
        """
        network: Any = self.loaded.network
        image = self.loaded.placed(image)
        rows: list[NDArray[np.float32]] = []
        with torch.inference_mode(), autocast(self.device, self.loaded.precision):
            features = self._features(image)
            for number in range(self.passes.count):
                with _Dropout(identity, number):
                    logits = network(image) if features is None else network.forward_head(features)
                rows.append(logits.float().cpu().numpy()[0])
        return np.stack(rows)

    def _features(self, image: Tensor) -> Tensor | None:
        """What the trunk makes of an image; None where it is not told apart or drops something itself."""
        network: Any = self.loaded.network
        if not (hasattr(network, "forward_features") and hasattr(network, "forward_head")):
            return None
        with _Dropout("", 0) as looking:
            features: Tensor = network.forward_features(image)
        return None if looking.used else features


class _Dropout(TorchFunctionMode):
    """While entered, every dropout drops, whichever module calls it and whether it is in training mode or not.

    Nothing else changes: batch normalisation keeps its statistics, and stochastic depth, which is no dropout, is off.
    The numbers come from a generator of this pass alone, on the CPU, so that they are the same on every device.
    """

    def __init__(self, identity: str, number: int) -> None:
        super().__init__()
        seed = hashlib.sha256(f"{identity}\n{number}".encode()).digest()
        self._numbers = torch.Generator().manual_seed(int.from_bytes(seed[:8], "little", signed=True))
        self.used = False

    def __torch_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), named: dict[str, Any] | None = None
    ) -> Any:
        named = named or {}
        if function in _OF_ELEMENTS or function in _OF_CHANNELS:
            values: Tensor = arguments[0] if arguments else named["input"]
            rate = float(arguments[1] if len(arguments) > 1 else named.get("p", 0.5))
            if rate == 0:
                return values
            self.used = True
            shape = values.shape if function in _OF_ELEMENTS else (*values.shape[:2], *(1,) * (values.ndim - 2))
            kept = torch.rand(shape, generator=self._numbers) >= rate
            return values * (kept.to(values.device, values.dtype) / (1 - rate))
        return function(*arguments, **named)


def has_dropout(network: nn.Module) -> bool:
    """Some of its activations are dropped in training: by a layer, or, as timm does it, by `drop_rate` of a network."""
    return any(
        (isinstance(module, _DROPOUT_LAYERS) and module.p > 0)
        or (isinstance(rate := getattr(module, "drop_rate", 0.0), float) and rate > 0)
        for module in network.modules()
    )


def without_dropout(name: str) -> UnusableChoice:
    """Why there is no Monte-Carlo dropout of a checkpoint."""
    return UnusableChoice(
        f"There is no Monte-Carlo dropout of {name}.",
        "Neither its head nor its backbone has dropout, so that every pass would give the same number.",
        "Choose flip or ten-crop, or a checkpoint with a head that has dropout.",
    )
