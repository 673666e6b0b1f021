"""Files a second: an index into a new catalogue, beside a bare loop that reads the same headers with pydicom.

`python -m benchmarks.indexing [--files N]`. The loop runs on one core, and in one process for each core, each with a
share of the files. Memory is that of the index and its examiners together, at the first tenth of the files and at most
afterwards.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from xferviewer.processes import usable_cores
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.indexing import Progress, index
from xferviewer.studies.phantom import write_cohort

_FILES = 8000
_FILES_A_FOLDER = 500
_REPEATS = 3  # the fastest of each counts
_GOAL = 0.8


def _write(folder: Path, files: int) -> list[Path]:
    """Files with the header of a phantom film and few pixels, each an instance of its own; four are one study."""
    table = write_cohort(folder / "template", 1, 1, "A", size=64, masks=False)
    film = pydicom.dcmread(next(table.parent.rglob("*.dcm")))
    film.PixelData = np.zeros((64, 64), np.uint16).tobytes()
    film.file_meta = FileMetaDataset(film.file_meta)
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID = DigitalXRayImageStorageForPresentation
    made = []
    for number in range(files):
        if number % 4 == 0:
            film.StudyInstanceUID, film.PatientID = generate_uid(), f"P{number // 8}"
        film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        path = folder / "films" / f"{number // _FILES_A_FOLDER:03}" / f"{number}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        film.save_as(path)
        made.append(path)
    return made


def _bare(files: list[Path]) -> float:
    start = time.perf_counter()
    for path in files:
        pydicom.dcmread(path, stop_before_pixels=True)
    return time.perf_counter() - start


def _bare_on_all_cores(files: list[Path]) -> float:
    cores = usable_cores()
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        pool.map(_bare, [files[:100]] * cores, 1)  # the start of the processes is not what is measured
        start = time.perf_counter()
        pool.map(_bare, [files[part :: 8 * cores] for part in range(8 * cores)], 1)
        return time.perf_counter() - start


def _index(folder: Path, files: int) -> tuple[float, list[int]]:
    """Seconds, and the bytes of memory at each report of progress."""
    memory: list[int] = []
    this = psutil.Process()

    def measure(progress: Progress) -> None:
        if progress.files >= len(memory) * files / 20:
            memory.append(sum(each.memory_info().rss for each in (this, *this.children())))

    with tempfile.TemporaryDirectory() as scratch, Catalogue(Path(scratch) / "catalogue.sqlite") as catalogue:
        start = time.perf_counter()
        counts = index(folder, catalogue, measure)
        seconds = time.perf_counter() - start
    if counts.images != files:
        raise RuntimeError(f"{counts.images} of {files} files were found to be images")
    return seconds, memory


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.indexing")
    parser.add_argument("--files", type=int, default=_FILES)
    n_files = parser.parse_args(arguments).files
    with tempfile.TemporaryDirectory() as name:
        files = _write(Path(name), n_files)
        bare, everywhere, indexed, memory = [], [], [], []
        for _ in range(_REPEATS):
            bare.append(_bare(files))
            everywhere.append(_bare_on_all_cores(files))
            seconds, memory = _index(Path(name) / "films", n_files)
            indexed.append(seconds)
    first, most = memory[len(memory) // 10], max(memory)
    print(
        f"indexing: {n_files / min(indexed):.0f} files/s into a new catalogue; a bare loop on one core "
        f"{n_files / min(bare):.0f}, ratio {min(bare) / min(indexed):.2f} (goal {_GOAL}), on {usable_cores()} cores "
        f"{n_files / min(everywhere):.0f}, ratio {min(everywhere) / min(indexed):.2f}; memory after a tenth of the "
        f"files {first >> 20} MB, at most {most >> 20} MB"
    )


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
