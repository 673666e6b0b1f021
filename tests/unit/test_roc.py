"""ROC curves and areas against the definition and at their edges; against pROC in test_reference_statistics."""

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from xferviewer.evaluation.partial_area import partial_auc
from xferviewer.evaluation.roc import (
    auc,
    auc_interval,
    average_precision,
    hanley_mcneil,
    roc_curve,
    separated_auc_bound,
    thin,
)

HAND_LABELS = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
HAND_SCORES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.35, 0.45, 0.55, 0.65, 0.75]

# Few distinct scores, so that ties are common; both classes or one.
cases = st.lists(st.tuples(st.booleans(), st.integers(-6, 6).map(lambda k: k / 4)), min_size=1, max_size=40)


def arrays(drawn: list[tuple[bool, float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([y for y, _ in drawn], dtype=float), np.array([s for _, s in drawn])


def test_that_the_hand_case_of_ten_has_its_published_numbers() -> None:
    interval = auc_interval(HAND_LABELS, HAND_SCORES)
    assert (interval.auc, interval.upper, interval.n_positive, interval.n_negative) == (0.88, 1, 5, 5)
    assert interval.standard_error**2 == pytest.approx(0.0128, abs=1e-12)
    assert interval.lower == pytest.approx(0.6582553881, abs=1e-9)


def test_that_drawing_whole_patients_widens_the_interval_when_each_has_four_equal_images() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(random.random(60) < 0.4, 4)
    scores = np.repeat(random.normal(size=60), 4) + labels
    patients = np.repeat(np.arange(60), 4)
    of_images = auc_interval(labels, scores, method="bootstrap", resamples=500)
    of_patients = auc_interval(labels, scores, method="bootstrap", resamples=500, patients=patients)
    # Four copies carry no more than one: the standard error doubles.
    assert of_patients.standard_error / of_images.standard_error == pytest.approx(2, rel=0.15)
    assert of_patients.auc == of_images.auc


def test_that_unstated_labels_are_left_out_and_counted() -> None:
    interval = auc_interval([*HAND_LABELS, np.nan, np.nan], [*HAND_SCORES, 0.9, np.nan])
    assert (interval.auc, interval.n_unstated) == (0.88, 2)


@pytest.mark.parametrize(
    ("labels", "scores"),
    [([0, 1, -1], [1, 2, 3]), ([0, 1, 2], [1, 2, 3]), ([0, 1], [1, np.nan]), ([0, 1], [1, np.inf]), ([0, 1], [1])],
)
def test_that_uncertain_marks_other_labels_missing_scores_and_unequal_lengths_are_refused(
    labels: list[float], scores: list[float]
) -> None:
    with pytest.raises(ValueError):
        auc(labels, scores)


@pytest.mark.parametrize("labels", [[], [1, 1, 1], [0, 0]])
def test_that_a_finding_with_one_class_has_no_area(labels: list[int]) -> None:
    interval = auc_interval(labels, np.arange(len(labels)))
    assert np.isnan([interval.auc, interval.standard_error, interval.lower, interval.upper]).all()


def test_that_one_positive_has_an_area_and_no_interval() -> None:
    interval = auc_interval([0, 0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.35])
    assert interval.auc == 0.75
    assert np.isnan([interval.standard_error, interval.lower, interval.upper]).all()


def test_that_perfect_separation_is_degenerate_and_has_an_exact_bound_instead() -> None:
    interval = auc_interval([0] * 20 + [1] * 10, np.arange(30))
    assert (interval.auc, interval.lower, interval.upper, interval.degenerate) == (1, 1, 1, True)
    assert separated_auc_bound(10, 20) == pytest.approx(0.691503, abs=1e-6)  # Clopper-Pearson of 10 in 10


def test_that_150000_cases_take_well_under_a_second_and_keep_their_variance() -> None:
    random = np.random.default_rng(1)
    labels = random.random(150_000) < 0.05
    scores = random.normal(size=150_000) + labels
    start = time.perf_counter()
    interval = auc_interval(labels, scores)
    assert time.perf_counter() - start < 0.5
    assert interval.lower < interval.auc < interval.upper
    assert interval.standard_error == pytest.approx(0.0028, abs=3e-4)


@settings(deadline=None)
@given(cases)
def test_that_the_area_is_the_share_of_pairs_ranked_rightly(drawn: list[tuple[bool, float]]) -> None:
    labels, scores = arrays(drawn)
    positives, negatives = scores[labels == 1], scores[labels == 0]
    pairs = np.sign(positives[:, None] - negatives[None, :])
    expected = np.mean((pairs + 1) / 2) if pairs.size else np.nan
    assert auc(labels, scores) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(deadline=None)
@given(cases)
def test_that_turning_the_scores_round_mirrors_area_and_interval(drawn: list[tuple[bool, float]]) -> None:
    labels, scores = arrays(drawn)
    one, other = auc_interval(labels, scores), auc_interval(labels, -scores)
    assert one.auc == pytest.approx(1 - other.auc, nan_ok=True)
    assert one.standard_error == pytest.approx(other.standard_error, nan_ok=True)
    assert one.lower == pytest.approx(1 - other.upper, nan_ok=True)


@settings(deadline=None)
@given(cases)
def test_that_a_monotone_map_of_the_scores_changes_nothing(drawn: list[tuple[bool, float]]) -> None:
    labels, scores = arrays(drawn)
    one, other = auc_interval(labels, scores), auc_interval(labels, np.exp(scores))
    assert (one.auc, one.standard_error) == pytest.approx((other.auc, other.standard_error), nan_ok=True)
    np.testing.assert_array_equal(
        roc_curve(labels, scores).true_positives, roc_curve(labels, np.exp(scores)).true_positives
    )


@settings(deadline=None)
@given(cases)
def test_that_each_point_of_the_curve_counts_the_scores_strictly_above_its_threshold(
    drawn: list[tuple[bool, float]],
) -> None:
    labels, scores = arrays(drawn)
    curve = roc_curve(labels, scores)
    assert np.all(np.diff(curve.thresholds) < 0)
    for threshold, tp, fp in zip(curve.thresholds, curve.true_positives, curve.false_positives, strict=True):
        assert tp == np.count_nonzero((scores > threshold) & (labels == 1))
        assert fp == np.count_nonzero((scores > threshold) & (labels == 0))


def test_that_neighbouring_floats_are_still_separated_by_their_threshold() -> None:
    low = 0.1
    middle = float(np.nextafter(low, 1))
    high = float(np.nextafter(middle, 1))
    # Of two such neighbours one mean is rounded down and the other up.
    upper, lower = roc_curve([0, 1, 1], [low, middle, high]).thresholds[1:3]
    assert low <= lower < middle <= upper < high


@settings(deadline=None)
@given(cases)
def test_that_thinning_keeps_the_area_and_every_corner(drawn: list[tuple[bool, float]]) -> None:
    labels, scores = arrays(drawn)
    exact = roc_curve(labels, scores)
    drawn_curve = thin(exact)
    if exact.n_positive and exact.n_negative:
        area = np.trapezoid(drawn_curve.true_positive_rate, drawn_curve.false_positive_rate)
        assert area == pytest.approx(auc(labels, scores))
    assert drawn_curve.thresholds[0] == np.inf
    assert drawn_curve.thresholds[-1] == exact.thresholds[-1]


def test_that_a_long_curve_is_thinned_to_about_2000_points_that_follow_it() -> None:
    random = np.random.default_rng(2)
    labels = random.random(100_000) < 0.3
    exact = roc_curve(labels, random.normal(size=100_000) + labels)
    drawn = thin(exact)
    assert drawn.thresholds.size <= 2002
    again = np.interp(exact.false_positive_rate, drawn.false_positive_rate, drawn.true_positive_rate)
    assert np.abs(again - exact.true_positive_rate).max() < 4 / 2000


def test_that_average_precision_weighs_precision_by_the_gain_in_recall() -> None:
    assert average_precision([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8]) == 1.0
    # Descending: positive (P 1/1), negative, positive (P 2/3): 1/2 · 1 + 1/2 · 2/3.
    assert average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]) == pytest.approx(5 / 6)
    # A tie is one step: 1 of 2 called are positive, then all 2 of 3.
    assert average_precision([1, 0, 1], [0.9, 0.9, 0.1]) == pytest.approx(0.5 * 0.5 + 0.5 * 2 / 3)
    assert np.isnan(average_precision([0, 0], [1, 2]))


@settings(deadline=None)
@given(cases, st.sampled_from([(0.0, 1.0), (0.9, 1.0), (0.3, 0.55), (0.0, 0.2)]))
def test_that_parts_of_the_curve_add_up_to_the_area(drawn: list[tuple[bool, float]], part: tuple[float, float]) -> None:
    labels, scores = arrays(drawn)
    whole, (low, high) = auc(labels, scores), part
    for focus in ("specificity", "sensitivity"):
        edges = sorted({0.0, low, high, 1.0})
        parts = [partial_auc(labels, scores, a, b, focus) for a, b in pairwise(edges)]
        assert sum(parts) == pytest.approx(whole, nan_ok=True)
        for area, a, b in zip(parts, edges[:-1], edges[1:], strict=True):
            assert np.isnan(area) or -1e-12 <= area <= b - a + 1e-12
    # Turning the scores round and exchanging the classes keeps the curve and exchanges its axes.
    mirrored = partial_auc(1 - labels, -scores, low, high, "sensitivity")
    assert partial_auc(labels, scores, low, high) == pytest.approx(mirrored, nan_ok=True)


def test_that_parts_of_a_curve_with_ties_are_those_of_proc() -> None:
    # pROC 1.18 of these ten cases: a tie of both classes is a slope, cut at 0.1.
    labels, scores = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1], [1, 1, 2, 2, 3, 2, 3, 3, 4, 4]
    assert partial_auc(labels, scores, 0.9, 1) == pytest.approx(0.05)
    assert partial_auc(labels, scores, 0.9, 1, corrected=True) == pytest.approx(0.7368421052631579)
    assert partial_auc(labels, scores, 0.5, 0.8, "sensitivity") == pytest.approx(0.2625)
    assert partial_auc(labels, scores, 0.5, 0.8, "sensitivity", corrected=True) == pytest.approx(0.903846153846154)


