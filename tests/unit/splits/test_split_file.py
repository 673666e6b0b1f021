"""A frozen split is read back, and refused in words when its cohort or itself has changed."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pytest

from xferviewer.errors import UnusableFolder, UnusableTable
from xferviewer.studies.cohort import CohortRow
from xferviewer.studies.cohort_folder import read_cohort
from xferviewer.studies.leakage import leakage_receipt
from xferviewer.studies.split_file import find_split_file, freeze, list_splits, read_split, splits_folder, write_split
from xferviewer.studies.split_making import SplitPlan, groups_of, make_split

FORMATS = Path(__file__).parents[2] / "data" / "formats"
ROWS = [
    CohortRow(f"a/{number}.png", (number % 2, None if number % 5 else -1), frame=number % 3, patient=str(number // 2))
    for number in range(40)
]


@pytest.fixture
def frozen(folder):
    """A cohort folder, and the file of a split of it."""
    place = folder(ROWS, ("Edema", "Mass"))
    cohort = read_cohort(place)
    made = make_split(cohort, SplitPlan(seed=3))
    receipt = leakage_receipt(made.parts, groups_of(cohort), cohort.images)
    split = freeze(cohort, "first", made.parts, made.method, {"seed": 3, "validation": 0.15}, receipt, notes=["Said."])
    return place, write_split(splits_folder(place), split, cohort), split


def test_that_a_split_is_read_back_as_it_was_frozen(frozen):
    place, path, split = frozen
    found = read_split(path, read_cohort(place))
    assert (found.parts, found.digest, found.receipt) == (split.parts, split.digest, split.receipt)
    assert (found.method, found.seed, found.notes, found.leaks) == ("by patient, stratified", 3, ("Said.",), False)
    assert found.parameters == {"seed": 3, "validation": 0.15}
    assert [each.stem for each in list_splits(place)] == ["first"]
    assert find_split_file(place, "first") == path
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["image", "frame", "part"]
    assert rows[2] == ["a/1.png", "1", split.parts[1]]
    assert tomllib.loads(path.with_suffix(".toml").read_text())["version"] == 1


def test_that_no_patient_and_no_label_stand_in_a_split(folder):
    place = folder([CohortRow(f"{n}.png", (n % 2,), patient=f"Surname-{n}") for n in range(10)])
    cohort = read_cohort(place)
    made = make_split(cohort, SplitPlan())
    receipt = leakage_receipt(made.parts, groups_of(cohort), cohort.images)
    path = write_split(splits_folder(place), freeze(cohort, "s", made.parts, made.method, {}, receipt), cohort)
    assert "Surname" not in path.read_text() + path.with_suffix(".toml").read_text()


def changed(number, **fields):
    rows = list(ROWS)
    values = {name: getattr(rows[number], name) for name in ("image", "values", "frame", "patient", "study", "age")}
    rows[number] = CohortRow(**{**values, **fields})
    return rows


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (ROWS[:-1], r"1 images are gone \(a/39.png\)"),
        ([*ROWS, CohortRow("a/new.png", (1, 0), patient="z")], r"1 images are new \(a/new.png\)"),
        (changed(0, image="a/other.png"), r"1 images are gone \(a/0.png\); 1 images are new \(a/other.png\)"),
        (changed(4, frame=7), r"gone \(a/4.png frame 1\); 1 images are new \(a/4.png frame 7\)"),
        (changed(1, values=(0, None)), "the labels of Edema are others"),
        (changed(1, values=(1, 1)), "the labels of Mass are others"),
        (changed(1, patient="somebody"), "the patients of some images are others"),
        (changed(1, study="another"), "the studies of some images are others"),
    ],
    ids=["gone", "new", "renamed", "frame", "first labels", "second labels", "patients", "studies"],
)
def test_that_a_cohort_that_changed_since_is_refused_and_what_changed_is_named(frozen, folder, rows, why):
    _, path, _ = frozen
    with pytest.raises(UnusableTable, match=why):
        read_split(path, read_cohort(folder(rows, ("Edema", "Mass"))))


def test_that_another_order_of_the_rows_or_a_corrected_age_is_the_same_cohort(frozen, folder):
    _, path, split = frozen
    turned = read_cohort(folder(changed(1, age=50.0)[::-1], ("Edema", "Mass")))
    assert turned.digest != split.cohort_digest
    assert read_split(path, turned).parts == split.parts[::-1]


def test_that_a_cohort_with_another_finding_is_refused(frozen, folder):
    _, path, _ = frozen
    rows = [CohortRow(row.image, row.values, row.frame, row.patient) for row in ROWS]
    with pytest.raises(UnusableTable, match="the labels of Mass, Nodule are others"):
        read_split(path, read_cohort(folder(rows, ("Edema", "Nodule"))))


def test_that_an_edited_split_is_refused(frozen):
    place, path, _ = frozen
    text = path.read_text()
    path.write_text(text.replace("training", "test", 1))
    with pytest.raises(UnusableTable, match="It was edited"):
        read_split(path, read_cohort(place))
    path.write_text(text.replace("training", "learning", 1))
    with pytest.raises(UnusableTable, match="the part 'learning' is none"):
        read_split(path, read_cohort(place))
    path.write_text("\n".join(text.splitlines()[:-1]) + "\n")
    with pytest.raises(UnusableTable, match=r"does not name a/39\.png"):
        read_split(path, read_cohort(place))


@pytest.mark.parametrize(
    ("about", "why"),
    [
        (None, "not beside its table"),
        ("version = 2\n", "of version 2"),
        ("version = 1\n", "no description of a split"),
        ("version", "no description of a split"),
    ],
)
def test_that_a_split_without_its_description_is_refused(frozen, about, why):
    place, path, _ = frozen
    beside = path.with_suffix(".toml")
    beside.unlink() if about is None else beside.write_text(about)
    with pytest.raises(UnusableTable, match=why):
        read_split(path, read_cohort(place))


def test_that_a_split_is_never_replaced_and_one_that_is_not_there_is_named(frozen):
    place, path, split = frozen
    with pytest.raises(UnusableFolder, match="one of this name already"):
        write_split(splits_folder(place), split, read_cohort(place))
    with pytest.raises(UnusableTable, match="Its splits are first"):
        find_split_file(place, "second")
    with pytest.raises(ValueError, match="name of a file"):
        freeze(read_cohort(place), "a/b", split.parts, "", {}, split.receipt)
    assert path.exists()


def test_that_a_split_of_the_first_format_is_read():
    """Two images of one patient, whom the source has in training and test: kept as published."""
    split = read_split(FORMATS / "split-1.csv", read_cohort(FORMATS / "cohort-1"))
    assert (split.parts, split.method, split.leaks) == (("training", "test"), "official (leaks)", True)
    assert split.receipt.between("training", "test").groups == 1
    assert split.receipt.compared is None
