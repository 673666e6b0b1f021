"""Areas of checkpoints compared, by DeLong's tests and by resampling: symmetries, brute force, edges, large cohorts."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.bootstrap import draws
from xferviewer.evaluation.cohort import join
from xferviewer.evaluation.roc import auc, auc_interval
from xferviewer.evaluation.significance import (
    bootstrap_paired,
    delong_paired,
    delong_several,
    delong_unpaired,
)
from xferviewer.evaluation.tables import read_label_table, read_predictions

LABELS = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
SCORES_A = [0.1, 0.2, 0.3, 0.4, 0.5, 0.35, 0.45, 0.55, 0.65, 0.75]
SCORES_B = [0.2, 0.1, 0.5, 0.4, 0.3, 0.3, 0.6, 0.5, 0.7, 0.2]

# Few distinct scores, so that ties are common; both classes or one.
cases = st.lists(st.tuples(st.booleans(), st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=30)
nan = float("nan")


def test_that_the_hand_case_of_ten_has_its_published_difference() -> None:
    paired = delong_paired(LABELS, SCORES_A, SCORES_B)
    assert paired.difference == pytest.approx(0.14, abs=1e-15)
    assert paired.standard_error**2 == pytest.approx(0.0128 + 0.0292 - 2 * 0.0044, abs=1e-12)
    assert (paired.z, paired.p_value) == pytest.approx((0.768349819928, 0.442279383907), abs=1e-9)
    assert (paired.lower, paired.upper) == pytest.approx((-0.217122433973, 0.497122433973), abs=1e-9)


def test_that_equal_checkpoints_differ_by_exactly_nothing() -> None:
    random = np.random.default_rng(0)
    labels, scores = random.random(333) < 0.1, random.normal(size=333)
    paired = delong_paired(labels, scores, np.exp(scores))
    assert (paired.difference, paired.standard_error, paired.z, paired.p_value) == (0, 0, 0, 1)


def test_that_a_difference_without_variance_is_marked_as_not_interpretable() -> None:
    paired = delong_paired([0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1])
    assert (paired.difference, paired.standard_error, paired.z, paired.p_value) == (0.5, 0, np.inf, 0)
    assert paired.degenerate


@settings(deadline=None)
@given(cases)
def test_that_exchanging_the_checkpoints_turns_the_sign_and_nothing_else(drawn: list[tuple[bool, int, int]]) -> None:
    labels, a, b = (list(column) for column in zip(*drawn, strict=True))
    one, other = delong_paired(labels, a, b), delong_paired(labels, b, a)
    assert (one.z, one.p_value) == pytest.approx((-other.z, other.p_value), nan_ok=True)
    assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), nan_ok=True)


def test_that_145000_cases_are_compared_in_under_a_third_of_a_second() -> None:
    random = np.random.default_rng(4)
    labels = random.random(145_000) < 0.1
    a, b = random.normal(size=(2, 145_000)) + labels
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        assert 0 < delong_paired(labels, a, b).p_value < 1
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3


@settings(deadline=None)
@given(cases, st.sampled_from([np.exp, np.arctan, lambda s: s**3, lambda s: 1e-9 * s]))
def test_that_maps_that_keep_the_order_of_scores_change_no_comparison(drawn, increasing) -> None:
    labels, a, b = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    one, other = delong_paired(labels, a, b), delong_paired(labels, increasing(a), b)
    assert (one.auc_a, one.difference) == pytest.approx((other.auc_a, other.difference), nan_ok=True)
    assert (one.z, one.p_value) == pytest.approx((other.z, other.p_value), nan_ok=True)


@settings(deadline=None)
@given(cases)
def test_that_probabilities_of_absence_mirror_the_area_and_keep_the_p_value(drawn) -> None:
    labels, a, b = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    p, q = (a + 5) / 10, (b + 5) / 10
    one, other = delong_paired(labels, p, q), delong_paired(labels, 1 - p, 1 - q)
    assert other.auc_a == pytest.approx(1 - one.auc_a, nan_ok=True)
    assert (other.difference, other.p_value) == pytest.approx((-one.difference, one.p_value), nan_ok=True)


@settings(deadline=None)
@given(cases, st.randoms(use_true_random=False))
def test_that_the_order_of_the_cases_does_not_matter_as_long_as_they_stay_pairs(drawn, shuffler) -> None:
    shuffled = list(drawn)
    shuffler.shuffle(shuffled)
    one, other = (delong_paired(*zip(*rows, strict=True)) for rows in (drawn, shuffled))
    assert (one.difference, one.standard_error, one.p_value) == pytest.approx(
        (other.difference, other.standard_error, other.p_value), nan_ok=True
    )


def test_that_two_tables_in_different_orders_are_paired_by_image(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    labels = (random.random(60) < 0.4).astype(int)
    a, b = random.normal(size=(2, 60)).round(3) + labels
    names = [f"{i:03d}.png" for i in range(60)]

    def write(name: str, column: np.ndarray, order: np.ndarray) -> Path:
        path = tmp_path / name
        path.write_text("image,Edema\n" + "".join(f"{names[i]},{column[i]}\n" for i in order), encoding="utf-8")
        return path

    truth = write("labels.csv", labels, random.permutation(60))
    tables = [read_predictions(write(f"{c}.csv", s, random.permutation(60))) for c, s in (("a", a), ("b", b))]
    cohort = join(read_label_table(truth), tables)
    joined = delong_paired(cohort.labels[:, 0], *cohort.scores[:, :, 0])
    wanted = delong_paired(labels, a, b)
    assert (joined.z, joined.lower) == pytest.approx((wanted.z, wanted.lower))
    # Paired by row instead, the same numbers would be another test.
    assert delong_paired(labels, a, b[random.permutation(60)]).z != pytest.approx(wanted.z, rel=0.01)


def test_that_unstated_labels_are_left_out_of_both_checkpoints() -> None:
    paired = delong_paired([*LABELS, nan, nan], [*SCORES_A, 9, nan], [*SCORES_B, nan, -9])
    assert paired == delong_paired(LABELS, SCORES_A, SCORES_B)


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0], [nan, nan, nan]])
def test_that_one_class_alone_compares_nothing(labels: list[float]) -> None:
    paired = delong_paired(labels, [1, 2, 3], [3, 2, 1])
    assert np.isnan([paired.auc_a, paired.difference, paired.standard_error, paired.z, paired.p_value]).all()
    several = delong_several(labels, [[1, 2, 3], [3, 2, 1], [2, 2, 2]])
    assert np.isnan([*several.aucs, several.statistic, several.p_value]).all()
    resampled = bootstrap_paired(labels, [1, 2, 3], [3, 2, 1], resamples=20)
    assert np.isnan([resampled.difference, resampled.standard_error, resampled.d, resampled.lower]).all()
    assert resampled.n_failed == 20


def test_that_two_cases_have_an_area_and_no_test() -> None:
    paired = delong_paired([0, 1], [0.2, 0.7], [0.5, 0.1])
    assert (paired.auc_a, paired.auc_b, paired.difference) == (1, 0, 1)
    assert np.isnan([paired.standard_error, paired.z, paired.p_value, paired.lower, paired.upper]).all()


def test_that_150000_cases_in_eleven_ties_count_every_pair_exactly() -> None:
    random = np.random.default_rng(8)
    labels = random.random(150_000) < 0.5
    a, b = (random.binomial(10, 0.45 + 0.05 * labels) for _ in range(2))
    # 5.6 billion pairs, twice; counted in whole Python numbers.
    for scores, found in zip((a, b), (delong_paired(labels, a, b).auc_a, auc(labels, b)), strict=True):
        positives = np.bincount(scores[labels], minlength=11).tolist()
        negatives = np.bincount(scores[~labels], minlength=11).tolist()
        doubled = sum(p * (2 * sum(negatives[:k]) + negatives[k]) for k, p in enumerate(positives))
        assert found == doubled / (2 * sum(positives) * sum(negatives))
    paired, (v, w) = delong_paired(labels, a, b), (auc_interval(labels, s).standard_error ** 2 for s in (a, b))
    assert paired.standard_error == pytest.approx(np.sqrt(v + w), rel=0.02)  # drawn independently
    assert paired.standard_error == pytest.approx(0.00205, rel=0.05)


def test_that_two_perfect_separations_do_not_differ_and_one_is_not_interpreted_against_a_copy() -> None:
    both = delong_paired(LABELS, LABELS, np.arange(10))
    assert (both.auc_a, both.auc_b, both.z, both.p_value) == (1, 1, 0, 1)
    several = delong_several(LABELS, [LABELS, np.arange(10), SCORES_A])
    assert several.aucs.tolist() == [1, 1, 0.88]
    assert several.df == 1  # of the two contrasts one is exactly nothing
    alone = delong_paired(LABELS, LABELS, SCORES_A)
    assert several.statistic == pytest.approx(alone.z**2)


# ---- several checkpoints


def brute_force_covariance(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas and DeLong's covariance from every positive against every negative."""
    pairs = [(np.sign(s[labels == 1][:, None] - s[labels == 0][None, :]) + 1) / 2 for s in scores]
    by_positive, by_negative = ([p.mean(axis=axis) for p in pairs] for axis in (1, 0))
    m, n = pairs[0].shape
    return np.array([p.mean() for p in pairs]), np.cov(by_positive) / m + np.cov(by_negative) / n


