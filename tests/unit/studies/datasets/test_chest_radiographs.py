"""NIH ChestX-ray14, CheXpert, MIMIC-CXR-JPG, PadChest and VinDr-CXR, each with its own names and traps."""

from __future__ import annotations

import numpy as np
import pytest

from xferviewer.errors import UnusableTable
from xferviewer.studies.images import read_image

# --- NIH ChestX-ray14

NIH_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)


@pytest.fixture
def nih(tree):
    """The first release: a comma more at the end of each line, ages with units."""
    tree.text(
        "Data_Entry_2017.csv",
        NIH_HEADER + ",",
        "00000001_000.png,Cardiomegaly|Emphysema,0,1,058Y,M,PA,2682,2749,0.143,0.143,",
        "00000001_001.png,No Finding,1,1,058Y,M,AP,2894,2729,0.143,0.143,",
        "00000002_000.png,Pleural_Thickening,0,2,148Y,F,PA,2500,2048,0.168,0.168,",
        "00000003_000.png,Infiltrate|Unheard,0,3,006M,F,PA,2500,2048,0.168,0.168,",
        "00000004_000.png,Mass,0,4,60,F,PA,2500,2048,0.168,0.168,",
        "00000001_000.png,Cardiomegaly|Emphysema,0,1,058Y,M,PA,2682,2749,0.143,0.143,",
        "00000005_000.png",
    )
    for name in ("00000001_000", "00000001_001", "00000002_000"):
        tree.picture(f"images/{name}.png")
    tree.picture("images/00000003_000.png", "RGBA", value=40)
    tree.text("train_val_list.txt", "00000001_000.png", "00000001_001.png")
    tree.text("test_list.txt", "00000002_000.png", "00000001_000.png")
    tree.text(
        "BBox_List_2017.csv",
        "Image Index,Finding Label,Bbox [x,y,w,h],,,",
        "00000003_000.png,Infiltrate,225.08,547.01,86.77,79.18,,,",
        "00000002_000.png,Mass,1,2,0,4,,,",
        "00000009_000.png,Mass,1,2,3,4,,,",
    )
    return tree


def test_that_nih_labels_ages_and_views_are_read_in_spite_of_commas_and_units(nih, imported, labels, note):
    cohort = imported("nih-chestxray14")
    assert cohort.images == tuple(f"images/{n}.png" for n in ("00000001_000", "00000001_001", "00000002_000",
                                                              "00000003_000"))  # fmt: skip
    assert cohort.description.findings[10] == "Emphysema"
    assert [np.flatnonzero(row).tolist() for row in cohort.labels] == [[1, 10], [], [12], [3]]
    assert cohort.ages == (58.0, 58.0, None, 0.5)
    assert cohort.views == ("PA", "AP", "PA", "PA")
    assert cohort.patients == ("1", "1", "2", "3")
    assert cohort.studies == ("1-0", "1-1", "2-0", "3-0")
    assert cohort.sexes == ("M", "M", "F", "F")
    assert note(cohort, "not there") == (
        "Rows name an image that is not there and were left out: 1, such as 00000004_000.png."
    )
    assert ": 1, such as images/00000001_000.png" in note(cohort, "repeat")
    assert note(cohort, "cut off").endswith("such as row 8.")
    assert "148Y" in note(cohort, "above 120")
    assert "Unheard" in note(cohort, "none of the 14")
    assert "published 112,120" in note(cohort, "patients 4")


def test_that_nih_lists_give_the_split_and_an_image_in_both_is_named(nih, imported, note):
    cohort = imported("nih-chestxray14")
    assert cohort.splits == ("train", "train", "test", "")
    assert "00000001_000.png" in note(cohort, "several lists")


def test_that_nih_boxes_are_x_y_width_and_height_and_infiltrate_is_infiltration(nih, imported, note):
    cohort = imported("nih-chestxray14")
    (region,) = cohort.regions
    assert (region.image, region.finding) == ("images/00000003_000.png", "Infiltration")
    assert region.box == pytest.approx((225.08, 547.01, 86.77, 79.18))
    assert "row 3" in note(cohort, "no boxes")
    assert "00000009_000.png" in note(cohort, "boxes belong")


def test_that_an_image_with_transparency_is_read_like_the_others(nih, imported):
    cohort = imported("nih-chestxray14")
    assert read_image(cohort.path(3)).pixels.shape == (6, 8)


