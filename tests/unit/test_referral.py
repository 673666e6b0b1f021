"""Referral: orders, counts and areas at any rate, against brute force and against the published definitions."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.collaborative import collaborative_auc
from xferviewer.evaluation.intervals import wilson
from xferviewer.evaluation.operating_points import confusion_at
from xferviewer.evaluation.referral import oracle_auc, oracle_auc_per_finding, oracle_referrals, retained_curve
from xferviewer.evaluation.referral_sweep import ReferralSweep
from xferviewer.evaluation.roc import auc, auc_interval
from xferviewer.evaluation.selective import risk_coverage
from xferviewer.evaluation.uncertainty import n_referred, referral_order, uncertainty

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"
RATES = [0, 0.05, 0.1, 0.15, 0.2, 0.25]

EIGHT_LABELS = [0, 1, 0, 1, 0, 1, 1, 0]
EIGHT_PROBABILITIES = [0.31, 0.42, 0.33, 0.84, 0.75, 0.86, 0.57, 0.68]

drawn_cases = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, np.nan]), st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30
)


def multilabel() -> tuple[np.ndarray, np.ndarray, dict]:
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not on this machine")
    table = np.genfromtxt(REFERENCE / "multilabel.csv", delimiter=",", skip_header=1)
    return table[:, :5], table[:, 5:], json.loads((REFERENCE / "oracle_multilabel.json").read_text())


def test_that_the_three_oracle_areas_are_those_of_the_reference() -> None:
    labels, probabilities, expected = multilabel()
    single = oracle_auc(labels, probabilities, RATES)
    assert single == pytest.approx(expected["oracle_auc_single_referral"], abs=1e-9)
    cumulative = oracle_auc(labels, probabilities, RATES, "cumulative")
    assert cumulative == pytest.approx(expected["oracle_auc_krones_cumulative"], abs=1e-9)
    assert oracle_referrals(len(labels), RATES, "cumulative").tolist() == expected["actually_referred_krones"]
    per_finding = oracle_auc_per_finding(labels, probabilities, RATES, "collaborative")
    wanted = [expected["oc_auc_per_class"][f"{rate:g}"] for rate in RATES]
    assert per_finding == pytest.approx(np.array(wanted), abs=1e-9)
    mean = oracle_auc(labels, probabilities, RATES, "collaborative")
    assert mean == pytest.approx([0.8076, 0.8356, 0.8612, 0.8840, 0.9042, 0.9219], abs=5e-5)


def test_that_the_collaborative_area_has_its_published_unit_values() -> None:
    coarse = collaborative_auc(EIGHT_LABELS, EIGHT_PROBABILITIES, [0, 0.25, 0.5, 0.75, 1], n_thresholds=11, n_bins=7)
    assert coarse == pytest.approx([0.75, 0.875, 0.9625, 1, 1], abs=1e-12)
    fine = collaborative_auc(EIGHT_LABELS, EIGHT_PROBABILITIES, [0, 0.25, 0.5, 0.75, 1])
    assert fine == pytest.approx([0.75, 0.875, 1, 1, 1], abs=1e-12)


def test_that_a_cumulative_oracle_of_202_cases_has_answered_150_at_the_column_of_25_percent() -> None:
    assert oracle_referrals(202, RATES, "cumulative").tolist() == [0, 10, 30, 60, 100, 150]
    assert oracle_referrals(202, RATES).tolist() == [0, 10, 20, 30, 40, 50]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["single", "cumulative"]), st.sampled_from([(0, 4), (1, 3)]))
def test_that_oracle_areas_are_those_of_the_probabilities_with_the_answers_written_in(seed, definition, ends) -> None:
    random = np.random.default_rng(seed)
    labels = random.choice([0, 1, np.nan], (17, 3), p=[0.5, 0.4, 0.1])
    probabilities = random.integers(ends[0], ends[1] + 1, (17, 3)) / 4  # ties, also with what the oracle says
    found = oracle_auc_per_finding(labels, probabilities, RATES, definition)
    current = probabilities.copy()
    for row, rate in enumerate(RATES):
        current = current if definition == "cumulative" else probabilities.copy()
        referred = referral_order(uncertainty(current))[: n_referred(17, rate)]
        current[referred] = np.nan_to_num(labels[referred])
        expected = [auc(labels[:, k], current[:, k]) for k in range(3)]
        np.testing.assert_array_equal(found[row], expected)


def test_that_a_finding_with_one_class_is_left_out_of_the_mean() -> None:
    labels = np.array([[0, 0], [1, 0], [1, 0], [0, 0]])
    probabilities = np.array([[0.2, 0.1], [0.9, 0.2], [0.1, 0.3], [0.4, 0.4]])
    per_finding = oracle_auc_per_finding(labels, probabilities, [0.0])
    assert per_finding[0, 0] == auc(labels[:, 0], probabilities[:, 0])
    assert np.isnan(per_finding[0, 1])
    assert oracle_auc(labels, probabilities, [0.0])[0] == per_finding[0, 0]
    assert np.isnan(oracle_auc(labels[:, 1:], probabilities[:, 1:], [0.0, 0.5])).all()


def test_that_an_unstated_label_of_a_referred_case_stays_unstated() -> None:
    labels = np.array([[0.0], [1.0], [np.nan], [1.0], [0.0]])
    probabilities = np.array([[0.1], [0.9], [0.5], [0.3], [0.6]])
    # The unstated case is the most uncertain one: referring it alone changes nothing.
    assert oracle_auc(labels, probabilities, [0, 0.2]) == pytest.approx([0.75, 0.75])


def test_that_ties_are_referred_in_the_order_of_the_cases() -> None:
    assert referral_order([0.2, 0.5, 0.2, 0.5, 0.1]).tolist() == [1, 3, 0, 2, 4]


def test_that_a_rate_times_n_is_not_cut_short_by_rounding() -> None:
    assert n_referred(100, 0.29) == 29  # 100 · 0.29 is 28.999999999999996 in floating point
    assert [n_referred(202, rate) for rate in RATES] == [0, 10, 20, 30, 40, 50]
    with pytest.raises(ValueError):
        n_referred(10, 1.1)


def test_that_uncertainty_is_the_mean_over_findings_without_untrained_ones() -> None:
    probabilities = np.array([[0.5, 0.1, np.nan], [0.9, 1.0, np.nan]])
    assert uncertainty(probabilities) == pytest.approx([0.3, 0.05])
    assert uncertainty(probabilities, "entropy")[0] == pytest.approx((1 + 0.4689955935892812) / 2)
    assert uncertainty([0.2, 0.7], "margin", 0.3) == pytest.approx([-0.1, -0.4])
    assert uncertainty([0.0, 1.0], "entropy").tolist() == [0, 0]
    with pytest.raises(ValueError):
        uncertainty([1.2])
    with pytest.raises(ValueError):
        uncertainty([0.5], "margin")


@settings(deadline=None)
@given(drawn_cases, st.floats(0, 1), st.integers(-1, 8))
def test_that_the_sweep_equals_counting_the_retained_cases_one_by_one(
    drawn: list[tuple[float, int, int]], rate: float, threshold: int
) -> None:
    labels = np.array([y for y, _, _ in drawn])
    scores = np.array([[a for _, a, _ in drawn], [b for _, _, b in drawn]], dtype=float)
    unsure = -np.abs(scores - 4)
    sweep = ReferralSweep(labels, scores, unsure)
    state, areas = sweep.at(rate, [threshold, threshold + 1]), sweep.retained_auc(rate)
    for c in range(2):
        k = n_referred(len(labels), rate)
        order = sorted(range(len(labels)), key=lambda i: (-unsure[c, i], i))
        kept, gone = order[k:], order[:k]
        counts = confusion_at(labels[kept], scores[c, kept], threshold + c)
        assert state.true_positive[c] == counts.true_positive
        assert state.false_positive[c] == counts.false_positive
        assert state.true_negative[c] == counts.true_negative
        assert state.false_negative[c] == counts.false_negative
        assert state.referred_positive[c] == np.count_nonzero(labels[gone] == 1)
        assert state.sensitivity[c] == pytest.approx(counts.sensitivity.value, nan_ok=True)
        bounds = (state.specificity_lower[c], state.specificity_upper[c])
        assert bounds == pytest.approx(counts.specificity.interval(), nan_ok=True)
        expected = auc_interval(labels[kept], scores[c, kept])
        assert areas[c].auc == pytest.approx(expected.auc, nan_ok=True)
        assert (areas[c].lower, areas[c].upper) == pytest.approx((expected.lower, expected.upper), nan_ok=True)
        assert sweep.referred(rate, c).tolist() == gone
    assert (state.n_referred, state.n_retained) == (k, len(labels) - k)


def test_that_checkpoints_may_share_one_order() -> None:
    random = np.random.default_rng(0)
    labels, scores, unsure = random.random(50) < 0.4, random.random((3, 50)), random.random(50)
    shared, own = ReferralSweep(labels, scores, unsure), ReferralSweep(labels, scores, np.stack([unsure] * 3))
    assert shared.at(0.3, 0.5).true_positive.tolist() == own.at(0.3, 0.5).true_positive.tolist()
    assert shared.referred(0.3, 2).tolist() == own.referred(0.3, 2).tolist()


def test_that_a_sweep_without_cases_or_without_checkpoints_counts_nothing() -> None:
    no_cases = ReferralSweep([], np.empty((2, 0)), np.empty((2, 0)))
    assert no_cases.at(0.3, 0.5).n_referred == 0
    assert np.isnan(no_cases.at(0.3, 0.5).sensitivity).all()
    assert [np.isnan(interval.auc) for interval in no_cases.retained_auc(0.3)] == [True, True]
    no_checkpoints = ReferralSweep([0, 1], np.empty((0, 2)), np.empty((0, 2)))
    assert no_checkpoints.at(0.5, []).sensitivity.shape == (0,)
    assert no_checkpoints.retained_auc(0.5) == ()
    with pytest.raises(ValueError):
        ReferralSweep([0, 1], np.zeros((3, 2)), np.zeros((2, 2)))


def test_that_the_retained_curve_stands_between_chance_and_the_ideal() -> None:
    random = np.random.default_rng(5)
    labels = random.random(400) < 0.3
    p = 1 / (1 + np.exp(-(random.normal(size=400) + 2 * labels - 1)))
    rates = [0, 0.1, 0.2, 0.5, 1]
    curve = retained_curve(labels, p, uncertainty(p), rates, 0.5)
    sensitivity = np.array([state.sensitivity[0] for state in curve.states])
    assert sensitivity[0] == curve.random_sensitivity == curve.ideal_sensitivity[0]
    assert np.all(sensitivity[:4] <= curve.ideal_sensitivity[:4])
    assert sensitivity[3] > curve.random_sensitivity  # uncertain cases are wrong more often
    assert curve.random_referred_positive == pytest.approx(np.array(rates) * labels.sum())
    assert curve.auc[0].auc == pytest.approx(curve.random_auc)
    kept = referral_order(uncertainty(p))[80:]
    expected = auc_interval(labels[kept], p[kept])
    assert (curve.auc[2].auc, curve.auc[2].standard_error) == pytest.approx((expected.auc, expected.standard_error))
    assert np.isnan(sensitivity[4])
    bounds = wilson(curve.states[1].true_positive, curve.states[1].true_positive + curve.states[1].false_negative)
    assert curve.states[1].sensitivity_lower == bounds[0]


def test_that_the_risk_coverage_curve_has_its_published_areas() -> None:
    p, y = np.array([0.2, 0.6, 0.4, 0.7, 0.9]), np.array([0, 0, 1, 1, 1])
    hand = risk_coverage((p > 0.5) != (y == 1), -np.maximum(p, 1 - p))
    assert hand.aurc == pytest.approx(0.13)
    if not REFERENCE.exists():
        pytest.skip(f"{REFERENCE} is not on this machine")
    y, p = np.genfromtxt(REFERENCE / "calibration.csv", delimiter=",", skip_header=1).T
    expected = json.loads((REFERENCE / "calibration.json").read_text())
    curve = risk_coverage((p > 0.5) != (y == 1), -np.maximum(p, 1 - p))
    assert curve.aurc == pytest.approx(expected["aurc"], abs=1e-9)
    assert curve.optimal == pytest.approx(expected["aurc_optimal"], abs=1e-9)
    assert curve.excess == pytest.approx(expected["e_aurc"], abs=1e-9)
    for name, risk in expected["risk_at_coverage"].items():
        assert curve.risk_at(float(name[1:])) == pytest.approx(risk, abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.randoms())
def test_that_tied_decisions_share_their_errors_evenly_whatever_their_order(wrong: list[bool], random) -> None:
    shuffled = wrong.copy()
    random.shuffle(shuffled)
    one, other = risk_coverage(wrong, np.zeros(len(wrong))), risk_coverage(shuffled, np.zeros(len(wrong)))
    assert one.risk == pytest.approx(np.full(len(wrong), np.mean(wrong)))
    assert one.aurc == pytest.approx(other.aurc)
