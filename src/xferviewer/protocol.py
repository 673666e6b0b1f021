"""The messages between the window and the engine process: frozen dataclasses, framed on a pipe.

A frame is eight bytes (the magic `XFV1` and the header's length, big endian), a JSON header, then the raw bytes of the
arrays that the header lists, C-ordered and little endian. Nothing in a frame is ever executed.
"""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

_PREFIX = struct.Struct(">4sI")
_MAGIC = b"XFV1"
_LARGEST_HEADER = 64 << 20
_LARGEST_ARRAY = 1 << 30
_DTYPES = ("<f4", "<f8", "|u1", "<u2", "<i4", "<i8")


class ProtocolError(Exception):
    """Bytes that are no frame of this protocol: the other side crashed in mid-sentence or is something else."""


@dataclass(frozen=True, slots=True)
class ImageReference:
    """One frame of one file. `identity` is that of `studies.images.Image`."""

    identity: str
    path: str
    frame: int = 0


@dataclass(frozen=True, slots=True)
class DeviceOffer:
    """A device that this computer has or has not.

    kind          "cuda", "mps" or "cpu"
    hardware      the name that its maker gave it
    memory_bytes  that of the card, or of the computer; None where the system does not say
    software      torch, the libraries and the driver below it, with versions
    precisions    those at which it computes
    refused       the other precisions, each with its reason
    absent        why the computer has none; empty where it has
    cards         how many of them
    """

    kind: str
    hardware: str
    memory_bytes: int | None
    software: str
    precisions: tuple[str, ...]
    refused: tuple[str, ...]
    absent: str
    cards: int = 0


@dataclass(frozen=True, slots=True)
class ParityCheck:
    """How near a checkpoint's numbers on a device come to those of the CPU in float32 (`engine.parity`).

    kind, precision   where and how it computed
    device            the same in words
    passed            both differences are within their tolerances
    logit_difference, probability_difference  the largest over all inputs and findings, alone and in a batch; None where
                      a number was not finite or none came
    why               it did not pass; empty where it did
    """

    kind: str
    precision: str
    device: str
    passed: bool
    logit_difference: float | None
    logit_tolerance: float
    probability_difference: float | None
    probability_tolerance: float
    why: str


@dataclass(frozen=True, slots=True)
class OpenCheckpoints:
    """Load these checkpoint folders and forget all others. Answered by CheckpointOpened or Failed for each."""

    request: int
    folders: tuple[str, ...]
    device: str
    precision: str


@dataclass(frozen=True, slots=True)
class ExplainImage:
    """Probabilities and maps of the visible image, before all else. A newer generation makes an older one stale.

    `method`, `layers` and `smoothing` are those of `saliency_methods.MapChoice`; no `findings` means all. Answered by
    Explained or Failed for each checkpoint, of a slow method with ExplainProgress before, then by Finished.
    `with_input`: NetworkInput comes before the maps of each checkpoint.
    """

    request: int
    generation: int
    image: ImageReference
    checkpoints: tuple[str, ...]
    method: str
    layers: str = "standard"
    smoothing: str = "none"
    findings: tuple[str, ...] = ()
    with_input: bool = False


