"""Training: the loop against a plain one, images from disk against the loop's own limit, kept features against none.

`python -m benchmarks.training [--films N] [--size S] [--network NAME] [--side N] [--batch N] [--steps N]
[--only loop|disk|features]`: parts of each comparison take turns in one run, so that other programs on the computer
slow all of them alike; ratios are of wall time and, in brackets, of processor time. Budgets: at least 0.95
of a plain PyTorch loop on the same tensors; at least 0.9 of the loop's own limit in the first epoch from PNG and DICOM
files; a second job of 5 epochs with kept features at least 20 times as fast as without.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from xferviewer.checkpoints import Preprocessing
from xferviewer.jobs.augmentation_cards import augmentation_card
from xferviewer.jobs.data_spec import DataSpec, FolderData
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec
from xferviewer.networks import backbones
from xferviewer.processes import usable_cores
from xferviewer.studies.phantom import FINDINGS, write_cohort
from xferviewer.training.batches import Batch
from xferviewer.training.cohort import folder_cohort, split_by_patient
from xferviewer.training.fabric import make_fabric
from xferviewer.training.features import feature_sides, kept_features
from xferviewer.training.loop import fit
from xferviewer.training.method import make_method
from xferviewer.training.optimisers import make_optimiser
from xferviewer.training.sides import open_sides
from xferviewer.training.state import TrainingState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xferviewer.training.batches import TrainingImages, ValidationImages
    from xferviewer.training.cohort import Cohort

FILMS, SIZE, ROUNDS = 96, 1024, 3


def main(arguments: Sequence[str] = ()) -> None:
    """Print a line for each comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training")
    parser.add_argument("--films", type=int, default=FILMS)
    parser.add_argument("--size", type=int, default=SIZE, help="rows and columns of a film")
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--side", type=int, default=224, help="rows and columns of the network's input")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--only", choices=("loop", "disk", "features"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(usable_cores())
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XFERVIEWER_HOME"] = scratch
        run = _Run(options.network, options.side, options.batch, options.steps)
        if options.only in (None, "loop"):
            print(run.loop(), flush=True)
        for kind in ("png", "dicom"):
            folder = Path(scratch) / kind
            if options.only in (None, "disk") or (options.only == "features" and kind == "png"):
                workers = usable_cores()
                write_cohort(folder, options.films, 11, "B", kind, size=options.size, masks=False, workers=workers)
            if options.only in (None, "disk"):
                print(run.disk(folder, kind, options.size), flush=True)
        if options.only in (None, "features"):
            print(run.features(Path(scratch) / "png"), flush=True)


# --- what a job has around its loop, without its folder


class _Watch:
    """Nobody watches."""

    before_waiting = None

    def working(self, message: str = "") -> None:
        """Nothing to obey."""

    def stepped(self, _step: object) -> None:
        """Nobody to tell."""

    def say(self, _kind: str, _message: str, **_values: object) -> None:
        """Nobody to tell."""

    def refused(self, error: Exception) -> None:
        """Every film can be read."""
        raise error

    def keep(self, write: Any) -> Any:
        """Disks are not full."""
        return write()


class _Keeper:
    """Keeps nothing."""

    due = False

    def save(self, state: object) -> None:
        """Nothing to keep."""


class _Given:
    """Tensors in memory as either side: the loop's own limit."""

    units = ()

    def __init__(self, given: Sequence[Batch]) -> None:
        self.given = given
        self.labels = torch.cat([batch.labels for batch in given]).numpy()
        self.rows = np.arange(len(self.labels))

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:  # noqa: ARG002
        """All of them."""
        yield from self.given

    def batches(self) -> Iterator[Batch]:
        """Validation is no part of what is compared: two images of it."""
        one = self.given[0]
        yield Batch(0, one.inputs[:2], torch.tensor([[0.0], [1.0]]).expand(2, len(FINDINGS)), np.arange(2))

    def part(self, network: torch.nn.Module) -> torch.nn.Module:
        """The whole network."""
        return network


