"""Likelihood ratios and predictive values, by their formulas and at their edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.evaluation.intervals import Proportion
from xferviewer.evaluation.likelihood_ratios import likelihood_ratios, predictive_values
from xferviewer.evaluation.operating_points import Confusion

Z = 1.959963984540054
counts = st.builds(Confusion, *(st.integers(0, 30),) * 4)


def test_that_the_ratios_and_their_intervals_are_those_of_the_logarithmic_method_by_hand() -> None:
    # sensitivity 36 / 48, specificity 64 / 80
    found = likelihood_ratios(Confusion(36, 16, 64, 12))
    for estimate, value, error in (
        (found.positive, 0.75 / 0.2, math.sqrt(1 / 36 - 1 / 48 + 1 / 16 - 1 / 80)),
        (found.negative, 0.25 / 0.8, math.sqrt(1 / 12 - 1 / 48 + 1 / 64 - 1 / 80)),
    ):
        assert estimate.value == pytest.approx(value)
        assert estimate.lower == pytest.approx(value * math.exp(-Z * error))
        assert estimate.upper == pytest.approx(value * math.exp(Z * error))


def test_that_predictive_values_at_another_prevalence_are_bayes_with_the_logit_interval() -> None:
    confusion, prevalence = Confusion(36, 16, 64, 12), 0.02
    found = predictive_values(confusion, prevalence)
    se, sp = 0.75, 0.8
    ppv = se * prevalence / (se * prevalence + (1 - sp) * (1 - prevalence))
    npv = sp * (1 - prevalence) / (sp * (1 - prevalence) + (1 - se) * prevalence)
    assert (found.ppv.value, found.npv.value) == pytest.approx((ppv, npv))
    # Mercaldo et al. 2007: variances of logit PPV and logit NPV
    of_ppv = (1 - se) / se / 48 + sp / (1 - sp) / 80
    of_npv = se / (1 - se) / 48 + (1 - sp) / sp / 80
    for estimate, value, variance in ((found.ppv, ppv, of_ppv), (found.npv, npv, of_npv)):
        centre, half = math.log(value / (1 - value)), Z * math.sqrt(variance)
        assert estimate.lower == pytest.approx(1 / (1 + math.exp(-centre + half)))
        assert estimate.upper == pytest.approx(1 / (1 + math.exp(-centre - half)))


@given(counts)
def test_that_at_the_prevalence_of_the_cases_they_are_the_shares_that_were_counted(confusion: Confusion) -> None:
    m, n = confusion.sensitivity.trials, confusion.specificity.trials
    if not m or not n:
        assert np.isnan(likelihood_ratios(confusion).positive.value)
        return
    found = predictive_values(confusion, m / (m + n))
    for estimate, counted in ((found.ppv, confusion.ppv), (found.npv, confusion.npv)):
        assert estimate.value == pytest.approx(counted.value, nan_ok=True)
        assert math.isnan(estimate.value) or 0 <= estimate.lower <= estimate.value <= estimate.upper <= 1


def test_that_an_empty_cell_has_an_interval_that_ends_at_the_ratio() -> None:
    confusion = Confusion(true_positive=30, false_positive=0, true_negative=50, false_negative=10)
    positive, ppv = likelihood_ratios(confusion).positive, predictive_values(confusion, 0.1).ppv
    assert positive.value == positive.upper == math.inf
    assert ppv.value == ppv.upper == 1
    a, m, b, n = 30 + Z * Z / 2, 40 + Z * Z, Z * Z / 2, 50 + Z * Z
    lower = a / m / (b / n) * math.exp(-Z * math.sqrt(1 / a - 1 / m + 1 / b - 1 / n))
    assert positive.lower == pytest.approx(lower)
    assert ppv.lower == pytest.approx(lower / 9 / (1 + lower / 9))
    nobody_missed = likelihood_ratios(Confusion(40, 10, 40, 0)).negative
    assert (nobody_missed.value, nobody_missed.lower) == (0, 0)
    assert 0 < nobody_missed.upper < 0.3


def test_that_a_call_of_everybody_says_nothing_and_its_interval_says_so() -> None:
    everybody = likelihood_ratios(Confusion(10, 20, 0, 0))
    assert everybody.positive.value == 1
    assert everybody.positive.lower < 1 < everybody.positive.upper
    assert np.isnan([everybody.negative.value, everybody.negative.lower]).all()
    assert np.isnan(predictive_values(Confusion(10, 20, 0, 0), 0.3).npv.value)


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, math.nan])
def test_that_an_impossible_prevalence_is_refused(prevalence: float) -> None:
    with pytest.raises(ValueError, match="prevalence"):
        predictive_values(Confusion(1, 1, 1, 1), prevalence)


def test_that_balanced_accuracy_correlation_and_flag_rate_are_those_of_the_counts() -> None:
    confusion = Confusion(true_positive=8, false_positive=3, true_negative=27, false_negative=2)
    assert confusion.balanced_accuracy == pytest.approx((0.8 + 0.9) / 2)
    assert confusion.flag_rate == Proportion(11, 40)
    truth, calls = np.repeat([1, 0, 0, 1], [8, 3, 27, 2]), np.repeat([1, 1, 0, 0], [8, 3, 27, 2])
    assert confusion.mcc == pytest.approx(np.corrcoef(truth, calls)[0, 1])
    assert np.isnan(Confusion(5, 5, 0, 0).mcc)
    assert np.isnan(Confusion(0, 5, 5, 0).balanced_accuracy)


@given(counts)
def test_that_the_interval_of_balanced_accuracy_holds_it_and_is_narrower_than_that_of_either_rate(confusion) -> None:
    for method in ("wilson", "clopper-pearson"):
        lower, upper = confusion.balanced_accuracy_interval(method=method)
        if math.isnan(confusion.balanced_accuracy):
            assert math.isnan(lower)
            continue
        widths = [np.diff(rate.interval(method=method))[0] for rate in (confusion.sensitivity, confusion.specificity)]
        assert -1e-12 <= lower <= confusion.balanced_accuracy <= upper <= 1 + 1e-12
        assert upper - lower <= sum(widths) / 2 + 1e-12