def test_that_a_corrected_part_is_one_when_separated_one_half_by_chance_and_undefined_below() -> None:
    labels = [0] * 6 + [1] * 4
    assert partial_auc(labels, labels, 0.8, 1, corrected=True) == pytest.approx(1)
    assert partial_auc(labels, [7] * 10, 0.8, 1, corrected=True) == pytest.approx(0.5)
    assert np.isnan(partial_auc(labels, -np.array(labels), 0.8, 1, corrected=True))
    assert partial_auc(labels, -np.array(labels), 0.8, 1) == 0
    assert np.isnan(partial_auc([1, 1], [1, 2], 0.8, 1))


@pytest.mark.parametrize(("low", "high"), [(0.9, 0.9), (1, 0.9), (-0.1, 0.5), (0.5, 1.1), (np.nan, 1)])
def test_that_an_impossible_part_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="low < high"):
        partial_auc(HAND_LABELS, HAND_SCORES, low, high)


def test_that_the_standard_error_of_a_published_area_needs_its_numbers_of_cases_alone() -> None:
    assert hanley_mcneil(0.88, 5, 5) == pytest.approx(0.118080699827417)
    assert hanley_mcneil(0.74, 5, 5) == pytest.approx(0.164743133226443)
    assert (hanley_mcneil(1, 10, 20), hanley_mcneil(0, 10, 20)) == (0, 0)
    assert np.isnan(hanley_mcneil(0.7, 0, 20))
    with pytest.raises(ValueError, match="lies in"):
        hanley_mcneil(1.2, 5, 5)
