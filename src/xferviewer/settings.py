"""What a user or an IT department may set, in one TOML file, and the folders the application writes to."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from xferviewer.errors import UnusableFolder


def data_folder() -> Path:
    """Where the catalogue, predictions and jobs live. The variable XFERVIEWER_HOME moves it."""
    home = os.environ.get("XFERVIEWER_HOME")
    return Path(home) if home else platformdirs.user_data_path("xferviewer", appauthor=False)


def settings_file() -> Path:
    """The user's settings.toml; beside the data when XFERVIEWER_HOME is set."""
    home = os.environ.get("XFERVIEWER_HOME")
    folder = Path(home) if home else platformdirs.user_config_path("xferviewer", appauthor=False)
    return folder / "settings.toml"


def log_folder() -> Path:
    """Where each process keeps its log."""
    home = os.environ.get("XFERVIEWER_HOME")
    return Path(home) / "log" if home else platformdirs.user_log_path("xferviewer", appauthor=False)


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
        beside.unlink(missing_ok=True)
        raise UnusableFolder(
            f"{path.name} could not be written.",
            f"{path.parent}: {error.strerror or error}.",
            "Free space there, or choose a folder that you may write to.",
        ) from error
