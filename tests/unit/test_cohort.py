"""Joining labels and predictions: what matches, what does not, and units coarser than the image."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.errors import UnusableTable
from xferviewer.evaluation.aggregation import aggregate
from xferviewer.evaluation.cohort import Cohort, join, select
from xferviewer.evaluation.groups import group_cases
from xferviewer.evaluation.image_names import match_images
from xferviewer.evaluation.tables import read_label_table, read_predictions


def csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_that_images_match_by_path_and_else_by_a_base_name_that_is_unique() -> None:
    known = ["site1/0001.png", "site2/0001.png", "site1/0002.png", "x\\0003.png"]
    wanted = ["site2/0001.png", "other/0002.png", "0001.png", "./x/0003.png", "0004.png"]
    assert match_images(wanted, known).tolist() == [1, 2, -1, 3, -1]
    # Two wanted films called 0002.png cannot both be the one that is known.
    assert match_images(["a/0002.png", "b/0002.png"], known).tolist() == [-1, -1]


def test_that_two_tables_are_joined_by_image_whatever_their_order(tmp_path: Path) -> None:
    labels = csv(
        tmp_path / "labels.csv", "path,patient,sex,Edema,Mass", "i/a.png,p1,F,1,0", "i/b.png,p1,F,0,", "i/c.png,p2,,0,1"
    )
    ours = csv(
        tmp_path / "ours.csv",
        "image,checkpoint,study,patient,Edema,Mass,Hernia",
        "c.png,A,s3,p2,0.3,0.4,0.1",
        "a.png,A,s1,p1,0.9,0.1,0.1",
        "a.png,B,s1,p1,0.8,,0.1",
        "z.png,B,s9,p9,0.8,,0.1",
    )
    cohort = join(read_label_table(labels), [read_predictions(ours)], ["sex"])
    assert cohort.cases == ("i/a.png", "i/c.png")
    assert (cohort.findings, cohort.checkpoints) == (("Edema", "Mass"), ("A", "B"))
    assert cohort.labels.tolist() == [[1, 0], [0, 1]]
    np.testing.assert_array_equal(cohort.scores, [[[0.9, 0.1], [0.3, 0.4]], [[0.8, np.nan], [np.nan, np.nan]]])
    assert cohort.studies == ("s1", "s3")
    assert cohort.patients == ("p1", "p2")
    assert cohort.columns["sex"] == ("F", "not stated")
    assert cohort.warnings == (
        "No label column for Hernia: left out.",
        f"{ours}: 1 of 4 rows are about images without labels (such as z.png) and are left out.",
        "1 of 3 labelled images have no prediction and are left out.",
        "B has no prediction for 1 of 2 images.",
        "B has no prediction at all for Mass.",
    )


def test_that_a_match_by_base_name_across_folders_is_said(tmp_path: Path) -> None:
    labels = csv(tmp_path / "l.csv", "image,Edema", "north/1.png,1", "north/2.png,0", "3.png,0")
    predictions = csv(tmp_path / "p.csv", "image,Edema", "south/1.png,0.5", "/data/north/2.png,0.5", "x/3.png,0.1")
    cohort = join(read_label_table(labels), [read_predictions(predictions)])
    assert cohort.cases == ("north/1.png", "north/2.png", "3.png")
    (warning,) = cohort.warnings
    assert warning.startswith(f"{predictions}: 1 images are matched by their base name alone")
    assert warning.endswith("(such as south/1.png and north/1.png).")


def test_that_repeated_contradicting_and_uncertain_labels_are_counted_and_resolved(tmp_path: Path) -> None:
    labels = csv(
        tmp_path / "l.csv", "image,Edema,Mass", "a,1,0", "b,-1,1", "a,0,0", "c,7,1", "b,,1", "d,1,", "e,0,1", "f,0,1"
    )
    predictions = csv(tmp_path / "p.csv", "image,Edema,Mass", *(f"{i},0.5,0.25" for i in "abcdef"), "a,0.75,0.25")
    ignored = join(read_label_table(labels), [read_predictions(predictions)])
    np.testing.assert_array_equal(ignored.labels, [[np.nan, 0], [np.nan, 1], [np.nan, 1], [1, np.nan], [0, 1], [0, 1]])
    assert ignored.scores[0, 0].tolist() == [0.5, 0.25]
    assert [warning.split(": ")[-1] for warning in ignored.warnings] == [
        "1 labels are none of 1, 0, -1 or blank and count as not stated.",
        "1 uncertain labels (-1) count as not stated.",
        "2 rows of labels repeat an image and are merged with its first row.",
        "1 images have rows with contradicting labels; these labels (1) count as not stated.",
        "1 rows repeat an image of the same checkpoint; its first row counts.",
    ]
    present = join(read_label_table(labels), [read_predictions(predictions)], uncertain="ones")
    assert present.labels[1].tolist() == [1, 1]


def test_that_a_column_of_something_else_is_no_finding(tmp_path: Path) -> None:
    labels = csv(tmp_path / "l.csv", "image,age,Edema", "a,61,1", "b,1,0", "c,40,0")
    predictions = csv(tmp_path / "p.csv", "image,age,Edema", "a,61,0.5", "b,1,0.5", "c,40,0.1")
    cohort = join(read_label_table(labels), [read_predictions(predictions)])
    assert cohort.findings == ("Edema",)
    assert cohort.warnings == ("No label column for age: left out.",)


def test_that_tables_without_a_common_finding_or_image_are_refused(tmp_path: Path) -> None:
    labels = read_label_table(csv(tmp_path / "l.csv", "image,Edema", "a,1"))
    with pytest.raises(UnusableTable, match="no finding in common"):
        join(labels, [read_predictions(csv(tmp_path / "p.csv", "image,Mass", "a,0.5"))])
    with pytest.raises(UnusableTable, match="No image has both"):
        join(labels, [read_predictions(csv(tmp_path / "p.csv", "image,Edema", "b,0.5"))])
    with pytest.raises(UnusableTable, match="grouped by site"):
        join(labels, [read_predictions(csv(tmp_path / "p.csv", "image,Edema", "a,0.5"))], ["site"])


def cohort_of(labels: list[float], scores: list[float], patients: list[str]) -> Cohort:
    n = len(labels)
    names = tuple(map(str, range(n)))
    return Cohort(
        "image", names, ("",) * n, tuple(patients), ("Edema",), np.array(labels)[:, None], ("A",),
        np.array(scores)[None, :, None], {"view": tuple("PA" if i % 2 else "AP" for i in range(n))},
    )  # fmt: skip


def test_that_a_patient_has_a_finding_when_any_image_has_it_and_the_score_of_the_named_rule() -> None:
    images = cohort_of([0, np.nan, 1, np.nan, 0], [0.5, 0.2, np.nan, 0.4, 0.9], ["p", "p", "q", "q", ""])
    highest = aggregate(images, "patient")
    assert highest.cases == ("p", "q")
    assert highest.labels[:, 0].tolist() == [0, 1]
    assert highest.scores[0, :, 0].tolist() == [0.5, 0.4]
    assert aggregate(images, "patient", "mean").scores[0, :, 0].tolist() == [0.35, 0.4]
    noisy_or = aggregate(images, "patient", "noisy-or").scores[0, :, 0]
    assert noisy_or == pytest.approx([1 - 0.5 * 0.8, 0.4])
    assert highest.warnings == (
        "1 images do not name their patient and are left out.",
        "2 units have several values of view and belong to no group.",
    )
    with pytest.raises(UnusableTable, match="counted by study"):
        aggregate(images, "study")


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 4)), min_size=1, max_size=20))
def test_that_the_order_of_the_images_does_not_matter_to_their_patients(drawn: list[tuple[str, int]]) -> None:
    def highest(rows: list[tuple[str, int]]) -> dict[str, float]:
        cohort = cohort_of([float(s > 2) for _, s in rows], [s / 4 for _, s in rows], [p for p, _ in rows])
        patients = aggregate(cohort, "patient")
        return dict(zip(patients.cases, patients.scores[0, :, 0].tolist(), strict=True))

    assert highest(drawn) == highest(drawn[::-1])
    assert highest(drawn) == {p: max(s for q, s in drawn if q == p) / 4 for p, _ in drawn}


def test_that_ages_are_cut_into_quartile_bands_and_every_case_is_in_one() -> None:
    ages = [str(age) for age in range(20, 60)] + ["not stated", ""]
    groups = group_cases(ages)
    assert list(groups) == ["[20, 29.75)", "[29.75, 39.5)", "[39.5, 49.25)", "[49.25, 59]", "not stated"]
    assert [int(member.sum()) for member in groups.values()] == [10, 10, 10, 10, 1]


def test_that_words_and_few_numbers_are_their_own_groups_and_names_of_cases_are_none() -> None:
    assert list(group_cases(["10", "9", "9"])) == ["9", "10"]
    assert group_cases(["F", "M", "F"])["F"].tolist() == [True, False, True]
    with pytest.raises(ValueError, match="60 different values"):
        group_cases([f"patient {i}" for i in range(60)])


def test_that_two_label_columns_of_one_finding_that_contradict_are_counted_and_label_x_counts(tmp_path: Path) -> None:
    labels = csv(tmp_path / "l.csv", "image,label_Edema,Edema", "a,1,1", "b,0,1", "c,1,", "d,0,0")
    predictions = csv(tmp_path / "p.csv", "image,Edema", "a,.9", "b,.8", "c,.3", "d,.2")
    cohort = join(read_label_table(labels), [read_predictions(predictions)])
    assert cohort.labels[:, 0].tolist() == [1, 0, 1, 0]
    assert cohort.warnings == (
        "Edema: the columns label_Edema and Edema contradict each other in 1 rows; label_Edema counts.",
    )


def test_that_scores_beside_the_labels_of_their_finding_contradict_nothing(tmp_path: Path) -> None:
    # X holds calls of 0 and 1 here; the labels are label_X of the same file.
    both = csv(tmp_path / "p.csv", "image,label_Edema,Edema", "a,1,0", "b,0,1", "c,1,1")
    assert join(read_label_table(both), [read_predictions(both)]).warnings == ()
    named = csv(tmp_path / "q.csv", "image,label_Edema,prob_Edema,Edema", "a,1,.5,0", "b,0,.5,1", "c,1,.5,1")
    (warning,) = join(read_label_table(named), [read_predictions(named)]).warnings
    assert "contradict each other in 2 rows" in warning


def test_that_findings_that_two_tables_spell_differently_are_one(tmp_path: Path) -> None:
    labels = csv(tmp_path / "l.csv", "image,Pleural_Thickening", "a,1", "b,0")
    one = csv(tmp_path / "one.csv", "image,Pleural_Thickening", "a,.9", "b,.1")
    two = csv(tmp_path / "two.csv", "image,pleural thickening", "a,.8", "b,.2")
    cohort = join(read_label_table(labels), [read_predictions(one), read_predictions(two)])
    assert cohort.findings == ("Pleural_Thickening",)
    assert cohort.scores[:, :, 0].tolist() == [[0.9, 0.1], [0.8, 0.2]]
    assert cohort.warnings == (f"{two}: pleural thickening as Pleural_Thickening of the tables before it.",)


def test_that_scores_that_are_missing_here_and_there_are_counted_by_finding(tmp_path: Path) -> None:
    labels = csv(tmp_path / "l.csv", "image,Edema,Mass", "a,1,0", "b,0,1", "c,1,1")
    predictions = csv(tmp_path / "net.csv", "image,Edema,Mass", "a,.5,nan", "b,.5,", "c,NaN,.5")
    cohort = join(read_label_table(labels), [read_predictions(predictions)])
    assert cohort.warnings == ("net lacks scores of images that it has others for: Edema 1, Mass 2.",)


def test_that_a_quoted_na_is_a_name_and_an_unquoted_one_says_nothing(tmp_path: Path) -> None:
    labels = csv(tmp_path / "l.csv", 'image,"site",Edema', '"a","NA","1"', "b,NA,NA", '"c","",""')
    table = read_label_table(labels)
    assert table.column("site") == ("NA", "", "")
    values, n_impossible = table.labels("Edema")
    np.testing.assert_array_equal(values, [1, np.nan, np.nan])
    assert n_impossible == 0


def test_that_noisy_or_leaves_out_scores_that_are_no_probabilities() -> None:
    images = cohort_of([0, 1, 1], [0.5, 0.2, 0.4], ["p", "p", "q"])
    logits = replace(images, checkpoints=("A", "B"), scores=np.concatenate([images.scores, [[[3.0], [0.1], [0.2]]]]))
    patients = aggregate(logits, "patient", "noisy-or")
    assert patients.scores[0, :, 0] == pytest.approx([0.6, 0.4])
    assert np.isnan(patients.scores[1]).all()
    assert patients.warnings[0] == "B: 1 scores lie outside [0, 1], so that noisy-or has no meaning: left out."
    with pytest.raises(UnusableTable, match="noisy-or"):
        aggregate(replace(images, scores=images.scores + 1), "patient", "noisy-or")


def test_that_cases_are_chosen_by_the_values_of_columns() -> None:
    cohort = replace(
        cohort_of([0, 1, 1, 0], [0.1, 0.2, 0.3, 0.4], ["p", "q", "r", "s"]),
        columns={"site": ("A", "B", "C", "A"), "sex": ("F", "F", "M", "M")},
    )
    assert select(cohort, [("site", "A"), ("site", "B"), ("sex", "F")]).cases == ("0", "1")
    assert select(cohort, [("sex", "M")]).scores[0, :, 0].tolist() == [0.3, 0.4]
    assert select(cohort, []) is cohort
    with pytest.raises(UnusableTable, match="No case has site=D") as refused:
        select(cohort, [("site", "D")])
    assert refused.value.why == "site is A, B, C."
