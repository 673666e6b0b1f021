"""Published weights in a folder of this machine, as people and libraries lay them out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xferviewer.checkpoints.folder import file_digest
from xferviewer.errors import UnusableCheckpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xferviewer.networks.hub.published import Published

SUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class Found:
    """A file of published weights here. checked: what its digest was compared with, for people; empty: nothing said."""

    file: Path
    sha256: str
    checked: str


def find(published: Published, folder: Path) -> Found | None:
    """The weights in a mirror, compared with every digest that is stated for them; None where they are not there.

    Raises UnusableCheckpoint for a file with another digest.
    """
    file = next((path for path in _places(published, folder) if path.is_file()), None)
    if file is None:
        return None
    digest, checked = file_digest(file), []
    for stated, by in _stated(published, folder, file):
        if not digest.startswith(stated):
            raise wrong_digest(published.name, f"{file}: its SHA-256 is {digest[:16]}…, {by} says {stated[:16]}.")
        checked.append(by)
    return Found(file, digest, " and ".join(checked))


def wrong_digest(name: str, why: str) -> UnusableCheckpoint:
    return UnusableCheckpoint(
        f"The weights {name} are not what they should be.",
        f"{why[0].upper()}{why[1:]}",
        "Take the file away and get it again from where it is published.",
    )


def _places(published: Published, folder: Path) -> Iterator[Path]:
    """By name, in torch.hub's folder, as timm's local directory, in the cache of the hub's own library."""
    yield folder / published.file
    if published.name.startswith("torchvision/"):
        yield folder / "checkpoints" / published.file
        yield folder / "hub" / "checkpoints" / published.file
        return
    full = published.name.removeprefix("timm/")
    inside = published.url.rpartition("/")[2]
    for place in (folder / full, folder / "timm" / full):
        yield place / inside
    for cache in (folder, folder / "hub"):
        repository = cache / f"models--timm--{full}"
        yield from (revision / inside for revision in _revisions(repository))


def _revisions(repository: Path) -> list[Path]:
    """The snapshot that the branch main points to, else the only one: of several nobody can tell which is meant."""
    snapshots = repository / "snapshots"
    try:
        return [snapshots / (repository / "refs" / "main").read_text(encoding="ascii").strip()]
    except (OSError, UnicodeDecodeError):
        found = list(snapshots.iterdir()) if snapshots.is_dir() else []
        return found if len(found) == 1 else []


def _stated(published: Published, folder: Path, file: Path) -> Iterator[tuple[str, str]]:
    if published.sha256:
        yield published.sha256, "its published name"
    blob = file.resolve().name  # the hub's library names what it keeps by its digest
    if file.is_symlink() and re.fullmatch(r"[0-9a-f]{64}", blob):
        yield blob, "the cache"
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        digest, _, name = line.partition(" ")
        if name.strip().removeprefix("*").removeprefix("./") == file.relative_to(folder).as_posix():
            yield digest.lower(), SUMS
