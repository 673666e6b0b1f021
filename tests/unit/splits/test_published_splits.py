"""Splits that others published: their counts, what they leak, and the accuracy of who always says the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from xferviewer.errors import UnusableChoice, UnusableTable
from xferviewer.studies.cohort_summary import FindingCounts, summarise
from xferviewer.studies.leakage import leakage_receipt
from xferviewer.studies.split_file import freeze
from xferviewer.studies.split_making import SplitPlan, groups_of, make_split


def p1_cohort(table, images, positives):
    """As many images and positives as the study had, in an order of no meaning."""
    labels = np.zeros((images, 1))
    labels[np.random.default_rng(0).permutation(images)[:positives]] = 1
    return table([""] * images, labels, group="image", task="binary")


def counts_of(cohort, parts):
    return {
        part: (parts.count(part), int(cohort.labels[np.array(parts) == part].sum()))
        for part in ("training", "validation", "test")
    }


@pytest.mark.parametrize(
    ("images", "positives", "counts"),
    [
        (780, 210, {"training": (585, 158), "validation": (117, 31), "test": (78, 21)}),
        (1021, 570, {"training": (765, 427), "validation": (153, 85), "test": (103, 58)}),
    ],
    ids=["breast", "ACL"],
)
def test_that_the_image_level_split_has_the_published_counts(table, images, positives, counts):
    cohort = p1_cohort(table, images, positives)
    made = make_split(cohort, SplitPlan(method="p1-image-level"))
    assert counts_of(cohort, made.parts) == counts
    assert (made.method, made.published_leak) == ("P1 image level (leaks)", True)


@pytest.mark.parametrize(
    ("images", "positives", "accuracies"),
    [(780, 210, {"validation": 0.7350, "test": 0.7308}), (1021, 570, {"validation": 0.5556, "test": 0.5631})],
    ids=["breast", "ACL"],
)
def test_that_who_always_says_the_same_is_as_often_right_as_published(table, images, positives, accuracies):
    cohort = p1_cohort(table, images, positives)
    made = make_split(cohort, SplitPlan(method="p1-image-level"))
    receipt = leakage_receipt(made.parts, groups_of(cohort), cohort.images)
    summary = summarise(cohort, freeze(cohort, "p1", made.parts, made.method, {}, receipt, leaks=True))
    for part in summary.parts:
        if part.part in accuracies:
            assert part.findings["F0"].majority_accuracy == pytest.approx(accuracies[part.part], abs=5e-5)


def test_that_the_accuracy_of_the_other_guess_is_the_rest():
    """ACL: who always says absent is right in 0.4444 of the validation and 0.4369 of the test images."""
    for positive, images, published in ((85, 153, 0.4444), (58, 103, 0.4369)):
        guess = FindingCounts(positive, images - positive, 0, 0).majority_accuracy
        assert 1 - guess == pytest.approx(published, abs=5e-5)


def test_that_the_image_level_split_tears_examinations_apart_and_a_split_by_examination_does_not(table):
    """Five slices of each examination, as 18 to 22 of exam 0080."""
    exams = [f"{number // 5:04d}" for number in range(1020)]
    labels = [[number // 5 % 2] for number in range(1020)]
    cohort = table(exams, labels, group="exam")
    for method, torn in (("p1-image-level", True), ("stratified", False)):
        made = make_split(cohort, SplitPlan(method=method))
        receipt = leakage_receipt(made.parts, groups_of(cohort), cohort.images, group="exam")
        assert (receipt.between("training", "test").groups > 50) is torn
        assert made.published_leak is torn


def fold_tables(folder, rows):
    """Rows as the study kept them: each fold's training and validation table, every file in several of them."""
    for fold in range(1, 6):
        for prefix in ("train", "val"):
            chosen = [row for number, row in enumerate(rows) if (number % 5 + 1 == fold) == (prefix == "val")]
            lines = [f"images/{name},{label}" for name, label in chosen]
            (folder / f"breast_{prefix}_fold{fold}.csv").write_text("\n".join(["filename,label", *lines]) + "\n")


def test_that_the_fold_tables_say_which_image_goes_where(table, tmp_path):
    """The draw is of the tables put one after the other, each file once: training of fold 1, then what fold 2 adds."""
    from sklearn.model_selection import train_test_split

    names = [f"benign ({number}).png" for number in range(1, 571)] + [f"malignant ({n}).png" for n in range(1, 211)]
    labels = ["benign"] * 570 + ["malignant"] * 210
    fold_tables(tmp_path, list(zip(names, labels, strict=True)))
    images = [f"{name.split()[0]}/{name}" for name in names]
    cohort = table([""] * 780, [[label == "malignant"] for label in labels], images=images, group="image")
    made = make_split(cohort, SplitPlan(method="p1-image-level", lists={"folder": tmp_path}))
    assert counts_of(cohort, made.parts)["test"] == (78, 21)
    order = [n for n in range(780) if n % 5 != 0] + [n for n in range(780) if n % 5 == 0]
    training, held_out = train_test_split(
        order, test_size=0.25, random_state=42, stratify=[labels[number] for number in order]
    )
    _, test = train_test_split(held_out, test_size=0.4, random_state=42, stratify=[labels[n] for n in held_out])
    assert sorted(np.flatnonzero(np.array(made.parts) == "test")) == sorted(test)
    assert sorted(np.flatnonzero(np.array(made.parts) == "training")) == sorted(training)
    without = make_split(cohort, SplitPlan(method="p1-image-level"))
    assert without.parts != made.parts
    assert any("not from the published fold tables" in note for note in without.notes)


