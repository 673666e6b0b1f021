"""Calibration against R and by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.calibration import (
    brier,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_diagram,
)

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"

LABELS, PROBABILITIES = [0, 0, 1, 1, 1], [0.2, 0.6, 0.4, 0.7, 0.9]


def test_that_the_hand_case_of_five_has_its_published_numbers() -> None:
    assert expected_calibration_error(LABELS, PROBABILITIES, bins=5) == pytest.approx(0.36)
    assert brier(LABELS, PROBABILITIES) == pytest.approx(0.172)
    assert negative_log_likelihood(LABELS, PROBABILITIES) == pytest.approx(0.503552, abs=1e-6)


def test_that_300_cases_have_the_numbers_of_the_reference() -> None:
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not on this machine")
    y, p = np.genfromtxt(REFERENCE / "calibration.csv", delimiter=",", skip_header=1).T
    expected = json.loads((REFERENCE / "calibration.json").read_text())
    in_15, in_10 = reliability_diagram(y, p, 15), reliability_diagram(y, p, 10)
    assert in_15.expected_error == pytest.approx(expected["ece15_positive_class"]["ECE"], abs=1e-9)
    assert in_15.maximum_error == pytest.approx(expected["ece15_positive_class"]["MCE"], abs=1e-9)
    assert in_10.expected_error == pytest.approx(expected["ece10_positive_class"]["ECE"], abs=1e-9)
    equal_mass = expected_calibration_error(y, p, 15, "mass")
    assert equal_mass == pytest.approx(expected["adaptive_ece15_positive_class"], abs=1e-9)
    assert brier(y, p) == pytest.approx(expected["brier"], abs=1e-9)
    assert negative_log_likelihood(y, p) == pytest.approx(expected["nll"], abs=1e-9)
    diagram = expected["reliability10"]
    assert in_10.counts.tolist() == diagram["n"]
    assert in_10.mean_probability == pytest.approx(diagram["mean_p"], abs=1e-9)
    assert in_10.observed == pytest.approx(diagram["obs"], abs=1e-9)


def test_that_each_label_of_the_multilabel_reference_has_its_error() -> None:
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not on this machine")
    table = np.genfromtxt(REFERENCE / "multilabel.csv", delimiter=",", skip_header=1)
    expected = json.loads((REFERENCE / "oracle_multilabel.json").read_text())["ece15_positive_class_per_label"]
    found = [expected_calibration_error(table[:, k], table[:, k + 5]) for k in range(5)]
    assert found == pytest.approx(expected, abs=1e-9)


def test_that_a_bin_holds_its_right_edge_and_the_first_one_holds_zero() -> None:
    diagram = reliability_diagram([0, 0, 1, 1], [0.0, 0.5, 0.500001, 1.0], bins=2)
    assert diagram.counts.tolist() == [2, 2]


def test_that_a_score_outside_the_unit_interval_has_no_calibration() -> None:
    for measure in (expected_calibration_error, brier, negative_log_likelihood):
        with pytest.raises(ValueError):
            measure([0, 1], [0.2, 1.3])
        assert np.isnan(measure([np.nan], [0.3]))


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60), st.integers(1, 20))
def test_that_every_case_falls_into_one_bin_and_equal_mass_bins_differ_by_one_case_at_most(
    drawn: list[tuple[bool, float]], bins: int
) -> None:
    labels, p = [y for y, _ in drawn], [x for _, x in drawn]
    width, mass = reliability_diagram(labels, p, bins), reliability_diagram(labels, p, bins, "mass")
    assert width.counts.sum() == mass.counts.sum() == len(drawn)
    assert mass.counts.max() - mass.counts.min() <= 1
    for diagram in (width, mass):
        assert 0 <= diagram.expected_error <= diagram.maximum_error + 1e-12 <= 1 + 2e-12
        assert float(diagram.mean_probability @ diagram.counts) == pytest.approx(sum(p))
