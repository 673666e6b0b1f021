"""The folders that the application writes to: its own, those of a variable, those of a policy."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from xferviewer.errors import CannotStart
from xferviewer.settings.policy_values import expanded, policy_in_force


def data_folder() -> Path:
    """Where the catalogue, predictions and jobs live. The variable XFERVIEWER_HOME moves it, or the policy does.

    Raises CannotStart where the variable contradicts a policy that locks the folder.
    """
    home, policy = os.environ.get("XFERVIEWER_HOME"), policy_in_force()
    locked = policy.locked.get("data_folder")
    if locked is not None and home and Path(home) != expanded(locked):
        raise CannotStart(
            "The variable XFERVIEWER_HOME cannot be used here.",
            policy.lock_of("data_folder").replace("sets it", f"sets the data folder to {expanded(locked)}"),
            "Unset the variable, and start again.",
        )
    chosen = locked or home or policy.defaults.get("data_folder")
    return expanded(chosen) if chosen else platformdirs.user_data_path("xferviewer", appauthor=False)


def settings_file() -> Path:
    """The user's settings.toml; beside the data when XFERVIEWER_HOME is set."""
    home = os.environ.get("XFERVIEWER_HOME")
    folder = Path(home) if home else platformdirs.user_config_path("xferviewer", appauthor=False)
    return folder / "settings.toml"


def weights_folder() -> Path:
    """Where published weights that were fetched are kept."""
    return data_folder() / "weights"


def log_folder() -> Path:
    """Where each process keeps its log."""
    home = os.environ.get("XFERVIEWER_HOME")
    return Path(home) / "log" if home else platformdirs.user_log_path("xferviewer", appauthor=False)