class _Streamed:
    """Batches that are made while the loop goes on, and remembered."""

    def __init__(self, images: TrainingImages) -> None:
        self._images, self.labels, self.rows = images, images.labels, images.rows
        self.given: list[Batch] = []

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """As of the images."""
        for batch in self._images.epoch(epoch, first):
            self.given.append(batch)
            yield batch

    def part(self, network: torch.nn.Module) -> torch.nn.Module:
        """The whole network."""
        return network


def _network(spec: TrainingSpec) -> torch.nn.Module:
    torch.manual_seed(0)
    network = backbones.create(spec.network.architecture, len(FINDINGS))
    backbones.freeze(network, spec.network.trainable_groups)
    return network.to(memory_format=torch.channels_last)


@contextlib.contextmanager
def _open(spec: TrainingSpec, cohort: Cohort) -> Iterator[tuple[TrainingImages, ValidationImages]]:
    watch: Any = _Watch()
    with open_sides(spec, cohort, split_by_patient(cohort, 0.1, 0), (), watch) as sides:
        yield sides


@dataclass(frozen=True, slots=True)
class _Time:
    """Of the wall, and of this process and those that it has started and seen end."""

    wall: float
    processor: float

    def __sub__(self, other: _Time) -> _Time:
        return _Time(self.wall - other.wall, self.processor - other.processor)

    def over(self, other: _Time) -> tuple[float, float]:
        return self.wall / other.wall, self.processor / other.processor

    @classmethod
    def now(cls) -> _Time:
        times = os.times()
        return cls(time.perf_counter(), times.user + times.system + times.children_user + times.children_system)


def _median(ratios: Sequence[tuple[float, float]]) -> str:
    wall, processor = (statistics.median(ratio[place] for ratio in ratios) for place in (0, 1))
    return f"{wall:.3f} ({processor:.3f})"


def _train(spec: TrainingSpec, network: torch.nn.Module, training: Any, validation: Any) -> _Time:
    method = make_method(spec, network, training)
    state = TrainingState(network, make_optimiser(network, spec.recipe), method.kept())
    watch: Any = _Watch()
    keeper: Any = _Keeper()
    fabric = make_fabric(spec)
    begun = _Time.now()
    fit(spec, fabric, state, method, training, validation, watch, keeper)
    return _Time.now() - begun


def _plain(network: torch.nn.Module, batches: Sequence[Batch]) -> _Time:
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.05)
    network.train()
    begun = _Time.now()
    for batch in batches:
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(batch.inputs), batch.labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        loss.item()
    return _Time.now() - begun


# --- the comparisons


