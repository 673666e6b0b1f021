"""Tests of calibration: Cox's line, Hosmer and Lemeshow's groups, the bootstrap of a calibration error."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.bootstrap import draws
from xferviewer.evaluation.calibration import expected_calibration_error
from xferviewer.evaluation.calibration_tests import (
    calibration_error_interval,
    cox_recalibration,
    hosmer_lemeshow,
    logits_of,
)


def drawn_cases(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels whose logit is -0.5 + 0.7 of that of the probabilities."""
    random = np.random.default_rng(seed)
    x = random.normal(0, 1.5, n)
    return (random.random(n) < 1 / (1 + np.exp(0.5 - 0.7 * x))).astype(float), 1 / (1 + np.exp(-x))


def test_that_the_line_of_cox_finds_the_one_that_the_labels_were_drawn_from() -> None:
    cox = cox_recalibration(*drawn_cases(50_000), level=0.999)
    assert cox.slope.lower < 0.7 < cox.slope.upper
    assert cox.intercept.lower < -0.5 < cox.intercept.upper
    assert cox.slope.upper < 1


def test_that_standard_errors_are_those_of_the_curvature_of_the_likelihood() -> None:
    labels, p = drawn_cases(200)
    x, cox = logits_of(p), cox_recalibration(labels, p)

    def loss(a: float, b: float) -> float:
        score = a + b * x
        return float(np.sum(np.log1p(np.exp(score)) - labels * score))

    def curvature(centre: tuple[float, float], one: tuple[float, float], other: tuple[float, float]) -> float:
        signs = ((1, 1), (1, -1), (-1, 1), (-1, -1))
        steps = [(s * t, [c + s * u + t * v for c, u, v in zip(centre, one, other, strict=True)]) for s, t in signs]
        return sum(sign * loss(*at) for sign, at in steps) / 4e-8

    a, b = (1e-4, 0.0), (0.0, 1e-4)
    line = (cox.intercept.value, cox.slope.value)
    information = [[curvature(line, one, other) for other in (a, b)] for one in (a, b)]
    expected = np.sqrt(np.diag(np.linalg.inv(information)))
    assert [cox.intercept_error, cox.slope_error] == pytest.approx(expected, rel=1e-4)
    large = (cox.in_the_large.value, 1.0)
    assert cox.in_the_large_error == pytest.approx(1 / math.sqrt(curvature(large, a, a)), rel=1e-4)
    assert cox.slope.upper - cox.slope.value == pytest.approx(1.959964 * cox.slope_error)


def test_that_a_line_without_a_finite_likeliest_slope_is_undefined_and_in_the_large_is_not() -> None:
    for p in ([0.1, 0.2, 0.7, 0.8], [0.8, 0.7, 0.2, 0.1], [0.4] * 4, [0.1, 0.5, 0.5, 0.8]):
        cox = cox_recalibration([0, 0, 1, 1], p)
        assert np.isnan([cox.slope.value, cox.intercept.value, cox.slope_error]).all()
        assert cox.in_the_large.lower < cox.in_the_large.value < cox.in_the_large.upper
    one_class = cox_recalibration([1, 1], [0.2, 0.4])
    assert np.isnan([one_class.slope.value, one_class.in_the_large.value, one_class.in_the_large.lower]).all()


def test_that_the_mean_probability_is_that_of_the_labels_once_the_large_is_corrected() -> None:
    labels, p = drawn_cases(300)
    corrected = 1 / (1 + np.exp(-(logits_of(p) + cox_recalibration(labels, p).in_the_large.value)))
    assert corrected.mean() == pytest.approx(labels.mean(), abs=1e-12)


def test_that_hosmer_and_lemeshows_statistic_is_that_of_its_groups_by_hand() -> None:
    labels, p = [0, 1, 0, 1], [0.1, 0.3, 0.6, 0.8]
    # two groups cut at the median 0.45: expected 0.4 and 1.4, observed 1 and 1, of 2 each
    by_hand = 0.36 / (0.4 * 0.8) + 0.16 / (1.4 * 0.3)
    found = hosmer_lemeshow(labels, p, groups=2)
    assert found.chi_squared == pytest.approx(by_hand)
    assert found.df == 0
    assert np.isnan(found.p_value)


