"""HAM10000 and the ISIC challenges."""

from __future__ import annotations

HAM = "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset"


def test_that_ham_images_lie_in_two_folders_and_are_grouped_by_lesion(tree, imported, note):
    tree.pictures("HAM10000_images_part_1/ISIC_0027419.jpg", "HAM10000_images_part_2/ISIC_0025030.jpg")
    tree.text(
        "HAM10000_metadata.csv", HAM,
        "HAM_0000118,ISIC_0027419,bkl,histo,80.0,male,scalp,vidir_modern",
        "HAM_0000118,ISIC_0025030,bkl,histo,,unknown,scalp,rosendahl",
        "HAM_0002730,ISIC_0026769,mel,histo,80.0,male,scalp,vidir_modern",
        "HAM_0002731,ISIC_0026770,wart,histo,80.0,male,scalp,vidir_modern",
    )  # fmt: skip
    cohort = imported("ham10000")
    assert cohort.images == ("HAM10000_images_part_1/ISIC_0027419.jpg", "HAM10000_images_part_2/ISIC_0025030.jpg")
    assert cohort.patients == ("HAM_0000118",) * 2
    assert cohort.description.group == "lesion"
    assert cohort.description.findings == ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    assert cohort.labels.argmax(axis=1).tolist() == [2, 2]
    assert (cohort.sexes, cohort.ages, cohort.sites) == (("M", ""), (80.0, None), ("vidir_modern", "rosendahl"))
    assert "ISIC_0026769" in note(cohort, "not there")
    assert "wart" in note(cohort, "none of the seven")
    assert "nv 0, published 6,705" in note(cohort, "lesions 2, published 7,470")


def test_that_isic_2019_is_one_hot_and_an_unused_class_is_left_out(tree, imported, note):
    tree.pictures("ISIC_2019_Training_Input/ISIC_1.jpg", "ISIC_2019_Training_Input/ISIC_2_downsampled.jpg",
                  "ISIC_2019_Training_Input/ISIC_3.jpg")  # fmt: skip
    tree.text(
        "ISIC_2019_Training_GroundTruth.csv",
        "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK",
        "ISIC_1,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0", "ISIC_2_downsampled,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0",
        "ISIC_3,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0", "ISIC_4,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0",
    )  # fmt: skip
    tree.text(
        "ISIC_2019_Training_Metadata.csv",
        "image,age_approx,anatom_site_general,lesion_id,sex",
        "ISIC_1,55.0,anterior torso,,female", "ISIC_2_downsampled,30.0,,MSK4_0011169,male",
    )  # fmt: skip
    cohort = imported("isic-2018-2019")
    assert cohort.description.findings == ("MEL", "NV")
    assert cohort.labels.tolist() == [[0, 1], [1, 0]]
    assert (cohort.patients, cohort.ages) == (("", "MSK4_0011169"), (55.0, 30.0))
    assert note(cohort, "state no lesion").startswith("1 images")
    assert "UNK" in note(cohort, "left out.")
    assert "ISIC_3" in note(cohort, "no class of the challenge")


def test_that_isic_2018_lies_in_folders_of_its_own_with_groupings_of_lesions(tree, imported):
    for part, image in (("Training", "ISIC_1"), ("Validation", "ISIC_2")):
        tree.picture(f"ISIC2018_Task3_{part}_Input/{image}.jpg")
        folder = f"ISIC2018_Task3_{part}_GroundTruth"
        tree.text(f"{folder}/{folder}.csv", "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC", f"{image},0,0,0,1.0,0,0,0")
    tree.text("ISIC2018_Task3_Training_LesionGroupings.csv", "image,lesion_id,diagnosis_confirm_type", "ISIC_1,HAM_1,x")
    cohort = imported("isic-2018-2019")
    assert (cohort.description.findings, cohort.splits) == (("AKIEC",), ("train", "validation"))
    assert cohort.patients == ("HAM_1", "")


def test_that_isic_2020_is_grouped_by_patient_and_contradictions_cost_their_row(tree, imported, labels, note):
    tree.pictures("train/ISIC_1.jpg", "train/ISIC_2.jpg", "train/ISIC_3.jpg")
    head = (
        "image_name,patient_id,lesion_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target"
    )
    tree.text(
        "ISIC_2020_Training_GroundTruth_v2.csv", head,
        "ISIC_1,IP_7,IL_1,male,45.0,head/neck,unknown,benign,0", "ISIC_2,IP_7,IL_2,female,,torso,melanoma,malignant,1",
        "ISIC_3,IP_8,IL_3,female,20,torso,melanoma,malignant,0",
    )  # fmt: skip
    cohort = imported("isic-2020")
    assert (cohort.description.task, cohort.patients, cohort.studies) == ("binary", ("IP_7", "IP_7"), ("IL_1", "IL_2"))
    assert labels(cohort) == [[0], [1]]
    assert "ISIC_3" in note(cohort, "contradict themselves")
    assert "published 33,126" in note(cohort, "rows 3")
