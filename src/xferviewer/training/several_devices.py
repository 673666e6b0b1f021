"""Several devices for one job: one process each, which compute a part of every batch and keep the same weights.

The process of the job is the first; it reads images, validates, writes, and hands every batch on to the others, its
helpers. Gradients are averaged by torch's DistributedDataParallel. A helper ends when its standard input closes, as it
does with the first process however that ends.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from xferviewer.errors import UnusableSpec, XferviewerError
from xferviewer.processes import own_command
from xferviewer.training.batches import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lightning_fabric import Fabric
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from xferviewer.jobs.process import JobProcess
    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.batches import TrainingSide

_LAST_WORD_SECONDS = 5
_OWN_END_SECONDS = 10


@contextmanager
def other_devices(spec: TrainingSpec, process: JobProcess) -> Iterator[None]:
    """Start the other processes of a job on several devices; they end with this context. One device needs none.

    Should one end before, the job fails and so does this process: nothing else brings back one that waits for it.
    """
    count = spec.machine.devices
    if count == 1:
        yield
        return
    with socket.socket() as probe:  # the processes meet on this computer, at a port that nobody else reaches
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": "0"}
    before = {name: os.environ.get(name) for name in (*place, "LOCAL_RANK")}
    with ExitStack() as stack:
        stack.callback(_restore, before)
        over = threading.Event()
        for rank in range(1, count):
            command = own_command("train-on-device", str(process.folder.path.absolute()), ",".join(process.devices()))
            environment = {**os.environ, **place, "LOCAL_RANK": str(rank)}
            helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr, env=environment)
            stack.callback(_end, helper)
            threading.Thread(target=_watch, args=(helper, rank, process, over), name="helper", daemon=True).start()
        os.environ.update(place, LOCAL_RANK="0")
        stack.callback(over.set)  # the first thing that is done in the end: from there on they may end as they like
        yield


def end_with_standard_input() -> None:
    """For a helper: its first process is gone once nobody can write to it any more."""

    def wait() -> None:
        # not through sys.stdin, whose buffer the end of the process would wait for
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, name="end", daemon=True).start()


@dataclass(frozen=True, slots=True)
class _Said:
    """A batch before its tensors: `shape` of the inputs; None after the last of an epoch."""

    number: int
    shape: tuple[int, ...] | None
    labels: NDArray[np.float32]


def received(fabric: Fabric) -> Any:
    """What the first process broadcasts next."""
    return fabric.broadcast(None)


def tell_rows(training: TrainingSide, fabric: Fabric) -> None:
    """Let the helpers know what they need to make the method of the job: how many images, with which labels."""
    fabric.broadcast((training.rows, training.labels))


class SharedTraining:
    """The training side of the first process; every batch goes to the helpers too."""

    def __init__(self, own: TrainingSide, network: nn.Module, fabric: Fabric) -> None:
        if own.part(network) is not network:
            raise UnusableSpec(
                "The job cannot compute on several devices.",
                "Its backbone is frozen and computed once for all epochs; what is left to learn is small.",
                "Set machine.devices = 1.",
            )
        self._own, self._fabric = own, fabric
        self.rows, self.labels = own.rows, own.labels

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """See TrainingSide."""
        for batch in self._own.epoch(epoch, first):
            self._fabric.broadcast(_Said(batch.number, tuple(batch.inputs.shape), batch.labels.numpy()))
            inputs = batch.inputs.to(self._fabric.device).contiguous()  # as it is received
            torch.distributed.broadcast(inputs, 0)
            yield Batch(batch.number, _laid_out(inputs), batch.labels, batch.rows)
        self._fabric.broadcast(_Said(0, None, np.empty(0, np.float32)))

    def part(self, network: nn.Module) -> nn.Module:
        """See TrainingSide."""
        return network


class ReceivedTraining:
    """The training side of a helper: what the first process sends."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.rows, self.labels = received(fabric)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:  # noqa: ARG002  the first process knows both
        """See TrainingSide."""
        while True:
            said: _Said = received(self._fabric)
            if said.shape is None:
                return
            inputs = torch.empty(said.shape, device=self._fabric.device)
            torch.distributed.broadcast(inputs, 0)
            rows = np.empty(len(said.labels), np.intp)
            yield Batch(said.number, _laid_out(inputs), torch.from_numpy(said.labels), rows)

    def part(self, network: nn.Module) -> nn.Module:
        """See TrainingSide."""
        return network


class SilentWatch:
    """What the loop of a helper tells, and an estimate: nothing. A helper does what the first process does."""

    before_waiting: Callable[[], None] | None = None

    def say(self, kind: str, message: str, **values: object) -> None:
        """The first process says it."""

    def stepped(self, step: Any) -> None:
        """The first process counts."""

    def refused(self, error: XferviewerError) -> None:
        """The first process reads images."""

    def working(self, message: str = "", **changes: object) -> None:
        """The first process waits where it is asked to, and its helpers with it, for the next batch."""

    def keep(self, write: Callable[[], Any]) -> Any:
        """The first process keeps the state."""


def share(fabric: Fabric, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, float]:
    """This process's part of a batch, and by how much its part of the loss counts before the mean over processes.

    A batch with fewer than two images for each goes through whole in every process.
    """
    count = fabric.world_size
    if count == 1 or len(images) < 2 * count:
        return images, labels, 1.0
    mine = slice(fabric.global_rank, None, count)
    return images[mine], labels[mine], float(count)


def _laid_out(inputs: Tensor) -> Tensor:
    """As networks are: channels last."""
    return inputs.contiguous(memory_format=torch.channels_last) if inputs.ndim == 4 else inputs


def _watch(helper: subprocess.Popen[bytes], rank: int, process: JobProcess, over: threading.Event) -> None:
    if helper.wait() == 0 or over.wait(_OWN_END_SECONDS):
        return  # done, or the first process has ended the job as well and says why itself
    error = XferviewerError(
        f"The job {process.folder.name} stopped.",
        f"The process of its device {rank + 1} ended with {helper.returncode}.",
        f"Read {process.folder.path / 'process.log'}, and resume the job; its state from before is kept.",
    )
    process.heart.stop("failed", error.what, error)
    os._exit(1)  # the main thread waits for a device that will not answer


def _end(helper: subprocess.Popen[bytes]) -> None:
    if helper.stdin is not None:
        helper.stdin.close()
    try:
        helper.wait(_LAST_WORD_SECONDS)
    except subprocess.TimeoutExpired:
        helper.kill()
        helper.wait()


def _restore(before: dict[str, str | None]) -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
