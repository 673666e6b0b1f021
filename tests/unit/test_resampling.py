"""Resamples: what is drawn, and that counts drawn at once are distributed as counts of drawn cases."""

import numpy as np
import pytest

from xferviewer.evaluation.bootstrap import draws, stated_patients
from xferviewer.evaluation.resampled_counts import resampled_counts

KINDS = np.array([0, 0, 0, 1, 1, 3, 3, 3, 3, 3])


def test_that_whole_patients_are_drawn_as_many_as_there_are_of_each_stratum() -> None:
    patients = np.array(list("aabbccdde"))
    positive = np.array([1, 0, 0, 0, 1, 1, 0, 0, 0], dtype=bool)
    for times in draws(positive, patients, 50, np.random.default_rng(0)):
        of_patient = dict(zip(patients, times, strict=True))
        assert all(of_patient[patient] == count for patient, count in zip(patients, times, strict=True))
        assert of_patient["a"] + of_patient["c"] == 2
        assert of_patient["b"] + of_patient["d"] + of_patient["e"] == 3


def test_that_the_counts_of_patients_are_those_of_their_drawn_cases() -> None:
    patients = np.repeat(np.arange(5), 2)
    found = resampled_counts(KINDS, 4, patients, 30, np.random.default_rng(1))
    drawn = draws(np.ones(10, dtype=bool), patients, 30, np.random.default_rng(1))
    for counts, times in zip(found, drawn, strict=True):
        assert counts.tolist() == np.bincount(np.repeat(KINDS, times), minlength=4).tolist()


def test_that_counts_without_patients_are_distributed_as_those_of_drawn_cases() -> None:
    found = resampled_counts(KINDS, 4, None, 20_000, np.random.default_rng(2))
    assert np.all(found.sum(axis=1) == 10)
    assert np.all(found[:, 2] == 0)
    drawn = np.random.default_rng(3).choice(KINDS, (20_000, 10))
    expected = np.stack([np.sum(drawn == kind, axis=1) for kind in range(4)], axis=1)
    assert found.mean(axis=0) == pytest.approx(expected.mean(axis=0), abs=0.05)
    assert np.cov(found.T) == pytest.approx(np.cov(expected.T), abs=0.1)


def test_that_no_case_gives_no_count() -> None:
    assert resampled_counts(np.empty(0, dtype=np.intp), 3, None, 4, np.random.default_rng(0)).tolist() == [[0] * 3] * 4


def test_that_patients_of_unstated_cases_are_left_out_and_another_length_is_refused() -> None:
    assert stated_patients([1, np.nan, 0], ["a", "b", "c"]).tolist() == ["a", "c"]
    assert stated_patients([1, 0], None) is None
    with pytest.raises(ValueError, match="a patient for each"):
        stated_patients([1, 0], ["a"])
