"""Calibration against R and by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.calibration import (
    brier,
    brier_decomposition,
    classwise_calibration_error,
    confidences,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_diagram,
)
from xferviewer.evaluation.intervals import Proportion

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"

LABELS, PROBABILITIES = [0, 0, 1, 1, 1], [0.2, 0.6, 0.4, 0.7, 0.9]


def test_that_the_hand_case_of_five_has_its_published_numbers() -> None:
    assert expected_calibration_error(LABELS, PROBABILITIES, bins=5) == pytest.approx(0.36)
    assert brier(LABELS, PROBABILITIES) == pytest.approx(0.172)
    assert negative_log_likelihood(LABELS, PROBABILITIES) == pytest.approx(0.503552, abs=1e-6)


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


def test_that_each_bin_has_wilsons_interval_of_its_own_cases() -> None:
    diagram = reliability_diagram([0, 1, 1, 0, 1], [0.1, 0.2, 0.3, 0.7, 0.8], bins=2)
    lower, upper = diagram.observed_interval()
    for i, (positive, n) in enumerate([(2, 3), (1, 2)]):
        assert (lower[i], upper[i]) == Proportion(positive, n).interval()


def test_that_the_confidence_of_a_decision_is_its_larger_probability_and_a_tie_is_a_negative_call() -> None:
    right, confidence = confidences([1, 0, 1, np.nan, 0], [0.5, 0.5, 0.9, 0.2, 0.8])
    np.testing.assert_array_equal(right, [0, 1, 1, np.nan, 0])
    assert confidence.tolist() == [0.5, 0.5, 0.9, 0.8, 0.8]


def test_that_the_classwise_error_is_the_mean_over_classes_that_have_a_label() -> None:
    labels = np.array([[1, 0, np.nan], [0, 1, np.nan], [1, 1, np.nan]])
    p = np.array([[0.9, 0.2, 0.4], [0.3, 0.6, 0.4], [0.7, 0.7, 0.4]])
    errors = [expected_calibration_error(labels[:, k], p[:, k]) for k in range(2)]
    assert classwise_calibration_error(labels, p) == pytest.approx(np.mean(errors))
    with pytest.raises(ValueError, match="one shape"):
        classwise_calibration_error([0, 1], [0.2, 0.4])


def test_that_a_single_class_has_no_skill_and_no_case_no_decomposition() -> None:
    assert np.isnan(brier_decomposition([1, 1], [0.2, 0.9]).skill)
    assert np.isnan(brier_decomposition([np.nan], [0.2]).reliability)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60), st.integers(1, 20))
def test_that_the_five_terms_add_up_to_the_brier_score(drawn: list[tuple[bool, float]], bins: int) -> None:
    labels, p = [y for y, _ in drawn], [x for _, x in drawn]
    for binning in ("width", "mass"):
        terms = brier_decomposition(labels, p, bins, binning)
        assert terms.brier == pytest.approx(brier(labels, p), abs=1e-12)
        assert min(terms.reliability, terms.resolution, terms.uncertainty, terms.within_bin_variance) >= 0
        diagram = reliability_diagram(labels, p, bins, binning)
        assert terms.reliability == pytest.approx(diagram.root_mean_square_error**2, abs=1e-12)


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
        assert 0 <= diagram.expected_error <= diagram.root_mean_square_error + 1e-12
        assert diagram.root_mean_square_error <= diagram.maximum_error + 1e-12 <= 1 + 2e-12
        assert float(diagram.mean_probability @ diagram.counts) == pytest.approx(sum(p))