def test_that_several_areas_are_tested_by_their_contrasts() -> None:
    random = np.random.default_rng(5)
    labels = (random.random(80) < 0.4).astype(int)
    common = random.normal(size=80)
    scores = (random.normal(size=(4, 80)) + common + labels * np.array([[1.5], [1.2], [0.7], [0.4]])).round(1)
    aucs, covariance = brute_force_covariance(labels, scores)
    found = delong_several(labels, scores)
    assert found.aucs == pytest.approx(aucs)
    assert found.covariance == pytest.approx(covariance)
    contrasts = np.array([[1, -1, 0, 0], [0, 1, -1, 0], [0, 0, 1, -1]])
    values = contrasts @ aucs
    statistic = values @ np.linalg.inv(contrasts @ covariance @ contrasts.T) @ values
    assert (found.statistic, found.df) == pytest.approx((statistic, 3))
    # Any contrasts that span the same differences ask the same question.
    assert delong_several(labels, scores, contrasts).statistic == pytest.approx(statistic)
    average = delong_several(labels, scores, [[0.5, 0.5, -0.5, -0.5]])
    one = np.array([0.5, 0.5, -0.5, -0.5])
    assert (average.statistic, average.df) == pytest.approx(((one @ aucs) ** 2 / (one @ covariance @ one), 1))


