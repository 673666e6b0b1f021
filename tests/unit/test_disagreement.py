"""Disagreement on the scale of sensitivities: calls, invariance, order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.disagreement import disagreement
from xferviewer.evaluation.operating_points import at_sensitivity
from xferviewer.evaluation.roc import roc_curve

SENSITIVITIES = st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 0.8, 0.95, 1.0])


@st.composite
def cohorts(draw) -> tuple[np.ndarray, np.ndarray]:
    n, c = draw(st.integers(1, 14)), draw(st.integers(1, 4))
    labels = draw(st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=n, max_size=n))
    labels[draw(st.integers(0, n - 1))] = 1.0
    scores = draw(st.lists(st.lists(st.integers(-4, 4), min_size=n, max_size=n), min_size=c, max_size=c))
    return np.array(labels), np.array(scores, dtype=float)


@settings(deadline=None)
@given(cohorts(), SENSITIVITIES)
def test_that_positions_are_shares_of_positives_above_and_call_what_the_operating_point_calls(cohort, s) -> None:
    labels, scores = cohort
    found = disagreement(labels, scores, s)
    for row, positions, called in zip(scores, found.positions, found.called, strict=True):
        of_positives = row[labels == 1]
        assert positions.tolist() == [np.mean(of_positives > score) for score in row]
        if np.any(labels == 0):
            point = at_sensitivity(roc_curve(labels, row), s)
            stated = ~np.isnan(labels)
            assert called[stated].tolist() == (row > point.threshold)[stated].tolist()
        assert np.mean(called[labels == 1]) >= s


@settings(deadline=None)
@given(cohorts(), SENSITIVITIES)
def test_that_cases_whose_calls_differ_come_first_then_the_widest_then_the_earlier(cohort, s) -> None:
    labels, scores = cohort
    found = disagreement(labels, scores, s)
    spread = [max(column) - min(column) for column in found.positions.T]
    assert found.disagreement == pytest.approx(spread)
    differs = [len(set(column)) == 2 for column in found.called.T]
    assert found.differs.tolist() == differs
    m = np.sum(labels == 1)
    expected = sorted(range(labels.size), key=lambda case: (not differs[case], -round(spread[case] * m), case))
    assert found.order.tolist() == expected


@settings(deadline=None)
@given(cohorts(), SENSITIVITIES)
def test_that_equal_checkpoints_never_disagree(cohort, s) -> None:
    labels, scores = cohort
    found = disagreement(labels, np.stack([scores[0]] * 3), s)
    assert not found.differs.any()
    assert np.all(found.disagreement == 0)
    assert found.order.tolist() == list(range(labels.size))


@settings(deadline=None)
@given(cohorts(), SENSITIVITIES, st.integers(0, 3))
def test_that_no_rising_function_of_one_checkpoints_scores_changes_anything(cohort, s, which: int) -> None:
    labels, scores = cohort
    changed = scores.copy()
    changed[which % len(scores)] = np.exp(changed[which % len(scores)] / 3) - 7
    one, other = disagreement(labels, scores, s), disagreement(labels, changed, s)
    assert one.positions.tobytes() == other.positions.tobytes()
    assert one.order.tobytes() == other.order.tobytes()


def test_that_what_cannot_be_compared_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="no case is positive"):
        disagreement([0, 0, np.nan], [[1, 2, 3]], 0.9)
    with pytest.raises(ValueError, match="1 scores are NaN"):
        disagreement([0, 1], [[1, np.nan]], 0.9)
    with pytest.raises(ValueError, match="a sensitivity"):
        disagreement([0, 1], [[1, 2]], 1.1)
    for scores in ([1, 2], [[1, 2, 3]], []):
        with pytest.raises(ValueError, match="expected labels"):
            disagreement([0, 1], scores, 0.9)
