"""A cohort folder where other folders of images go: the index, the command line, `inspect`, `predict --images`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from xferviewer import cli
from xferviewer.cli.datasets import CHOICES
from xferviewer.errors import UnusableTable
from xferviewer.exchange.inspection import inspect
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.cohort_folder import has_regions
from xferviewer.studies.datasets import SOURCES
from xferviewer.studies.indexing import index
from xferviewer.studies.region_files import read_regions
from xferviewer.studies.selection import select_images


@pytest.fixture
def chest(tree, imported):
    """Two films of a cohort, one that is not of it, and one that vanished since the import."""
    for value, name in enumerate(("a", "b", "c", "gone")):
        tree.picture(f"images/{name}.png", value=value)
    tree.text(
        "labels.csv", "path,patient_id,study_id,sex,split,Effusion,Edema",
        "images/a.png,P1,S1,F,train,1,-1", "images/b.png,P1,S2,F,test,,0", "images/gone.png,P2,S3,M,test,1,0",
    )  # fmt: skip
    cohort = imported("csv-table")
    (tree.root / "images/gone.png").unlink()
    return cohort


def test_that_indexing_a_cohort_finds_its_images_with_its_labels_and_no_others(chest, tmp_path):
    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
        counts = index(chest.folder, catalogue)
        assert (counts.images, counts.refused, counts.patients) == (2, 1, 1)
        images = {image.path.rpartition("/")[2]: image for image in catalogue.all_images()}
        assert set(images) == {"a.png", "b.png"}
        assert catalogue.labels_of(images["a.png"].id) == {"Effusion": 1, "Edema": -1}
        assert catalogue.labels_of(images["b.png"].id) == {"Edema": 0}
        assert (images["a.png"].study_uid, images["b.png"].split, images["a.png"].sex) == ("S1", "test", "F")
        assert catalogue.unfinished_roots() == []
        again = index(chest.folder, catalogue)
        assert again == counts


def test_that_indexing_a_cohort_keeps_what_the_folder_of_its_images_brought(chest, tmp_path):
    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
        index(chest.description.root, catalogue)
        index(chest.folder, catalogue)
        assert len(catalogue.all_images()) == 3


def test_that_a_damaged_cohort_is_refused_by_the_index(chest, tmp_path):
    (chest.folder / "images.csv").write_text("image\n")
    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue, pytest.raises(UnusableTable):
        index(chest.folder, catalogue)


def test_that_the_labels_of_a_stack_are_what_all_its_frames_agree_on(tree, imported, tmp_path):
    for exam in ("0000", "0001"):
        tree.array(f"train/sagittal/{exam}.npy", np.full((3, 8, 8), int(exam), np.uint8))
    for finding, ones in (("abnormal", "11"), ("acl", "10"), ("meniscus", "01")):
        tree.text(f"train-{finding}.csv", f"0000,{ones[0]}", f"0001,{ones[1]}")
    cohort = imported("mrnet")
    with Catalogue(tmp_path / "catalogue.sqlite") as catalogue:
        index(cohort.folder, catalogue)
        first, second = catalogue.all_images()
        assert catalogue.labels_of(first.id) == {"abnormal": 1, "acl": 1, "meniscus": 0}
        assert (second.patient_id, second.frames) == ("0001", 3)
    table = cohort.folder / "images.csv"
    table.write_text(table.read_text().replace("0000.npy,2,0000", "0000.npy,2,other").replace(",1,1,0", ",1,0,0", 1))
    with Catalogue(tmp_path / "second.sqlite") as catalogue:
        index(cohort.folder, catalogue)
        first, _ = catalogue.all_images()
        assert catalogue.labels_of(first.id) == {"abnormal": 1, "meniscus": 0}
        assert first.patient_id == ""


def test_that_predictions_can_be_made_of_a_cohort_frame_by_frame(tree, imported):
    tree.array("a/0000.npy", np.zeros((3, 8, 8), np.uint8))
    tree.picture("b/x.png")
    cohort = imported("folder-per-class")
    assert [(image.name, image.frame) for image in select_images(cohort.folder).images] == [
        ("a/0000.npy#0", 0),
        ("a/0000.npy#1", 1),
        ("a/0000.npy#2", 2),
        ("b/x.png", 0),
    ]


def test_that_inspect_counts_what_a_cohort_holds(chest, capsys):
    described = inspect(chest.folder)
    assert (described["kind"], described["images"], described["groups"]) == ("cohort", 3, 2)
    assert described["splits"] == {"train": 1, "test": 2}
    assert described["findings"]["Edema"] == {"present": 0, "absent": 2, "uncertain": 1}
    assert described["digest"] == chest.digest
    assert cli.main(["inspect", str(chest.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == described


def test_that_the_command_line_prints_one_object_and_notes_apart(tree, tmp_path, capsys):
    tree.pictures("yes/a.png", "no/b.png")
    tree.text("no/remark.txt", "x")
    out = tmp_path / "cohort"
    words = ["import-dataset", "auto", str(tree.root), "--out", str(out), "--positive", "yes", "--json"]
    assert cli.main(words) == 0
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    assert (answer["source"], answer["images"], answer["task"], answer["cohort"]) == (
        "folder-per-class",
        2,
        "binary",
        str(out),
    )
    assert "note: Files are no images" in printed.err
    assert cli.main(words) == 2
    assert json.loads(capsys.readouterr().out)["error"]["why"]
    assert cli.main([*words, "--replace"]) == 0
    assert cli.main([*words[:-1], "--replace", "--view", "PA"]) == 2


def test_that_the_command_line_has_every_choice_of_every_source_and_no_other():
    assert {choice.name for source in SOURCES for choice in source.choices} == set(CHOICES)
    for source in SOURCES:
        for choice in source.choices:
            assert all(value in CHOICES[choice.name] or value.isdecimal() for value in choice.values), choice


def test_that_the_regions_of_a_cohort_are_used_like_a_table_of_boxes(tree, imported):
    tree.picture("Dataset_BUSI_with_GT/benign/benign (1).png")
    tree.picture("Dataset_BUSI_with_GT/benign/benign (1)_mask.png", "1", value=1)
    tree.pictures("Dataset_BUSI_with_GT/malignant/malignant (1).png", "Dataset_BUSI_with_GT/normal/normal (1).png")
    cohort = imported("busi")
    assert has_regions(cohort.folder)
    regions = read_regions(cohort.folder)
    assert regions.of_finding(cohort.path(0), "benign").pixels(6, 8).all()
    assert regions.sources == (cohort.folder / "regions.csv",)
