"""The state of a run on disk: written whole or not at all, read without executing anything.

last.safetensors        the run as it stood at a step; what is no tensor is JSON in its header
best-EPOCH.safetensors  the weights of the best epoch so far, which `last` names
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from xferviewer.errors import UnusableFolder

if TYPE_CHECKING:
    from xferviewer.training.state import TrainingState

RESUME_VERSION = 1


class Keeper:
    """Keeps the state of one run in a folder, every so often.

    run    what the run depends on besides its state: a digest of specification, split and images. The state of another
           run is refused.
    every  seconds between two savings in an epoch; the end of an epoch is always saved
    """

    def __init__(self, folder: Path, run: str, every: float) -> None:
        self._folder, self._run, self._every = folder, run, every
        self._saved = time.monotonic()
        self._best = 0  # the epoch whose weights are on disk

    @property
    def due(self) -> bool:
        """Whether the last saving is long enough ago."""
        return time.monotonic() - self._saved >= self._every

    def save(self, state: TrainingState) -> None:
        """Keep `state` and the best weights; a kill at any moment leaves this state or the one before.

        Raises OSError where the disk is full or the folder cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        best = self._folder / f"best-{state.best.epoch}.safetensors"
        if state.best.epoch != self._best:  # a file that a killed run left may be of other last bits
            _write(best, state.best.weights, "{}")
            self._best = state.best.epoch
        tensors: dict[str, Tensor] = {}
        rest = {"version": RESUME_VERSION, "run": self._run, "state": _take_apart(state.state_dict(), "", tensors)}
        _write(self._folder / "last.safetensors", tensors, json.dumps(rest))
        for older in self._folder.glob("best-*.safetensors"):  # only now does nothing name them any more
            if older != best:
                older.unlink(missing_ok=True)
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Once the run has come to its end."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def restore(self, state: TrainingState) -> bool:
        """Give `state` what was kept; False where nothing was. Raises UnusableFolder for the state of another run."""
        last = self._folder / "last.safetensors"
        if not last.exists():
            return False
        try:
            with safe_open(last, "pt") as file:
                rest = json.loads(file.metadata()["rest"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
            if rest["version"] != RESUME_VERSION:
                raise _unusable(self._folder, f"Its state has version {rest['version']}; this is {RESUME_VERSION}.")
            if rest["run"] != self._run:
                raise _unusable(self._folder, "Its state is of another specification, split or set of images.")
            said = _put_together(rest["state"], tensors)
            best = said["best"]["epoch"]
            state.load_state_dict(said, load_file(self._folder / f"best-{best}.safetensors") if best else {})
            self._best = best
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError, TypeError) as error:
            raise _unusable(self._folder, f"Its state cannot be read: {type(error).__name__}: {error}.") from error
        return True


def _take_apart(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """`value` as JSON can hold it, with every tensor put into `tensors` and named by its path instead."""
    if isinstance(value, Tensor | np.ndarray):
        tensors[path] = torch.as_tensor(value)
        return {"tensor": path} if isinstance(value, Tensor) else {"array": path}
    if isinstance(value, dict):  # as pairs: an optimiser counts its parameters by whole numbers, which JSON cannot
        return {"map": [[key, _take_apart(item, f"{path}/{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        items = [_take_apart(item, f"{path}/{place}", tensors) for place, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{path} of the state is of {type(value).__name__}, which is not kept")


def _put_together(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The reverse of `_take_apart`."""
    if isinstance(value, list):
        return [_put_together(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "array":
        return tensors[inner].numpy()
    if kind == "tuple":
        return tuple(_put_together(item, tensors) for item in inner)
    return {key: _put_together(item, tensors) for key, item in inner}


def _write(path: Path, tensors: dict[str, Tensor], rest: str) -> None:
    """Replace `path` by a file of safetensors, flushed to the disk first. Raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    seen: set[int] = set()
    whole: dict[str, Tensor] = {}
    for name, values in tensors.items():
        flat = values.detach().contiguous()
        # two names of one tensor (tied weights) are kept as two: the format knows no sharing
        whole[name] = flat.clone() if flat.data_ptr() in seen and flat.numel() else flat
        seen.add(flat.data_ptr())
    try:
        save_file(whole, beside, {"rest": rest})
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except SafetensorError as error:
        raise _as_os_error(error, path) from error
    finally:
        beside.unlink(missing_ok=True)


def _as_os_error(error: SafetensorError, path: Path) -> OSError:
    """The library tells of a full disk in words only."""
    number = re.search(r"os error (\d+)", str(error))
    if number is None:
        return OSError(str(error))
    code = int(number[1])
    return (
        OSError(code, os.strerror(code), str(path)) if os.name != "nt" else OSError(None, str(error), str(path), code)
    )


def _unusable(folder: Path, why: str) -> UnusableFolder:
    return UnusableFolder(
        f"The job in {folder.parent} cannot go on from where it was.",
        why,
        f"Clone the job and start the clone, or remove the folder {folder.name} and start the job from its beginning.",
    )
