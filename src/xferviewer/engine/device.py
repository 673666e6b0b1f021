"""Which device computes, at which precision, and what this computer offers."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
import warnings
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch

from xferviewer.errors import EngineFailure
from xferviewer.processes import computer_memory_bytes, usable_cores
from xferviewer.protocol import DeviceOffer
from xferviewer.settings import allowed_devices, policy_in_force

DeviceName = Literal["auto", "cuda", "mps", "cpu"]
DeviceKind = Literal["cuda", "mps", "cpu"]
Precision = Literal["fp32", "bf16", "fp16"]

KINDS: tuple[DeviceKind, ...] = ("cuda", "mps", "cpu")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "fp16")
CPU = torch.device("cpu")

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: DeviceName = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA, then Apple's MPS, then the CPU. Raises EngineFailure."""
    if name == "auto":
        return torch.device(next(kind for kind in KINDS if not _why_absent(kind)))
    absent = _why_absent(name)
    if absent:
        install = "install a torch that was built for your graphics card and its driver"
        raise EngineFailure(
            f"The device {name} cannot be used.",
            absent,
            f"Choose the device cpu or auto, or {install if name in allowed_devices() else 'ask who set it'}.",
        )
    return torch.device(name)


def check_precision(device: torch.device, precision: Precision) -> None:
    """Raises EngineFailure when `device` cannot compute at `precision`."""
    why = _why_not(device.type, precision)
    if why:
        raise EngineFailure(f"The precision {precision} cannot be used on {device.type}.", why, "Choose fp32.")


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The context in which a network computes at `precision`; its weights stay float32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, _DTYPES[precision])


def compute_exactly() -> None:
    """Let float32 mean float32, and the same input give the same bits, whatever anybody has switched before.

    torch lets cuDNN round the inputs of float32 convolutions to TF32 (10 bits of mantissa) unless it is told not to,
    and an environment variable or a library may do the same to matrix products, with bfloat16 on the CPU. Sums of half
    precision are kept in float32. cuDNN takes the kernels that its rules name: timing several, as its benchmark mode
    does, may take others in the next process, and some that are not deterministic. The switches are torch's, for the
    whole process: old names before new ones, since either is refused once it contradicts the other.
    """
    backends: Any = torch.backends  # its stubs know the old names only
    backends.fp32_precision = "ieee"  # what the others inherit where they say nothing
    backends.cudnn.fp32_precision = "ieee"
    torch.set_float32_matmul_precision("highest")
    backends.cuda.matmul.allow_tf32 = False
    backends.cudnn.allow_tf32 = False
    for operations in (
        backends.cuda.matmul,
        backends.cudnn.conv,
        backends.cudnn.rnn,
        backends.mkldnn.conv,
        backends.mkldnn.matmul,
        backends.mkldnn.rnn,
    ):
        operations.fp32_precision = "ieee"
    backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    backends.cudnn.benchmark = False
    backends.cudnn.deterministic = True


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


def offers() -> tuple[DeviceOffer, ...]:
    """CUDA, MPS and CPU as they are on this computer, also those that are not there, with the reason."""
    found = []
    for kind in KINDS:
        absent = _why_absent(kind)
        if absent:
            found.append(DeviceOffer(kind, "", None, "", (), (), absent))
            continue
        refusals = {precision: _why_not(kind, precision) for precision in PRECISIONS}
        usable = tuple(precision for precision, why in refusals.items() if not why)
        refused = tuple(f"{precision}: {why}" for precision, why in refusals.items() if why)
        cards = torch.cuda.device_count() if kind == "cuda" else 1
        found.append(DeviceOffer(kind, hardware(kind), _memory(kind), software(kind), usable, refused, "", cards))
    return tuple(found)


def hardware(kind: str) -> str:
    """The name that its maker gave a device that is here."""
    if kind == "cuda":
        return torch.cuda.get_device_name()
    if kind == "mps" or sys.platform == "darwin":
        return _said("sysctl", "-n", "machdep.cpu.brand_string")
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def software(kind: str) -> str:
    """What computes on a device: torch, the libraries and the driver below it, with versions."""
    parts = [f"torch {torch.__version__}"]
    if kind == "cuda":
        cudnn: Any = torch.backends.cudnn
        parts += [f"CUDA {torch.version.cuda}", f"cuDNN {cudnn.version()}", f"driver {_cuda_driver()}"]
    elif kind == "mps":
        parts.append(f"macOS {platform.mac_ver()[0]}")
    else:
        parts.append(torch.backends.cpu.get_cpu_capability())
    return ", ".join(parts)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device ran out of memory; outside CUDA torch says so with a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


# The CPU's allocator on Linux, macOS and Windows; MPS and CUDA's driver; libraries that allocate for themselves.
_OUT_OF_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "cudnn_status_alloc_failed",
    "cublas_status_alloc_failed",
)


def release_memory(device: torch.device) -> None:
    """Give back what torch keeps for later, so that the next attempt finds it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _cuda_driver() -> int:
    """The newest CUDA that NVIDIA's driver knows, 13020 for 13.2; 0 where there is no driver.

    The driver itself is asked: torch 2.15 has no name for it any more.
    """
    version = ctypes.c_int(0)
    with suppress(OSError, AttributeError):
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        driver.cuDriverGetVersion(ctypes.byref(version))
    return version.value


@cache
def _said(*command: str) -> str:
    """What a small program of the system prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _why_absent(kind: str) -> str:
    """Why a device cannot be used on this computer; empty where it can."""
    if kind not in allowed_devices():
        return f"The policy of this computer ({policy_in_force().file}) does not allow it."
    if kind == "mps" and not torch.backends.mps.is_available():
        return "Apple's Metal is not available on this computer or in this torch."
    return _why_no_cuda() if kind == "cuda" else ""


@cache
def _why_no_cuda() -> str:
    """Why CUDA cannot be used; empty where it can. torch says it once in a process, in a warning for developers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if torch.cuda.is_available():
            return ""
    if torch.version.cuda is None:
        return "The torch that is installed was built without CUDA."
    driver, needed = _cuda_driver(), int(torch.version.cuda.partition(".")[0])
    if driver and driver // 1000 < needed:
        known = f"{driver // 1000}.{driver % 1000 // 10}"
        return (
            f"The driver of the graphics card is too old: it knows CUDA {known}, and this torch is built for CUDA "
            f"{torch.version.cuda}. A newer driver comes from NVIDIA or the distribution."
        )
    return "No NVIDIA graphics card with a working driver was found."


@cache
def _why_not(kind: str, precision: Precision) -> str:
    """Why a device cannot compute at a precision, empty where it can: it is asked for a product of two matrices.

    autocast only warns and computes in float32 where a device has not the type, so the type of the product counts.
    """
    if precision == "bf16" and kind == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "This graphics card has no bfloat16 arithmetic."
    device = torch.device(kind)
    wanted = _DTYPES.get(precision, torch.float32)
    try:
        with torch.inference_mode(), autocast(device, precision):
            one = torch.ones(2, 2, device=device)
            product = one @ one
    except (RuntimeError, TypeError) as error:
        first = str(error).partition("\n")[0]
        return f"{first.rstrip('.')}."
    if product.dtype != wanted:
        return f"This torch computes in {str(product.dtype).removeprefix('torch.')} instead."
    return ""


def _memory(kind: DeviceKind) -> int | None:
    """Bytes of memory; None where the system does not say."""
    if kind == "cuda":
        return int(torch.cuda.get_device_properties(0).total_memory)
    return computer_memory_bytes()
