"""The parity check: whether a device at a precision gives the numbers of the CPU in float32.

Before a checkpoint's first number on a device and precision other than those, the same eight inputs are computed both
ways, on the device alone and as one batch. What a rounding of the arithmetic explains passes:

    |logit - reference|              <=  logit_tolerance * max(1, largest |reference|)
    |probability - reference|        <=  probability_tolerance

A network of some fifty to a hundred layers carries about ten roundings of its arithmetic into a logit: measured with
random weights, 1e-7 to 2e-5 of the largest logit in float32 (unit roundoff 6e-8), 6e-4 to 1e-2 in float16 (5e-4), 5e-3
to 5e-2 in bfloat16 (4e-3). The tolerance of float32 lies below what TF32, with the roundoff of float16, would give. The
probabilities are what a reader sees, with two decimals: they may move by two units of the last one in bfloat16, by half
a unit in float16, and in float32 by nothing that is seen.
docs/decisions/0047 has the figures and what happens when a check does not pass.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from xferviewer.atomic_files import write_atomically
from xferviewer.engine.device import CPU, Precision, describe, hardware, is_out_of_memory, software
from xferviewer.errors import EngineFailure, UnusableFolder
from xferviewer.evaluation.scores import scores_from_logits
from xferviewer.networks.preprocessing import present_to_tensor
from xferviewer.protocol import ParityCheck
from xferviewer.settings import data_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.checkpoints import Preprocessing
    from xferviewer.engine.inference import LoadedCheckpoint

log = logging.getLogger(__name__)

_VERSION = 1
"""Of inputs, tolerances and file together: raise it with any of them, and everything is checked anew."""

_N_INPUTS = 8
_SEED = 20
_GRAINS = (2, 4, 8, 16, 32, 64)  # of each layer of noise, along the side of a film


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Of a logit in units of the largest one (at least 1), and of a probability."""

    logit: float
    probability: float


TOLERANCES: dict[Precision, Tolerance] = {
    "fp32": Tolerance(1e-4, 1e-4),
    "fp16": Tolerance(1e-2, 5e-3),
    "bf16": Tolerance(5e-2, 2e-2),
}


def settle(exact: LoadedCheckpoint, device: torch.device, precision: Precision, *, anew: bool) -> LoadedCheckpoint:
    """`exact`, a checkpoint on the CPU in float32, as it will compute: on `device` at `precision` if that passes.

    Half precision that fails falls back to float32 on the same device, float32 that fails to the CPU. The answer
    carries the checks and, after a fallback, the warning to tell the user. `exact` must not be used afterwards: the
    network is one and the same. `anew` checks again what is remembered.
    """
    reference = _Reference(exact)
    checks: list[ParityCheck] = []
    for tried_device, tried_precision in _attempts(device, precision):
        remembered = None if anew else _recall(exact, tried_device, tried_precision)
        loaded, check = _try(exact, tried_device, tried_precision, reference, remembered)
        checks.append(check)
        if check.passed:
            return _settled(loaded, checks)
    return _settled(exact.on(CPU, "fp32"), checks)


