"""Random moves of training images, each drawn from the seed of the job, the view, and the row of the image."""

from __future__ import annotations

import hashlib
import json
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torchvision.transforms import InterpolationMode, v2

from xferviewer.checkpoints.fields import to_mapping
from xferviewer.networks.preprocessing import normalise
from xferviewer.training.seeds import generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from xferviewer.checkpoints import Preprocessing
    from xferviewer.jobs.augmentation_spec import Augmentation, Erasing, KerasMoves, RandAugment, ResizedCrop

# Raise it when the same spec, seed, view and row give another picture; kept features then go.
AUGMENTATION_VERSION = 1

# A view of an image that is drawn again in the same epoch is another one.
_AGAIN = 1_000_003

_MOVES = 4  # what these random numbers are for: none is drawn from the same place for another use

_MAGNITUDES = 1001  # of RandAugment, so that a magnitude may have decimals


class Augmenter:
    """The moves of the training images of one job.

    count       how many images take part in an epoch, and batch_size how many in a batch: the three oldest moves are
                drawn for the batches of an epoch, in its order, as version 1 of the specification had it
    """

    def __init__(
        self, spec: Augmentation, preprocessing: Preprocessing, seed: int, count: int, batch_size: int
    ) -> None:
        self.spec, self._preprocessing, self.seed = spec, preprocessing, seed
        self._count, self._batch_size = count, batch_size
        self._steps = _steps(spec, preprocessing)
        self._erase = _erasing(spec.erasing) if spec.erasing else None

    def view(self, epoch: int, occurrence: int = 0) -> int:
        """Which view of an image an epoch sees when the image comes for the `occurrence`-th time, from 0."""
        if not self.spec.random:
            return 0
        if self.spec.views:
            return (epoch + occurrence) % self.spec.views
        return epoch + occurrence * _AGAIN

    def inputs(
        self, planes: Tensor, sizes: NDArray[np.int64], rows: NDArray[np.intp], views: NDArray[np.int64]
    ) -> Tensor:
        """What the network takes: float32 (images, channels, rows, columns).

        planes  of `training_planes`, float32 in [0, 1]
        sizes   (images, 2): rows and columns of each image in its file
        """
        spec = self.spec
        if not len(rows):  # none of a batch could be read
            return planes
        if spec.finer:
            draws = np.zeros((len(rows), 4), dtype=np.float32)
            for view in np.unique(views):
                draws[views == view] = self._moves(int(view))[rows[views == view]]
            planes = move(planes, self._preprocessing.size, spec, torch.from_numpy(draws))
        if not self._steps and not self._erase and not spec.resized_crop:
            return normalise(planes, self._preprocessing)
        made = []
        for plane, size, row, view in zip(planes, sizes, rows, views, strict=True):
            with _Drawn(generator(self.seed, int(view), int(row), _MOVES)):
                one = plane
                if spec.resized_crop:
                    one = _resized_crop(one, size, spec.resized_crop, self._preprocessing.size)
                for step in self._steps:
                    one = step(one)
                one = normalise(one, self._preprocessing)
                made.append(self._erase(one) if self._erase else one)
        return torch.stack(made)

    def digest(self, row: int, view: int) -> bytes:
        """Tells a view of a row from all others: what it was drawn from."""
        if not self.spec.random:
            return b""
        drawn = self._moves(view)[row].tobytes() if self.spec.finer else b""
        # without other random steps the moves say all there is, whatever the seed
        place = b"" if self.spec.finer and not self._steps and not self._erase else f"{self.seed} {view} {row}".encode()
        return drawn + place

    def _moves(self, view: int) -> NDArray[np.float32]:
        return _epoch_moves(self.seed, view, self._count, self._batch_size)


def of_epoch(seed: int, epoch: int) -> torch.Generator:
    """Where the order of an epoch, and the three oldest moves after it, are drawn from."""
    return torch.Generator().manual_seed(seed * 100_003 + epoch)


