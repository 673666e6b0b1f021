"""OCT, CT, ultrasound and MRI: Kermany, COVIDx CT, BUSI, MRNet and RadImageNet's data frames."""

from __future__ import annotations

import numpy as np
import pytest

from xferviewer.errors import UnusableRegions
from xferviewer.studies.images import read_image

# --- Kermany OCT2017


def test_that_the_number_after_the_class_is_the_patient_and_leaks_are_named(tree, imported, labels, note):
    tree.pictures(
        "OCT2017/train/CNV/CNV-1016042-1.jpeg", "OCT2017/train/CNV/CNV-1016042-2.jpeg",
        "OCT2017/train/DRUSEN/DRUSEN-95633-1.jpeg", "OCT2017/test/CNV/CNV-1016042-3.jpeg",
        "OCT2017/test/DME/DME-77-1.jpeg", "OCT2017/val/NORMAL/NORMAL-9-1.jpeg", "OCT2017/train/CNV/odd.jpeg",
    )  # fmt: skip
    tree.text("OCT2017/train/CNV/.DS_Store", "x")
    tree.text("OCT2017/train/CNV/._CNV-1-1.jpeg", "x")
    cohort = imported("kermany-oct2017")
    assert cohort.images[0] == "train/CNV/CNV-1016042-1.jpeg"
    assert cohort.patients == ("1016042", "1016042", "", "95633", "9", "1016042", "77")
    assert cohort.splits == ("train",) * 4 + ("validation", "test", "test")
    assert [row.index(1) for row in labels(cohort)] == [0, 0, 0, 2, 3, 0, 1]
    assert note(cohort, "in train and in test").startswith("1 patients")
    assert "odd.jpeg" in note(cohort, "no patient")
    assert "too few" in note(cohort, "val has 1")
    assert "images of train (Kaggle v2) 4, published 83,484" in note(cohort, "Not as published")


# --- COVIDx CT


@pytest.mark.parametrize("release", ["2A", "3A"])
def test_that_slices_have_the_patient_their_name_begins_with_and_the_box_of_the_body(tree, imported, note, release):
    names = [
        "CP_0_3131_0001.png",
        "CP_01_1_0002.png",
        "HUST-Patient1-0143.png",
        "Unknown_7_0003.png",
        "CP_0_9_0001.png",
    ]
    tree.pictures(*(f"{release}_images/{name}" for name in names))
    tree.text(
        f"train_COVIDx_CT-{release}.txt",
        "CP_0_3131_0001.png 1 9 27 500 400", "CP_01_1_0002.png 0 0 0 8 6", "Missing_1_0001.png 2 0 0 8 6",
        "CP_0_3131_0002.png 3 0 0 8 6", "CP_0_3131_0002.png 1 8 0 8 6", "half a line",
    )  # fmt: skip
    tree.text(
        f"val_COVIDx_CT-{release}.txt",
        "HUST-Patient1-0143.png 2 1 1 5 5",
        "Unknown_7_0003.png 2 1 1 5 5",
        "CP_0_9_0001.png 1 1 1 5 5",
    )
    tree.text(
        "metadata.csv",
        "patient id,source,country,sex,age,finding,verified finding,slice selection,view,modality",
        "CP_0,CNCB,China,F,77,Pneumonia,Yes,Expert,Axial,CT", "CP_01,CNCB,China,,,Normal,Yes,Expert,Axial,CT",
        "CP_0_9,CNCB,China,,,Pneumonia,Yes,Expert,Axial,CT",
        "Patient 1,iCTCF,China,M,40,COVID-19,Yes,Expert,Axial,CT",
    )  # fmt: skip
    cohort = imported("covidx-ct")
    assert cohort.images == tuple(f"{release}_images/{name}" for name in names)
    assert cohort.patients == ("CP_0", "CP_01", "Patient1", "Unknown_7", "CP_0_9")
    assert (cohort.sexes, cohort.ages) == (("F", "", "M", "", ""), (77, None, 40, None, None))
    assert cohort.splits == ("train", "train", "validation", "validation", "validation")
    assert cohort.labels.argmax(axis=1).tolist() == [1, 0, 2, 2, 1]
    assert (cohort.regions[0].finding, cohort.regions[0].box) == ("body", (9, 27, 491, 373))
    assert ": 3, such as" in note(cohort, "no slice")
    assert "Unknown_7" in note(cohort, "metadata.csv does not name")
    assert ("published 35,996" in " ".join(cohort.description.notes)) == (release == "3A")


# --- BUSI


@pytest.fixture
def busi(tree):
    for name in ("benign (1)", "benign (100)", "malignant (2)", "normal (10)", "normal (9)"):
        tree.picture(f"Dataset_BUSI_with_GT/{name.split()[0]}/{name}.png", "RGB", value=90)
    for name in (
        "benign (1)_mask",
        "benign (100)_mask",
        "benign (100)_mask_1",
        "malignant (2)_mask",
        "normal (9)_mask",
    ):
        tree.picture(f"Dataset_BUSI_with_GT/{name.split()[0]}/{name}.png", "1", value=1)
    tree.picture("Dataset_BUSI_with_GT/benign/notes.png")
    tree.picture("Dataset_BUSI_with_GT/benign/benign (5)_mask.png", "1")
    return tree


