"""The settings that count, and a person's choices written into their settings file."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tomli_w

from xferviewer.atomic_files import write_atomically
from xferviewer.errors import UnusableChoice
from xferviewer.policy import Policy
from xferviewer.settings.policy_values import DEFAULTS_BESIDE, LOCKS_BESIDE, policy_in_force
from xferviewer.settings.values import DEFAULTS, Settings, possible, usable

Origin = Literal["built in", "policy default", "settings file", "policy lock"]


@dataclass(frozen=True, slots=True)
class InForce:
    """The settings that count, where each comes from, and a sentence for each key that could not be used."""

    settings: Settings
    origins: Mapping[str, Origin]
    policy: Policy
    complaints: list[str]


def read_settings(path: Path) -> tuple[Settings, list[str]]:
    """The settings that count, from a TOML file and the policy, and a sentence for each key that could not be used."""
    found = settings_in_force(path)
    return found.settings, found.complaints


def settings_in_force(path: Path) -> InForce:
    """The defaults, the policy's defaults, the TOML file, the policy's locks: the later one counts.

    A bad key of the file costs only itself. Raises CannotStart where the policy cannot be used.
    """
    policy = policy_in_force()
    good = {key: value for key, value in policy.defaults.items() if key not in DEFAULTS_BESIDE}
    origins: dict[str, Origin] = dict.fromkeys(DEFAULTS, "built in")
    origins |= dict.fromkeys(good, "policy default")
    written, complaints = _written(path)
    for key, value in written.items():
        if key not in DEFAULTS:
            complaints.append(f"The setting {key} is not known to this version and is ignored.")
        elif (read := usable(key, value)) is None:
            used = good.get(key, DEFAULTS[key])
            complaints.append(f"The setting {key} = {value!r} cannot be used; {used!r} is used instead.")
        else:
            good[key] = read
            origins[key] = "settings file"
    locked = {key: value for key, value in policy.locked.items() if key not in LOCKS_BESIDE}
    origins |= dict.fromkeys(locked, "policy lock")
    typed = {key: usable(key, value) for key, value in (good | locked).items()}
    return InForce(Settings(**typed), origins, policy, complaints)


def _written(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What a settings file holds, and why it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), []
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return {}, [f"The settings file {path.name} cannot be read ({error}); the defaults are used."]


def change_settings(path: Path, changes: Mapping[str, Any], forget: Collection[str] = ()) -> None:
    """Write what a person chose into their settings file, and nothing else: what they left alone follows its default.

    Keys of other versions stay, and so does a file that is no TOML, as `.unreadable` beside the new one. `forget` are
    keys to follow their default again.

    Raises UnusableChoice for a key that is none, a value that is not possible or one that the policy locks, and
    UnusableFolder where the file cannot be written.
    """
    policy = policy_in_force()
    for key in (*changes, *forget):
        if key not in DEFAULTS:
            raise UnusableChoice(
                f"The setting {key} does not exist.",
                f"This version has {', '.join(sorted(DEFAULTS))}.",
                "Choose one of these; `xferviewer settings` lists them with their values.",
            )
        if policy.lock_of(key):
            raise UnusableChoice(
                f"The setting {key} cannot be changed.",
                policy.lock_of(key),
                "Ask whoever looks after this computer.",
            )
    for key, value in changes.items():
        if usable(key, value) is None:
            raise UnusableChoice(
                f"The setting {key} cannot be {value!r}.", f"{possible(key)}.", "Choose another value."
            )
    written, unreadable = _written(path)
    kept = {key: value for key, value in written.items() if key not in forget}
    if unreadable:
        _set_aside(path)
    write_atomically(path, tomli_w.dumps(kept | dict(changes)).encode())


def _set_aside(path: Path) -> None:
    with contextlib.suppress(OSError):  # what can be neither read nor moved is told when the new one is written
        path.replace(path.with_name(f"{path.name}.unreadable"))