def fixed_inputs(preprocessing: Preprocessing) -> Tensor:
    """The inputs of every check: float32 (8, channels, rows, columns), the same each time.

    Noise of all grains, the coarse ones strongest, as in radiographs, from a fixed seed; it reaches the network the way
    that a film does.
    """
    random = np.random.default_rng(_SEED)
    rows, columns = (side * 5 // 4 for side in preprocessing.size)
    tensors = []
    for _ in range(_N_INPUTS):
        film = torch.zeros(rows, columns)
        for grains in _GRAINS:
            noise = torch.from_numpy(random.normal(size=(1, 1, grains, grains)).astype(np.float32))
            film += functional.interpolate(noise, size=(rows, columns), mode="bilinear")[0, 0] / grains**0.5
        darkest, brightest = film.min(), film.max()
        tensors.append(present_to_tensor(((film - darkest) / (brightest - darkest)).numpy(), preprocessing))
    return torch.stack(tensors)


def compare(loaded: LoadedCheckpoint, reference: NDArray[np.float32], *answers: NDArray[np.float32]) -> ParityCheck:
    """The check of what `loaded` answered: logits (images, findings) float32 like the CPU's, one array for each way."""
    tolerance = TOLERANCES[loaded.precision]
    task = loaded.checkpoint.task
    scale = max(1.0, float(np.abs(reference).max()))
    apart = [np.abs(answer - reference).max() for answer in answers]
    apart_as_shown = [
        np.abs(scores_from_logits(answer, task) - scores_from_logits(reference, task)).max() for answer in answers
    ]
    logit, probability = _largest(apart), _largest(apart_as_shown)
    if logit is None or probability is None:
        why = "Its numbers there are not all finite."
    elif logit > tolerance.logit * scale or probability > tolerance.probability:
        why = (
            "Its numbers there are not those of the CPU in fp32: "
            f"a probability differs by {probability:.2g} (at most {tolerance.probability:.2g}), "
            f"a logit by {logit:.2g} (at most {tolerance.logit * scale:.2g})."
        )
    else:
        why = ""
    return ParityCheck(
        kind=loaded.device.type,
        precision=loaded.precision,
        device=describe(loaded.device, loaded.precision),
        passed=not why,
        logit_difference=logit,
        logit_tolerance=tolerance.logit * scale,
        probability_difference=probability,
        probability_tolerance=tolerance.probability,
        why=why,
    )


def _attempts(device: torch.device, precision: Precision) -> Iterator[tuple[torch.device, Precision]]:
    """What to try, in order; the CPU in float32 is not among it: it needs no check."""
    if precision != "fp32":
        yield device, precision
    if device.type != "cpu":
        yield device, "fp32"


class _Reference:
    """The inputs and what the CPU in float32 says of them, computed once and only when they are needed."""

    def __init__(self, exact: LoadedCheckpoint) -> None:
        self._exact = exact

    @cached_property
    def inputs(self) -> Tensor:
        return fixed_inputs(self._exact.checkpoint.preprocessing)

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        return _alone(self._exact.on(CPU, "fp32"), self.inputs)


def _try(
    exact: LoadedCheckpoint,
    device: torch.device,
    precision: Precision,
    reference: _Reference,
    remembered: ParityCheck | None,
) -> tuple[LoadedCheckpoint, ParityCheck]:
    """The checkpoint there, and its check; a new one is remembered if it came to numbers: memory may be free later."""
    if remembered is not None and not remembered.passed:
        return exact, remembered
    try:
        if remembered is not None:
            return exact.on(device, precision), remembered
        expected = reference.logits  # before the network leaves the CPU
        loaded = exact.on(device, precision)
        answers = _alone(loaded, reference.inputs), loaded.logits(reference.inputs)
    except (
        EngineFailure,
        RuntimeError,
        MemoryError,
    ) as error:  # no room, or an operation that the device does not have
        log.warning("no parity check on %s %s: %s", device.type, precision, type(error).__name__)
        return exact, _unchecked(device, precision, _in_words(error))
    check = compare(loaded, expected, *answers)
    _remember(loaded, check)
    return loaded, check


def _alone(loaded: LoadedCheckpoint, inputs: Tensor) -> NDArray[np.float32]:
    return np.concatenate([loaded.logits(one[None]) for one in inputs])


def _largest(differences: list[np.float32]) -> float | None:
    largest = float(np.max(differences))
    return largest if np.isfinite(largest) else None


def _unchecked(device: torch.device, precision: Precision, why: str) -> ParityCheck:
    tolerance = TOLERANCES[precision]
    described = describe(device, precision)
    return ParityCheck(
        device.type, precision, described, False, None, tolerance.logit, None, tolerance.probability, why
    )


def _in_words(error: Exception) -> str:
    if is_out_of_memory(error):
        return "The memory there does not suffice."
    first = str(error.why if isinstance(error, EngineFailure) else error).partition("\n")[0]
    return f"It could not compute there: {first.rstrip('.')}."


def _settled(loaded: LoadedCheckpoint, checks: list[ParityCheck]) -> LoadedCheckpoint:
    settled = replace(loaded, checks=tuple(checks))
    failed = [check for check in checks if not check.passed]
    if failed:
        tried = " and ".join(f"{check.kind.upper()} {check.precision}" for check in failed)
        where = f"{loaded.device.type.upper()} {loaded.precision}"
        settled.warnings.append(
            EngineFailure(
                f"{loaded.checkpoint.name} computes on {where}, not on {tried}.",
                " ".join(dict.fromkeys(check.why for check in failed)),
                f"Nothing need be done; choose {where} to be told of it no more.",
            )
        )
    return settled


# --- what is remembered: a file for each check, replaced whole, so that two processes never lose each other's


def _key(loaded: LoadedCheckpoint) -> dict[str, Any]:
    kind, checkpoint = loaded.device.type, loaded.checkpoint
    return {
        "version": _VERSION,
        "hardware": hardware(kind),
        "software": software(kind),
        "kind": kind,
        "precision": loaded.precision,
        "weights": checkpoint.weights_sha256,
        "preprocessing": checkpoint.preprocessing.digest,
    }


def _file(key: dict[str, Any]) -> Path:
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
    return data_folder() / "parity" / f"{name}.json"


def _recall(exact: LoadedCheckpoint, device: torch.device, precision: Precision) -> ParityCheck | None:
    """The check of before; None where there was none, or where its file cannot be read."""
    key = _key(replace(exact, device=device, precision=precision))
    try:
        kept = json.loads(_file(key).read_text(encoding="utf-8"))
        return ParityCheck(**kept["check"]) if kept["key"] == key else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _remember(loaded: LoadedCheckpoint, check: ParityCheck) -> None:
    key = _key(loaded)
    try:
        write_atomically(_file(key), json.dumps({"key": key, "check": asdict(check)}, indent=1).encode())
    except UnusableFolder as error:  # it is checked again the next time
        log.warning("a parity check is not remembered: %s", type(error).__name__)