def test_that_the_second_release_counts_and_the_lists_of_benchmarktransformers_may_be_chosen(nih, imported, note):
    nih.text("Data_Entry_2017_v2020.csv", NIH_HEADER, "00000001_000.png,Hernia,0,1,57,M,PA,2682,2749,0.143,0.143")
    for part in ("train", "val", "test"):
        lines = ["00000001_000.png " + " ".join(["0"] * 13 + ["1"]), "short 0 1"] if part == "val" else []
        nih.text(f"Xray14_{part}_official.txt", *lines)
    cohort = imported("nih-chestxray14", lists="benchmark")
    assert (cohort.splits, cohort.ages) == (("validation",), (57.0,))
    assert note(cohort, "Both releases")
    assert "short" in note(cohort, "14 zeros and ones")
    (nih.root / "Xray14_val_official.txt").unlink()
    with pytest.raises(UnusableTable, match="Xray14_val"):
        imported("nih-chestxray14", lists="benchmark")


# --- CheXpert

CHEXPERT_LABELS = (
    "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,"
    "Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)


@pytest.fixture
def chexpert(tree):
    folder = "CheXpert-v1.0-small"
    one, two = (f"{folder}/train/patient0000{n}/study1/view1_frontal.jpg" for n in (1, 2))
    lateral = f"{folder}/train/patient00002/study2/view2_lateral.jpg"
    valid = f"{folder}/valid/patient64541/study1/view1_frontal.jpg"
    tree.pictures(one, two, lateral, valid)
    header = f"Path,Sex,Age,Frontal/Lateral,AP/PA,{CHEXPERT_LABELS}"
    tree.text(
        f"{folder}/train.csv",
        header,
        f"{one},Female,68,Frontal,AP,1.0,,,,,,,,-1.0,0.0,,,,1.0",
        f"{two},Male,87,Frontal,PA,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,2.0,",
        f"{lateral},Male,87,Lateral,,,,,,,,,,,,,,,",
        f"{folder}/train/unknown/view1_frontal.jpg,Male,87,Frontal,PA,,,,,,,,,,,,,,",
    )
    tree.text(f"{folder}/valid.csv", header, f"{valid},Male,73,Frontal,AP,0.0,1.0,1.0,1.0,0,1.0,0,0,1.0,0,0,0,0,0")
    return tree


def test_that_chexpert_keeps_uncertain_marks_and_blanks_apart(chexpert, imported, labels, note):
    cohort = imported("chexpert")
    assert cohort.images[0] == "train/patient00001/study1/view1_frontal.jpg"  # without the archive's name
    places = [cohort.description.findings.index(name) for name in ("Atelectasis", "Cardiomegaly", "Support Devices")]
    assert [[row[place] for place in places] for row in labels(cohort)] == [
        [-1, None, 1], [-1, -1, None], [None, None, None], [1, 1, 0],
    ]  # fmt: skip
    assert cohort.patients == ("patient00001", "patient00002", "patient00002", "patient64541")
    assert cohort.studies[2] == "patient00002/study2"
    assert cohort.views == ("AP", "PA", "LATERAL", "AP")
    assert cohort.splits == ("train", "train", "train", "validation")
    assert note(cohort, "none of 1, 0 and -1").endswith(": 1, such as 2.0.")
    assert "unknown" in note(cohort, "name no patient")
    assert "frontal views in valid 1, published 202" in note(cohort, "patients in valid")


def test_that_frontal_views_and_the_five_diseases_may_be_chosen(chexpert, imported, labels):
    cohort = imported("chexpert", view="frontal", findings="five")
    assert cohort.description.findings == ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
    assert labels(cohort) == [[-1, None, None, None, None], [-1, -1, -1, -1, -1], [1, 1, 0, 1, 0]]
    assert imported("chexpert", view="lateral").views == ("LATERAL",)


def test_that_chexpert_is_found_under_any_name_of_its_folder(chexpert, imported):
    (chexpert.root / "CheXpert-v1.0-small").rename(chexpert.root / "films")
    assert len(imported("chexpert")) == 4
    assert len(imported("chexpert", chexpert.root / "films")) == 4


# --- MIMIC-CXR-JPG


@pytest.fixture
def mimic(tree):
    header = "subject_id,study_id," + CHEXPERT_LABELS
    blank = "," * 12
    tree.text("mimic-cxr-2.0.0-chexpert.csv.gz", header, f"10000032,50414267,1.0{blank},", f"10000980,1,,-1.0{blank}")
    tree.text("mimic-cxr-2.0.0-negbio.csv.gz", header, f"10000032,50414267,0.0{blank},", f"10000980,1,,1.0{blank}")
    tree.text(
        "mimic-cxr-2.0.0-metadata.csv.gz",
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns",
        'aa,10000032,50414267,"CHEST (PA, LAT)",PA,3056,2544',
        'bb,10000032,50414267,"CHEST (PA, LAT)",LATERAL,3056,2544',
        "cc,10000980,1,CHEST,AP,3056,2544",
        "dd,10000980,2,CHEST,AP,3056,2544",
        "ee,10000980,1,CHEST,AP,3056,2544",
    )
    tree.text(
        "mimic-cxr-2.0.0-split.csv.gz",
        "dicom_id,study_id,subject_id,split",
        "aa,50414267,10000032,train",
        "bb,50414267,10000032,train",
        "cc,1,10000980,validate",
    )
    tree.pictures(
        "files/p10/p10000032/s50414267/aa.jpg", "files/p10/p10000032/s50414267/bb.jpg",
        "files/p10/p10000980/s1/cc.jpg", "files/p10/p10000980/s2/dd.jpg",
    )  # fmt: skip
    return tree


def test_that_mimic_images_have_the_labels_of_their_study(mimic, imported, labels, note):
    cohort = imported("mimic-cxr-jpg")
    assert [image.rpartition("/")[2] for image in cohort.images] == ["aa.jpg", "bb.jpg", "cc.jpg"]
    assert [row[:2] for row in labels(cohort)] == [[1, None], [1, None], [None, -1]]
    assert cohort.patients == ("10000032", "10000032", "10000980")
    assert cohort.studies == ("50414267", "50414267", "1")
    assert cohort.splits == ("train", "train", "validation")
    assert "dd.jpg" in note(cohort, "studies without labels")
    assert "ee.jpg" in note(cohort, "not there")


def test_that_negbio_and_frontal_views_may_be_chosen(mimic, imported, labels):
    cohort = imported("mimic-cxr-jpg", labels="negbio", view="frontal")
    assert cohort.views == ("PA", "AP")
    assert [row[:2] for row in labels(cohort)] == [[0, None], [None, 1]]


# --- PadChest

PADCHEST_HEADER = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,ViewPosition_DICOM,Projection,"
    "MethodProjection,Report,Labels"
)
MANUAL = "Manual review of DICOM fields"


