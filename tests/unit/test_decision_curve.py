"""Decision curves: identities of net benefit, counts by brute force, bands by resampling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.bootstrap import draws
from xferviewer.evaluation.decision_curve import decision_curve, net_benefit_band

LABELS, PROBABILITIES = [0, 0, 1, 1, 1], [0.2, 0.6, 0.4, 0.7, 0.9]

cases = st.lists(st.tuples(st.sampled_from([0.0, 1.0, np.nan]), st.integers(0, 20)), min_size=1, max_size=40)
thresholds = st.lists(st.integers(1, 19), min_size=1, max_size=8)


def test_that_the_hand_case_of_five_has_its_net_benefit() -> None:
    curve = decision_curve(LABELS, PROBABILITIES, [0.5])
    assert (curve.net_benefit[0], curve.treat_all[0]) == pytest.approx((0.2, 0.2))
    assert curve.prevalence == 0.6
    assert curve.interventions_avoided == pytest.approx([0])


def test_that_a_case_whose_probability_equals_the_threshold_is_acted_on() -> None:
    # two of the three at or above 0.4 have the finding
    assert decision_curve([1, 0, 1], [0.4, 0.6, 0.9], [0.4]).net_benefit == pytest.approx([2 / 3 - 1 / 3 * 0.4 / 0.6])


@settings(deadline=None)
@given(cases, thresholds)
def test_that_net_benefit_is_what_the_definition_counts(drawn, limits: list[int]) -> None:
    labels, p = np.array([y for y, _ in drawn]), np.array([k / 20 for _, k in drawn])
    curve = decision_curve(labels, p, [k / 20 for k in limits])
    stated = ~np.isnan(labels)
    for k, t in enumerate(curve.thresholds):
        for found, acted in ((curve.net_benefit[k], p >= t), (curve.treat_all[k], p >= 0)):
            tp, fp = np.sum(acted & (labels == 1)), np.sum(acted & (labels == 0))
            expected = tp / stated.sum() - fp / stated.sum() * t / (1 - t) if stated.any() else np.nan
            assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(deadline=None)
@given(cases.filter(lambda drawn: {0.0, 1.0} <= {y for y, _ in drawn}))
def test_that_acting_on_everybody_and_on_nobody_are_the_ends_of_every_curve(drawn) -> None:
    labels, p = np.array([y for y, _ in drawn]), np.array([0.2 + k / 40 for _, k in drawn])
    curve = decision_curve(labels, p)
    low, high = curve.thresholds < p.min() - 1e-9, curve.thresholds > p.max() + 1e-9
    assert curve.net_benefit[low] == pytest.approx(curve.treat_all[low], abs=1e-12)
    assert np.all(curve.net_benefit[high] == 0)
    assert np.all(curve.net_benefit <= curve.prevalence + 1e-12)
    assert np.all(np.diff(curve.treat_all) < 0)
    # Acting on everybody is worth nothing at a threshold of the prevalence.
    assert decision_curve(labels, p, [curve.prevalence]).treat_all == pytest.approx([0], abs=1e-12)
    assert curve.interventions_avoided[low] == pytest.approx(np.zeros(low.sum()), abs=1e-9)


@settings(deadline=None)
@given(cases.filter(lambda drawn: {0.0, 1.0} <= {y for y, _ in drawn}), st.floats(0.01, 0.99))
def test_that_a_stated_prevalence_reweighs_the_classes(drawn, prevalence: float) -> None:
    labels, p = np.array([y for y, _ in drawn]), np.array([k / 20 for _, k in drawn])
    curve = decision_curve(labels, p)
    same = decision_curve(labels, p, prevalence=curve.prevalence)
    assert same.net_benefit == pytest.approx(curve.net_benefit, abs=1e-12)
    other = decision_curve(labels, p, prevalence=prevalence)
    odds = other.thresholds / (1 - other.thresholds)
    assert other.treat_all == pytest.approx(prevalence - (1 - prevalence) * odds)
    assert other.prevalence == prevalence


def test_that_interventions_avoided_are_the_benefit_in_needless_actions_per_hundred() -> None:
    labels, p = np.repeat([1, 0], [20, 80]), np.repeat([0.9, 0.1, 0.9], [20, 60, 20])
    curve = decision_curve(labels, p, [0.2, 0.5])
    # sixty of a hundred are spared, all of them needlessly treated otherwise
    assert curve.interventions_avoided == pytest.approx([60, 60])


@settings(deadline=None, max_examples=30)
@given(cases.filter(lambda drawn: not all(np.isnan(y) for y, _ in drawn)), thresholds)
def test_that_the_band_is_that_of_the_curves_of_drawn_patients(drawn, limits: list[int]) -> None:
    labels, p = np.array([y for y, _ in drawn]), np.array([k / 20 for _, k in drawn])
    asked, patients = [k / 20 for k in limits], np.arange(labels.size) // 2
    band = net_benefit_band(labels, p, asked, patients=patients, resamples=9, seed=2)
    stated = ~np.isnan(labels)
    times_of = draws(np.ones(stated.sum(), dtype=bool), patients[stated], 9, np.random.default_rng(2))
    curves = [
        decision_curve(np.repeat(labels[stated], t), np.repeat(p[stated], t), asked).net_benefit for t in times_of
    ]
    lower, upper = np.quantile(curves, [0.025, 0.975], axis=0)
    assert band.lower == pytest.approx(lower, abs=1e-12)
    assert band.upper == pytest.approx(upper, abs=1e-12)


def test_that_the_band_without_patients_has_the_width_of_drawn_cases() -> None:
    random = np.random.default_rng(0)
    p = random.random(300)
    labels = (random.random(300) < p).astype(float)
    asked = [0.2, 0.5, 0.8]
    band, curve = net_benefit_band(labels, p, asked, resamples=4000), decision_curve(labels, p, asked)
    rows = random.integers(300, size=(4000, 300))
    drawn = [decision_curve(labels[row], p[row], asked).net_benefit for row in rows]
    lower, upper = np.quantile(drawn, [0.025, 0.975], axis=0)
    assert band.lower == pytest.approx(lower, abs=0.01)
    assert band.upper == pytest.approx(upper, abs=0.01)
    assert np.all((band.lower < curve.net_benefit) & (curve.net_benefit < band.upper))
    stated = net_benefit_band(labels, p, asked, prevalence=0.5, resamples=500)
    assert np.all(stated.upper - stated.lower < band.upper - band.lower)


def test_that_impossible_thresholds_prevalences_and_probabilities_are_refused() -> None:
    for wrong in ([0.0], [1.0], [np.nan], [[0.5]]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            decision_curve(LABELS, PROBABILITIES, wrong)
    with pytest.raises(ValueError, match="prevalence"):
        decision_curve(LABELS, PROBABILITIES, prevalence=1)
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        decision_curve([0, 1], [0.5, 1.5])
    assert np.isnan(decision_curve([np.nan], [0.5]).net_benefit).all()
