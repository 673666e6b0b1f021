"""Which files lie below a folder; each folder is listed once, and not asked for each of a million rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2")


class Listing:
    """The files below a folder, by path from it, with "/".

    unlisted  folders that may not be listed, as far as they were looked into
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, frozenset[str]] = {}
        self.unlisted: list[str] = []

    def has(self, path: str) -> bool:
        """Whether there is a file at a path below the folder."""
        parent, _, name = path.rpartition("/")
        return name in self.names(parent)

    def names(self, folder: str = "") -> frozenset[str]:
        """The names of the files in a folder below the folder; none where there is no such folder."""
        if folder not in self._names:
            if not os.access(self._folder / folder, os.R_OK | os.X_OK) and (self._folder / folder).is_dir():
                self.unlisted.append(folder)
            self._names[folder] = frozenset(
                name for name, is_folder in _entries(self._folder / folder) if not is_folder
            )
        return self._names[folder]

    def folders(self, folder: str = "") -> list[str]:
        """The names of the folders in a folder, sorted."""
        return sorted(name for name, is_folder in _entries(self._folder / folder) if is_folder)

    def below(self, folder: str = "", above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[str]:
        """The files below a folder, at any depth, by name; a link back to a folder `above` is not followed."""
        try:
            status = (self._folder / folder).stat()
        except OSError:
            return
        if (status.st_dev, status.st_ino) in above:
            return
        above |= {(status.st_dev, status.st_ino)}
        within = f"{folder}/" if folder else ""
        for name in sorted(self.names(folder)):
            yield within + name
        for name in self.folders(folder):
            yield from self.below(within + name, above)

    @cached_property
    def by_name(self) -> dict[str, str]:
        """Paths of all files by name; of several of one name the first."""
        found: dict[str, str] = {}
        for path in self.below():
            found.setdefault(path.rpartition("/")[2], path)
        return found

    @cached_property
    def pictures_by_stem(self) -> dict[str, str]:
        """Paths of all pictures and DICOM files by their name without its ending; of several the first."""
        found: dict[str, str] = {}
        for path in self.below():
            if is_picture(path) or path.lower().endswith((".dcm", ".dicom")):
                found.setdefault(PurePosixPath(path).stem, path)
        return found


def is_picture(path: str) -> bool:
    """Whether a name ends as pictures do."""
    return path.lower().endswith(PICTURES)


def home_of(folder: Path, *names: str) -> Path | None:
    """The folder itself or one right inside it that holds all these files or folders: an archive unpacked."""
    for place in (folder, *(folder / name for name, is_folder in sorted(_entries(folder)) if is_folder)):
        if all((place / name).exists() for name in names):
            return place
    return None


def _entries(folder: Path) -> Iterator[tuple[str, bool]]:
    """Names in a folder and whether they are folders, without hidden ones and those that no table could hold."""
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                hidden = entry.name.startswith(".") or entry.name == "__MACOSX"
                if not hidden and entry.name.isprintable() and "\\" not in entry.name:
                    yield entry.name, entry.is_dir()
    except OSError:
        return