def augmentation_digest(spec: Augmentation) -> str:
    """SHA-256 (hex) of all that says what the moves are, but for the seed."""
    said = to_mapping(spec)
    for name in ("card", "views"):  # a name and a number of views change no view
        said.pop(name, None)
    return hashlib.sha256(json.dumps([AUGMENTATION_VERSION, said], sort_keys=True).encode()).hexdigest()


# --- one resampling of an image that is finer than the network's input


def move(planes: Tensor, size: tuple[int, int], moves: Augmentation, draws: Tensor) -> Tensor:
    """Shift, scale and turn each image by amounts of its own, and bring it to `size`; black comes in from outside.

    planes  float32 (images, channels, rows, columns); may be finer than `size`, with the same field of view
    draws   (images, 4) in [0, 1): of scale, angle, shift across and shift down
    """

    def uniform(place: int, limit: float) -> Tensor:
        return (2 * draws[:, place] - 1) * limit

    scale = 1 + uniform(0, moves.scale)
    angle = uniform(1, math.radians(moves.rotation))
    # grid coordinates run from -1 to 1, so that a whole side is 2
    shift_x, shift_y = 2 * uniform(2, moves.shift), 2 * uniform(3, moves.shift)
    rows, columns = size
    sine, cosine = torch.sin(angle) / scale, torch.cos(angle) / scale
    across = torch.stack([cosine, -sine * rows / columns, shift_x], dim=1)
    down = torch.stack([sine * columns / rows, cosine, shift_y], dim=1)
    theta = torch.stack([across, down], dim=1)
    grid = functional.affine_grid(theta, [len(planes), 1, rows, columns], align_corners=False)
    return functional.grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@lru_cache(maxsize=8)
def _epoch_moves(seed: int, view: int, count: int, batch_size: int) -> NDArray[np.float32]:
    """(count, 4): the draws of `move`, taken batch by batch in the order of the epoch, one kind after the other."""
    random = of_epoch(seed, view)
    order = torch.randperm(count, generator=random).numpy()
    draws = np.zeros((count, 4), dtype=np.float32)
    for start in range(0, count, batch_size):
        batch = order[start : start + batch_size]
        for place in range(4):
            draws[batch, place] = torch.rand(len(batch), generator=random).numpy()
    return draws


# --- torchvision's own transforms, each image by itself


class _Drawn(TorchFunctionMode):
    """Within it torch draws from one generator instead of the one that the whole process shares.

    torchvision's transforms take no generator. In this thread only: dropout in another is not touched.
    """

    def __init__(self, random: torch.Generator) -> None:
        super().__init__()
        self._random = random

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in _DRAWING:
            kwargs.setdefault("generator", self._random)
        return func(*args, **kwargs)


_DRAWING = frozenset(
    (
        torch.rand,
        torch.randn,
        torch.randint,
        torch.randperm,
        torch.normal,
        torch.Tensor.uniform_,
        torch.Tensor.normal_,
    )
)


def _steps(spec: Augmentation, preprocessing: Preprocessing) -> list[Callable[[Tensor], Tensor]]:
    """What follows the crop and goes before mean and deviation, in this order."""
    steps: list[Callable[[Tensor], Tensor]] = []
    if spec.random_crop:
        steps.append(v2.RandomCrop(preprocessing.size))
    if spec.flips:
        steps.append(v2.RandomHorizontalFlip(spec.flips))
    if spec.turn and spec.turn.degrees:
        mode = InterpolationMode(spec.turn.interpolation)
        steps.append(v2.RandomRotation(spec.turn.degrees, mode, fill=spec.turn.fill / 255))
    if spec.affine:
        affine = spec.affine
        steps.append(
            v2.RandomAffine(
                0,
                (affine.translate, affine.translate),
                affine.scale,
                affine.shear or None,
                InterpolationMode(affine.interpolation),
                fill=affine.fill / 255,
            )
        )
    if spec.keras:
        steps.append(_keras(spec.keras))
    if spec.colour:
        colour = spec.colour
        steps.append(v2.ColorJitter(colour.brightness, colour.contrast, colour.saturation, colour.hue))
    if spec.blur:
        steps.append(v2.GaussianBlur(spec.blur.kernel, spec.blur.sigma))
    if spec.rand_augment:
        steps.append(_rand_augment(spec.rand_augment))
    return steps


