"""Policies for uncertain and blank labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xferviewer.studies.uncertain_labels import BlankPolicy, UncertainPolicy, classes, targets

NAN = np.nan
LABELS = np.array([[1, 0, -1, NAN], [-1, -1, NAN, 1]], dtype=np.float32)
ANY = hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 4)),
                 elements=st.sampled_from([1.0, 0.0, -1.0, NAN]))  # fmt: skip
SMOOTHED = [(UncertainPolicy.LSR_ONES, 0.55, 0.85), (UncertainPolicy.LSR_ZEROS, 0.0, 0.3)]


@pytest.mark.parametrize(
    ("policy", "blank", "expected"),
    [
        ("U-Ignore", "not stated", [[1, 0, NAN, NAN], [NAN, NAN, NAN, 1]]),
        ("U-Zeros", "not stated", [[1, 0, 0, NAN], [0, 0, NAN, 1]]),
        ("U-Ones", "not stated", [[1, 0, 1, NAN], [1, 1, NAN, 1]]),
        ("U-Ignore", "absent", [[1, 0, NAN, 0], [NAN, NAN, 0, 1]]),
        ("U-Ones", "absent", [[1, 0, 1, 0], [1, 1, 0, 1]]),
    ],
)
def test_that_each_policy_says_what_uncertain_and_blank_count_as(policy, blank, expected):
    found = targets(LABELS, UncertainPolicy(policy), BlankPolicy(blank))
    np.testing.assert_array_equal(found, np.array(expected, np.float32))
    assert found.dtype == np.float32
    assert LABELS[0, 2] == -1  # the cohort's own labels stay as they are


@pytest.mark.parametrize(("policy", "low", "high"), SMOOTHED)
def test_that_smoothed_labels_are_uniform_in_their_range_and_only_where_uncertain(policy, low, high):
    labels = np.tile(np.array([[-1, 1, 0, NAN]], np.float32), (4000, 1))
    found = targets(labels, policy, seed=3, epoch=2)
    np.testing.assert_array_equal(found[:, 1:], labels[:, 1:])
    drawn = found[:, 0]
    assert low <= drawn.min() < drawn.max() <= high
    assert drawn.mean() == pytest.approx((low + high) / 2, abs=0.01)
    assert drawn.std() == pytest.approx((high - low) / 12**0.5, rel=0.05)


def test_that_a_draw_depends_on_seed_epoch_and_row_and_on_nothing_else():
    labels = np.full((50, 3), -1, np.float32)
    whole = targets(labels, UncertainPolicy.LSR_ONES, seed=1, epoch=4)
    order = np.random.default_rng(0).permutation(50)
    np.testing.assert_array_equal(
        targets(labels[order], UncertainPolicy.LSR_ONES, rows=order, seed=1, epoch=4), whole[order]
    )
    for other in ({"seed": 2, "epoch": 4}, {"seed": 1, "epoch": 5}):
        assert (targets(labels, UncertainPolicy.LSR_ONES, **other) != whole).all()
    # a finding's number does not depend on which other findings of the image are uncertain
    labels[:, 0] = 1
    np.testing.assert_array_equal(targets(labels, UncertainPolicy.LSR_ONES, seed=1, epoch=4)[:, 1:], whole[:, 1:])


@settings(max_examples=60, deadline=None)
@given(labels=ANY, policy=st.sampled_from([p for p in UncertainPolicy if p != UncertainPolicy.MULTI_CLASS]),
       blank=st.sampled_from(list(BlankPolicy)))  # fmt: skip
def test_that_stated_labels_stay_and_targets_are_probabilities(labels, policy, blank):
    found = targets(labels, policy, blank)
    stated = np.isin(labels, (0, 1))
    np.testing.assert_array_equal(found[stated], labels[stated])
    assert ((found >= 0) & (found <= 1) | np.isnan(found)).all()
    assert (np.isnan(found) & np.isnan(labels)).any() <= (blank == BlankPolicy.NOT_STATED)


def test_that_multiclass_has_three_classes_and_leaves_out_what_is_not_stated():
    np.testing.assert_array_equal(classes(LABELS), [[1, 0, 2, -1], [2, 2, -1, 1]])
    np.testing.assert_array_equal(classes(LABELS, BlankPolicy.ABSENT), [[1, 0, 2, 0], [2, 2, 0, 1]])
    with pytest.raises(ValueError, match="three classes"):
        targets(LABELS, UncertainPolicy.MULTI_CLASS)


def test_that_other_numbers_are_refused():
    for labels in (np.array([[0.5]], np.float32), np.array([1, 0], np.float32)):
        with pytest.raises(ValueError, match="1, 0, -1"):
            targets(labels, UncertainPolicy.ONES)
