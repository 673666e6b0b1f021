"""Images at the size of the network, decoded and resized once, kept on disk for the next job on the same files."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from xferviewer.errors import UnreadableImage, UnusableFolder
from xferviewer.networks.preprocessing import fit
from xferviewer.settings import data_folder
from xferviewer.studies.images import present, read_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from xferviewer.checkpoints import Preprocessing
    from xferviewer.training.cohort import Cohort


class Precision(Enum):
    """How exactly values are kept."""

    UINT8 = "uint8"
    FLOAT32 = "float32"


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """The presentation of each image of a cohort at network size, before mean and deviation.

    values    (n, channels, rows, columns), mapped from disk where that can be: float32 in [0, 1], or uint8 of it times
              255; one channel where all files are grey
    readable  bool (n,): False where a file could not be read; its values are zero
    """

    values: NDArray[np.float32] | NDArray[np.uint8]
    readable: NDArray[np.bool_]

    def batch(self, rows: NDArray[np.intp]) -> Tensor:
        """float32 (len(rows), channels, rows, columns) in [0, 1]."""
        values = torch.from_numpy(np.ascontiguousarray(self.values[rows]))
        return values.float() / 255 if values.dtype == torch.uint8 else values


def prepare(
    cohort: Cohort,
    preprocessing: Preprocessing,
    precision: Precision,
    progress: Callable[[int], None],
    refused: Callable[[UnreadableImage], None],
) -> Planes:
    """Decode every file of the cohort, or take what an earlier job kept of the same files and constants.

    progress  called with the number of images done
    refused   called for every file that cannot be read; it is left out and the others go on

    Raises UnusableFolder when the disk is full.
    """
    folder = data_folder() / "planes"
    kept = folder / f"{_key(cohort, preprocessing, precision)}.npy"
    if kept.exists():
        return Planes(np.load(kept, mmap_mode="r"), np.ones(len(cohort.paths), dtype=np.bool_))
    shape = (len(cohort.paths), 3 if _any_colour(cohort) and preprocessing.channels == 3 else 1, *preprocessing.size)
    beside = folder / f".{kept.name}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            # written, not mapped: a full disk is then an error, where a mapping would end the process
            dtype = np.dtype(precision.value)
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            readable = _write(file, shape[1:], dtype, cohort, preprocessing, progress, refused)
        if not readable.all():  # kept, it would hide the broken files from the next job
            return Planes(np.load(beside), readable)
        beside.replace(kept)
    except OSError as error:
        raise UnusableFolder(
            "The prepared images could not be kept.",
            f"{folder}: {error.strerror or error}.",
            "Free space there, or move the data folder with the variable XFERVIEWER_HOME.",
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    return Planes(np.load(kept, mmap_mode="r"), readable)


def _write(
    file: BinaryIO,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    cohort: Cohort,
    preprocessing: Preprocessing,
    progress: Callable[[int], None],
    refused: Callable[[UnreadableImage], None],
) -> NDArray[np.bool_]:
    """Append the planes of every image in order, zeros for one that cannot be read; returns which could."""

    def one(path: Path) -> Tensor | UnreadableImage:
        try:
            return fit(present(read_image(path)), preprocessing)
        except UnreadableImage as error:
            return error

    readable = np.ones(len(cohort.paths), dtype=np.bool_)
    with ThreadPoolExecutor(2, "decode") as pool:
        for row, planes in enumerate(pool.map(one, cohort.paths)):
            values = np.zeros(shape, dtype)
            if isinstance(planes, UnreadableImage):
                readable[row] = False
                refused(planes)
            else:
                values[:] = planes.numpy() if dtype == np.float32 else (planes * 255).round().numpy()
            file.write(values.tobytes())
            progress(row + 1)
    return readable


def _any_colour(cohort: Cohort) -> bool:
    """Judged by the first file that can be read: a cohort is of one kind."""
    for path in cohort.paths:
        try:
            return read_image(path).is_colour
        except UnreadableImage:
            continue
    return False


def _key(cohort: Cohort, preprocessing: Preprocessing, precision: Precision) -> str:
    """Changes with any file of the cohort and with any constant that the values depend on."""
    digest = hashlib.sha256(f"{preprocessing.digest} {precision.value}\n".encode())
    for path in cohort.paths:
        try:
            facts = path.stat()
            digest.update(f"{path}\t{facts.st_size}\t{facts.st_mtime_ns}\n".encode(errors="surrogateescape"))
        except OSError:
            digest.update(f"{path}\tabsent\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]