@settings(deadline=None)
@given(cases)
def test_that_a_copy_of_a_checkpoint_adds_nothing_to_the_question(drawn) -> None:
    labels, a, b = (list(column) for column in zip(*drawn, strict=True))
    pair, three = delong_several(labels, [a, b]), delong_several(labels, [a, b, a])
    assert (three.statistic, three.df, three.p_value) == pytest.approx(
        (pair.statistic, pair.df, pair.p_value), nan_ok=True, abs=1e-9, rel=1e-6
    )


def test_that_areas_that_differ_without_variance_are_infinitely_far_apart() -> None:
    several = delong_several([0, 0, 1, 1], [[0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 2, 2]])
    assert (several.statistic, several.p_value) == (np.inf, 0)


def test_that_one_checkpoint_or_a_contrast_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="two checkpoints"):
        delong_several(LABELS, [SCORES_A])
    with pytest.raises(ValueError, match="contrasts of 2"):
        delong_several(LABELS, [SCORES_A, SCORES_B], [[1, -1, 0]])


def test_that_one_checkpoint_on_the_same_cohort_twice_does_not_differ() -> None:
    answer = delong_unpaired(LABELS, SCORES_A, LABELS, SCORES_A)
    assert (answer.difference, answer.statistic, answer.p_value) == (0, 0, 1)
    assert answer.lower == -answer.upper


