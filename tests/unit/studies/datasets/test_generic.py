"""Layouts that are nobody's own: a folder for each class, a CSV of paths, a DICOM tree with a table."""

from __future__ import annotations

import numpy as np
import pytest

from xferviewer.errors import UnusableChoice, UnusableFolder, UnusableTable


def test_that_folders_are_classes_with_and_without_parts_above_them(tree, imported, labels, note):
    tree.pictures("yes/a.jpg", "yes/deep/b.png", "no/c.JPG")
    tree.text("no/readme.txt", "x")
    cohort = imported("folder-per-class")
    assert (cohort.description.findings, cohort.images) == (("no", "yes"), ("no/c.JPG", "yes/a.jpg", "yes/deep/b.png"))
    assert labels(cohort) == [[1, 0], [0, 1], [0, 1]]
    assert "readme.txt" in note(cohort, "no images")
    binary = imported("folder-per-class", positive="yes")
    assert (binary.description.task, labels(binary)) == ("binary", [[0], [1], [1]])
    with pytest.raises(UnusableChoice, match="no, yes"):
        imported("folder-per-class", positive="maybe")


def test_that_parts_above_the_classes_are_the_split(tree, imported):
    tree.pictures("Training/glioma/a.jpg", "Training/notumor/b.jpg", "Testing/glioma/c.jpg")
    cohort = imported("folder-per-class")
    assert cohort.description.findings == ("glioma", "notumor")
    assert cohort.splits == ("test", "train", "train")


def test_that_a_table_names_images_that_may_lie_elsewhere_now(tree, imported, labels, note):
    tree.pictures("images/a.png", "moved/b.png")
    tree.text(
        "labels.csv",
        "path,patient_id,age,sex,split,Effusion,Edema,remark",
        "images/a.png,7,61,F,train,1,-1,x", "images/b.png,7,,M,valid,,0,y", "images/c.png,8,1,M,dev,0,0,z",
        "images/a.png,7,61,F,train,0,-1,x",
    )  # fmt: skip
    cohort = imported("csv-table")
    assert cohort.images == ("images/a.png", "moved/b.png")
    assert labels(cohort) == [[1, -1], [None, 0]]
    assert (cohort.patients, cohort.splits) == (("7", "7"), ("train", "validation"))
    assert "images/c.png" in note(cohort, "not there")
    assert "images/a.png" in note(cohort, "something else")
    assert "remark" in note(cohort, "hold no labels")


def test_that_one_of_several_tables_has_to_be_named(tree, imported):
    from xferviewer.studies.datasets import import_dataset, source_of

    tree.pictures("a.png", "b.png")
    for name in ("one", "two"):
        tree.text(f"{name}.csv", "path,tumor", "a.png,1", "b.png,0")
    with pytest.raises(UnusableChoice, match=r"one.csv, two.csv"):
        import_dataset(source_of("csv-table"), tree.root, tree.root.parent / "c")
    (tree.root / "two.csv").rename(tree.root / "labels.csv")
    cohort = imported("csv-table")
    assert (cohort.description.task, cohort.description.group) == ("binary", "image")


def test_that_rows_of_no_class_are_left_out_of_classes(tree, imported, note):
    tree.pictures("a.png", "b.png", "c.png")
    tree.text("labels.csv", "path,cat,dog", "a.png,1,0", "b.png,0,1", "c.png,1,1")
    cohort = imported("csv-table", task="multi-class")
    assert cohort.images == ("a.png", "b.png")
    assert note(cohort, "no class or to several").startswith("1 rows")
    with pytest.raises(UnusableChoice, match="not binary"):
        imported("csv-table", task="binary")


def test_that_a_path_cannot_lead_out_of_the_folder(tree, imported, note):
    tree.pictures("images/a.png", "../secret.png")
    tree.text("labels.csv", "path,tumor", "../secret.png,1", "images/a.png,0")
    assert imported("csv-table").images == ("images/a.png",)


def test_that_a_dicom_tree_is_joined_by_uid_and_its_headers_say_the_rest(tree, imported, labels, note):
    pixels = np.arange(48).reshape(6, 8)
    tree.dicom("a/one.dcm", pixels, SOPInstanceUID="1.2.1", PatientID="P1", StudyInstanceUID="1.9", PatientAge="061Y",
               PatientSex="F", ViewPosition="PA", Modality="DX")  # fmt: skip
    tree.dicom("a/b/two", np.stack([pixels, pixels + 1]), SOPInstanceUID="1.2.2", PatientID="P2", Modality="DX")
    tree.dicom("a/three.dcm", pixels, SOPInstanceUID="1.2.3", PatientID="P3", Modality="DX")
    tree.text("a/broken.dcm", "no DICOM")
    tree.text("truth.csv", "sop_instance_uid,split,Effusion", "1.2.1,train,1", "1.2.2,test,-1", "1.2.9,test,1")
    cohort = imported("dicom-tree")
    assert cohort.images == ("a/b/two", "a/b/two", "a/one.dcm")
    assert cohort.frames == (0, 1, 0)
    assert labels(cohort) == [[-1], [-1], [1]]
    assert (cohort.patients[2], cohort.studies[2], cohort.ages[2], cohort.sexes[2]) == ("P1", "1.9", 61.0, "F")
    assert (cohort.splits, cohort.description.modality) == (("test", "test", "train"), "DX")
    assert "three.dcm" in note(cohort, "no row in the table")
    assert "broken.dcm" in note(cohort, "no images that can be read")
    assert "1.2.9" in note(cohort, "found no image")


@pytest.mark.parametrize("kind", ["dicom", "png"])
def test_that_masks_beside_images_are_the_regions_of_a_synthetic_cohort(tmp_path, imported, kind):
    from xferviewer.studies.phantom import write_cohort

    write_cohort(tmp_path / "films", 12, 5, "A", kind, size=64)
    cohort = imported("dicom-tree" if kind == "dicom" else "csv-table", tmp_path / "films")
    assert len(cohort) == 12
    assert cohort.description.group == "patient"
    masks = {path.name for path in (tmp_path / "films" / "masks").iterdir()}
    assert {region.mask.rpartition("/")[2] for region in cohort.regions} == masks
    assert {region.finding for region in cohort.regions} <= set(cohort.description.findings)
    for region in cohort.regions:
        marked = cohort.marked().of_finding(cohort.description.root / region.image, region.finding)
        assert marked.pixels(64, 64).any()
    assert not any(".png" in each for each in cohort.description.notes)


def test_that_a_folder_of_nothing_known_is_refused(tree, imported):
    tree.text("letter.txt", "Dear")
    with pytest.raises(UnusableFolder, match="no layout that is known"):
        imported("csv-table")


def test_that_a_table_without_labels_is_refused(tree):
    from xferviewer.studies.datasets import import_dataset, source_of

    tree.pictures("a.png")
    tree.text("labels.csv", "path,remark", "a.png,x")
    with pytest.raises(UnusableTable, match="no finding"):
        import_dataset(source_of("csv-table"), tree.root, tree.root.parent / "c")
