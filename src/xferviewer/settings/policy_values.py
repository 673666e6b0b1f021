"""Which settings a policy can hold, and the policy in force with every value of it checked."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from xferviewer.policy import Policy, read_policy, unusable_policy
from xferviewer.settings.values import DEFAULTS, DEVICES, usable

PERSONAL = ("notice_seen", "recent", "acknowledged_inputs")
"""Settings that speak of one person; no policy can hold them."""
LOCKABLE = ("hub", "mirror", "hide_identity", "largest_frame_mib", "film_memory_mib", "jobs_per_device")
"""Settings that a policy can lock; all but the personal ones can have their default there."""
DEFAULTS_BESIDE = ("data_folder",)
LOCKS_BESIDE = ("allowed_devices", "data_folder")
"""What beside settings may stand in a policy's tables; docs/deployment.md says what it means."""


def policy_in_force() -> Policy:
    """The policy of this computer, every value of it checked. Raises CannotStart where one cannot be used."""
    policy = read_policy()
    if policy.file is None:
        return policy
    settable = tuple(key for key in DEFAULTS if key not in PERSONAL)
    for name, table, known in (
        ("defaults", policy.defaults, (*settable, *DEFAULTS_BESIDE)),
        ("locked", policy.locked, (*LOCKABLE, *LOCKS_BESIDE)),
    ):
        for key, value in table.items():
            if key not in known:
                raise unusable_policy(policy.file, f"{key} is nothing that its table {name} can hold.")
            if _usable_in_policy(key, value) is None:
                raise unusable_policy(policy.file, f"{key} = {value!r} is not possible.")
    return policy


def _usable_in_policy(key: str, value: Any) -> Any:
    if key == "data_folder":
        return value if isinstance(value, str) and _is_absolute(value) else None
    if key == "allowed_devices":  # without the CPU no other device could be checked against it (0047)
        good = isinstance(value, list) and all(kind in DEVICES for kind in value) and "cpu" in value
        return value if good else None
    return usable(key, value)


def expanded(folder: str) -> Path:
    """A folder of the policy for whoever runs this: `~` is their home, `{user}` their name."""
    return Path(folder.replace("{user}", getpass.getuser()) if "{user}" in folder else folder).expanduser()


def _is_absolute(folder: str) -> bool:
    try:
        return expanded(folder).is_absolute()
    except (OSError, KeyError, RuntimeError):  # who runs this has no name, or no home
        return False


def allowed_devices() -> tuple[str, ...]:
    """The kinds of devices that may compute here, of DEVICES and in their order; always with "cpu"."""
    allowed = policy_in_force().locked.get("allowed_devices", DEVICES)
    return tuple(kind for kind in DEVICES if kind in allowed)
