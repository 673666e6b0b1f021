"""A DICOMDIR, opened, is the files that it lists."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.dicomdir import listed_files
from xferviewer.studies.indexing import index
from xferviewer.studies.selection import select_images
from xferviewer.studies.summary import describe_index


def write_directory(folder: Path, *files: list[str] | str) -> Path:
    records = []
    for components in files:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            record.ReferencedFileID = components
        records.append(record)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.DirectoryRecordSequence = Sequence(records)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that no DICOMDIR may hold
        dataset.save_as(folder / "DICOMDIR", enforce_file_format=True)
    return folder / "DICOMDIR"


@pytest.fixture
def medium(write_dicom, tmp_path) -> Path:
    """A folder with two films below it, and one that no directory lists."""
    film = write_dicom(np.zeros((4, 5), np.uint8))
    folder = tmp_path / "Röntgen 患者"
    for name in ("PAT1/IM1", "PAT1/IM2", "other/film"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(film, folder / name)
    return folder


def test_that_opening_a_directory_opens_the_files_that_it_lists_and_no_other(medium):
    directory = write_directory(medium, ["PAT1", "IM1"], ["PAT1", "IM2"], ["PAT1", "IM1"])
    with Catalogue(medium.parent / "catalogue.sqlite") as catalogue:
        counts = index(directory, catalogue)
        summary = describe_index(catalogue, directory)

        assert (counts.files, counts.images) == (2, 2)
        assert (summary["files"], summary["images"], summary["refused"]) == (2, 2, [])
        assert {Path(image.path).name for image in catalogue.all_images()} == {"IM1", "IM2"}
        assert catalogue.roots() == []


def test_that_a_run_over_a_directory_names_images_by_their_place_beside_it(medium):
    directory = write_directory(medium, ["PAT1", "IM2"])

    assert [image.name for image in select_images(directory).images] == ["PAT1/IM2"]


def test_that_a_listed_file_that_is_missing_is_refused_by_name(medium):
    directory = write_directory(medium, ["PAT1", "IM1"], ["PAT1", "IM9"])
    with Catalogue(medium.parent / "catalogue.sqlite") as catalogue:
        counts = index(directory, catalogue)

        assert (counts.images, counts.refused) == (1, 1)
        assert "IM9" in catalogue.refused()[0].what


@pytest.mark.parametrize("components", [["pat1", "im1"], ["PAT1.", "IM1;1"]])
def test_that_case_and_version_numbers_of_the_medium_do_not_matter(medium, components):
    assert listed_files(write_directory(medium, components)) == [medium / "PAT1" / "IM1"]


@pytest.mark.parametrize("components", [["..", "secret"], ["/etc", "passwd"], ["PAT1", "../../x"]])
def test_that_no_listed_file_lies_outside_of_the_folder(medium, components):
    assert listed_files(write_directory(medium, components)) == []


def test_that_an_empty_directory_and_other_files_list_nothing(medium, tmp_path):
    (tmp_path / "notes.txt").write_text("IM1")
    assert listed_files(write_directory(medium)) == []
    assert listed_files(tmp_path / "notes.txt") == listed_files(medium / "PAT1" / "IM1") == []
    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
        assert index(medium / "DICOMDIR", catalogue).refused == 1


@pytest.mark.parametrize(
    ("name", "files"),
    [("DICOMDIR", 31), ("DICOMDIR-bigEnd", 31), ("DICOMDIR-implicit", 31), ("DICOMDIR-nooffset", 31),
     ("TINY_ALPHA/DICOMDIR", 50)],
)  # fmt: skip
def test_that_real_directories_list_their_files(shared, name, files):
    listed = listed_files(shared / "dicom" / "dicomdir" / name)

    assert len(listed) == files
    assert all(file.is_file() for file in listed)
