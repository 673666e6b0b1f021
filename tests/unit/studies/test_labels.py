from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xferviewer.errors import UnusableTable
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.catalogue_writing import FileStamp, ImageEntry, record_image, summarise, writing
from xferviewer.studies.images import ImageFacts
from xferviewer.studies.labels import join_labels, read_labels

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def catalogue(tmp_path: Path):
    with Catalogue(tmp_path / "catalogue.sqlite") as opened:
        yield opened


def add(catalogue: Catalogue, *paths: str, **facts: object) -> None:
    with writing(catalogue) as connection:
        for path in paths:
            entry = ImageEntry(FileStamp(path, 1, 1), path, 1, 1, 1, ImageFacts(**facts))
            summarise(connection, record_image(connection, entry))


@pytest.fixture
def table(tmp_path: Path):
    def read(text: str, encoding: str = "utf-8"):
        path = tmp_path / "labels.csv"
        path.write_bytes(text.encode(encoding))
        return read_labels(path)

    return read


def stated(catalogue: Catalogue, path: str) -> dict[str, int]:
    return catalogue.labels_of(catalogue.image_at(path).id)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_that_columns_of_ones_zeros_and_blanks_are_labels_and_the_rest_is_named(table, encoding, separator):
    header = "file,Edema,Ödem,severity_Edema,prob_Mass,label_Mass,note,empty"
    text = f"{header}\r\n1.png,1.0,-1,3,0.4,0,x,\r\n2.png,nan,,2,1,1,,\r\n"

    read = table(text.replace(",", separator), encoding)

    assert read.findings == ("Edema", "Ödem", "Mass")
    assert [row.values for row in read.rows] == [(1, -1, 0), (None, None, 1)]
    assert read.ignored_columns == ("severity_Edema", "prob_Mass", "note", "empty")


def test_that_the_nih_table_is_read_as_it_was_published(table):
    read = table(
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
        "00000001_000.png,Cardiomegaly|Pleural_Thickening,0,1,058Y,M,PA,2682,2749,0.143,0.143,\n"
        "00000001_001.png,No Finding,2,1,58,F,AP,2682,2749,0.143,0.143,\n"
    )

    first, second = read.rows
    assert len(read.findings) == 14
    assert [finding for finding, value in zip(read.findings, first.values, strict=True) if value] == [
        "Cardiomegaly",
        "Pleural_Thickening",
    ]
    assert set(second.values) == {0}
    assert (first.path, first.patient_id, first.age, first.sex, first.view) == ("00000001_000.png", "1", 58, "M", "PA")
    assert "Follow-up #" in read.ignored_columns


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Edema\n1\n", "None of its columns names an image"),
        ("path,Edema\n", "nothing below its header"),
        ("", "nothing below its header"),
        ("path,Edema,Edema\n1.png,1,0\n", "several columns of the name Edema"),
        ("path,Edema\n,1\n,0\n", "empty in every row"),
        ('path,Edema\n"1.png,1\n', "is not CSV"),
    ],
)
def test_that_a_table_that_cannot_be_used_is_refused_with_its_reason(table, text, why):
    with pytest.raises(UnusableTable) as refusal:
        table(text)

    assert why in refusal.value.why
    assert all(part.endswith(".") for part in refusal.value.as_dict().values())


def test_that_a_table_in_another_encoding_is_refused(table):
    with pytest.raises(UnusableTable, match="UTF-8"):
        table("path,Ödem\n1.png,1\n", "latin-1")


def test_that_a_path_beside_the_table_comes_before_a_like_named_one_elsewhere(catalogue, table, tmp_path):
    here, there = str(tmp_path / "images" / "1.png"), "/elsewhere/images/1.png"
    add(catalogue, here, there)

    report = join_labels(table("path,Edema\nimages/1.png,1\n"), catalogue)

    assert stated(catalogue, here) == {"Edema": 1}
    assert stated(catalogue, there) == {}
    assert (report.matched, report.labelled_images, report.unlabelled_images) == (1, 1, 1)


