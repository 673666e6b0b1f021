"""Means of members and how far they differ: exact where they must be, independent of order and neighbours."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xferviewer.evaluation.members import combine, combine_logits, combine_passes, finding_logits
from xferviewer.evaluation.scores import scores_from_logits

PROBABILITIES = st.floats(0, 1)
LOGITS = st.floats(-80, 80)


def members(elements: st.SearchStrategy[float], least: int = 1) -> st.SearchStrategy[np.ndarray]:
    shapes = st.tuples(st.integers(least, 12), st.integers(1, 5), st.integers(1, 4))
    return shapes.flatmap(lambda shape: hnp.arrays(np.float64, shape, elements=elements))


@given(members(PROBABILITIES))
def test_that_an_ensemble_of_one_is_its_member_to_the_bit(scores: np.ndarray) -> None:
    combined = combine(scores[:1])
    assert np.array_equal(combined.scores, scores[0])
    assert not combined.doubts["member-spread"].any()
    assert not combined.doubts["mutual-information"].any()


@given(members(PROBABILITIES), st.integers(2, 11))
def test_that_equal_members_do_not_differ_and_give_themselves(scores: np.ndarray, n: int) -> None:
    combined = combine(np.repeat(scores[:1], n, axis=0))
    assert np.array_equal(combined.scores, scores[0])
    assert not combined.doubts["member-spread"].any()
    assert not combined.doubts["mutual-information"].any()


@given(members(PROBABILITIES, 2), st.randoms())
def test_that_the_order_of_members_does_not_matter_to_the_bit(scores: np.ndarray, random: object) -> None:
    order = list(range(len(scores)))
    random.shuffle(order)  # type: ignore[attr-defined]
    for way in (combine, combine_logits):
        one, other = way(scores), way(scores[order])
        assert np.array_equal(one.scores, other.scores)
        for measure, values in one.doubts.items():
            assert np.array_equal(values, other.doubts[measure])


@given(members(PROBABILITIES, 2))
def test_that_a_case_does_not_depend_on_its_neighbours(scores: np.ndarray) -> None:
    whole = combine(scores)
    for case in range(scores.shape[1]):
        alone = combine(scores[:, case : case + 1, :1])
        assert alone.scores[0, 0] == whole.scores[case, 0]
        for measure, values in alone.doubts.items():
            assert values[0, 0] == whole.doubts[measure][case, 0]


@given(members(PROBABILITIES))
def test_that_mean_spread_and_information_keep_within_their_bounds(scores: np.ndarray) -> None:
    combined = combine(scores)
    assert (combined.scores >= scores.min(axis=0)).all()
    assert (combined.scores <= scores.max(axis=0)).all()
    np.testing.assert_allclose(combined.scores, scores.mean(axis=0), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(combined.doubts["member-spread"], scores.std(axis=0), rtol=1e-9, atol=1e-15)
    information = combined.doubts["mutual-information"]
    assert ((information >= 0) & (information <= 1 + 1e-12)).all()


def test_that_the_information_of_two_opposite_certain_members_is_one_bit() -> None:
    combined = combine([[[0.0]], [[1.0]]])
    assert combined.scores[0, 0] == 0.5
    assert combined.doubts["member-spread"][0, 0] == 0.5
    assert combined.doubts["mutual-information"][0, 0] == 1.0
    unsure = combine([[[0.5]], [[0.5]]])  # of the same mean, and no member doubts another
    assert unsure.doubts["mutual-information"][0, 0] == 0.0


def test_that_the_information_is_what_a_calculation_by_hand_gives() -> None:
    def entropy(p: float) -> float:
        return -p * math.log2(p) - (1 - p) * math.log2(1 - p)

    expected = entropy(0.5) - (entropy(0.2) + entropy(0.4) + entropy(0.9)) / 3
    assert combine([[[0.2]], [[0.9]], [[0.4]]]).doubts["mutual-information"][0, 0] == pytest.approx(expected, abs=1e-15)


def test_that_scores_that_are_no_probabilities_have_no_information() -> None:
    combined = combine([[[-1.5, 0.5]], [[2.0, 0.5]]])
    assert combined.scores.tolist() == [[0.25, 0.5]]
    assert np.isnan(combined.doubts["mutual-information"]).all()


def test_that_a_case_without_one_member_has_no_score() -> None:
    combined = combine([[[0.2], [0.4]], [[math.nan], [0.6]]])
    assert np.isnan(combined.scores[0, 0])
    assert np.isnan(combined.doubts["member-spread"][0, 0])
    assert np.isnan(combined.doubts["mutual-information"][0, 0])
    assert combined.scores[1, 0] == 0.5


@given(members(LOGITS))
def test_that_the_logit_of_a_column_is_that_of_its_mean_probability(logits: np.ndarray) -> None:
    def log_sigmoid(x: np.ndarray) -> np.ndarray:
        return -np.logaddexp(0, -x)

    combined = combine_logits(logits)
    assert np.isfinite(combined.scores).all()
    expected = np.logaddexp.reduce(log_sigmoid(logits), axis=0) - np.logaddexp.reduce(log_sigmoid(-logits), axis=0)
    np.testing.assert_allclose(combined.scores, expected, rtol=1e-9, atol=1e-9)
    assert np.array_equal(combine_logits(logits[:1]).scores, logits[0])


def test_that_passes_are_made_scores_before_they_are_averaged() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0, 3, (7, 20, 4)).astype(np.float32)
    for task in ("multi-label", "multi-class"):
        combined = combine_passes(logits, task)
        each = np.stack([scores_from_logits(of_pass, task) for of_pass in logits])
        np.testing.assert_allclose(combined.scores, each.astype(np.float64).mean(axis=0), rtol=1e-12)
        kept = combine_passes(logits, task, "logit")
        np.testing.assert_allclose(1 / (1 + np.exp(-kept.scores)), combined.scores, atol=1e-7)


def test_that_the_logit_of_a_class_is_that_of_its_softmax() -> None:
    logits = np.array([[1.0, -2.0, 0.5]])
    p = scores_from_logits(logits, "multi-class").astype(np.float64)
    np.testing.assert_allclose(finding_logits(logits, "multi-class"), np.log(p / (1 - p)), atol=1e-6)
    assert np.array_equal(finding_logits(logits, "multi-label"), logits)


def test_that_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="members"):
        combine(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="members"):
        combine(np.zeros((0, 3, 1)))