def test_that_a_folder_without_fold_tables_is_refused(table, tmp_path):
    cohort = p1_cohort(table, 40, 10)
    with pytest.raises(UnusableTable, match="holds no fold tables"):
        make_split(cohort, SplitPlan(method="p1-image-level", lists={"folder": tmp_path}))
    with pytest.raises(UnusableChoice, match="cannot be made"):
        make_split(p1_cohort(table, 5, 1), SplitPlan(method="p1-image-level"))


def test_that_official_lists_give_each_file_its_part_and_are_compared_with_the_labels(table, tmp_path):
    """Lines of BenchmarkTransformers' lists: a file and a 0 or 1 for each finding."""
    names = [f"{number:08d}_000.png" for number in range(30)]
    labels = [[number % 2, number % 3 == 0] for number in range(30)]
    cohort = table([str(number) for number in range(30)], labels, images=[f"images/{name}" for name in names])
    lists = {}
    for part, rows in (("training", range(20)), ("validation", range(20, 24)), ("test", range(24, 29))):
        lists[part] = tmp_path / f"Xray14_{part}_official.txt"
        lines = [f"{names[row]} {labels[row][0]} {int(labels[row][1]) if row else 0}" for row in rows]
        lists[part].write_text("\n".join(lines) + "\n")
    made = make_split(cohort, SplitPlan(method="lists", lists=lists))
    assert Counter(made.parts) == {"training": 20, "validation": 4, "test": 5, "": 1}
    assert made.parts[24:29] == ("test",) * 5
    assert (made.method, made.published_leak) == ("official lists", False)
    assert "1 images of the cohort are in no list, and in no part." in made.notes
    assert "The lists state other labels than the cohort for 1 images; those of the cohort count." in made.notes


def test_that_lists_of_names_with_spaces_are_read_and_those_of_other_files_refused(table, tmp_path):
    cohort = table(["", ""], [[0], [1]], images=["b/benign (1).png", "b/benign (2).png"], group="image")
    (tmp_path / "a.txt").write_text("benign (1).png\n")
    (tmp_path / "b.txt").write_text("benign (2).png\nbenign (3).png\n")
    made = make_split(
        cohort, SplitPlan(method="lists", lists={"training": tmp_path / "a.txt", "test": tmp_path / "b.txt"})
    )
    assert made.parts == ("training", "test")
    assert "1 files of the lists are not in the cohort." in made.notes
    with pytest.raises(UnusableTable, match="in the list of training too"):
        make_split(
            cohort, SplitPlan(method="lists", lists={"training": tmp_path / "a.txt", "test": tmp_path / "a.txt"})
        )
    (tmp_path / "c.txt").write_text("other.png\n")
    with pytest.raises(UnusableTable, match="name no image"):
        make_split(cohort, SplitPlan(method="lists", lists={"training": tmp_path / "c.txt"}))
    with pytest.raises(UnusableTable, match=r"absent\.txt cannot be read"):
        make_split(cohort, SplitPlan(method="lists", lists={"training": tmp_path / "absent.txt"}))


def kermany(table):
    """A source whose validation part is far too small; patient 0 is in training and test."""
    patients = [str(number // 4) for number in range(400)] + ["v"] * 4 + ["0"] * 2 + [f"t{n}" for n in range(30)]
    splits = ["train"] * 400 + ["validation"] * 4 + ["test"] * 32
    labels = [[number // 4 % 2] for number in range(436)]
    return table(patients, labels, splits=splits)


def test_that_shared_patients_of_a_source_are_refused_left_out_or_kept_and_marked(table):
    cohort = kermany(table)
    with pytest.raises(UnusableChoice, match="1 of its 131 patients are in two parts"):
        make_split(cohort, SplitPlan(method="official"))
    without = make_split(cohort, SplitPlan(method="official", shared="leave-out"))
    assert Counter(without.parts) == {"training": 396, "validation": 4, "test": 32, "": 4}
    assert without.notes == ("1 patients were in two parts: 4 images out of training are left out.",)
    kept = make_split(cohort, SplitPlan(method="official", shared="keep"))
    assert Counter(kept.parts) == {"training": 400, "validation": 4, "test": 32}
    assert (kept.method, kept.published_leak) == ("official (leaks)", True)


def test_that_validation_is_carved_by_patient_from_a_source_that_has_too_little(table):
    cohort = kermany(table)
    made = make_split(cohort, SplitPlan(method="official", validation=0.1, shared="leave-out"))
    parts = np.array(made.parts)
    assert abs(np.sum(parts == "validation") - 0.1 * 404) <= 4
    assert set(np.flatnonzero(parts == "test")) == set(range(404, 436))
    sides = [
        {cohort.patients[row] for row in np.flatnonzero(parts == part)} for part in ("training", "validation", "test")
    ]
    assert sum(len(side) for side in sides) == len(set.union(*sides))
    assert made.method == "official, validation carved from training"
    assert abs(cohort.labels[parts == "validation"].mean() - 0.5) < 0.06


def test_that_folds_of_a_source_leave_its_test_images_alone(table):
    made = make_split(kermany(table), SplitPlan(method="official", folds=4, shared="leave-out"))
    assert made.parts[404:] == ("test",) * 32
    assert set(made.parts[:404]) == {"", "1", "2", "3", "4"}
