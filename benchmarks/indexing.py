"""Files a second: an index into a new catalogue, beside a bare loop that reads the same headers with pydicom."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.indexing import index
from xferviewer.studies.phantom import write_cohort

_FILES = 8000
_FILES_A_FOLDER = 500
_REPEATS = 3  # the fastest of each counts
_GOAL = 0.8


def _write(folder: Path) -> list[Path]:
    """Files with the header of a phantom film and few pixels, each an instance of its own; four are one study."""
    table = write_cohort(folder / "template", 1, 1, "A", size=64, masks=False)
    film = pydicom.dcmread(next(table.parent.rglob("*.dcm")))
    film.PixelData = np.zeros((64, 64), np.uint16).tobytes()
    film.file_meta = FileMetaDataset(film.file_meta)
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID = DigitalXRayImageStorageForPresentation
    made = []
    for number in range(_FILES):
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


def _index(folder: Path) -> float:
    with tempfile.TemporaryDirectory() as scratch, Catalogue(Path(scratch) / "catalogue.sqlite") as catalogue:
        start = time.perf_counter()
        counts = index(folder, catalogue)
        seconds = time.perf_counter() - start
    if counts.images != _FILES:
        raise RuntimeError(f"{counts.images} of {_FILES} files were found to be images")
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        files = _write(Path(name))
        bare, indexed, resident = [], [], []
        for _ in range(_REPEATS):
            bare.append(_bare(files))
            indexed.append(_index(Path(name) / "films"))
            resident.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    ratio = min(bare) / min(indexed)
    print(
        f"indexing: {_FILES / min(indexed):.0f} files/s into a new catalogue, {_FILES / min(bare):.0f} files/s in a "
        f"bare loop on one core: ratio {ratio:.2f} (goal {_GOAL}); peak memory of the index after each of {_REPEATS}: "
        + ", ".join(f"{each / 1024:.0f} MB" for each in resident)
    )


if __name__ == "__main__":
    main()
