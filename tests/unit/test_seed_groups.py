"""Several seeds of one recipe as one row; the published ones are in test_published_tables."""

import math

import numpy as np
import pytest
import scipy.stats

from xferviewer.evaluation.seed_groups import compare_seeds, summarise_seeds

OURS = {"0": 0.8008, "11": 0.8018, "21": 0.7994, "42": 0.8001, "100": 0.8009}
OTHERS = {"0": 0.8011, "11": 0.8081, "21": 0.8059, "42": 0.8063, "100": 0.8083}


def test_that_five_seeds_are_a_mean_a_deviation_and_the_interval_of_students_t() -> None:
    row = summarise_seeds(OURS)
    values = list(OURS.values())
    assert (row.n, row.mean, row.sd) == (5, pytest.approx(np.mean(values)), pytest.approx(np.std(values, ddof=1)))
    bounds = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (row.lower, row.upper) == pytest.approx((bounds.low, bounds.high))
    assert summarise_seeds(OURS, 0.99).lower < row.lower


def test_that_one_seed_has_no_deviation_and_an_undefined_value_is_left_out_and_counted() -> None:
    one = summarise_seeds({"0": 0.8, "11": math.nan})
    assert (one.n, one.n_undefined, one.mean) == (1, 1, 0.8)
    assert np.isnan([one.sd, one.lower, one.upper]).all()
    assert np.isnan(summarise_seeds({}).mean)
    with pytest.raises(ValueError, match="confidence level"):
        summarise_seeds(OURS, 95)


def test_that_two_recipes_are_compared_by_welch_or_by_their_common_seeds() -> None:
    welch, paired = compare_seeds(OURS, OTHERS), compare_seeds(OURS, OTHERS, paired=True)
    assert (welch.df, welch.p_value) == pytest.approx((4.764664, 0.0122511), abs=1e-6)
    assert (paired.df, paired.p_value) == pytest.approx((4, 0.0139264), abs=1e-6)
    # The order in which seeds were run pairs nothing.
    again = dict(reversed(OTHERS.items()))
    assert compare_seeds(OURS, again, paired=True).p_value == pytest.approx(paired.p_value)
    fewer = compare_seeds({**OURS, "7": 0.5}, {**OTHERS, "8": 0.9, "100": math.nan}, paired=True)
    assert fewer.df == 3


def test_that_groups_without_a_seed_to_compare_are_refused() -> None:
    with pytest.raises(ValueError, match="no seed in common"):
        compare_seeds({"1": 0.8}, {"2": 0.7}, paired=True)
    with pytest.raises(ValueError, match="no seed with a value"):
        compare_seeds({"1": math.nan}, {"2": 0.7})
