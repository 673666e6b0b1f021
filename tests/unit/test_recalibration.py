"""Recalibration: fits against the likelihood itself, monotony, degenerate cases, and the bits of what is stored."""

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from xferviewer.checkpoints.fields import FieldError, from_mapping, to_mapping
from xferviewer.evaluation.calibration import brier, negative_log_likelihood
from xferviewer.evaluation.calibration_tests import cox_recalibration, logits_of
from xferviewer.evaluation.recalibration import Recalibrator, fit, fit_multiclass_temperature, recalibrate
from xferviewer.evaluation.roc import auc
from xferviewer.evaluation.scores import scores_from_logits

METHODS = ("temperature", "platt", "platt-unsmoothed", "isotonic", "beta")
every_method = pytest.mark.parametrize("method", METHODS)

# Both classes, and no threshold that separates them: what every method can be fitted to.
overlapping = st.lists(st.tuples(st.booleans(), st.integers(-40, 40)), min_size=1, max_size=40).map(
    lambda drawn: [(False, -9), (True, -8), (False, 8), (True, 9), *drawn]
)


def apart(drawn: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(y) for y, _ in drawn]), np.array([x / 8 for _, x in drawn])


def fitted(method: str, labels: np.ndarray, logits: np.ndarray) -> Recalibrator:
    """The fit; a drawn case that falls with the finding does not count."""
    refusal = ""
    try:
        return fit(method, labels, logits)
    except ValueError as error:
        refusal = str(error)
    assert refusal.startswith("the scores do not rise")
    assume(False)
    raise AssertionError


def one_of_each() -> list[Recalibrator]:
    random = np.random.default_rng(4)
    x = random.normal(0, 2, 300)
    labels = (random.random(300) < 1 / (1 + np.exp(0.4 - 0.6 * x))).astype(float)
    return [fit(method, labels, x) for method in METHODS]


@settings(deadline=None, max_examples=60)
@given(overlapping)
def test_that_no_other_parameter_is_likelier(drawn: list[tuple[bool, int]]) -> None:
    labels, logits = apart(drawn)
    for method in ("temperature", "platt-unsmoothed", "beta"):
        best = fitted(method, labels, logits)
        loss = negative_log_likelihood(labels, recalibrate(best, logits))
        for name, (value,) in best.parameters.items():
            for factor in (0.98, 1.02):
                # A weight of beta scaling that is 0 may only grow.
                other = best.parameters | {name: (value * factor if value else 0.01,)}
                there = recalibrate(Recalibrator(method, other), logits)
                assert negative_log_likelihood(labels, there) >= loss - 1e-12


@settings(deadline=None, max_examples=60)
@given(overlapping)
def test_that_the_mean_probability_is_the_prevalence_wherever_a_constant_is_fitted(drawn) -> None:
    labels, logits = apart(drawn)
    for method in ("platt-unsmoothed", "isotonic", "beta"):
        p = recalibrate(fitted(method, labels, logits), logits)
        assert p.mean() == pytest.approx(labels.mean(), abs=1e-7)


def test_that_a_fitted_line_of_cox_becomes_the_diagonal() -> None:
    random = np.random.default_rng(2)
    x = random.normal(0, 2, 500)
    labels = (random.random(500) < 1 / (1 + np.exp(1 - 0.5 * x))).astype(float)
    for method in ("platt-unsmoothed", "beta"):
        cox = cox_recalibration(labels, recalibrate(fit(method, labels, x), x))
        assert (cox.intercept.value, cox.in_the_large.value) == pytest.approx((0, 0), abs=1e-6)
        assert cox.slope.value == pytest.approx(1, abs=1e-6)


def test_that_beta_scaling_with_equal_weights_is_platts() -> None:
    x = np.linspace(-30, 30, 201)
    beta = Recalibrator("beta", {"a": (0.7,), "b": (0.7,), "c": (-0.2,)})
    platt = Recalibrator("platt", {"slope": (0.7,), "intercept": (-0.2,)})
    assert recalibrate(beta, x) == pytest.approx(recalibrate(platt, x), rel=1e-12)


