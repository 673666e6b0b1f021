"""Hand-over of thresholds: what is applied, what changes and how sure that is, what would keep a rate."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.bootstrap import draws
from xferviewer.evaluation.estimate import difference, of_proportion
from xferviewer.evaluation.hand_over import RATES, hand_over
from xferviewer.evaluation.operating_points import (
    at_sensitivity,
    at_specificity,
    confusion_at,
    cost_weighted,
    youden,
)
from xferviewer.evaluation.roc import roc_curve

RULES = (
    0.4,
    youden,
    partial(at_sensitivity, target=0.9),
    partial(at_specificity, target=0.7),
    partial(cost_weighted, cost_ratio=4, prevalence=0.2),
)

both_classes = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=0, max_size=30).map(
    lambda drawn: [(False, 3), (True, 5), *drawn]
)


def apart(drawn) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(y) for y, _ in drawn]), np.array([k / 8 for _, k in drawn])


def two_versions(n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, the scores of a checkpoint, and those of its next version: better ordered, and higher as a whole."""
    random = np.random.default_rng(3)
    labels = (random.random(n) < 0.3).astype(float)
    old = 1 / (1 + np.exp(1.5 - 2 * labels - random.normal(0, 1, n)))
    new = 1 / (1 + np.exp(0.2 - 2.5 * labels - random.normal(0, 1, n)))
    return labels, old, new


@settings(deadline=None, max_examples=40)
@given(both_classes, st.sampled_from(RULES), st.booleans())
def test_that_a_hand_over_to_the_same_cases_changes_nothing(drawn, rule, same_cases: bool) -> None:
    labels, scores = apart(drawn)
    found = hand_over(labels, scores, labels, scores, rule, same_cases=same_cases, resamples=20)
    assert found.source == found.target or found.source.confusion == found.target.confusion
    for rate in RATES:
        change = found.change[rate]
        if np.isnan(found.source.rates[rate].value):
            assert np.isnan(change.value)
            continue
        assert change.value == 0
        if same_cases:
            assert np.isnan(change.lower) or (change.lower, change.upper) == (0, 0)
        else:
            assert change.lower <= 0 <= change.upper
    # Each rate can be kept: the same cases reach it at the threshold that they have.
    here = found.source.rates
    assert found.rematched["sensitivity"].rates["sensitivity"].value == here["sensitivity"].value
    assert found.rematched["specificity"].rates["specificity"].value == here["specificity"].value
    assert found.rematched["flag rate"].rates["flag rate"].value == here["flag rate"].value


@settings(deadline=None, max_examples=40)
@given(both_classes, both_classes, st.sampled_from(RULES))
def test_that_the_threshold_of_the_source_is_applied_as_it_is(source, target, rule) -> None:
    (y, s), (z, t) = apart(source), apart(target)
    found = hand_over(y, s, z, t, rule)
    threshold = rule if isinstance(rule, float) else rule(roc_curve(y, s)).threshold
    assert found.source.threshold == found.target.threshold == threshold
    assert found.source.confusion == confusion_at(y, s, threshold)
    assert found.target.confusion == confusion_at(z, t, threshold)
    for rate, name in zip(RATES, ("sensitivity", "specificity", "ppv", "npv", "flag_rate"), strict=True):
        here, there = (of_proportion(getattr(side.confusion, name)) for side in (found.source, found.target))
        assert repr(found.target.rates[rate]) == repr(there)
        assert repr(found.change[rate]) == repr(difference(there, here))


