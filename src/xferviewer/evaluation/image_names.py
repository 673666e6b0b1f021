"""Which image of one table is which image of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def match_images(wanted: Sequence[str], known: Sequence[str]) -> NDArray[np.intp]:
    """For each wanted image the index of the known one: of the same path, else of the same base name, else -1.

    A base name counts only where it is unique among the known and among the wanted images; otherwise the 0001.png
    of two sites would be taken for one. Both sequences hold each path once.
    """
    paths = {posix_path(path): index for index, path in enumerate(known)}
    known_names, wanted_names = _unique_names(known), _unique_names(wanted)
    matched = np.full(len(wanted), -1, dtype=np.intp)
    for row, path in enumerate(wanted):
        name = _base_name(path)
        if posix_path(path) in paths:
            matched[row] = paths[posix_path(path)]
        elif name in known_names and name in wanted_names:
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
