"""Selective prediction: generalised area, band and the coverage that a risk allows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.intervals import Proportion
from xferviewer.evaluation.selective import risk_coverage

decisions = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=30)


def test_that_the_hand_case_of_five_has_its_generalised_area() -> None:
    p, y = np.array([0.2, 0.6, 0.4, 0.7, 0.9]), np.array([0, 0, 1, 1, 1])
    curve = risk_coverage((p > 0.5) != (y == 1), -np.maximum(p, 1 - p))
    # errors among the k most certain: 0, 0, 0, 1, 2
    assert curve.augrc == pytest.approx((1 + 2) / 5 / 5)


@settings(deadline=None)
@given(decisions)
def test_that_the_generalised_area_counts_each_error_once_for_each_coverage_that_holds_it(drawn) -> None:
    wrong, unsure = np.array([w for w, _ in drawn]), np.array([float(u) for _, u in drawn])
    curve = risk_coverage(wrong, unsure)
    n = wrong.size
    # By chance over the orders of tied decisions: an error at the i-th place counts n - i + 1 times.
    places = np.array([np.mean(np.flatnonzero(np.sort(unsure) == value)) + 1 for value in unsure])
    assert curve.augrc == pytest.approx(np.sum((n - places + 1)[wrong]) / n**2)
    assert curve.augrc <= curve.aurc + 1e-12


@settings(deadline=None)
@given(decisions, st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]))
def test_that_no_greater_coverage_keeps_the_risk(drawn, risk: float) -> None:
    curve = risk_coverage([w for w, _ in drawn], [float(u) for _, u in drawn])
    coverage = curve.coverage_at(risk)
    allowed = curve.coverage[curve.risk <= risk]
    assert coverage == (allowed.max() if allowed.size else 0)
    if coverage:
        assert curve.risk_at(coverage) <= risk
    assert curve.coverage_at(1.0) == 1


def test_that_the_band_is_wilsons_interval_of_the_errors_so_far() -> None:
    curve = risk_coverage([0, 1, 0, 1, 1], [1, 2, 3, 4, 5])
    lower, upper = curve.band()
    for i, errors in enumerate([0, 1, 1, 2, 3]):
        assert (lower[i], upper[i]) == pytest.approx(Proportion(errors, i + 1).interval())
    narrow = curve.band(0.5)
    assert np.all(narrow[1] - narrow[0] < upper - lower)


def test_that_no_decision_has_no_area_and_no_coverage() -> None:
    curve = risk_coverage([], [])
    assert np.isnan([curve.augrc, curve.coverage_at(0.1)]).all()
