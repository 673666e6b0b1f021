"""Sensitivity at a fixed specificity and the reverse: the points of the curve, and resamples by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.bootstrap import draws
from xferviewer.evaluation.fixed_rates import rate_at_fixed_rate
from xferviewer.evaluation.operating_points import at_sensitivity, at_specificity
from xferviewer.evaluation.roc import roc_curve

LABELS = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
SCORES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.35, 0.45, 0.55, 0.65, 0.75]

cases = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=25)


def test_that_the_rates_are_those_of_the_operating_points() -> None:
    specificity = rate_at_fixed_rate(LABELS, SCORES, "sensitivity", 0.8, resamples=100)
    assert (specificity.rate.value, specificity.threshold) == (0.8, pytest.approx(0.425))
    sensitivity = rate_at_fixed_rate(LABELS, SCORES, "specificity", 1.0, resamples=100)
    assert (sensitivity.rate.value, sensitivity.threshold) == (0.6, pytest.approx(0.525))
    assert sensitivity.rate.lower < 0.6 < sensitivity.rate.upper


@settings(deadline=None, max_examples=50)
@given(cases, st.sampled_from([0.0, 0.5, 0.8, 1.0]), st.booleans())
def test_that_every_resample_chooses_its_own_threshold(drawn, target: float, by_patient: bool) -> None:
    labels, scores = np.array([float(y) for y, _ in drawn]), np.array([float(s) for _, s in drawn])
    patients = np.arange(labels.size) // 2 if by_patient else None
    for fixed in ("sensitivity", "specificity"):
        found = rate_at_fixed_rate(labels, scores, fixed, target, patients=patients, resamples=12, seed=5)
        if not 0 < labels.sum() < labels.size:
            assert np.isnan([found.rate.value, found.rate.lower, found.threshold]).all()
            continue
        rates = []
        for times in draws(labels == 1, patients, 12, np.random.default_rng(5)):
            curve = roc_curve(np.repeat(labels, times), np.repeat(scores, times))
            point = (at_sensitivity if fixed == "sensitivity" else at_specificity)(curve, target)
            if point is not None:
                confusion = point.confusion
                rates.append((confusion.specificity if fixed == "sensitivity" else confusion.sensitivity).value)
        assert found.n_failed == 12 - len(rates)
        if rates:
            expected = np.quantile(rates, [0.025, 0.975])
            assert (found.rate.lower, found.rate.upper) == pytest.approx(tuple(expected), abs=1e-12)


def test_that_repeated_images_of_a_patient_widen_the_interval() -> None:
    random = np.random.default_rng(0)
    labels = (random.random(60) < 0.5).astype(float)
    scores = labels + random.normal(0, 1, 60)
    often = np.repeat(np.arange(60), 5)
    by_case, by_patient = (
        rate_at_fixed_rate(labels[often], scores[often], "specificity", 0.9, patients=owners, resamples=400).rate
        for owners in (None, often)
    )
    assert by_patient.upper - by_patient.lower > 1.5 * (by_case.upper - by_case.lower)


def test_that_impossible_wishes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lies in \[0, 1\]"):
        rate_at_fixed_rate(LABELS, SCORES, "sensitivity", 1.2)
    with pytest.raises(ValueError, match="fixed is"):
        rate_at_fixed_rate(LABELS, SCORES, "ppv", 0.9)