@dataclass(frozen=True, slots=True)
class _Run:
    """One network at one size."""

    network: str
    side: int
    batch: int
    steps: int

    def spec(self, folder: Path, setting: Any = "S5") -> TrainingSpec:
        preprocessing = Preprocessing((self.side, self.side), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        return TrainingSpec(
            name="benchmark",
            title="Benchmark",
            findings=FINDINGS,
            network=NetworkSpec(self.network, setting, preprocessing),
            data=DataSpec(folder=FolderData(str(folder))),
            recipe=Recipe(epochs=1, batch_size=self.batch, learning_rate=1e-4),
            license="Apache-2.0",
        )

    def random(self, count: int) -> _Given:
        draws = torch.Generator().manual_seed(0)
        made = []
        for number in range(count):
            inputs = torch.randn(self.batch, 3, self.side, self.side, generator=draws)
            labels = (torch.rand(self.batch, len(FINDINGS), generator=draws) < 0.5).float()
            rows = np.arange(number * self.batch, (number + 1) * self.batch)
            made.append(Batch(number, inputs.contiguous(memory_format=torch.channels_last), labels, rows))
        return _Given(made)

    def loop(self) -> str:
        """Steps of the job's loop and of ten lines of PyTorch, in turns; what is done besides steps is taken off."""
        spec = self.spec(Path())
        many, few = self.random(self.steps + 1), self.random(1)
        network, other = _network(spec), _network(spec)
        ratios, ours = [], []
        for _ in range(ROUNDS + 1):  # the first warms up
            own = _train(spec, network, many, few) - _train(spec, network, few, few)
            plain = _plain(other, many.given) - _plain(other, few.given)
            ratios.append(plain.over(own))
            ours.append(own.wall / self.steps)
        step = statistics.median(ours[1:])
        return (
            f"training, {self.network}, {self.batch} images of {self.side}² a step: {step * 1e3:.0f} ms; "
            f"steps a second {_median(ratios[1:])} of a plain loop's (budget 0.95)"
        )

    def disk(self, folder: Path, kind: str, size: int) -> str:
        """The first epoch, decoded from files; the second; and the loop on the same tensors in memory, in turns."""
        spec = self.spec(folder)
        cohort = folder_cohort(FolderData(str(folder)), FINDINGS)
        network, few = _network(spec), self.random(1)
        _train(spec, network, few, few)
        firsts, seconds, rates = [], [], []
        for part in np.array_split(np.arange(len(cohort.paths)), ROUNDS):
            with _open(spec, cohort.part(part)) as (training, _):
                begun = _Time.now()
                side = _Streamed(training)
                first = _train(spec, network, side, few)
                second = _train(spec, network, _Streamed(training), few)
            processor = _Time.now() - begun - second  # the processes that decode are counted once they have ended
            own = _train(spec, network, _Given(side.given), few)
            firsts.append(own.over(_Time(first.wall, processor.processor)))
            seconds.append(own.over(second))
            rates.append(len(side.rows) / first.wall)
        return (
            f"training, {self.network} at {self.side}², {kind} films of {size}²: first epoch "
            f"{statistics.median(rates):.1f} images/s = {_median(firsts)} of the loop's own limit (budget 0.9), "
            f"second {_median(seconds)}"
        )

    def features(self, folder: Path) -> str:
        """Five epochs of a frozen backbone, images unmoved: features computed in each epoch, and kept."""
        still = augmentation_card("none").augmentation
        recipe = Recipe(epochs=5, batch_size=self.batch, learning_rate=1e-3, augmentation=still)
        spec = replace(self.spec(folder, "S4"), recipe=recipe)
        network = _network(spec)
        backbones.freeze(network, 0)
        cohort = folder_cohort(FolderData(str(folder)), FINDINGS)
        self._job(spec, network, cohort, keep=False, epochs=1)  # decodes the films
        plain = self._job(spec, network, cohort, keep=False)
        first, *later = (self._job(spec, network, cohort, keep=True) for _ in range(4))
        seconds = statistics.median(one.wall for one in later)
        return (
            f"training, frozen {self.network} at {self.side}², 5 epochs, {len(cohort.paths)} films: "
            f"{plain.wall:.1f} s without kept features; first job {_median([plain.over(first)])} times as fast, later "
            f"{seconds:.2f} s, {_median([plain.over(one) for one in later])} (budget 20)"
        )

    def _job(self, spec: TrainingSpec, network: torch.nn.Module, cohort: Cohort, keep: bool, epochs: int = 5) -> _Time:
        """From opening the data to the last validation: whatever kept features save and cost is in it."""
        spec = replace(spec, machine=MachineSpec(keep_features=keep), recipe=replace(spec.recipe, epochs=epochs))
        watch: Any = _Watch()
        begun = _Time.now()
        with _open(spec, cohort) as images:
            method = make_method(spec, network, images[0])
            features = feature_sides(spec, network, method, *images, watch)
            with kept_features(features, *images, watch) as sides:
                _train(spec, network, *sides)
        return _Time.now() - begun


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