def padchest_row(image, folder="0", patient="839860488694292331637988235681460987", projection="PA", method=MANUAL,
                 labels="\"['normal']\"", birth="1930.0"):  # fmt: skip
    person = f"study{image},{patient},{birth},F"
    return f'7,{image},{folder},20140915,{person},POSTEROANTERIOR,{projection},{method},"a, b",{labels}'


@pytest.fixture
def padchest(tree):
    tree.text(
        "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz",
        PADCHEST_HEADER,
        padchest_row("a.png", labels="\"['laminar atelectasis', 'pulmonary edema']\""),
        padchest_row("b.png", labels="\"['edema', 'Cardiomegaly ']\"", patient="1.2345E+36"),
        padchest_row("c.png", projection="L", patient="1234512345123451234512345123451234512"),
        padchest_row("d.png", folder="54", labels="\"['unchanged']\"", patient="1300000000000000000000000000000000000"),
        padchest_row("e.png", labels="nan"),
        padchest_row("f.png", labels="\"[__import__('os').getcwd()]\""),
        padchest_row("g.png"),
        padchest_row("h.png", method="Model"),
    )
    for name in ("0/a", "0/b", "0/c", "54/d", "0/e", "0/f", "0/h"):
        tree.picture(f"{name}.png", "I;16", value=40_000)
    return tree


def test_that_padchest_labels_are_lists_and_both_words_for_edema_count(padchest, imported, labels, note):
    cohort = imported("padchest")
    assert cohort.images == ("0/a.png", "0/b.png", "0/c.png", "54/d.png", "0/h.png")
    assert cohort.description.findings == ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
    assert labels(cohort) == [[1, 0, 0, 1, 0], [0, 1, 0, 1, 0], [0] * 5, [0] * 5, [0] * 5]
    assert cohort.ages[0] == 84.0
    assert "e.png" in note(cohort, "have no labels")
    assert "f.png" in note(cohort, "no list of texts")
    assert "0/g.png" in note(cohort, "not there")
    assert "(1 images)" in note(cohort, "PadChest's own term")


