"""Miniature trees: the exact names of a data set with a few tiny files, built by each test."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from xferviewer.studies.cohort_folder import CohortTable, read_cohort
from xferviewer.studies.datasets import find_source, import_dataset, source_of


class Tree:
    """A folder in which a data set is laid out."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def text(self, path: str, *lines: str) -> Path:
        """A text file of these lines; packed where its name ends with .gz."""
        content = "".join(f"{line}\n" for line in lines).encode()
        place = self._place(path)
        place.write_bytes(gzip.compress(content) if path.endswith(".gz") else content)
        return place

    def picture(self, path: str, mode: str = "L", size: tuple[int, int] = (8, 6), value: int = 0) -> Path:
        """A picture of one value; `size` is (columns, rows)."""
        place = self._place(path)
        Image.new(mode, size, value if len(mode) == 1 or mode == "I;16" else (value,) * len(mode)).save(place)
        return place

    def pictures(self, *paths: str) -> None:
        for path in paths:
            self.picture(path)

    def array(self, path: str, values: np.ndarray) -> Path:
        place = self._place(path)
        np.save(place, values)
        return place

    def dicom(self, path: str, pixels: np.ndarray, **elements: object) -> Path:
        """A greyscale file of 8 bits."""
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{abs(hash(path))}"
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
        dataset.Rows, dataset.Columns = pixels.shape[-2:]
        if pixels.ndim == 3:
            dataset.NumberOfFrames = pixels.shape[0]
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        dataset.PixelData = pixels.astype(np.uint8).tobytes() + b"\0" * (pixels.size % 2)
        dataset["PixelData"].VR = "OB"
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        place = self._place(path)
        dataset.save_as(place, enforce_file_format=True)
        return place

    def _place(self, path: str) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "data").mkdir()
    return Tree(tmp_path / "data")


@pytest.fixture
def imported(tree: Tree, tmp_path: Path) -> Callable[..., CohortTable]:
    """Import the tree as the source that it is found to be, which is to be the named one; the cohort as read."""

    def run(key: str, folder: Path | None = None, **chosen: str) -> CohortTable:
        folder = folder or tree.root
        assert find_source(folder).key == key
        out = tmp_path / f"cohort-{len(list(tmp_path.iterdir()))}"
        result = import_dataset(source_of(key), folder, out, chosen=chosen, accept_terms=True)
        cohort = read_cohort(out)
        assert (result.digest, result.images, result.description) == (cohort.digest, len(cohort), cohort.description)
        assert all(cohort.path(row).is_file() for row in range(len(cohort)))
        return cohort

    return run


def note(cohort: CohortTable, words: str) -> str:
    """The one note that holds these words."""
    (found,) = (each for each in cohort.description.notes if words.lower() in each.lower())
    return found


@pytest.fixture(name="note")
def note_fixture() -> Callable[[CohortTable, str], str]:
    return note


@pytest.fixture
def labels() -> Callable[[CohortTable], list[list[int | None]]]:
    """The labels of a cohort as whole numbers, None where not stated."""
    return lambda cohort: [[None if np.isnan(v) else int(v) for v in row] for row in cohort.labels]