def test_that_a_weight_of_beta_scaling_that_would_be_negative_is_zero_and_the_rest_the_likeliest() -> None:
    # The higher half rises, the lower half falls: ln p alone would want a negative weight.
    x = np.concatenate((np.linspace(-4, -1, 40), np.linspace(1, 4, 40)))
    labels = np.concatenate((np.arange(40) < 20, np.arange(40) % 4 > 0)).astype(float)
    beta = fit("beta", labels, x)
    assert beta.parameters["a"] == (0.0,)
    assert beta.parameters["b"][0] > 0
    loss = negative_log_likelihood(labels, recalibrate(beta, x))
    for a in (1e-3, 1e-2):
        other = Recalibrator("beta", beta.parameters | {"a": (a,)})
        assert negative_log_likelihood(labels, recalibrate(other, x)) > loss


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(-64, 64)), min_size=2), st.floats(0.3, 10))
def test_that_a_temperature_keeps_the_area(drawn: list[tuple[bool, int]], temperature: float) -> None:
    labels, logits = apart(drawn)
    softened = recalibrate(Recalibrator("temperature", {"temperature": (temperature,)}), logits)
    assert auc(labels, softened) == pytest.approx(auc(labels, logits), abs=0, nan_ok=True)


@settings(deadline=None, max_examples=60)
@given(overlapping, st.lists(st.floats(-200, 200), min_size=2))
def test_that_no_case_overtakes_another_and_every_number_is_a_probability(drawn, asked: list[float]) -> None:
    labels, logits = apart(drawn)
    for method in METHODS:
        found = recalibrate(fitted(method, labels, logits), np.sort(np.concatenate((asked, logits))))
        assert np.all(np.diff(found) >= 0)
        assert np.all((found >= 0) & (found <= 1))


def test_that_isotonic_lines_end_below_their_knots_however_close_one_comes() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        knots, heights = np.sort(random.normal(0, 3, 6)), np.sort(random.random(6))
        recalibrator = Recalibrator("isotonic", {"logits": tuple(knots), "probabilities": tuple(heights)})
        near = np.sort(np.concatenate([knots, np.nextafter(knots, -np.inf), np.nextafter(knots, np.inf)]))
        found = recalibrate(recalibrator, near)
        assert np.all(np.diff(found) >= 0)
        assert recalibrate(recalibrator, knots).tolist() == heights.tolist()


@pytest.mark.parametrize("weights", [(0.0, 0.7), (0.7, 0.0)])
def test_that_beta_scaling_without_one_of_its_weights_takes_infinite_logits(weights) -> None:
    a, b = weights
    low, high = recalibrate(Recalibrator("beta", {"a": (a,), "b": (b,), "c": (0.0,)}), [-np.inf, np.inf])
    # Without a weight on ln p, nothing speaks against the finding more than c does.
    assert (low, high) == ((0.5, 1) if a == 0 else (0, 0.5))


@pytest.mark.parametrize("recalibrator", one_of_each(), ids=lambda one: one.method)
def test_that_infinite_logits_are_certain_or_clipped_and_a_missing_one_stays_missing(recalibrator) -> None:
    low, high, missing, huge = recalibrate(recalibrator, [-np.inf, np.inf, np.nan, 1e300])
    assert np.isnan(missing)
    assert high == huge
    if recalibrator.method == "isotonic":
        knots = recalibrator.parameters["probabilities"]
        assert (low, high) == (knots[0], knots[-1])
    else:
        assert (low, high) == (0, 1)