# ---- resampling


def test_that_resampling_patients_widens_the_difference_where_each_has_four_equal_images() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat(random.random(80) < 0.4, 4)
    a, b = np.repeat(random.normal(size=(2, 80)), 4, axis=1) + labels * np.array([[1.2], [0.6]])
    patients = np.repeat([f"p{i}" for i in range(80)], 4)
    of_images = bootstrap_paired(labels, a, b, resamples=600)
    of_patients = bootstrap_paired(labels, a, b, resamples=600, patients=patients)
    assert of_patients.difference == of_images.difference == auc(labels, a) - auc(labels, b)
    # Four copies carry no more than one: the standard error doubles, and so does that of DeLong's independent cases.
    assert of_patients.standard_error / of_images.standard_error == pytest.approx(2, rel=0.15)
    assert of_patients.standard_error / delong_paired(labels, a, b).standard_error == pytest.approx(2, rel=0.15)
    assert of_patients.d == pytest.approx(of_images.d / 2, rel=0.15)
    assert of_patients.p_value > of_images.p_value


def test_that_one_seed_draws_the_same_resamples_for_every_checkpoint() -> None:
    one, again = (bootstrap_paired(LABELS, SCORES_A, SCORES_B, resamples=200, seed=7) for _ in range(2))
    other = bootstrap_paired(LABELS, SCORES_B, SCORES_A, resamples=200, seed=7)
    assert one == again
    assert (one.difference, one.d, one.lower) == (-other.difference, -other.d, pytest.approx(-other.upper))
    alone = auc_interval(LABELS, SCORES_A, method="bootstrap", resamples=200, seed=7)
    against_chance = bootstrap_paired(LABELS, SCORES_A, [0.5] * 10, resamples=200, seed=7)
    assert against_chance.lower == pytest.approx(alone.lower - 0.5)


def test_that_equal_checkpoints_differ_in_no_resample() -> None:
    answer = bootstrap_paired(LABELS, SCORES_A, np.exp(SCORES_A), resamples=50)
    assert (answer.difference, answer.standard_error, answer.d, answer.p_value) == (0, 0, 0, 1)
    assert (answer.lower, answer.upper) == (0, 0)


def test_that_draws_keep_the_number_of_patients_with_and_without_the_finding() -> None:
    positive = np.array([True, False, True, False, False, False])
    patients = np.array(["a", "a", "b", "c", "d", "d"])
    for times in draws(positive, patients, 50, np.random.default_rng(0)):
        assert times[0] == times[1]
        assert times[4] == times[5]
        assert times[0] + times[2] == 2  # patients with the finding
        assert times[3] + times[4] == 2  # and without
    for times in draws(positive, None, 50, np.random.default_rng(0)):
        assert (times[positive].sum(), times[~positive].sum()) == (2, 4)


def test_that_resamples_that_lost_a_class_are_counted() -> None:
    # Both patients have the finding; only the first has an image without it.
    labels, patients = [1, 0, 1, 1], ["a", "a", "b", "b"]
    answer = bootstrap_paired(labels, [3, 1, 2, 4], [1, 2, 3, 4], patients=patients, resamples=400)
    assert 60 < answer.n_failed < 140  # patient b twice: a quarter of the resamples
    assert answer.resamples == 400


def test_that_patients_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="patient for each of 10"):
        bootstrap_paired(LABELS, SCORES_A, SCORES_B, patients=["a", "b"])
    with pytest.raises(ValueError, match="patient for each of 10"):
        auc_interval(LABELS, SCORES_A, method="bootstrap", patients=["a", "b"])
