"""What a user or an IT department may set, each in one TOML file, and the folders the application writes to."""

from xferviewer.settings.file import InForce, change_settings, read_settings, settings_in_force
from xferviewer.settings.folders import data_folder, log_folder, settings_file, weights_folder
from xferviewer.settings.policy_values import (
    DEFAULTS_BESIDE,
    LOCKABLE,
    LOCKS_BESIDE,
    PERSONAL,
    allowed_devices,
    policy_in_force,
)
from xferviewer.settings.values import RANGES, Settings

__all__ = [
    "DEFAULTS_BESIDE",
    "LOCKABLE",
    "LOCKS_BESIDE",
    "PERSONAL",
    "RANGES",
    "InForce",
    "Settings",
    "allowed_devices",
    "change_settings",
    "data_folder",
    "log_folder",
    "policy_in_force",
    "read_settings",
    "settings_file",
    "settings_in_force",
    "weights_folder",
]
