"""Data sets whose images are frames of one file: PatchCamelyon and MedMNIST."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from xferviewer.errors import UnusableChoice, UnusableFolder, UnusableTable
from xferviewer.studies.images import read_image

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(1)
PCAM = "camelyonpatch_level_2_split_{}_{}"


def stored(tree, name, key, values, **options):
    with h5py.File(tree.root / name, "w") as file:
        file.create_dataset(key, data=values, **options)


@pytest.fixture
def pcam(tree):
    patches = {part: RNG.integers(0, 255, (n, 96, 96, 3), dtype=np.uint8) for part, n in (("train", 5), ("valid", 3))}
    for part, values in patches.items():
        stored(tree, PCAM.format(part, "x.h5"), "x", values, compression="gzip", chunks=(2, 96, 96, 3))
        stored(tree, PCAM.format(part, "y.h5"), "y", np.arange(len(values)).reshape(-1, 1, 1, 1).astype(np.uint8) % 2)
    tree.text(
        PCAM.format("train", "meta.csv"),
        ",coord_y,coord_x,tumor_patch_region,center_tumor_patch,wsi",
        *(f"{row},1,2,True,False,camelyon16_train_normal_{row // 3:03d}" for row in range(5)),
    )
    tree.text(PCAM.format("valid", "meta.csv"), ",coord_y,coord_x,wsi", "0,1,2,camelyon16_train_normal_001")
    return tree, patches


def test_that_patches_are_frames_grouped_by_slide(pcam, imported, labels, note):
    _, patches = pcam
    cohort = imported("patchcamelyon")
    assert cohort.images == (PCAM.format("train", "x.h5"),) * 5 + (PCAM.format("valid", "x.h5"),) * 3
    assert cohort.frames == (0, 1, 2, 3, 4, 0, 1, 2)
    assert labels(cohort) == [[0], [1], [0], [1], [0], [0], [1], [0]]
    assert cohort.patients[2:4] == ("camelyon16_train_normal_000", "camelyon16_train_normal_001")
    assert cohort.patients[5:] == ("",) * 3
    assert (cohort.description.group, cohort.splits[-1]) == ("slide", "validation")
    assert "1 rows for 3 patches" in note(cohort, "states its slide")
    assert "patches of train 5, published 262,144" in note(cohort, "patches of train 5")
    np.testing.assert_array_equal(read_image(cohort.path(3), cohort.frames[3]).pixels, patches["train"][3])


def test_that_a_part_whose_labels_do_not_fit_or_that_is_packed_is_left_out(pcam, imported, note):
    tree, _ = pcam
    stored(tree, PCAM.format("valid", "y.h5"), "y", np.zeros((2, 1, 1, 1), np.uint8))
    (tree.root / PCAM.format("test", "x.h5.gz")).write_bytes(gzip.compress(b"x"))
    cohort = imported("patchcamelyon")
    assert len(cohort) == 5
    assert "3 patches" in note(cohort, "2 labels")
    assert "unpack it first" in note(cohort, "is packed")


def archive(tree, name, **changed):
    arrays = {}
    for part, n in (("train", 5), ("val", 2), ("test", 3)):
        arrays[f"{part}_images"] = RNG.integers(0, 255, (n, 28, 28), dtype=np.uint8)
        arrays[f"{part}_labels"] = (np.arange(n) % 2).reshape(n, 1).astype(np.uint8)
    arrays |= changed
    np.savez_compressed(tree.root / name, **arrays)
    return arrays


def test_that_medmnist_images_are_frames_in_the_order_of_the_archive(tree, imported, labels, note):
    arrays = archive(tree, "pneumoniamnist.npz")
    cohort = imported("medmnist")
    assert (cohort.description.task, cohort.description.findings) == ("binary", ("pneumonia",))
    assert cohort.splits == ("train",) * 5 + ("validation",) * 2 + ("test",) * 3
    assert labels(cohort) == [[0], [1], [0], [1], [0], [0], [1], [0], [1], [0]]
    for row, part in ((4, "train"), (5, "val"), (9, "test")):
        place = {"train": 4, "val": 0, "test": 2}[part]
        shown = read_image(cohort.path(row), cohort.frames[row]).pixels
        np.testing.assert_array_equal(shown, arrays[f"{part}_images"][place])
    assert "images of train 5, published 4,708" in note(cohort, "images of train")


def test_that_an_archive_in_another_order_still_reads_right(tree, imported):
    arrays = archive(tree, "pneumoniamnist.npz")
    np.savez(tree.root / "pneumoniamnist.npz", **{name: arrays[name] for name in reversed(arrays)})
    cohort = imported("medmnist")
    row = cohort.splits.index("test")
    np.testing.assert_array_equal(read_image(cohort.path(row), cohort.frames[row]).pixels, arrays["test_images"][0])


def test_that_breastmnist_calls_malignant_zero_and_chestmnist_is_multi_label(tree, imported, labels):
    archive(tree, "breastmnist_64.npz")
    assert labels(imported("medmnist"))[:2] == [[1], [0]]
    (tree.root / "breastmnist_64.npz").unlink()
    many = {f"{part}_labels": np.eye(14, dtype=np.uint8)[:n] for part, n in (("train", 5), ("val", 2), ("test", 3))}
    archive(tree, "chestmnist.npz", **many)
    cohort = imported("medmnist")
    assert cohort.description.task == "multi-label"
    assert labels(cohort)[4] == [int(place == 4) for place in range(14)]


def test_that_colour_grades_and_impossible_labels_are_read(tree, imported, note):
    colour = RNG.integers(0, 255, (5, 28, 28, 3), dtype=np.uint8)
    archive(tree, "retinamnist.npz", train_images=colour, train_labels=np.array([[0], [4], [5], [2], [1]]))
    cohort = imported("medmnist")
    assert (cohort.description.task, len(cohort.description.findings)) == ("multi-class", 5)
    assert "[5]" in note(cohort, "none of the set's classes")
    assert note(cohort, "ordered")
    np.testing.assert_array_equal(read_image(cohort.path(1), cohort.frames[1]).pixels, colour[1])


def test_that_one_of_several_archives_has_to_be_named(tree, imported, note):
    archive(tree, "pneumoniamnist.npz")
    archive(tree, "octmnist.npz", test_labels=np.zeros((1, 1)))
    with pytest.raises(UnusableChoice, match=r"octmnist\.npz, pneumoniamnist\.npz"):
        imported("medmnist")
    cohort = imported("medmnist", file="octmnist.npz")
    assert len(cohort) == 7
    assert "3 images and 1 labels" in note(cohort, "left out")


def test_that_volumes_and_pickled_labels_are_refused(tree, imported):
    archive(tree, "organmnist3d.npz")
    with pytest.raises(UnusableTable, match="two-dimensional"):
        imported("medmnist")
    (tree.root / "organmnist3d.npz").unlink()
    archive(tree, "octmnist.npz", train_labels=np.array([{}] * 5, dtype=object))
    with pytest.raises(UnusableTable, match="labels of train"):
        imported("medmnist")


def test_that_a_folder_without_frames_is_refused(tree, imported):
    tree.text(PCAM.format("train", "x.h5"), "no HDF5")
    with pytest.raises(UnusableFolder, match="No image was found"):
        imported("patchcamelyon")