def _resized_crop(plane: Tensor, source: NDArray[np.int64], crop: ResizedCrop, size: tuple[int, int]) -> Tensor:
    """The part is drawn in the image as it is, then cut out of the plane, in which both sides are alike."""
    rows, columns = map(int, source)
    drawing = v2.RandomResizedCrop(size, crop.scale, crop.ratio)
    part = drawing.make_params([torch.empty(1, rows, columns, device="meta")])
    down, across = plane.shape[-2] / rows, plane.shape[-1] / columns
    top, left = round(part["top"] * down), round(part["left"] * across)
    height = max(1, min(round(part["height"] * down), plane.shape[-2] - top))
    width = max(1, min(round(part["width"] * across), plane.shape[-1] - left))
    cut: Tensor = v2.functional.resized_crop(plane, top, left, height, width, list(size), antialias=True)
    return cut


def _keras(moves: KerasMoves) -> Callable[[Tensor], Tensor]:
    """Keras's ImageDataGenerator (apply_affine_transform).

    The pixel (row, column), from the middle, shows the input at R S H Z (row, column): rotation, shift, shear, zoom.
    """

    def step(plane: Tensor) -> Tensor:
        rows, columns = plane.shape[-2:]

        def uniform(limit: float) -> float:
            return float(torch.empty(1).uniform_(-limit, limit))

        angle, down, across = uniform(moves.rotation), uniform(moves.shift) * rows, uniform(moves.shift) * columns
        shear = uniform(moves.shear)
        matrix = keras_matrix(angle, (down, across), shear, (1 + uniform(moves.zoom), 1 + uniform(moves.zoom)))
        return _resampled_to_edge(plane, matrix)

    return step


def keras_matrix(
    angle: float, shift: tuple[float, float], shear: float, zoom: tuple[float, float]
) -> NDArray[np.float64]:
    """3 × 3, of (row, column, 1) about the middle; angles in degrees, shifts in pixels."""
    turn, slant = math.radians(angle), math.radians(shear)
    turned = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1.0]])
    shifted = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1.0]])
    sheared = np.array([[1, -math.sin(slant), 0], [0, math.cos(slant), 0], [0, 0, 1.0]])
    zoomed = np.diag([zoom[0], zoom[1], 1.0])
    matrix: NDArray[np.float64] = turned @ shifted @ sheared @ zoomed
    return matrix


def _resampled_to_edge(plane: Tensor, matrix: NDArray[np.float64]) -> Tensor:
    """Bilinear; beyond the edge its pixels are repeated."""
    rows, columns = plane.shape[-2:]
    # grid coordinates are (across, down), and a side of n pixels runs from -1 to 1
    swap = matrix[[1, 0, 2]][:, [1, 0, 2]]
    side = np.diag([columns / 2, rows / 2, 1.0])
    theta = torch.from_numpy((np.linalg.inv(side) @ swap @ side)[:2]).float()[None]
    grid = functional.affine_grid(theta, [1, 1, rows, columns], align_corners=False)
    return functional.grid_sample(plane[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0]


def _rand_augment(spec: RandAugment) -> Callable[[Tensor], Tensor]:
    def step(plane: Tensor) -> Tensor:
        levels = (plane * 255).round().to(torch.uint8)
        for _ in range(spec.operations):
            magnitude = float(torch.normal(torch.tensor(spec.magnitude), torch.tensor(spec.spread)))
            number = round(min(max(magnitude, 0.0), 10.0) / 10 * (_MAGNITUDES - 1))
            levels = v2.RandAugment(1, number, _MAGNITUDES)(levels)
        return levels.float() / 255

    return step


def _erasing(spec: Erasing) -> Callable[[Tensor], Tensor]:
    erasing: Callable[[Tensor], Tensor] = v2.RandomErasing(spec.probability, spec.area, spec.ratio, value="random")
    return erasing
