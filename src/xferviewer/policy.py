"""The policy of a computer: what its administrator sets for everybody who works on it, in one TOML file.

`[defaults]` holds until a person chooses otherwise; `[locked]` holds whatever they choose. A policy that cannot be read
to its last word stops every command (docs/decisions/0120).
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xferviewer.errors import CannotStart

POLICY_VERSION = 1
TRIED_BY = "XFERVIEWER_POLICY"
"""The variable that names a policy to try, on a computer that has none of its own."""

_TABLES = ("defaults", "locked")


@dataclass(frozen=True, slots=True)
class Policy:
    """What the file says, as TOML has it; nothing where there is no file."""

    file: Path | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    locked: Mapping[str, Any] = field(default_factory=dict)

    def lock_of(self, key: str) -> str:
        """Why a value cannot be changed, in a sentence; empty where it can."""
        return f"The policy of this computer ({self.file}) sets it." if key in self.locked else ""


def machine_policy_file() -> Path:
    """Where an administrator puts the policy, and nobody else can: never a place that a variable could move.

    (platformdirs asks XDG_CONFIG_DIRS on Linux and may ask ProgramData on Windows.)
    """
    if sys.platform == "win32":
        import winreg

        key = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders"
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as folders:
            return Path(str(winreg.QueryValueEx(folders, "Common AppData")[0])) / "xferviewer" / "policy.toml"
    if sys.platform == "darwin":
        return Path("/Library/Application Support/xferviewer/policy.toml")
    return Path("/etc/xferviewer/policy.toml")


def read_policy() -> Policy:
    """The policy of this computer, or the one to try where it has none. Raises CannotStart where it cannot be used."""
    machine = machine_policy_file()
    content = _content(machine)
    if content is not None:
        return parse_policy(machine, content)
    tried = os.environ.get(TRIED_BY, "")
    if not tried:
        return Policy()
    content = _content(Path(tried))
    if content is None:
        raise unusable_policy(Path(tried), f"The variable {TRIED_BY} names it, and it does not exist.")
    return parse_policy(Path(tried), content)


def _content(file: Path) -> bytes | None:
    """What is in the file; None where there is none. One that is there and cannot be read is no reason to go on."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unusable_policy(file, f"It cannot be read: {error.strerror or error}.") from error


def parse_policy(file: Path, content: bytes) -> Policy:
    """The tables of a policy; `settings` knows what may stand in them. Raises CannotStart."""
    try:
        written = tomllib.loads(content.decode("utf-8-sig"))  # Windows' own editor writes the mark
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise unusable_policy(file, f"It is no TOML: {error}.") from error
    version = written.pop("version", None)
    if type(version) is not int or not 1 <= version <= POLICY_VERSION:
        said = "It does not say its version" if version is None else f"Its version is {version!r}"
        raise unusable_policy(file, f"{said}; this xferviewer reads version {POLICY_VERSION}.")
    for name, table in written.items():
        if name not in _TABLES or not isinstance(table, dict):
            raise unusable_policy(file, f"It holds {name}; beside version there are the tables defaults and locked.")
    return Policy(file, written.get("defaults", {}), written.get("locked", {}))


def unusable_policy(file: Path, why: str) -> CannotStart:
    """The refusal of a policy: nothing runs while it is not known what is allowed."""
    return CannotStart(
        f"The policy file {file} cannot be used.",
        why,
        "Ask whoever looks after this computer to correct it (docs/deployment.md); until then nothing runs.",
    )