@pytest.mark.parametrize("recalibrator", one_of_each(), ids=lambda one: one.method)
def test_that_what_was_written_as_json_gives_back_every_bit(recalibrator) -> None:
    read = from_mapping(Recalibrator, json.loads(json.dumps(to_mapping(recalibrator))))
    assert read == recalibrator
    x = np.random.default_rng(0).normal(0, 5, 1000)
    assert recalibrate(read, x).tobytes() == recalibrate(recalibrator, x).tobytes()


@settings(deadline=None, max_examples=60)
@given(overlapping)
def test_that_isotonic_regression_is_the_nearest_rising_function_and_its_own_fixed_point(drawn) -> None:
    labels, logits = apart(drawn)
    once = recalibrate(fit("isotonic", labels, logits), logits)
    # Nearer than the other fits, than the constant, and than any small step towards the labels' order.
    for method in ("platt", "beta"):
        assert brier(labels, once) <= brier(labels, recalibrate(fitted(method, labels, logits), logits)) + 1e-12
    assert brier(labels, once) <= labels.mean() * (1 - labels.mean()) + 1e-12
    if np.ptp(once):
        again = fit("isotonic", labels, logits_of(once))
        assert recalibrate(again, logits_of(once)) == pytest.approx(once, abs=1e-12)


def test_that_isotonic_regression_pools_ties_first_and_is_straight_between_its_blocks() -> None:
    # scores 0, 1, 1, 2, 3 with labels 0, 1, 0, 0, 1: 1 (mean 1/2) and 2 (mean 0) violate and are pooled to 1/3
    recalibrator = fit("isotonic", [0, 1, 0, 0, 1], [0, 1, 1, 2, 3])
    assert recalibrator.parameters == {"logits": (0, 1, 2, 3), "probabilities": (0, 1 / 3, 1 / 3, 1)}
    found = recalibrate(recalibrator, [-5, 0.5, 1.7, 2.25, 9])
    assert found == pytest.approx([0, 1 / 6, 1 / 3, 1 / 2, 1])


@every_method
@pytest.mark.parametrize(
    ("labels", "logits", "why"),
    [
        ([1, 1, np.nan], [0.1, 0.2, 0.3], "2 positive and 0 negative"),
        ([np.nan], [0.1], "0 positive and 0 negative"),
        ([0, 1, 1], [0.4, 0.4, 0.4], "the same score"),
        ([0, 1], [0.4, np.inf], "NaN or infinite"),
    ],
)
def test_that_nothing_to_learn_from_is_refused_in_words(method, labels, logits, why) -> None:
    with pytest.raises(ValueError, match=why):
        fit(method, labels, logits)


def test_that_perfect_separation_is_refused_or_has_its_documented_fit() -> None:
    labels, logits = [0, 0, 1, 1], [-2, -1, 1, 3]
    for method in ("platt-unsmoothed", "beta"):
        with pytest.raises(ValueError, match="separate the classes perfectly"):
            fit(method, labels, logits)
    with pytest.raises(ValueError, match="scores highest for what it is"):
        fit("temperature", labels, logits)
    assert recalibrate(fit("isotonic", labels, logits), logits).tolist() == labels
    smoothed = recalibrate(fit("platt", labels, logits), logits)
    assert 0 < smoothed.min() < 0.5 < smoothed.max() < 1
    # Away from 0 the same order has a temperature: what is too high is softened.
    assert fit("temperature", labels, [1, 2, 3, 5]).parameters["temperature"][0] > 1


