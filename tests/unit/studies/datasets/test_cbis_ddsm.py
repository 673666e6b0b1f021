"""CBIS-DDSM: swapped masks and crops, renamed files, line ends in paths, TCIA's and Kaggle's layouts."""

from __future__ import annotations

import numpy as np
import pytest

HEADER = (
    "patient_id,{density},left or right breast,image view,abnormality id,abnormality type,{a},{b},assessment,pathology,"
    "subtlety,image file path,cropped image file path,ROI mask file path"
)
MASS = HEADER.format(density="breast_density", a="mass shape", b="mass margins")
CALC = HEADER.format(density="breast density", a="calc type", b="calc distribution")
UID = "1.3.6.1.4.1.9590.100.1.2.{}"
RNG = np.random.default_rng(2)
FILM, CROP = RNG.integers(0, 250, (40, 30)), RNG.integers(0, 250, (12, 10))
MASK = np.zeros((40, 30), np.uint8)
MASK[10:20, 5:15] = 255


def row(patient, pathology, film, crop, mask, number=1, end=""):
    case = f"Mass-Training_{patient}_LEFT_CC"
    paths = [f"{case}/{UID.format(9)}/{UID.format(n)}/00000{k}.dcm" for k, n in enumerate((film, crop, mask))]
    facts = f"{patient},3,LEFT,CC,{number},mass,OVAL,SPICULATED,4,{pathology},4"
    return f'{facts},{paths[0]},"{paths[1]}{end}","{paths[2]}{end}"'


@pytest.fixture
def official(tree):
    """Files named 1-1.dcm in folders of series; the second abnormality has mask and crop swapped in one series."""
    folder = "CBIS-DDSM/Mass-Training_P_00001_LEFT_CC/1.2"
    tree.dicom(f"{folder}/{UID.format(10)}/1-1.dcm", FILM)
    tree.dicom(f"{folder}/{UID.format(11)}/1-1.dcm", CROP)
    tree.dicom(f"{folder}/{UID.format(12)}/1-1.dcm", MASK)
    tree.dicom(f"{folder}/{UID.format(21)}/1-1.dcm", MASK)  # the table calls this one the crop
    tree.dicom(f"{folder}/{UID.format(22)}/1-1.dcm", CROP)
    tree.dicom(f"{folder}/{UID.format(30)}/1-1.dcm", FILM)
    tree.dicom(f"{folder}/{UID.format(31)}/1-1.dcm", CROP)  # mask and crop of the third lie in one series
    tree.dicom(f"{folder}/{UID.format(31)}/1-2.dcm", MASK)
    tree.text(
        "mass_case_description_train_set.csv", MASS,
        row("P_00001", "BENIGN", 10, 11, 12, 1, end="\n"), row("P_00001", "MALIGNANT", 10, 21, 22, 2),
        row("P_00004", "BENIGN_WITHOUT_CALLBACK", 30, 31, 31), row("P_00005", "MALIGNANT", 50, 51, 52),
        row("P_00006", "UNPROVEN", 10, 11, 12),
    )  # fmt: skip
    tree.text("calc_case_description_test_set.csv", CALC, row("P_00004", "BENIGN", 30, 31, 31))
    return tree


def test_that_a_film_is_malignant_when_any_of_its_abnormalities_is(official, imported, labels, note):
    cohort = imported("cbis-ddsm")
    assert [image.split("/")[-2] for image in cohort.images] == [UID.format(10), UID.format(30)]
    assert labels(cohort) == [[1], [0]]
    assert (cohort.patients, cohort.studies, cohort.views) == (("P_00001", "P_00004"), ("P_00001-LEFT", "P_00004-LEFT"),
                                                               ("CC", "CC"))  # fmt: skip
    assert UID.format(50) in note(cohort, "an image that is not there")
    assert "P_00006" in note(cohort, "unknown pathology")
    assert note(cohort, "in train and in test").startswith("1 patients")


def test_that_swapped_masks_are_told_by_their_size(official, imported, note):
    cohort = imported("cbis-ddsm", abnormalities="mass")
    marked = {(region.finding, region.mask.split("/", 3)[3]) for region in cohort.regions}
    assert marked == {
        ("benign", f"{UID.format(12)}/1-1.dcm"), ("malignant", f"{UID.format(21)}/1-1.dcm"),
        ("benign", f"{UID.format(31)}/1-2.dcm"),
    }  # fmt: skip
    assert UID.format(21) in note(cohort, "swapped")
    region = cohort.marked().of_finding(cohort.path(0), "malignant")
    np.testing.assert_array_equal(region.pixels(40, 30), MASK > 0)


def test_that_crops_may_be_chosen_and_are_never_masks(official, imported, labels):
    cohort = imported("cbis-ddsm", images="crop", abnormalities="mass")
    assert [image.split("/")[-2] for image in cohort.images] == [UID.format(n) for n in (11, 22, 31)]
    assert cohort.images[2].endswith("1-1.dcm")
    assert labels(cohort) == [[0], [1], [0]]
    assert cohort.regions == ()


def test_that_series_are_found_by_their_headers_where_a_download_renamed_the_folders(tree, imported):
    for number, pixels in ((10, FILM), (11, CROP), (12, MASK)):
        tree.dicom(f"CBIS-DDSM/P_00001/07-20-2016-DDSM-3/{number}.000000-x/1-1.dcm", pixels,
                   SeriesInstanceUID=UID.format(number))  # fmt: skip
    tree.text("mass_case_description_train_set.csv", MASS, row("P_00001", "MALIGNANT", 10, 11, 12))
    cohort = imported("cbis-ddsm")
    assert cohort.images == ("CBIS-DDSM/P_00001/07-20-2016-DDSM-3/10.000000-x/1-1.dcm",)
    assert len(cohort.regions) == 1


def test_that_the_jpegs_of_kaggle_lie_below_their_series(tree, imported, labels):
    from PIL import Image

    for number, name, pixels in ((10, "1-263", FILM), (11, "1-249", MASK), (11, "2-249", CROP)):
        place = tree.root / f"jpeg/{UID.format(number)}/{name}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(place, quality=70)
    tree.text("csv/dicom_info.csv", "file_path", "x")
    tree.text("csv/mass_case_description_train_set.csv", MASS, row("P_00001", "MALIGNANT", 10, 11, 11))
    cohort = imported("cbis-ddsm")
    assert (cohort.images, labels(cohort)) == ((f"jpeg/{UID.format(10)}/1-263.jpg",), [[1]])
    assert cohort.regions[0].mask == f"jpeg/{UID.format(11)}/1-249.jpg"
    region = cohort.marked().of_finding(cohort.path(0), "malignant")
    assert (
        np.mean(region.pixels(40, 30) != (MASK > 0)) < 0.01
    )  # JPEG smears the edge; what is nearly black is not marked


def test_that_a_mask_of_another_size_is_told_by_its_two_values_and_left_out(tree, imported, note):
    folder = "x"
    tree.dicom(f"{folder}/{UID.format(10)}/1-1.dcm", FILM)
    tree.dicom(f"{folder}/{UID.format(11)}/1-1.dcm", MASK[:30])
    tree.dicom(f"{folder}/{UID.format(12)}/1-1.dcm", CROP)
    tree.text("mass_case_description_train_set.csv", MASS, row("P_00001", "MALIGNANT", 10, 11, 12))
    cohort = imported("cbis-ddsm")
    assert cohort.regions == ()
    assert UID.format(11) in note(cohort, "size of their film")
    assert imported("cbis-ddsm", images="crop").images == (f"x/{UID.format(12)}/1-1.dcm",)
