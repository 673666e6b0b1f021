"""From whom each part of a bundle is: a Python distribution, Python itself, or a package of the system."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Literal

# PyInstaller's own: what starts the application, and small modules that it adds.
_BOOTLOADER = "pyinstaller"
_HOOKS = "pyinstaller-hooks-contrib"


@dataclass(frozen=True)
class Part:
    """Somebody else's work in the bundle.

    kind          what `name` is a name of: a distribution of the Python package index, a package of Debian, Python
    files         names in the bundle of what came from it, sorted
    distribution  its metadata, where it is a Python distribution
    """

    kind: Literal["pypi", "deb", "python"]
    name: str
    version: str
    files: tuple[str, ...]
    distribution: Distribution | None = None


def parts_of_bundle(origins: Path, site: Path) -> list[Part]:
    """All parts of the bundle whose origins the specification wrote to `origins`, by kind and name.

    `site` holds the unpacked wheel of xferviewer, which is a part as the others are. Raises SystemExit in words for a
    file from nowhere known: its licence would be missing from the bundle.
    """
    owners = _owners(site)
    files: dict[tuple[str, str], list[str]] = {}
    unknown: dict[Path, str] = {}
    for name, origin in json.loads(origins.read_text(encoding="utf-8")):
        if origin in ("", "-"):  # a namespace package has no file
            continue
        path = Path(origin)
        owner = owners.get(str(path)) or owners.get(str(path.resolve())) or _owner_by_place(path, origins.parent)
        if owner is None:
            unknown[path] = name
        else:
            files.setdefault(owner, []).append(name)
    for path, owner in _debian_owners(list(unknown)).items():
        files.setdefault(owner, []).append(unknown.pop(path))
    if unknown:
        lost = "\n  ".join(str(path) for path in sorted(unknown))
        sys.exit(
            f"The bundle holds files of unknown origin:\n  {lost}\nTheir licences are therefore unknown, too.\n"
            "Leave them out (packaging/left_out.py), or teach packaging/origins.py whose they are."
        )
    return [_part(kind, name, sorted(found), site) for (kind, name), found in sorted(files.items())]


def _owners(site: Path) -> dict[str, tuple[str, str]]:
    """Which distribution each installed file belongs to, by its path; of `site` and of this environment."""
    owners: dict[str, tuple[str, str]] = {}
    for distribution in [*distributions(), *distributions(path=[str(site)])]:
        home, owner = str(distribution.locate_file("")), ("pypi", distribution.name)  # parses its metadata each time
        record = csv.reader((distribution.read_text("RECORD") or "").splitlines())
        # read as it is: a path object for each of 70,000 files takes longer than all the rest
        owners |= {os.path.normpath(f"{home}/{row[0]}"): owner for row in record if row}
    return owners


def _owner_by_place(path: Path, work: Path) -> tuple[str, str] | None:
    """The owner of a file that no list of installed files has: Python's own, or made by PyInstaller."""
    standard = [Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib")]
    if "PyInstaller" in path.parts:
        return ("pypi", _BOOTLOADER)
    if "_pyinstaller_hooks_contrib" in path.parts:
        return ("pypi", _HOOKS)
    if path.is_relative_to(work) or any(path.resolve().is_relative_to(folder) for folder in standard):
        return ("python", "python")
    if path.resolve().parent == Path(sys.base_prefix).resolve() / "lib" and path.name.startswith("libpython"):
        return ("python", "python")
    if path.suffix in (".dll", ".exe") and path.resolve().is_relative_to(Path(sys.base_prefix).resolve()):
        return ("python", "python")
    return None


def _debian_owners(paths: list[Path]) -> dict[Path, tuple[str, str]]:
    """Which package of the system installed each file; files of no package are absent."""
    # dpkg knows a library below /usr by the name it was installed under, with or without /usr
    known_as: dict[str, Path] = {}
    for path in paths:
        for each in (path, path.resolve()):
            known_as[str(each)] = path
            if each.is_relative_to("/usr"):
                known_as[f"/{each.relative_to('/usr')}"] = path
    if not known_as or shutil.which("dpkg-query") is None:
        return {}
    asked = subprocess.run(["dpkg-query", "--search", *known_as], capture_output=True, text=True, check=False)
    owners = {}
    for line in asked.stdout.splitlines():  # "libxcb-cursor0:amd64: /usr/lib/x86_64-linux-gnu/libxcb-cursor.so.0"
        names, _, file = line.rpartition(": ")
        if file in known_as:
            owners[known_as[file]] = ("deb", names.split(",")[0].partition(":")[0].strip())
    return owners


def _part(kind: str, name: str, files: list[str], site: Path) -> Part:
    if kind == "pypi":
        found = next(iter(distributions(name=name, path=[str(site)])), None) or next(iter(distributions(name=name)))
        return Part("pypi", found.name, found.version, tuple(files), found)
    if kind == "deb":
        asked = ["dpkg-query", "-W", "-f=${Version}", name]
        version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip().splitlines()[0]
        return Part("deb", name, version, tuple(files))
    return Part("python", "python", sys.version.split()[0], tuple(files))
