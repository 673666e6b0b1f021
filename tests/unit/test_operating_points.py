"""Operating points: counts, proportions with intervals, and the rules that choose a threshold."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.intervals import Proportion, clopper_pearson, wilson
from xferviewer.evaluation.operating_points import (
    Confusion,
    OperatingPoint,
    at_sensitivity,
    at_specificity,
    closest_to_corner,
    confusion_at,
    cost_weighted,
    youden,
)
from xferviewer.evaluation.roc import roc_curve

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"

LABELS = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
SCORES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.35, 0.45, 0.55, 0.65, 0.75]

cases = st.lists(st.tuples(st.booleans(), st.integers(0, 8).map(lambda k: k / 8)), min_size=2, max_size=40)


def test_that_a_score_equal_to_the_threshold_is_called_negative() -> None:
    assert confusion_at([1, 0, 1, 0], [0.5, 0.5, 0.6, 0.4], 0.5) == Confusion(1, 0, 2, 1)


def test_that_each_proportion_divides_by_its_own_cases() -> None:
    confusion = Confusion(true_positive=8, false_positive=3, true_negative=27, false_negative=2)
    assert confusion.sensitivity == Proportion(8, 10)
    assert confusion.specificity == Proportion(27, 30)
    assert confusion.ppv == Proportion(8, 11)
    assert confusion.npv == Proportion(27, 29)
    assert confusion.accuracy == Proportion(35, 40)
    assert confusion.f1 == pytest.approx(2 * 8 / (2 * 8 + 3 + 2))
    lower, upper = confusion.f1_interval()
    assert lower < confusion.f1 < upper


def test_that_a_proportion_of_nothing_is_undefined() -> None:
    nothing = Confusion(0, 0, 5, 0)
    assert np.isnan([nothing.sensitivity.value, nothing.ppv.value, nothing.f1, *nothing.f1_interval()]).all()
    assert np.isnan(nothing.sensitivity.interval()).all()
    assert np.isnan(nothing.sensitivity.interval(method="clopper-pearson")).all()


@pytest.mark.parametrize(
    ("x", "n", "exact", "score"),
    [
        (81, 263, (0.252737, 0.367622), (0.255289, 0.366210)),
        (45, 50, (0.781865, 0.966725), (0.786398, 0.956524)),
        (0, 10, (0, 0.308497), (0, 0.277533)),
        (10, 10, (0.691503, 1), (0.722467, 1)),
    ],
)
def test_that_both_intervals_have_their_published_values(
    x: int, n: int, exact: tuple[float, float], score: tuple[float, float]
) -> None:
    assert Proportion(x, n).interval(method="clopper-pearson") == pytest.approx(exact, abs=1e-6)
    assert Proportion(x, n).interval() == pytest.approx(score, abs=1e-6)


def test_that_both_intervals_are_those_of_r() -> None:
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not on this machine")
    reference = json.loads((REFERENCE / "proportion_ci.json").read_text())
    x, n = [case["x"] for case in reference], [case["n"] for case in reference]
    assert np.transpose(wilson(x, n)) == pytest.approx(np.array([c["wilson"] for c in reference]), abs=1e-9)
    exact = np.array([c["clopper_pearson"] for c in reference])
    assert np.transpose(clopper_pearson(x, n)) == pytest.approx(exact, abs=1e-9)


def test_that_youden_reports_its_three_ties_and_takes_the_most_sensitive() -> None:
    point = youden(roc_curve(LABELS, SCORES))
    assert point is not None
    assert point.threshold == pytest.approx(0.325)
    assert point.ties == pytest.approx((0.525, 0.425))
    assert (point.confusion.sensitivity.value, point.confusion.specificity.value) == (1, 0.6)


def test_that_the_rules_choose_the_thresholds_of_proc() -> None:
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not on this machine")
    for case in json.loads((REFERENCE / "delong.json").read_text()):
        if "data" not in case:
            continue
        curve = roc_curve(case["data"]["y"], case["data"]["s1"])
        for point, name in (
            (youden(curve), "youden"),
            (closest_to_corner(curve), "closest_topleft"),
            (cost_weighted(curve, 5, 0.1), "youden_cost5_prev0.1"),
        ):
            assert point is not None
            check_against(point, case["thresholds_model1"][name])


def check_against(point: OperatingPoint, expected: list[dict]) -> None:
    # pROC lists every tie; ours may hold further ones, because it also compares the two ends of the curve.
    found = sorted((point.threshold, *point.ties))
    for wanted in (e["threshold"] for e in expected if e["threshold"] is not None):
        assert any(value == pytest.approx(wanted, abs=1e-9) for value in found)
    best = max(expected, key=lambda e: e["sensitivity"])
    assert point.confusion.sensitivity.value == pytest.approx(best["sensitivity"], abs=1e-12)
    assert point.confusion.specificity.value == pytest.approx(best["specificity"], abs=1e-12)


def test_that_a_wished_sensitivity_is_met_by_the_highest_threshold() -> None:
    curve = roc_curve(LABELS, SCORES)
    point = at_sensitivity(curve, 0.8)
    assert point is not None
    assert point.threshold == pytest.approx(0.425)
    assert point.confusion == Confusion(4, 1, 4, 1)
    point = at_specificity(curve, 0.8)
    assert point is not None
    assert point.threshold == pytest.approx(0.425)


def test_that_a_target_met_exactly_is_not_lost_to_rounding() -> None:
    labels, scores = [0] * 10 + [1] * 20, np.arange(30)
    point = at_sensitivity(roc_curve(labels, scores), 0.55)  # 0.55 · 20 is 11.000000000000002 in floating point
    assert point is not None
    assert point.confusion.true_positive == 11
    point = at_specificity(roc_curve(labels, scores[::-1]), 0.7)
    assert point is not None
    assert point.confusion.true_negative == 7


def test_that_a_finding_with_one_class_has_no_operating_point() -> None:
    curve = roc_curve([0, 0], [1, 2])
    assert youden(curve) is None
    assert at_sensitivity(curve, 0.9) is None


@settings(deadline=None)
@given(cases)
def test_that_raising_the_threshold_never_finds_more(drawn: list[tuple[bool, float]]) -> None:
    labels, scores = [float(y) for y, _ in drawn], [s for _, s in drawn]
    rows = [confusion_at(labels, scores, t) for t in np.linspace(-0.1, 1.1, 13)]
    for lower, higher in pairwise(rows):
        assert higher.true_positive <= lower.true_positive
        assert higher.false_positive <= lower.false_positive
        assert higher.true_negative >= lower.true_negative
        assert higher.false_negative >= lower.false_negative


@settings(deadline=None)
@given(cases)
def test_that_an_operating_point_counts_what_its_threshold_counts(drawn: list[tuple[bool, float]]) -> None:
    labels, scores = [float(y) for y, _ in drawn], [s for _, s in drawn]
    curve = roc_curve(labels, scores)
    for point in (youden(curve), at_sensitivity(curve, 0.9), at_specificity(curve, 0.5), closest_to_corner(curve)):
        if point is not None:
            assert point.confusion == confusion_at(labels, scores, point.threshold)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(1, 40))
def test_that_intervals_hold_the_proportion_and_the_exact_one_is_the_wider_at_the_ends(x: int, n: int) -> None:
    if x > n:
        return
    for method in ("wilson", "clopper-pearson"):
        lower, upper = Proportion(x, n).interval(method=method)
        assert 0 <= lower <= x / n + 1e-12
        assert x / n - 1e-12 <= upper <= 1
