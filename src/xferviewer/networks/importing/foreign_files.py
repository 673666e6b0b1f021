"""Files of weights that no reader here takes: whose they are, and what to do instead."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NOT_TORCHS = "its layers are those of another library, and pad and normalise otherwise."
CONVERT = "Convert it to PyTorch with a converter whose outputs you compared, then import that."
EXPORT = "In the program that made it, save network.state_dict() with torch.save, and import that."
# First bytes (from which place) of files of other programs.
_SIGNS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x89HDF\r\n\x1a\n", f"It is an HDF5 file, as Keras writes them; {NOT_TORCHS}", CONVERT),
    (4, b"TFL3", f"It is a network for TensorFlow Lite; {NOT_TORCHS}", CONVERT),
    (0, b"GGUF", "It is a GGUF file, which holds language models.", "Choose the weights of an image network."),
    (0, b"model_checkpoint_path:", "It is the list of a TensorFlow checkpoint, not weights.", CONVERT),
)
# An ONNX graph is a message without a sign of its own: the version of its format, then who made it.
_ONNX = re.compile(rb"\x08.{1,2}\x12.(pytorch|onnx|tf2onnx|keras2onnx|skl2onnx)", re.S)
# The last bytes of a TensorFlow checkpoint's .index, a table as LevelDB keeps them.
_TENSORFLOW_TABLE = bytes.fromhex("57fb808b247547db")
_TENSORFLOW_NAMES = re.compile(r".*\.(index|data-\d{5}-of-\d{5}|meta|pb)")


def of_another_program(path: Path, head: bytes) -> tuple[str, str] | None:
    """Why a file that begins with `head` is refused, and what to do; None where a reader may take it."""
    for place, sign, why, todo in _SIGNS:
        if head[place:].startswith(sign):
            return why, todo
    if _ONNX.match(head) or (path.suffix == ".onnx" and head.startswith(b"\x08")):
        return "It is an ONNX graph: a program with weights, whose layers have other names.", EXPORT
    if head and (_TENSORFLOW_NAMES.fullmatch(path.name) or _last_bytes(path, 8) == _TENSORFLOW_TABLE):
        return f"It is part of a TensorFlow checkpoint; {NOT_TORCHS}", CONVERT
    return None


def _last_bytes(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        file.seek(-min(count, path.stat().st_size), os.SEEK_END)
        return file.read()
