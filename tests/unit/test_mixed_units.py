"""Labels and predictions of different units: joined where a column leads from one to the other, else refused."""

from pathlib import Path

import numpy as np
import pytest

from xferviewer.errors import UnusableTable
from xferviewer.evaluation.mixed_units import check_unit, cohort_of_tables
from xferviewer.evaluation.tables import LabelTable, PredictionTable, read_label_table, read_predictions
from xferviewer.evaluation.units import UNITS


def csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def labels_of(path: Path, *lines: str) -> LabelTable:
    return read_label_table(csv(path / "labels.csv", *lines), UNITS)


def predictions_of(path: Path, name: str, *lines: str) -> PredictionTable:
    return read_predictions(csv(path / f"{name}.csv", *lines), UNITS)


BY_STUDY = ("study,site,Edema,Mass", "s1,A,1,0", "s2,B,0,", "s3,B,1,1")
IMAGES_OF_STUDIES = ("image,study,Edema,Mass", "a,s1,.9,.1", "b,s1,.2,.2", "c,s2,.3,.3", "d,s4,.4,.4")


def test_that_every_image_gets_the_labels_of_its_study_and_that_is_said(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, *BY_STUDY)
    cohort = cohort_of_tables(labels, [predictions_of(tmp_path, "net", *IMAGES_OF_STUDIES)], columns=["site"])
    assert (cohort.unit, cohort.cases, cohort.studies) == ("image", ("a", "b", "c"), ("s1", "s1", "s2"))
    np.testing.assert_array_equal(cohort.labels, [[1, 0], [1, 0], [0, np.nan]])
    assert cohort.columns["site"] == ("A", "A", "B")
    assert cohort.warnings[0] == (
        "The labels are by study: each of 3 images has those of its study, found by the column study of the "
        "predictions."
    )
    assert "1 of 4 rows are about images without labels (such as d)" in cohort.warnings[1]


def test_that_labels_by_study_counted_by_study_are_those_of_the_table(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, *BY_STUDY)
    cohort = cohort_of_tables(labels, [predictions_of(tmp_path, "net", *IMAGES_OF_STUDIES)], "study")
    assert cohort.cases == ("s1", "s2")
    np.testing.assert_array_equal(cohort.labels, [[1, 0], [0, np.nan]])
    assert cohort.scores[0].tolist() == [[0.9, 0.2], [0.3, 0.3]]


def test_that_tables_that_spell_the_path_of_an_image_differently_share_it(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, *BY_STUDY)
    one = predictions_of(tmp_path, "one", "image,study,Edema", "x/a,s1,.9", "x/c,s2,.3")
    two = predictions_of(tmp_path, "two", "image,study,Edema", "y/c,s2,.4", "y/a,s1,.8")
    cohort = cohort_of_tables(labels, [one, two])
    assert cohort.cases == ("x/a", "x/c")
    assert cohort.scores[:, :, 0].tolist() == [[0.9, 0.3], [0.8, 0.4]]


def test_that_labels_by_image_are_brought_together_for_predictions_by_study(tmp_path: Path) -> None:
    labels = labels_of(
        tmp_path, "image,study,sex,Edema", "a,s1,F,0", "b,s1,M,1", "c,s2,F,0", "d,,F,1", "e,s3,F,", "f,s3,F,"
    )
    predictions = predictions_of(tmp_path, "net", "study,Edema", "s1,.9", "s2,.2", "s3,.5", "s1,.1")
    cohort = cohort_of_tables(labels, [predictions], "study", columns=["sex"])
    assert (cohort.unit, cohort.cases) == ("study", ("s1", "s2", "s3"))
    np.testing.assert_array_equal(cohort.labels, [[1], [0], [np.nan]])
    assert cohort.scores[0, :, 0].tolist() == [0.9, 0.2, 0.5]
    assert cohort.columns["sex"] == ("", "F", "F")
    assert cohort.warnings == (
        "1 labelled images do not name their study: left out.",
        (
            "net.csv: predictions by study; the labels of 5 images are brought together by the column study of the "
            "labels, where any of them present means present."
        ),
        f"{predictions.source}: 1 rows repeat a study of the same checkpoint; its first row counts.",
    )