@settings(deadline=None, max_examples=40)
@given(both_classes, both_classes, st.sampled_from(RULES))
def test_that_a_rematched_threshold_keeps_its_rate_and_the_next_one_would_not(source, target, rule) -> None:
    (y, s), (z, t) = apart(source), apart(target)
    found = hand_over(y, s, z, t, rule)
    kept, curve = found.source.rates, roc_curve(z, t)
    for rate, beyond in (("sensitivity", -1), ("specificity", 1), ("flag rate", 1)):
        point = found.rematched[rate]
        reached = point.rates[rate].value
        assert reached <= kept[rate].value if rate == "flag rate" else reached >= kept[rate].value
        place = np.flatnonzero(curve.thresholds == point.threshold)[0] + beyond
        if 0 <= place < curve.thresholds.size:
            other = confusion_at(z, t, curve.thresholds[place])
            value = getattr(other, rate.replace(" ", "_")).value
            assert value > kept[rate].value if rate == "flag rate" else value < kept[rate].value


def test_that_a_better_version_may_be_worse_at_the_old_threshold_and_its_own_one_mends_it() -> None:
    labels, old, new = two_versions()
    found = hand_over(labels, old, labels, new, partial(at_specificity, target=0.9), same_cases=True)
    assert found.change["specificity"].upper < 0
    assert found.change["flag rate"].lower > 0
    mended = found.rematched["specificity"]
    assert mended.threshold > found.source.threshold
    assert mended.rates["specificity"].value >= 0.9
    assert mended.rates["sensitivity"].value > found.source.rates["sensitivity"].value


def test_that_changes_on_the_same_cases_are_resampled_together() -> None:
    labels, old, new = two_versions(60)
    labels[4] = np.nan
    patients = np.arange(60) // 3
    found = hand_over(labels, old, labels, new, 0.4, same_cases=True, patients=patients, resamples=40, seed=6)
    stated = ~np.isnan(labels)
    changes = []
    for times in draws(np.ones(59, dtype=bool), patients[stated], 40, np.random.default_rng(6)):
        y = np.repeat(labels[stated], times)
        before, after = (confusion_at(y, np.repeat(scores[stated], times), 0.4) for scores in (old, new))
        changes.append(after.ppv.value - before.ppv.value)
    expected = np.quantile(changes, [0.025, 0.975])
    assert (found.change["ppv"].lower, found.change["ppv"].upper) == pytest.approx(tuple(expected))


def test_that_pairing_narrows_the_interval_of_a_change() -> None:
    labels, old, _ = two_versions()
    nearly = np.clip(old + 0.02, 0, 1)
    paired, apart_ = (hand_over(labels, old, labels, nearly, 0.4, same_cases=same) for same in (True, False))
    for rate in ("sensitivity", "specificity", "flag rate"):
        assert paired.change[rate].value == apart_.change[rate].value
        width, wide = (np.ptp([of.change[rate].lower, of.change[rate].upper]) for of in (paired, apart_))
        assert width < wide / 2


def test_that_a_source_of_one_class_chooses_no_threshold_but_can_be_given_one() -> None:
    with pytest.raises(ValueError, match="one class only"):
        hand_over([1, 1], [0.2, 0.4], [0, 1], [0.1, 0.9], youden)
    found = hand_over([1, 1], [0.2, 0.4], [0, 1], [0.1, 0.9], 0.3)
    assert found.rule == "threshold 0.3"
    assert np.isnan(found.source.rates["specificity"].value)
    assert sorted(found.rematched) == ["flag rate", "sensitivity"]


def test_that_a_target_without_a_class_keeps_only_its_flag_rate() -> None:
    found = hand_over([0, 1], [0.1, 0.9], [0, 0, 0], [0.1, 0.6, 0.7], 0.5)
    assert list(found.rematched) == ["flag rate"]
    assert found.rematched["flag rate"].confusion.false_positive == 1
    nobody = hand_over([0, 1], [0.1, 0.9], [np.nan], [0.6], 0.5)
    assert nobody.rematched == {}


def test_that_other_cases_are_not_taken_for_the_same() -> None:
    with pytest.raises(ValueError, match="not the same cases"):
        hand_over([0, 1], [0.1, 0.9], [1, 0], [0.1, 0.9], 0.5, same_cases=True)