def test_that_a_moved_table_finds_images_by_the_end_of_their_path(catalogue, table):
    add(catalogue, "/data/patient1/view1.jpg", "/data/patient2/view1.jpg", "/data/patient2/view2.jpg")

    report = join_labels(table("Path,Edema\nCheXpert-v1.0/patient2/view1.jpg,1\nview2.jpg,0\nview1.jpg,1\n"), catalogue)

    assert stated(catalogue, "/data/patient2/view1.jpg") == {"Edema": 1}
    assert stated(catalogue, "/data/patient2/view2.jpg") == {"Edema": 0}
    assert report.unmatched == ((4, "view1.jpg"),)  # two fit equally well


def test_that_a_name_may_lack_its_extension_and_use_backslashes(catalogue, table):
    add(catalogue, "/data/a/film.one.dicom", "/data/b/x.png")

    report = join_labels(table("image_id,Edema\nfilm.one,1\nb\\x.png,0\n"), catalogue)

    assert report.unmatched_rows == 0
    assert stated(catalogue, "/data/a/film.one.dicom") == {"Edema": 1}


def test_that_the_sop_instance_uid_and_the_study_are_keys_too(catalogue, table):
    add(catalogue, "/a/1", sop_uid="1.1", study_uid="9", patient_id="P")
    add(catalogue, "/a/2", sop_uid="1.2", study_uid="9", patient_id="P")

    join_labels(table("SOPInstanceUID,Edema\n1.2,1\n"), catalogue)
    join_labels(table("study_uid,Mass\n9,0\n"), catalogue)

    assert stated(catalogue, "/a/1") == {"Mass": 0}
    assert stated(catalogue, "/a/2") == {"Edema": 1, "Mass": 0}


def test_that_a_table_groups_pictures_into_studies_and_patients(catalogue, table):
    add(catalogue, "/a/1.png", "/a/2.png", "/a/3.png")
    text = (
        "path,patient,study,site,sex,age,view,split\n1,P,S,A,female,060Y,PA,test\n2,P,S,A,F,60,LL,test\n3,Q,,B,M,,AP,\n"
    )

    join_labels(table(text), catalogue)

    assert catalogue.counts() == (3, 3, 2, 2, 0)
    first, second = catalogue.studies()
    assert first[1:11] == ("P", "S", "F", 60.0, "PA", "", "", "A", "test", "")
    assert (second.patient_id, second.n_images, second.site) == ("Q", 1, "B")


def test_that_what_a_file_states_about_itself_stands_against_a_table_which_is_told(catalogue, table):
    add(catalogue, "/a/1.dcm", patient_id="P", sex="F", age=50.0)

    report = join_labels(table("path,patient,sex,age,view,Edema\n1.dcm,Q,M,70,PA,1\n"), catalogue)

    (study,) = catalogue.studies()
    assert (study.patient_id, study.sex, study.age, study.view) == ("P", "F", 50.0, "PA")
    assert report.contradictions == 1
    assert report.contradicting == ((2, "the patient in the file"),)


def test_that_rows_that_repeat_and_rows_that_contradict_are_told_apart(catalogue, table):
    add(catalogue, "/a/1.png", "/a/2.png")

    report = join_labels(table("path,Edema\n1.png,1\n1.png,1\n2.png,1\n2.png,0\n"), catalogue)

    assert report.duplicate_rows == 1
    assert report.contradicting == ((5, "row 4"),)
    assert stated(catalogue, "/a/2.png") == {"Edema": 1}
    assert "1 rows contradict" in str(report)


def test_that_joining_a_corrected_table_replaces_its_findings_and_leaves_others(catalogue, table):
    add(catalogue, "/a/1.png")
    join_labels(table("path,Edema,Mass\n1.png,1,1\n"), catalogue)
    join_labels(table("path,Edema,Nodule\n1.png,0,\n1.png,,1\n"), catalogue)

    assert stated(catalogue, "/a/1.png") == {"Edema": 0, "Mass": 1}
    assert catalogue.studies()[0].labels == "Mass"


def test_that_labels_and_grouping_outlive_a_second_look_at_their_file(catalogue, table):
    add(catalogue, "/a/1.png", "/a/2.png")
    join_labels(table("path,patient,study,Edema\n1.png,P,S,1\n2.png,P,S,0\n"), catalogue)
    add(catalogue, "/a/1.png")

    assert stated(catalogue, "/a/1.png") == {"Edema": 1}
    assert [(study.patient_id, study.study_uid, study.n_images) for study in catalogue.studies()] == [("P", "S", 2)]
    assert catalogue.counts().patients == 1