@pytest.mark.parametrize("method", ["temperature", "platt", "platt-unsmoothed", "beta"])
def test_that_scores_that_fall_with_the_finding_are_not_turned_round(method) -> None:
    for labels, logits in (([1, 1, 0, 0], [-2, -1, 1, 3]), ([1, 0, 1, 0, 0], [-2, -1, 0.5, 1, 3])):
        with pytest.raises(ValueError, match="do not rise with the finding"):
            fit(method, labels, logits)
    constant = recalibrate(fit("isotonic", [1, 1, 0, 0], [-2, -1, 1, 3]), [-9, 0, 9])
    assert constant.tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("magic", {"temperature": (1.0,)}),
        ("temperature", {"slope": (1.0,)}),
        ("temperature", {"temperature": (0.0,)}),
        ("temperature", {"temperature": (1.0, 2.0)}),
        ("temperature", {"temperature": (math.inf,)}),
        ("platt", {"intercept": (0.0,), "slope": (-1.0,)}),
        ("beta", {"a": (0.0,), "b": (0.0,), "c": (1.0,)}),
        ("beta", {"a": (-1.0,), "b": (2.0,), "c": (1.0,)}),
        ("isotonic", {"logits": (), "probabilities": ()}),
        ("isotonic", {"logits": (0.0, 0.0), "probabilities": (0.1, 0.2)}),
        ("isotonic", {"logits": (0.0, 1.0), "probabilities": (0.2, 0.1)}),
        ("isotonic", {"logits": (0.0, 1.0), "probabilities": (0.2, 1.1)}),
        ("isotonic", {"logits": (0.0, 1.0), "probabilities": (0.2,)}),
    ],
)
def test_that_impossible_parameters_are_refused(method, parameters) -> None:
    with pytest.raises(ValueError):
        Recalibrator(method, parameters)
    with pytest.raises(FieldError):
        from_mapping(Recalibrator, {"method": method, "parameters": parameters})


def test_that_the_temperature_of_two_classes_is_that_of_their_difference() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0, 2, (200, 2))
    classes = (random.random(200) < 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))).astype(int)
    together = fit_multiclass_temperature(classes, logits)
    alone = fit("temperature", classes.astype(float), logits[:, 1] - logits[:, 0])
    assert together.parameters["temperature"] == pytest.approx(alone.parameters["temperature"], rel=1e-9)
    for wrong in ([0, 1], [0, 2, 1]):
        with pytest.raises(ValueError):
            fit_multiclass_temperature(wrong, np.zeros((3, 2)))


def test_that_calibrated_scores_are_made_finding_by_finding_and_rounded_once() -> None:
    temperature, platt, _, isotonic, beta = one_of_each()
    logits = np.random.default_rng(1).normal(0, 3, (50, 5)).astype(np.float32)
    logits[7] = np.nan
    found = scores_from_logits(
        logits, "multi-label", "calibrated probability", [temperature, None, isotonic, beta, platt]
    )
    assert found.dtype == np.float32
    assert np.isnan(found[:, 1]).all()
    assert np.isnan(found[7]).all()
    for column, one in ((0, temperature), (2, isotonic), (3, beta), (4, platt)):
        expected = recalibrate(one, logits[:, column].astype(np.float64)).astype(np.float32)
        assert found[:, column].tobytes() == expected.tobytes()


def test_that_the_classes_of_a_calibrated_softmax_still_sum_to_one_and_keep_their_order() -> None:
    logits = np.random.default_rng(1).normal(0, 3, (50, 3)).astype(np.float32)
    two = Recalibrator("temperature", {"temperature": (2.0,)})
    found = scores_from_logits(logits, "multi-class", "calibrated probability", [two] * 3)
    assert found.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-6)
    assert found == pytest.approx(scores_from_logits(logits / 2, "multi-class"), abs=1e-7)
    assert np.array_equal(found.argmax(axis=1), logits.argmax(axis=1))
    other = Recalibrator("temperature", {"temperature": (2.5,)})
    for several in ([two, two, other], [two, None, two], one_of_each()[1:4], [two, two]):
        with pytest.raises(ValueError):
            scores_from_logits(logits, "multi-class", "calibrated probability", several)


def test_that_there_is_no_calibrated_probability_without_recalibrators() -> None:
    for recalibrators in (None, [], [None, None]):
        with pytest.raises(ValueError, match="recalibrator"):
            scores_from_logits(np.zeros((2, 1)), "binary", "calibrated probability", recalibrators)