@dataclass(frozen=True, slots=True)
class PredictImages:
    """Logits of many images by these checkpoints, in the background. Answered image by image, then by Finished.

    A checkpoint that is to be asked several times of each image is named as `checkpoints.Passes.digest` has it.
    """

    request: int
    images: tuple[ImageReference, ...]
    checkpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeasureMaps:
    """How good maps are. Answered by MapMeasured as they come, MeasuringProgressed in between, then by Finished.

    kind         "localisation": all images that have regions; "curves": deletion and insertion; "randomisation"
    findings     for each checkpoint the one that is measured, by its name there; none (localisation): all marked ones
    method       with `layers` and `smoothing` as in `saliency_methods.MapChoice`
    regions      files and folders of boxes and masks; the masks beside an image count without being named
    names        a finding's name in the regions, then that of the checkpoints, in turn
    seed         of the map drawn by lot, and of the random weights
    step         pixels of a step of the curves; 0: as many steps as the input has rows
    deletion     what deleted pixels become, "zero" or "mean"; insertion: what an image grows out of, also "blur"
    """

    request: int
    kind: str
    images: tuple[ImageReference, ...]
    checkpoints: tuple[str, ...]
    findings: tuple[str, ...]
    method: str
    regions: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    seed: int = 0
    step: int = 0
    deletion: str = "zero"
    insertion: str = "blur"
    layers: str = "standard"
    smoothing: str = "none"


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Stop working on a request. Answered by Finished with `cancelled`."""

    request: int


@dataclass(frozen=True, slots=True)
class EngineStarted:
    """The first message of an engine: it can be talked to; its libraries are not loaded yet."""

    process: int
    version: str


@dataclass(frozen=True, slots=True)
class DevicesListed:
    """What this computer offers to compute on; sent before the first checkpoint is opened."""

    devices: tuple[DeviceOffer, ...]


@dataclass(frozen=True, slots=True)
class CheckpointOpened:
    """A checkpoint is ready. `checkpoint` is the SHA-256 of its weights, its name in all other messages.

    device, kind, precision  what really computes, in words, as "cuda", "mps" or "cpu", and as "fp32", "bf16" or "fp16"
    checks                   the parity checks that led there, in their order; none on the CPU in fp32
    dropout                  whether it has some, and with it Monte-Carlo dropout
    """

    request: int
    folder: str
    checkpoint: str
    device: str
    kind: str
    precision: str
    checks: tuple[ParityCheck, ...]
    dropout: bool = False


@dataclass(frozen=True, slots=True)
class Warned:
    """The work goes on, but not as it was asked for: what happened, in three parts. `checkpoint` is a digest."""

    request: int
    checkpoint: str
    what: str
    why: str
    todo: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Once a second. `request` is what the engine works on (0: nothing) and `seconds` for how long it has."""

    request: int
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class InputMeasured:
    """What was measured of an image as one preprocessing (its digest) hands it on: before the numbers made of it.

    The parts of a `checkpoints.input_measures.InputMeasures`; `values` are float32.
    """

    request: int
    identity: str
    preprocessing: str
    values: NDArray[np.float32]
    modality: str
    body_part: str


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """Logits of one image by one checkpoint: float32 of shape (findings,), in the order of the checkpoint's card.

    They are (passes, findings) of a checkpoint that is asked several times.
    """

    request: int
    identity: str
    checkpoint: str
    logits: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """Logits (all findings,) and maps (`findings`, rows, columns) of one image by one checkpoint, both float32.

    A map is in [0, 1] at the resolution that the network saw; `strengths` (`findings`,) holds each map's maximum before
    it was scaled, 0 where there is no positive evidence. Where there can be no map there are no findings, and `refused`
    says why. `crop` is the part of the film that the network saw, as
    (top, left, bottom, right) fractions.
    """

    request: int
    generation: int
    identity: str
    checkpoint: str
    method: str
    layer: str
    findings: tuple[str, ...]
    refused: str
    crop: tuple[float, float, float, float]
    logits: NDArray[np.float32]
    maps: NDArray[np.float32]
    strengths: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkInput:
    """The very tensor that a checkpoint receives of one image: float32 (channels, rows, columns), normalised.

    `crop` is the part of the film that it is made of, as (top, left, bottom, right) fractions.
    """

    request: int
    generation: int
    identity: str
    checkpoint: str
    crop: tuple[float, float, float, float]
    tensor: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class MapMeasured:
    """What was measured of the map of one image, checkpoint and finding: float64 `values` (names, points).

    "localisation": evaluation.localisation.MEASURES, one value each; "curves": engine.perturbation_curves.CURVES;
    "randomisation": "rank_correlation" and "similarity" after each of `groups`.
    """

    request: int
    kind: str
    identity: str
    checkpoint: str
    finding: str
    names: tuple[str, ...]
    groups: tuple[str, ...]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MeasuringProgressed:
    """How far a MeasureMaps request is: pieces of work done of all, a piece being an image or a forward pass."""

    request: int
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ExplainProgress:
    """How much of the work on one checkpoint's maps is done; sent a few times a second."""

    request: int
    generation: int
    identity: str
    checkpoint: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Failed:
    """What could not be done, in three parts. `identity` and `checkpoint` are empty where it concerns all."""

    request: int
    identity: str
    checkpoint: str
    what: str
    why: str
    todo: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A request is over; `done` images of `total` were answered, the others failed or were cancelled."""

    request: int
    done: int
    total: int
    cancelled: bool


Message = (
    OpenCheckpoints
    | ExplainImage
    | PredictImages
    | MeasureMaps
    | CancelRequest
    | EngineStarted
    | DevicesListed
    | CheckpointOpened
    | Warned
    | Heartbeat
    | InputMeasured
    | Predicted
    | Explained
    | NetworkInput
    | MapMeasured
    | MeasuringProgressed
    | ExplainProgress
    | Failed
    | Finished
)
_TYPES: dict[str, type] = {kind.__name__: kind for kind in Message.__args__}


def encode(message: Message) -> bytes:
    """The frame of a message."""
    values: dict[str, Any] = {}
    arrays: list[dict[str, Any]] = []
    payload: list[bytes] = []
    for field in dataclasses.fields(message):
        value = getattr(message, field.name)
        if isinstance(value, np.ndarray):
            array = np.ascontiguousarray(value)
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            arrays.append({"name": field.name, "dtype": array.dtype.str, "shape": array.shape})
            payload.append(array.tobytes())
        else:
            values[field.name] = value
    header = json.dumps(
        {"type": type(message).__name__, "values": values, "arrays": arrays},
        default=dataclasses.asdict,
        allow_nan=False,
    ).encode()
    return b"".join([_PREFIX.pack(_MAGIC, len(header)), header, *payload])


class Decoder:
    """Turns bytes, in whatever portions a pipe delivers them, into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are complete with `data`, one after the other.

        Raises ProtocolError at bytes that are no frame, once the whole messages before them are delivered.
        """
        self._buffer += data
        while (taken := self._take()) is not None:
            yield taken

    def _take(self) -> Message | None:
        if len(self._buffer) < _PREFIX.size:
            return None
        magic, header_length = _PREFIX.unpack_from(self._buffer)
        if magic != _MAGIC or header_length > _LARGEST_HEADER:
            raise ProtocolError(f"expected a frame, got {bytes(self._buffer[:16])!r}")
        body = _PREFIX.size + header_length
        if len(self._buffer) < body:
            return None
        try:
            header = json.loads(self._buffer[_PREFIX.size : body])
            lengths = [_array_length(entry) for entry in header["arrays"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ProtocolError(f"unreadable header: {error}") from error
        if len(self._buffer) < body + sum(lengths):
            return None
        values = header["values"]
        for entry, length in zip(header["arrays"], lengths, strict=True):
            flat = np.frombuffer(bytes(self._buffer[body : body + length]), dtype=entry["dtype"])
            values[entry["name"]] = flat.reshape(entry["shape"])
            body += length
        del self._buffer[:body]
        return _build(header["type"], values)


def _array_length(entry: dict[str, Any]) -> int:
    if entry["dtype"] not in _DTYPES or any(not isinstance(side, int) or side < 0 for side in entry["shape"]):
        raise ValueError(f"array of {entry['dtype']} and shape {entry['shape']}")
    length: int = math.prod(entry["shape"]) * np.dtype(entry["dtype"]).itemsize
    if length > _LARGEST_ARRAY:
        raise ValueError(f"array of {length} bytes")
    return length


def _build(name: str, values: dict[str, Any]) -> Message:
    kind = _TYPES.get(name)
    if kind is None:
        raise ProtocolError(f"unknown message {name}")
    try:
        built: Message = _dataclass(kind, values)
    except (KeyError, TypeError) as error:
        raise ProtocolError(f"{name}: {error}") from error
    return built


def _dataclass(kind: Any, values: dict[str, Any]) -> Any:
    hints = get_type_hints(kind)
    return kind(**{key: _as(hints[key], value) for key, value in values.items()})


def _as(hint: Any, value: Any) -> Any:
    """JSON knows neither tuples nor dataclasses: give both back."""
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, value)
    if isinstance(value, list):
        item = hint.__args__[0]
        return tuple(_as(item, entry) for entry in value)
    return value
