"""A file of weights as plain data, whatever container it has. Nothing in a file is ever executed.

Read are torch's zip files (since 1.6) and its older plain ones, under any ending (`.pt`, `.pth`, `.pkl`, `.ckpt`,
`.bin`, `.pth.tar`), and safetensors; told apart by their first bytes. Everything comes to the CPU, wherever it was
saved.
"""

from __future__ import annotations

import argparse
import pickle
import pickletools
import re
import struct
import warnings
import zipfile
import zlib
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from xferviewer.errors import UnusableCheckpoint
from xferviewer.networks.importing.foreign_files import CONVERT, EXPORT, NOT_TORCHS, of_another_program
from xferviewer.networks.importing.whole_networks import as_state_dicts, placeholders

if TYPE_CHECKING:
    from pathlib import Path

# The number at the head of torch's plain files, as a pickle has it (torch/serialization.py, MAGIC_NUMBER).
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
_SCALAR = np.float64(0).__reduce__()[0]
# Lightning's dictionary of options, which is one with other manners; read as a plain one.
_LIGHTNING = (
    *("pytorch_lightning.utilities.parsing", "lightning.pytorch.utilities.parsing"),
    *("lightning_fabric.utilities.data", "lightning.fabric.utilities.data"),
)
# Plain values beside the weights that training scripts keep: their options, paths, numbers of numpy.
_HARMLESS: list[Any] = [
    argparse.Namespace,
    *((PurePosixPath, f"{module}.PosixPath") for module in ("pathlib", "pathlib._local")),
    *((PureWindowsPath, f"{module}.WindowsPath") for module in ("pathlib", "pathlib._local")),
    *((dict, f"{module}.AttributeDict") for module in _LIGHTNING),
    np.dtype,
    (_SCALAR, "numpy._core.multiarray.scalar"),
    (_SCALAR, "numpy.core.multiarray.scalar"),  # as numpy 1 wrote it
    *(type(np.dtype(kind)) for kind in ("bool", "int32", "int64", "float32", "float64")),
]
# The pickle of a file names its tensors; the tensors themselves lie beside it.
_LONGEST_PICKLE = 256 * 2**20
# What tensors may take in memory for each byte of the file: weights shared by two names are counted twice.
_GROWTH, _SLACK = 4, 2**20


# What readers raise of bytes that are not what they should be.
_FAULTS = (
    *(RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError),
    *(ImportError, MemoryError, struct.error, zipfile.BadZipFile, zlib.error),
)