def test_that_masks_are_no_images_and_several_lesions_are_one_region(busi, imported, note):
    cohort = imported("busi")
    assert [image.partition("/")[2] for image in cohort.images] == [
        "benign (1).png", "benign (100).png", "malignant (2).png", "normal (9).png", "normal (10).png",
    ]  # fmt: skip
    assert cohort.labels.argmax(axis=1).tolist() == [0, 0, 1, 2, 2]
    (region,) = cohort.marked().of(cohort.path(1))
    assert (region.finding, len(region.masks)) == ("benign", 2)
    assert region.pixels(6, 8).all()
    with pytest.raises(UnusableRegions, match="does not fit"):
        region.pixels(7, 8)
    assert cohort.marked().of(cohort.path(3)) == ()
    assert set(cohort.patients) == {""}
    assert "near duplicates" in note(cohort, "600 patients")
    assert "benign 2, published 437" in note(cohort, "Not as published")
    assert "notes.png" in note(cohort, "neither images nor masks")
    assert "benign (5)" in note(cohort, "masks have no image")


def test_that_malignant_against_the_rest_may_be_chosen(busi, imported, labels):
    cohort = imported("busi", task="malignant")
    assert (cohort.description.task, cohort.description.findings) == ("binary", ("malignant",))
    assert labels(cohort) == [[0], [0], [1], [0], [0]]
    assert [region.finding for region in cohort.regions] == ["malignant"]


# --- MRNet


def test_that_mrnet_tables_have_no_header_and_every_slice_has_its_exams_labels(tree, imported, labels, note):
    rng = np.random.default_rng(0)
    for part, exams in (("train", ("0000", "0001", "0003")), ("valid", ("1130",))):
        for exam in exams:
            for slices, plane in ((3, "axial"), (5, "sagittal")):
                tree.array(
                    f"MRNet-v1.0/{part}/{plane}/{exam}.npy", rng.integers(0, 255, (slices, 8, 8), dtype=np.uint8)
                )
    tree.text("MRNet-v1.0/train/sagittal/0001.npy", "no array")
    for finding, ones in (("abnormal", "11"), ("acl", "10"), ("meniscus", "01")):
        tree.text(f"MRNet-v1.0/train-{finding}.csv", f"0000,{ones[0]}", f"1,{ones[1]}", "id,label")
        tree.text(f"MRNet-v1.0/valid-{finding}.csv", "1130,0")
    cohort = imported("mrnet", plane="sagittal")
    assert cohort.images == ("train/sagittal/0000.npy",) * 5 + ("valid/sagittal/1130.npy",) * 5
    assert cohort.frames == (0, 1, 2, 3, 4) * 2
    assert labels(cohort)[0] == [1, 1, 0]
    assert cohort.splits[-1] == "validation"
    assert cohort.patients[0] == "0000"
    assert cohort.description.group == "exam"
    assert "0001.npy" in note(cohort, "cannot be read")
    assert "sagittal/0003" in note(cohort, "series have no labels".capitalize())
    assert ": 3, such as 1" in note(cohort, "leading zeros")
    assert "exams of train 2, published 1,130" in note(cohort, "exams of train")
    stack = np.load(cohort.path(2))
    np.testing.assert_array_equal(read_image(cohort.path(2), cohort.frames[2]).pixels, stack[2])
    middle = imported("mrnet", slices="middle")
    assert [(image.split("/")[1], frame) for image, frame in zip(middle.images, middle.frames, strict=True)] == [
        ("axial", 1), ("sagittal", 2), ("axial", 1), ("axial", 1), ("sagittal", 2),
    ]  # fmt: skip


# --- RadImageNet's data frames


def test_that_folds_of_radimagenet_are_of_exams_and_all_of_them_keep_the_published_order(tree, imported, labels, note):
    names = [f"images/{exam}_sagittal_{n}.000000.png" for exam, n in (("0080", 18), ("0080", 19), ("0619", 17))]
    tree.pictures(*names)
    table = "dataframe/{}_fold{}.csv".format
    head = "filename,acl_label"
    for fold in range(1, 6):
        tree.text(table("train", fold), head, f"{names[fold % 3]},yes" if fold % 3 else f"{names[0]},no")
        tree.text(table("val", fold), head, f"{names[2]},yes")
        tree.text(table("test", fold), head, "images/gone.png,no", f"{names[1]},maybe")
    cohort = imported("radimagenet-acl")
    assert cohort.images == (names[1], names[2], names[0])  # folds 1 to 5 of train, each image where it comes first
    assert labels(cohort) == [[1], [1], [0]]
    assert cohort.patients == ("0080", "0619", "0080")
    assert set(cohort.splits) == {""}
    assert "split by exam" in note(cohort, "Several slices")
    assert "published 1,021" in note(cohort, "Not as published")
    assert "gone.png" in note(cohort, "not there")
    assert note(cohort, "neither yes nor no")
    one = imported("radimagenet-acl", fold="1")
    assert (one.images, one.splits) == ((names[1], names[2]), ("train", "validation"))


def test_that_the_breast_frames_call_normal_images_benign(tree, imported, labels):
    tree.pictures("images/normal (89).png", "images/malignant (187).png")
    for fold in range(1, 6):
        for part in ("train", "val", "test"):
            rows = ("images/normal (89).png,benign", "images/malignant (187).png,malignant") if part == "val" else ()
            tree.text(f"dataframe/breast_{part}_fold{fold}.csv", "filename,label", *rows)
    cohort = imported("radimagenet-breast", fold="2")
    assert labels(cohort) == [[0], [1]]
    assert (cohort.description.task, cohort.description.group, cohort.splits) == (
        "binary",
        "image",
        ("validation",) * 2,
    )
