"""Which image of one table is which image of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def match_names(wanted: Sequence[str], known: Sequence[str], unit: str) -> NDArray[np.intp]:
    """For each wanted case the index of the known one, else -1: images as `match_images`, others by their exact names.

    A case without a name is none. Both sequences hold each name once.
    """
    if unit == "image":
        return match_images(wanted, known)
    places = {name: index for index, name in enumerate(known) if name}
    return np.array([places.get(name, -1) for name in wanted], dtype=np.intp)


def match_images(wanted: Sequence[str], known: Sequence[str]) -> NDArray[np.intp]:
    """For each wanted image the index of the known one: of the same path, else of the same base name, else -1.

    A base name counts only where it is unique among the known and among the wanted images; otherwise the 0001.png
    of two sites would be taken for one. Both sequences hold each path once.
    """
    paths = {posix_path(path): index for index, path in enumerate(known)}
    matched = np.array([paths.get(posix_path(path), -1) for path in wanted], dtype=np.intp)
    other = np.flatnonzero(matched < 0)
    if other.size:
        known_names, wanted_names = _unique_names(known), _unique_names(wanted)
        for row in other.tolist():
            name = _base_name(wanted[row])
            if name in known_names and name in wanted_names:
                matched[row] = known_names[name]
    return matched


def differ_in_folder(a: str, b: str) -> bool:
    """Neither path is the end of the other, so that only the base name speaks for one image."""
    a, b = "/" + posix_path(a), "/" + posix_path(b)
    return not (a.endswith(b) or b.endswith(a))


def posix_path(path: str) -> str:
    """A path with forward slashes and without a leading ./, as it is compared."""
    return path.replace("\\", "/").removeprefix("./")


def _base_name(path: str) -> str:
    return posix_path(path).rsplit("/", 1)[-1]


def _unique_names(paths: Sequence[str]) -> dict[str, int]:
    """The index of each base name that occurs once."""
    found: dict[str, int] = {}
    for index, path in enumerate(paths):
        name = _base_name(path)
        found[name] = -1 if name in found else index
    return {name: index for name, index in found.items() if index >= 0}
