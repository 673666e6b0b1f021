"""Which device computes, at which precision."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from xferviewer.errors import EngineFailure
from xferviewer.processes import usable_cores

DeviceName = Literal["auto", "cuda", "mps", "cpu"]
Precision = Literal["fp32", "bf16", "fp16"]

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: DeviceName = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA, then Apple's MPS, then the CPU. Raises EngineFailure."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, here in available.items() if here))
    if not available[name]:
        raise EngineFailure(
            f"The device {name} cannot be used.",
            _why_absent(name),
            "Choose the device cpu or auto, or install a torch that was built for your graphics card and its driver.",
        )
    return torch.device(name)


def check_precision(device: torch.device, precision: Precision) -> None:
    """Raises EngineFailure when `device` cannot compute at `precision`."""
    why = None
    if precision == "fp16" and device.type == "cpu":
        why = "A CPU has no fast half-precision arithmetic."
    if precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        why = "This graphics card has no bfloat16 arithmetic."
    if why:
        raise EngineFailure(f"The precision {precision} cannot be used on {device.type}.", why, "Choose fp32.")


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The context in which a network computes at `precision`."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, _DTYPES[precision])


def describe(device: torch.device, precision: Precision) -> str:
    """For the title bar and logs: "CUDA fp32 · NVIDIA H200", "CPU bf16 · x86_64, 2 cores"."""
    if device.type == "cuda":
        detail = torch.cuda.get_device_name(device)
    elif device.type == "mps":
        detail = f"Apple {platform.machine()}"
    else:
        cores = usable_cores()
        detail = f"{platform.machine()}, {cores} core{'s' if cores > 1 else ''}"
    return f"{device.type.upper()} {precision} · {detail}"


def _why_absent(name: str) -> str:
    if name == "mps":
        return "Apple's Metal is not available on this computer or in this torch."
    if torch.version.cuda is None:
        return "The torch that is installed was built without CUDA."
    return "No NVIDIA graphics card with a working driver was found."
