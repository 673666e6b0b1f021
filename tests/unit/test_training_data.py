"""The split never tears a patient apart, and the schedule is the published one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.errors import UnusableTable
from xferviewer.jobs.data_spec import FolderData
from xferviewer.training.cohort import Cohort, folder_cohort, split_by_patient
from xferviewer.training.schedules import warmup_cosine


def cohort_of(patients: list[int]) -> Cohort:
    paths = tuple(Path(f"{number}.png") for number in range(len(patients)))
    return Cohort("test", None, paths, tuple(map(str, patients)), np.zeros((len(patients), 1), dtype=np.float32))


@given(st.lists(st.integers(0, 9), min_size=2).filter(lambda drawn: len(set(drawn)) > 1), st.integers(0, 5))
def test_that_no_patient_is_on_both_sides_and_no_image_is_lost(patients, seed):
    cohort = cohort_of(patients)
    try:
        split = split_by_patient(cohort, 0.2, seed)
    except UnusableTable:
        return
    assert sorted([*split.training, *split.validation]) == list(range(len(patients)))
    assert not {patients[row] for row in split.training} & {patients[row] for row in split.validation}
    assert len(split.validation) >= 0.2 * len(patients)


def test_that_the_split_depends_on_the_seed_and_not_on_the_order_of_the_files():
    cohort = cohort_of([number // 2 for number in range(100)])
    backwards = cohort.part(np.arange(100)[::-1])
    assert split_by_patient(cohort, 0.2, 0).digest == split_by_patient(backwards, 0.2, 0).digest
    assert split_by_patient(cohort, 0.2, 0).digest != split_by_patient(cohort, 0.2, 1).digest


def test_that_one_patient_cannot_be_split():
    with pytest.raises(UnusableTable, match="1 patients"):
        split_by_patient(cohort_of([3, 3, 3]), 0.2, 0)


def test_that_labels_are_present_absent_or_not_stated(tmp_path):
    (tmp_path / "labels.csv").write_text("path,patient,Edema\na.png,1,1\nb.png,2,0.0\nc.png,3,\nd.png,4,-1\n")
    cohort = folder_cohort(FolderData(str(tmp_path)), ["Edema"])
    np.testing.assert_array_equal(cohort.labels[:, 0], [1, 0, np.nan, np.nan])
    assert cohort.paths[0] == tmp_path / "a.png"


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("path,Edema\na.png,1\n", "Row 2 does not say which patient"),
        ("path,sop_uid,patient,Edema\n,1.2,p,1\n", "Row 2 does not say which file"),
        ("path,patient,Edema\n", "nothing below its header"),
        ("path,patient,Edema\na.png,1,0.5\n", "no column Edema with labels"),
        ("path,patient,Mass\na.png,1,1\n", "no column Edema with labels"),
    ],
)
def test_that_a_faulty_table_of_labels_is_refused(tmp_path, table, why):
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(UnusableTable, match=why):
        folder_cohort(FolderData(str(tmp_path)), ["Edema"])


def test_that_the_schedule_is_dinos():
    """20 steps, 5 of them warm-up, from 1 to 0: printed values of the reference implementation."""
    rates = warmup_cosine(20, 5, 1.0, 0.0)
    expected = [0, 0.25, 0.5, 0.75, 1, 1, 0.989074, 0.956773, 0.904508, 0.834565, 0.75, 0.654508]
    np.testing.assert_allclose(rates[:12], expected, atol=1e-6)
    np.testing.assert_allclose(rates[-1], 0.010926, atol=1e-6)


@given(st.integers(1, 300), st.data())
def test_that_the_schedule_has_one_value_a_step_within_its_bounds(steps, data):
    warmup = data.draw(st.integers(0, steps))
    rates = warmup_cosine(steps, warmup, 0.1, 0.001)
    assert len(rates) == steps
    assert rates.max() <= 0.1 + 1e-12
    assert rates.min() >= 0