def test_that_predictions_by_image_and_by_study_are_compared_by_study(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, "image,study,Edema", "a,s1,0", "b,s1,1", "c,s2,0", "d,s3,1")
    by_image = predictions_of(tmp_path, "images", "image,Edema", "a,.3", "b,.7", "c,.2")
    by_study = predictions_of(tmp_path, "studies", "study,EDEMA", "s3,.6", "s1,.9")
    cohort = cohort_of_tables(labels, [by_study, by_image], "study", "mean")
    assert (cohort.cases, cohort.checkpoints) == (("s1", "s2", "s3"), ("images", "studies"))
    assert cohort.findings == ("EDEMA",)
    assert cohort.warnings[0] == f"{by_image.source}: Edema as EDEMA of the tables before it."
    assert cohort.labels[:, 0].tolist() == [1, 0, 1]
    np.testing.assert_array_equal(cohort.scores[:, :, 0], [[0.5, 0.2, np.nan], [0.9, np.nan, 0.6]])


def test_that_both_tables_by_study_need_no_image(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, *BY_STUDY)
    predictions = predictions_of(tmp_path, "net", "study,patient,Edema", "s3,p,.5", "s1,q,.25", ",q,.1")
    cohort = cohort_of_tables(labels, [predictions], "study")
    assert (cohort.cases, cohort.patients) == (("s1", "s3"), ("q", "p"))
    assert cohort_of_tables(labels, [predictions], "patient").cases == ("p", "q")


def test_that_what_cannot_be_joined_or_counted_is_refused_in_three_sentences(tmp_path: Path) -> None:
    by_study = labels_of(tmp_path, *BY_STUDY)
    of_studies = predictions_of(tmp_path, "studies", "study,Edema", "s1,.5")
    of_images = predictions_of(tmp_path, "images", "image,Edema", "a,.5")
    elsewhere = predictions_of(tmp_path, "elsewhere", "image,study,Edema", "a,t1,.5")
    for refused, unit, says in (
        (of_studies, "image", "studies.csv cannot be counted by image. Its predictions are by study"),
        (of_images, "image", "images.csv cannot be joined with the labels. The predictions are by image and do not"),
    ):
        with pytest.raises(UnusableTable) as error:
            check_unit(by_study, refused, unit)
        assert says in str(error.value)
        assert all(part.endswith(".") for part in (error.value.what, error.value.why, error.value.todo))
    by_image = labels_of(tmp_path, "image,Edema", "a,1")
    with pytest.raises(UnusableTable, match="The labels are by image and do not name the study of each"):
        check_unit(by_image, of_studies, "study")
    check_unit(by_study, elsewhere, "image")
    with pytest.raises(UnusableTable, match="nothing leads from one to the other"):
        cohort_of_tables(by_study, [elsewhere])


def test_that_tables_of_one_unit_that_fit_nothing_leave_those_of_another_alone(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, "image,study,Edema", "a,s1,0", "b,s2,1")
    good = predictions_of(tmp_path, "good", "image,Edema", "a,.3", "b,.7")
    bad = predictions_of(tmp_path, "bad", "study,Edema", "t1,.3", "t2,.7")
    cohort = cohort_of_tables(labels, [good, bad], "study")
    assert cohort.checkpoints == ("good",)
    assert cohort.warnings[-1].startswith("No study has both a label and a prediction.")
    assert cohort.warnings[-1].endswith("Left out.")


def test_that_only_images_with_the_value_make_up_a_study(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, "image,study,view,Edema", "a,s1,PA,0", "b,s1,AP,1", "c,s2,PA,1")
    predictions = predictions_of(tmp_path, "net", "image,Edema", "a,.3", "b,.7", "c,.2")
    cohort = cohort_of_tables(labels, [predictions], "study", where=[("view", "PA")])
    assert cohort.labels[:, 0].tolist() == [0, 1]
    assert cohort.scores[0, :, 0].tolist() == [0.3, 0.2]