def test_that_padchest_patients_in_scientific_notation_are_one_with_those_that_round_to_them(padchest, imported, note):
    cohort = imported("padchest")
    a, b, c, d, _ = cohort.patients
    assert b == c == "1.2345E+36"
    assert len({a, b, d}) == 3
    assert a == "839860488694292331637988235681460987"
    assert "1 whole ones" in note(cohort, "scientific notation")


def test_that_the_published_subset_and_every_label_may_be_chosen(padchest, imported, note):
    cohort = imported("padchest", subset="p2", findings="all")
    assert cohort.images == ("0/a.png", "0/b.png")
    assert cohort.description.findings == ("cardiomegaly", "edema", "laminar atelectasis", "pulmonary edema")
    assert "5, published 1,861" in note(cohort, "images of the subset")


def test_that_sixteen_bits_are_not_cut_off_at_255(padchest, imported):
    assert read_image(imported("padchest").path(0)).pixels.max() == 40_000


# --- VinDr-CXR


def test_that_vindr_readers_vote_and_their_boxes_all_count(tree, imported, labels, note):
    tree.pictures("train/a.png", "train/b.png", "test/c.png")
    (tree.root / "train/a.png").rename(tree.root / "train/a.dicom")
    tree.text(
        "annotations/image_labels_train.csv",
        "image_id,rad_id,Aortic enlargement,Pleural Effusion,Other disease,No finding",
        "a,R1,1,0,1,0", "a,R2,1,0,0,0", "a,R3,0,1,0,0", "a,R3,1,1,1,1",
        "b,R1,0,0,0,1", "b,R2,0,0,0,1", "b,R3,0,0,0,1", "x,R1,0,0,0,1",
    )  # fmt: skip
    tree.text("annotations/image_labels_test.csv", "image_id,Aortic enlargement,No Finding", "c,0,1")
    tree.text(
        "annotations/annotations_train.csv",
        "image_id,rad_id,class_name,x_min,y_min,x_max,y_max",
        "a,R1,Aortic enlargement,10,20,30,50", "a,R2,Aortic enlargement,11,21,31,51", "b,R1,No finding,,,,",
        "a,R3,Pleural effusion,9,9,5,20",
    )  # fmt: skip
    cohort = imported("vindr-cxr")
    assert cohort.images == ("train/a.dicom", "train/b.png", "test/c.png")
    assert cohort.description.findings == ("Aortic enlargement", "Pleural effusion", "Other diseases", "No finding")
    assert labels(cohort) == [[1, 0, 0, 0], [0, 0, 0, 1], [0, None, None, 1]]
    assert labels(imported("vindr-cxr", readers="any"))[0] == [1, 1, 1, 0]
    assert [region.box for region in cohort.regions] == [(10, 20, 20, 30), (11, 21, 20, 30)]
    assert cohort.splits == ("train", "train", "test")
    assert "1 films of train" in note(cohort, "read differently")
    assert "a." in note(cohort, "saw a film twice")
    assert "published 15,000" in note(cohort, "films of train 3")


def test_that_the_kaggle_release_of_vindr_is_told_by_its_header(tree, imported, labels, note):
    tree.pictures("train/a.png", "train/b.png")
    tree.text(
        "train.csv",
        "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max",
        "a,Cardiomegaly,3,R1,1,2,3,4", "a,Cardiomegaly,3,R1,5,6,7,8", "a,Cardiomegaly,3,R2,1,2,3,4",
        "a,ILD,5,R3,1,2,3,4", "b,No finding,14,R1,,,,", "b,No finding,14,R2,,,,", "b,No finding,14,R3,,,,",
        "b,ILD,14,R3,,,,",
    )  # fmt: skip
    cohort = imported("vindr-cxr")
    assert cohort.description.findings == ("Cardiomegaly", "ILD", "No finding")
    assert labels(cohort) == [[1, 0, 0], [0, 0, 1]]
    assert len(cohort.regions) == 4
    assert ": 1, such as b." in note(cohort, "contradict each other")