def test_that_equal_probabilities_make_fewer_groups() -> None:
    labels, p = drawn_cases(400)
    rounded = np.round(p, 1)
    found = hosmer_lemeshow(labels, rounded)
    assert found.df == np.unique(np.quantile(rounded, np.arange(11) / 10)).size - 1 - 2
    assert 0 <= found.p_value <= 1
    assert hosmer_lemeshow([0, 1], [0.4, 0.4]).df == -1


def test_that_certain_probabilities_agree_exactly_or_cannot_be_explained() -> None:
    # Ten groups of two; the lowest has the probabilities 0 and 0.
    p, labels = np.repeat(np.linspace(0, 0.9, 10), 2), np.tile([0.0, 1.0], 10)
    assert hosmer_lemeshow(labels, p).chi_squared == math.inf
    labels[:2] = 0
    assert math.isfinite(hosmer_lemeshow(labels, p).chi_squared)


def test_that_the_resamples_of_a_calibration_error_are_those_of_the_drawn_cases() -> None:
    labels, p = drawn_cases(60)
    labels[7] = np.nan
    patients = np.repeat(np.arange(20), 3)
    stated = ~np.isnan(labels)
    y, q, error = labels[stated], p[stated], expected_calibration_error(labels, p, 5)
    for owners in (None, patients):
        found = calibration_error_interval(labels, p, 5, patients=owners, resamples=50, seed=3)
        random = np.random.default_rng(3)
        again, by_chance = [], []
        for times in draws(np.ones(59, dtype=bool), None if owners is None else owners[stated], 50, random):
            again.append(expected_calibration_error(np.repeat(y, times), np.repeat(q, times), 5))
            by_chance.append(expected_calibration_error(random.random(59) < q, q, 5))
        low, high = np.quantile(again, [0.025, 0.975])
        assert found.error == error
        assert found.by_chance.value == pytest.approx(np.mean(by_chance))
        assert found.by_chance.upper == pytest.approx(np.quantile(by_chance, 0.975))
        assert error > found.by_chance.upper
        assert found.debiased.value == pytest.approx(2 * error - np.mean(again))
        assert found.debiased.lower == pytest.approx(max(2 * error - high, 0))
        assert found.debiased.upper == pytest.approx(2 * error - low)


def test_that_the_error_of_a_calibrated_checkpoint_may_be_zero_and_that_of_a_bad_one_may_not() -> None:
    random = np.random.default_rng(1)
    p = random.random(400)
    labels = (random.random(400) < p).astype(float)
    good, bad = (calibration_error_interval(labels, q, resamples=300) for q in (p, p**4))
    assert good.by_chance.lower < good.error < good.by_chance.upper
    assert good.debiased.lower == 0
    assert bad.debiased.lower > 0.1


def test_that_an_error_that_chance_explains_may_always_be_zero() -> None:
    explained = 0
    for seed in range(12):
        random = np.random.default_rng(seed)
        p = 1 / (1 + np.exp(-random.normal(-1, 1.5, 100)))
        found = calibration_error_interval((random.random(100) < p).astype(float), p, resamples=200)
        if found.error <= found.by_chance.upper:
            explained += 1
            assert found.debiased.lower == 0
            assert found.debiased.value > 0  # which the resamples alone would have had as the middle of the interval
    assert explained >= 10


def test_that_no_case_has_no_interval() -> None:
    nothing = calibration_error_interval([np.nan], [0.3])
    numbers = [nothing.error, nothing.debiased.value, nothing.debiased.lower, nothing.by_chance.upper]
    assert np.isnan(numbers).all()


@settings(deadline=None)
@given(st.lists(st.floats(1e-12, 1 - 1e-12), min_size=1))
def test_that_the_logit_of_a_probability_gives_it_back(p: list[float]) -> None:
    assert 1 / (1 + np.exp(-logits_of(p))) == pytest.approx(np.array(p), rel=1e-9)
