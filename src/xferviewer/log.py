"""The log file of each process. It never holds a patient's name: paths and identifiers appear as short digests only."""

from __future__ import annotations

import hashlib
import logging
import logging.handlers
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def anonymous(identifier: str | Path) -> str:
    """Eight hex digits that stand for a path or an identifier, the same in every log of one file, telling nobody whose."""
    return hashlib.sha256(str(identifier).encode(errors="surrogateescape")).hexdigest()[:8]


def start_logging(role: str, folder: Path, level: int = logging.INFO) -> None:
    """Write this process's log to `folder/role.log` (rotated at 1 MB, three kept) and warnings to stderr.

    A folder that cannot be written costs the file, not the application.
    """
    root = logging.getLogger("xferviewer")
    root.setLevel(level)
    layout = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setLevel(logging.WARNING)
    to_stderr.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    root.addHandler(to_stderr)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        to_file = logging.handlers.RotatingFileHandler(
            folder / f"{role}.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8", delay=False
        )
    except OSError as error:
        root.warning("no log file: %s", error.strerror)
        return
    to_file.setFormatter(layout)
    root.addHandler(to_file)
