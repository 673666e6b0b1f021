"""Thumbnails for the worklist: small presentations, kept on disk under a name that tells nothing about the patient."""

from __future__ import annotations

import contextlib
import hashlib
import io
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image

from xferviewer.atomic_files import write_atomically
from xferviewer.errors import UnusableFolder
from xferviewer.studies.images import frame_identity, present, read_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.studies.image import Image

_CACHE_FORMAT = 2  # raise it when thumbnails come out differently, and the old ones are made anew


def thumbnail(
    path: Path | str,
    frame: int = 0,
    size: int = 64,
    *,
    identity: str = "",
    cache: Path | None = None,
    read: Callable[[Path | str, int], Image] = read_image,
) -> NDArray[np.uint8]:
    """The presentation of a frame at its default window, its aspect kept, centred on black.

    (size, size) uint8 for greyscale, (size, size, 3) for colour. With `identity` (as the catalogue holds it, of any
    frame of the file) and a `cache` folder it is read from there without opening the file, and stored there
    otherwise; a cache that cannot be written only costs time. `read` is how a file is read. Raises UnreadableImage.
    """
    stored = cache / _name(frame_identity(identity, frame), size) if cache is not None and identity else None
    kept = _kept(stored, size) if stored is not None else None
    if kept is not None:
        return kept
    image = read(path, frame)
    made = _fitted(present(image), size)
    if stored is None and cache is not None:
        stored = cache / _name(image.identity, size)
    if stored is not None:
        file = io.BytesIO()
        PIL.Image.fromarray(made).save(file, "PNG")
        with contextlib.suppress(UnusableFolder, OSError):  # the thumbnail is there all the same
            write_atomically(stored, file.getvalue())
    return made


def _name(identity: str, size: int) -> str:
    digest = hashlib.sha256(f"{_CACHE_FORMAT} {size} {identity}".encode()).hexdigest()
    return f"{digest[:2]}/{digest[2:]}.png"


def _kept(stored: Path, size: int) -> NDArray[np.uint8] | None:
    try:
        with PIL.Image.open(stored, formats=["PNG"]) as picture:
            kept = np.array(picture)
    except (OSError, SyntaxError, ValueError):  # not there, or damaged: it is made anew
        return None
    return kept if kept.shape[:2] == (size, size) and kept.dtype == np.uint8 else None


def _fitted(brightness: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    rows, columns = brightness.shape[:2]
    scale = size / max(rows, columns)
    fitted_rows, fitted_columns = max(1, round(rows * scale)), max(1, round(columns * scale))
    picture = PIL.Image.fromarray(np.rint(brightness * 255).astype(np.uint8))
    picture = picture.resize((fitted_columns, fitted_rows), PIL.Image.Resampling.BOX, reducing_gap=2.0)
    ground = np.zeros((size, size, *brightness.shape[2:]), np.uint8)
    top, left = (size - fitted_rows) // 2, (size - fitted_columns) // 2
    ground[top : top + fitted_rows, left : left + fitted_columns] = np.asarray(picture)
    return ground