def read_content(path: Path) -> object:
    """What the file holds: tensors by name, or dictionaries around them. Raises UnusableCheckpoint."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(512)
            file.seek(0)
            read = _reader(path, head, size)
            content = read(path, file, size)
    except OSError as error:
        raise refused(path, f"It could not be read: {error.strerror or error}.") from error
    _check_memory(path, content, size)
    return content


def refused(
    path: Path, why: str, todo: str = "Choose a file with the state dict of the network."
) -> UnusableCheckpoint:
    return UnusableCheckpoint(f"{path.name} cannot be imported.", why, todo)


def _reader(path: Path, head: bytes, size: int) -> Any:
    if head.startswith(b"PK\x03\x04"):
        return _read_zip
    foreign = of_another_program(path, head)
    if foreign is not None:
        raise refused(path, *foreign)
    if len(head) > 8 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= size - 8:
        return _read_safetensors
    if head[257:262] == b"ustar":
        raise refused(
            path,
            "It is an archive (tar), not a file of weights.",
            "Unpack it and import the file inside; one that torch itself wrote so, before 2017, must be saved anew.",
        )
    if head.startswith(b"\x80"):
        return _read_legacy
    raise refused(
        path,
        "It is empty." if not head else "It is neither a file that torch.save wrote nor one of safetensors.",
        "Choose a .pt, .pth, .ckpt, .bin or .safetensors file, or copy it again from where it came.",
    )


def _read_safetensors(path: Path, _file: BinaryIO, _size: int) -> object:
    try:
        return dict(load_file(path, device="cpu"))
    except (SafetensorError, *_FAULTS) as error:
        raise _damaged(path) from error


def _read_zip(path: Path, file: BinaryIO, size: int) -> object:
    try:
        with zipfile.ZipFile(file) as archive:
            _check_entries(path, archive, size)
            (described,) = (entry for entry in archive.infolist() if entry.filename.split("/")[1:] == ["data.pkl"])
            with archive.open(described) as pickled:
                asked_for = _examine(path, pickled.read(), size)
    except _FAULTS as error:
        raise _damaged(path) from error
    return _load(path, asked_for)


def _check_entries(path: Path, archive: zipfile.ZipFile, size: int) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    inside = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inside or any(name.startswith("code/") for name in inside):
        raise refused(
            path,
            "It is a TorchScript program: code with weights, and code is never run here.",
            EXPORT,
        )
    if any(name.endswith((".weights.h5", "metadata.json")) for name in names):
        raise refused(
            path,
            f"It is a Keras archive; {NOT_TORCHS}",
            CONVERT,
        )
    if names and all(name.endswith(".npy") for name in names):
        raise refused(path, f"It is an archive of numpy's (.npz), as JAX and Flax keep weights; {NOT_TORCHS}", CONVERT)
    if "data.pkl" not in inside:
        raise refused(path, "It is a zip archive that torch did not write.", "Unpack it and import the file inside.")
    # torch stores what it writes uncompressed: whoever declares more than lies there fills the memory
    if sum(entry.file_size for entry in entries) > size or len(entries) > size // 32:
        raise refused(path, "Its parts declare more bytes than the file has.", "Get it from a source that you trust.")
    if any(entry.file_size > _LONGEST_PICKLE for entry in entries if entry.filename.endswith("data.pkl")):
        raise refused(path, "Its list of tensors is too long to be one.", "Get it from a source that you trust.")


def _read_legacy(path: Path, file: BinaryIO, size: int) -> object:
    if _LEGACY_MAGIC not in file.read(64):
        raise refused(
            path,
            "It is a pickle that torch did not write; opening one can run any command.",
            EXPORT,
        )
    file.seek(0)
    try:
        for _ in range(3):  # magic number, protocol, system
            for _ in pickletools.genops(file):
                pass
        begin = file.tell()
        for _ in pickletools.genops(file):
            pass
        end = file.tell()
        file.seek(begin)
        asked_for = _examine(path, file.read(end - begin), size)
    except _FAULTS as error:
        raise _damaged(path) from error
    return _load(path, asked_for)


def _examine(path: Path, pickled: bytes, size: int) -> list[str]:
    """The names of the classes and functions that a pickle asks for; none is looked up.

    Refuses one that announces a tensor with more elements than the file has bytes: torch would make room for it first.
    """
    number, asked_for = 0, []
    for operation, value, _ in pickletools.genops(pickled):
        if operation.name == "GLOBAL":
            asked_for.append(str(value).replace(" ", "."))
        elif isinstance(value, int) and operation.name.startswith(("BININT", "INT", "LONG")):
            number = value
        elif operation.name == "BINPERSID" and not 0 <= number <= size:
            raise refused(
                path,
                f"It announces a tensor of {number:,} elements and has {size:,} bytes.",
                "Get it from a source that you trust.",
            )
    return asked_for


def _load(path: Path, asked_for: list[str]) -> object:
    stand_ins: list[Any] = [*_HARMLESS, *placeholders(asked_for)]
    try:
        with torch.serialization.safe_globals(stand_ins), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it warns of (sparse tensors, old storages) nothing is kept
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own message advises to load the file as code, which is never done here
        named = re.search(r"GLOBAL (\w+(?:\.\w+)*)", str(error))
        raise _holds_code(path, named[1] if named else "", str(error)) from error
    except _FAULTS as error:
        raise _damaged(path) from error
    return as_state_dicts(path, content)


_COMMANDS = (
    "os.",
    "posix.",
    "nt.",
    "subprocess.",
    "builtins.",
    "sys.",
    "shutil.",
    "runpy.",
    "importlib.",
    "torch.hub.",
)
_BUILT_IN = ("eval", "exec", "compile", "open", "getattr", "setattr", "delattr", "__import__", "breakpoint", "input")


def _holds_code(path: Path, stranger: str, said: str) -> UnusableCheckpoint:
    if stranger.startswith(_COMMANDS) or stranger in _BUILT_IN:
        return refused(
            path,
            f"It asks for {stranger}: opening it would run a command. Nothing of it was run.",
            "Get the weights from a source that you trust.",
        )
    if "Only persistent_load of storage is allowed" in said:
        return refused(path, "It is a whole network that torch saved before version 1.6, with its source code.", EXPORT)
    if stranger:
        return refused(path, f"It holds Python objects ({stranger}), and opening those means running code.", EXPORT)
    return refused(path, "It holds something else than plain tensors, and opening it could run code.", EXPORT)


def _damaged(path: Path) -> UnusableCheckpoint:
    return refused(path, "It is damaged or cut off.", "Copy it again from where it came, and compare its size.")


def _check_memory(path: Path, content: object, size: int) -> None:
    """A tensor may be spread out of one number; written out it could be larger than any memory."""
    total = sum(tensor.numel() * tensor.element_size() for tensor in _tensors(content))
    if total > _GROWTH * size + _SLACK:
        raise refused(
            path,
            f"Its tensors would take {total:,} bytes; the file has {size:,}.",
            "Get it from a source that you trust.",
        )


def _tensors(content: object, depth: int = 0) -> list[Tensor]:
    if isinstance(content, Tensor):
        return [content]
    if isinstance(content, dict) and depth < 4:
        return [tensor for value in content.values() for tensor in _tensors(value, depth + 1)]
    return []
