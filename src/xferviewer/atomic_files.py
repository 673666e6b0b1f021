"""Files that are replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from xferviewer.errors import UnusableFolder


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, or leave it as it was: a full disk or a power cut never leaves half a file.

    Raises UnusableFolder where the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # where the parent is a file, nothing beside it can be removed either
            beside.unlink()
        raise UnusableFolder(
            f"{path.name} could not be written.",
            f"{path.parent}: {error.strerror or error}.",
            "Free space there, or choose a folder that you may write to.",
        ) from error
