"""Referral by the distance to a score: the quick sums give what counting the cases anew gives, to the last bit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from xferviewer.evaluation.margin_sweep import MarginSweep
from xferviewer.evaluation.referral_sweep import ReferralSweep
from xferviewer.evaluation.roc import roc_curve
from xferviewer.evaluation.score_order import ScoreOrder

# Few distinct scores, so that ties are the rule; near 0 several lie at one distance of 0.5 after rounding.
TIED = st.sampled_from([0.0, 1e-300, 1e-20, 2e-20, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0])
SCORES = st.one_of(TIED, st.floats(0, 1, width=32))


@st.composite
def cases(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n = draw(st.integers(1, 40))
    labels = draw(hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 1.0, np.nan])))
    scores = draw(hnp.arrays(np.float64, (2, n), elements=SCORES))
    return labels, scores


def margin_sweep(labels: NDArray[np.float64], scores: NDArray[np.float64]) -> MarginSweep:
    return MarginSweep([ScoreOrder(labels, row) for row in scores])


def same(a: object, b: object) -> bool:
    return np.array_equal(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64), equal_nan=True)


@settings(deadline=None, max_examples=300)
@given(cases(), st.floats(0, 1), st.tuples(SCORES, SCORES))
def test_that_every_number_equals_the_one_counted_from_the_order_of_referral(
    drawn: tuple[NDArray[np.float64], NDArray[np.float64]], rate: float, thresholds: tuple[float, float]
) -> None:
    labels, scores = drawn
    unsure = -np.abs(scores - np.array(thresholds)[:, np.newaxis])
    counted, quick = ReferralSweep(labels, scores, unsure), margin_sweep(labels, scores)
    one, other = counted.at(rate, thresholds), quick.at(rate, thresholds)
    for field in dataclasses.fields(one):
        assert same(getattr(one, field.name), getattr(other, field.name)), field.name
    assert repr(counted.retained_auc(rate)) == repr(quick.retained_auc(rate, thresholds))
    for place in (0, 1):
        np.testing.assert_array_equal(counted.referred(rate, place), quick.referred(rate, place, thresholds=thresholds))


@settings(deadline=None, max_examples=100)
@given(cases(), st.floats(0, 1), SCORES)
def test_that_the_retained_curve_is_the_roc_curve_of_the_retained_cases(
    drawn: tuple[NDArray[np.float64], NDArray[np.float64]], rate: float, threshold: float
) -> None:
    labels, scores = drawn
    along = roc_curve(labels, scores[0]).thresholds
    unsure = -np.abs(scores - threshold)
    for sweep in (margin_sweep(labels, scores), ReferralSweep(labels, scores, unsure)):
        kept = np.ones(labels.size, dtype=bool)
        kept[sweep.referred(rate, thresholds=threshold)] = False
        drawn_curve = sweep.retained_curve(rate, along, thresholds=threshold)
        called = scores[0][kept] > along[:, np.newaxis]
        np.testing.assert_array_equal(drawn_curve.true_positives, (called & (labels[kept] == 1)).sum(axis=1))
        np.testing.assert_array_equal(drawn_curve.false_positives, (called & (labels[kept] == 0)).sum(axis=1))
        assert drawn_curve.n_positive == np.count_nonzero(labels[kept] == 1)
        assert drawn_curve.n_negative == np.count_nonzero(labels[kept] == 0)


@settings(deadline=None, max_examples=60)
@given(cases(), st.lists(st.floats(0, 1), min_size=1, max_size=6), SCORES)
def test_that_many_rates_at_once_are_those_asked_for_one_by_one(
    drawn: tuple[NDArray[np.float64], NDArray[np.float64]], rates: list[float], threshold: float
) -> None:
    labels, scores = drawn
    for sweep in (margin_sweep(labels, scores), ReferralSweep(labels, scores, -np.abs(scores - threshold))):
        at_once = sweep.along(rates, threshold, 1)
        for i, rate in enumerate(rates):
            alone = sweep.at(rate, threshold)
            for field in dataclasses.fields(at_once):
                assert same(getattr(at_once, field.name)[i], getattr(alone, field.name)[1]), field.name


@settings(deadline=None, max_examples=60)
@given(cases(), st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_that_areas_counted_for_all_rates_at_once_are_those_counted_one_by_one(
    drawn: tuple[NDArray[np.float64], NDArray[np.float64]], rates: list[float]
) -> None:
    labels, scores = drawn
    unsure = np.abs(scores - 0.5)
    at_once, alone = ReferralSweep(labels, scores, unsure), ReferralSweep(labels, scores, unsure)
    steps = sum(1 for _ in at_once.retained_aucs(rates))
    assert steps == 2
    known = dict(at_once._retained_aucs)
    for rate in rates:
        assert repr(at_once.retained_auc(rate)) == repr(alone.retained_auc(rate))
    assert at_once._retained_aucs.keys() == known.keys()  # nothing was counted again


def test_that_a_fixed_centre_refers_the_same_cases_at_every_threshold() -> None:
    random = np.random.default_rng(4)
    scores, labels = random.random(200), (random.random(200) < 0.4).astype(np.float64)
    sweep = MarginSweep([ScoreOrder(labels, scores)], [0.5])
    referred = sweep.referred(0.2, thresholds=0.9)
    np.testing.assert_array_equal(referred, np.argsort(np.abs(scores - 0.5), kind="stable")[:40])
    np.testing.assert_array_equal(referred, sweep.referred(0.2, thresholds=0.1))


def test_that_areas_of_a_hundred_thousand_cases_are_exact() -> None:
    random = np.random.default_rng(5)
    labels = (random.random(100_000) < 0.5).astype(np.float64)
    scores = np.round(random.random(100_000), 4)
    quick = margin_sweep(labels, scores[np.newaxis])
    counted = ReferralSweep(labels, scores, -np.abs(scores - 0.3))
    assert repr(quick.retained_auc(0.37, 0.3)) == repr(counted.retained_auc(0.37))
    assert quick.at(0.37, 0.3).true_positive == counted.at(0.37, 0.3).true_positive


def test_that_without_cases_everything_is_undefined() -> None:
    assert MarginSweep([]).at(0.5, []).n_retained == 0
    nothing = margin_sweep(np.empty(0), np.empty((1, 0)))
    assert np.isnan(nothing.at(0.5, 0.5).sensitivity).all()
    assert np.isnan(nothing.retained_auc(0.5, 0.5)[0].auc)
    assert nothing.referred(1.0, thresholds=0.5) == pytest.approx([])
