"""What an operating point means for the work of a day."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.evaluation.intervals import wilson
from xferviewer.evaluation.operating_points import Confusion
from xferviewer.evaluation.workload import workload

counts = st.integers(0, 400)


def of(tp, fp, tn, fn, referred, prevalence):
    return workload(Confusion(tp, fp, tn, fn), referred, prevalence)


def test_that_at_the_cohort_s_own_prevalence_the_shares_are_the_counts_of_all_cases():
    # 50 positives, 150 negatives.
    shares = of(30, 20, 100, 12, (8, 30), 50 / 200)

    assert shares.referred.value == pytest.approx(38 / 200)
    assert shares.flagged.value == pytest.approx(50 / 200)
    assert shares.cleared.value == pytest.approx(112 / 200)
    assert shares.missed.value == pytest.approx(12 / 200)


def test_that_a_rarer_finding_leaves_fewer_flags_and_misses():
    shares = of(30, 20, 100, 12, (8, 30), 0.01)

    assert shares.flagged.value == pytest.approx(0.01 * 30 / 50 + 0.99 * 20 / 150)
    assert shares.missed.value == pytest.approx(0.01 * 12 / 50)


def test_that_the_interval_is_zou_and_donner_s_of_the_two_weighed_proportions():
    shares = of(30, 20, 100, 12, (8, 30), 0.1)
    (l1, u1), (l2, u2) = wilson(30, 50), wilson(20, 150)

    assert shares.flagged.lower == pytest.approx(
        shares.flagged.value - math.hypot(0.1 * (30 / 50 - l1), 0.9 * (20 / 150 - l2)), rel=1e-12
    )
    assert shares.flagged.upper == pytest.approx(
        shares.flagged.value + math.hypot(0.1 * (u1 - 30 / 50), 0.9 * (u2 - 20 / 150)), rel=1e-12
    )
    assert (shares.missed.lower, shares.missed.upper) == pytest.approx(tuple(0.1 * float(b) for b in wilson(12, 50)))


@given(counts, counts, counts, counts, st.tuples(counts, counts), st.floats(0.001, 0.999))
def test_that_every_case_is_referred_flagged_or_cleared(tp, fp, tn, fn, referred, prevalence):
    shares = of(tp, fp, tn, fn, referred, prevalence)
    if not tp + fn + referred[0] or not tn + fp + referred[1]:
        assert math.isnan(shares.flagged.value)
        return

    assert shares.referred.value + shares.flagged.value + shares.cleared.value == pytest.approx(1)
    assert shares.missed.value <= shares.cleared.value + 1e-12
    for share in (shares.referred, shares.flagged, shares.cleared, shares.missed):
        assert -1e-12 <= share.lower <= share.value + 1e-12
        assert share.value - 1e-12 <= share.upper <= 1 + 1e-12


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, math.nan])
def test_that_an_impossible_prevalence_is_refused(prevalence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        of(1, 1, 1, 1, (0, 0), prevalence)
