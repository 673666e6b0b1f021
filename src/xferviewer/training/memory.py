"""What a training job will hold in memory, and whether the device has room for it, before anything is built.

All of it is counted with tensors that have shapes, types and no values: a network of any size costs nothing.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call

from xferviewer.engine.device import CPU, autocast
from xferviewer.errors import UnusableSpec
from xferviewer.networks import backbones
from xferviewer.training.averaging import make_average
from xferviewer.training.optimisers import make_optimiser

if TYPE_CHECKING:
    from xferviewer.jobs.spec import TrainingSpec


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a job on its device, by what they are for; an estimate of what torch allocates, without its own code.

    parameters   how many the network has; `learning` of them learn; `head` are the head's
    weights      and running means
    copies       of them: the best epoch, and the average where the recipe keeps one
    gradients    of what learns
    optimiser    what it keeps of each parameter, by its kind
    activations  of a batch, or of one part of it where it goes through in parts: what the backward pass needs again,
                 the images, and the two largest results at once. Under bfloat16 what autocast makes of them, and its
                 copies of the weights
    """

    parameters: int
    learning: int
    head: int
    weights: int
    copies: int
    gradients: int
    optimiser: int
    activations: int

    @property
    def kept(self) -> int:
        """All the time, whatever the batch."""
        return self.weights + self.copies + self.gradients + self.optimiser

    @property
    def total(self) -> int:
        """At the most."""
        return self.kept + self.activations

    def parts(self) -> dict[str, int]:
        """By what they are for."""
        return {
            "weights": self.weights, "copies": self.copies, "gradients": self.gradients,
            "optimiser": self.optimiser, "activations": self.activations,
        }  # fmt: skip


def training_memory(spec: TrainingSpec, device: torch.device = CPU) -> Memory:
    """What a job will hold on a device. Nothing is allocated. Raises ValueError for a network that cannot be built."""
    made = spec.network
    with torch.device("meta"):
        network = backbones.create(
            made.architecture, spec.outputs, made.preprocessing.channels, made.options, made.head
        )
    backbones.freeze(network, made.trainable_groups, made.counting)
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    classifier = tuple(f"{name}." for name in backbones.classifier_names(network))
    weights = _bytes(network.state_dict().values())
    # it counts steps to the end of the run, which changes nothing in its size
    average = make_average(network, spec.recipe.averaging, 1)
    at_once = -(-spec.recipe.batch_size // spec.recipe.accumulation)
    activations = _activations(network, spec, device, at_once)
    return Memory(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        learning=sum(parameter.numel() for parameter in learning),
        head=sum(values.numel() for name, values in network.named_parameters() if name.startswith(classifier)),
        weights=weights,
        copies=weights * (1 if average is None else 2),
        gradients=_bytes(learning),
        optimiser=_optimiser_bytes(network, learning, spec),
        activations=activations,
    )


def check_memory(spec: TrainingSpec, device: torch.device) -> Memory:
    """What a job will hold. Raises UnusableSpec where the device has less, ValueError as `training_memory`.

    Where a batch may go through in parts, the smallest part has to fit: two images.
    """
    needed = training_memory(spec, device)
    has = device_memory(device)
    at_once = -(-spec.recipe.batch_size // spec.recipe.accumulation)
    smallest = needed.activations * 2 // at_once if spec.machine.allow_smaller_batch else needed.activations
    if has is None or needed.kept + smallest <= has:
        return needed
    whole = needed.kept > has
    raise UnusableSpec(
        f"The job {spec.name} does not start.",
        f"Its network has {needed.parameters:,} parameters; training it keeps {needed.kept / 1e9:.1f} GB and a batch "
        f"takes {needed.activations / 1e9:.1f} GB more, and {device.type.upper()} has {has / 1e9:.1f} GB.",
        "Choose a smaller network or head (fewer filters, a smaller ratio), or freeze more of it."
        if whole
        else "Choose a smaller batch_size or smaller images, raise recipe.accumulation, or set "
        "machine.allow_smaller_batch.",
    )


def device_memory(device: torch.device) -> int | None:
    """Bytes that are free on a graphics card, or that the computer has, or lets this process have."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    has = int(psutil.virtual_memory().total)
    limit = Path("/sys/fs/cgroup/memory.max")  # of a container
    said = limit.read_text(encoding="ascii").strip() if limit.is_file() else "max"
    return min(has, int(said)) if said.isdecimal() else has


def memory_in_use(device: torch.device) -> int:
    """Bytes that this process holds there at this moment."""
    if device.type == "cuda":
        return int(torch.cuda.memory_reserved(device))
    if device.type == "mps":
        return int(torch.mps.driver_allocated_memory())
    return int(psutil.Process().memory_info().rss)


def _bytes(tensors: Any) -> int:
    return sum(one.numel() * one.element_size() for one in tensors)


def _optimiser_bytes(network: nn.Module, learning: list[nn.Parameter], spec: TrainingSpec) -> int:
    """Told by the optimiser itself, which makes what it keeps in its first step."""
    optimiser = make_optimiser(network, spec.recipe)
    for parameter in learning:
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    optimiser.zero_grad()
    kept = [value for state in optimiser.state.values() for value in state.values() if isinstance(value, Tensor)]
    return _bytes(kept)


def _activations(network: nn.Module, spec: TrainingSpec, device: torch.device, images: int) -> int:
    """Counted for two batches and drawn out in a straight line: part of it does not grow with the batch."""
    few = _saved(network, spec, device, 2)
    more = _saved(network, spec, device, 4)
    return max(few + (more - few) * (images - 2) // 2, 0)


def _forward(network: nn.Module, spec: TrainingSpec, state: dict[str, Tensor], inputs: Tensor) -> Tensor:
    """The logits. Raises ValueError for a network that does not take such images, as one made for another size."""
    try:
        logits: Tensor = functional_call(network, state, (inputs,))
    except Exception as error:
        rows, columns = spec.network.preprocessing.size
        raise ValueError(
            f"{spec.network.architecture} does not take images of {rows} × {columns}: {str(error).rstrip('.')}. Some "
            "networks have an option img_size for that"
        ) from error
    return logits


def _saved(network: nn.Module, spec: TrainingSpec, device: torch.device, images: int) -> int:
    """What a forward pass of so many images saves for the way back, beside the weights; each memory once.

    Tensors of the meta device have no values either and are counted faster, but autocast passes them by: below float32
    they are torch's fake ones, which say that they lie on the device of the job.
    """
    made, precision = spec.network.preprocessing, spec.recipe.precision
    whole = precision == "fp32"
    kind = torch.device("meta") if whole else device
    seen: dict[int, tuple[int, Tensor]] = {}
    network.train()
    named = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    with nullcontext() if whole else FakeTensorMode():
        state = {
            name: torch.empty(values.shape, dtype=values.dtype, device=kind).requires_grad_(values.requires_grad)
            for name, values in named.items()
        }
        own = {tensor.untyped_storage()._cdata for tensor in state.values()}  # noqa: SLF001

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in own:  # noqa: SLF001  there are no addresses; this tells storages apart
                seen[storage._cdata] = storage.nbytes(), tensor  # noqa: SLF001  held, so that no other takes its number
            return tensor

        inputs = torch.empty(images, made.channels, *made.size, device=kind)
        with saved_tensors_hooks(keep, lambda tensor: tensor), autocast(kind, precision):
            _forward(network, spec, state, inputs).float().sum()
        sizes = sorted(size for size, _ in seen.values())
        return sum(sizes) + 2 * sum(sizes[-1:]) + _bytes([inputs])
