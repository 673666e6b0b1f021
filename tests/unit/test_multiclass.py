"""Several classes, and several findings of one case: hand cases, scikit-learn, what is undefined, large counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from xferviewer.evaluation.confusion_matrix import ConfusionMatrix, confusion_matrix
from xferviewer.evaluation.multiclass import hand_till, multiclass_metrics
from xferviewer.evaluation.multilabel import multilabel_metrics, published_calibration_error, random_guess_accuracy
from xferviewer.evaluation.roc import auc

nan = float("nan")
said = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


# ---- the confusion matrix


def test_that_a_hand_counted_matrix_has_its_numbers() -> None:
    matrix = confusion_matrix([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2], 3)
    assert matrix.counts.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert (matrix.n, matrix.accuracy, matrix.f1_micro) == (6, 4 / 6, 4 / 6)
    assert matrix.recall == pytest.approx([2 / 3, 1 / 2, 1])
    assert matrix.precision == pytest.approx([1, 1 / 2, 1 / 2])
    assert matrix.f1 == pytest.approx([0.8, 0.5, 2 / 3])
    assert matrix.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert matrix.f1_weighted == pytest.approx((3 * 0.8 + 2 * 0.5 + 2 / 3) / 6)
    # 1 - Σ w observed / Σ w by chance: two misses by one step against Σ (i - j)² of the margins.
    assert matrix.kappa("quadratic") == pytest.approx(
        1 - 2 * 6 / (3 * 2 + 3 * 2 * 4 + 2 * 2 + 2 * 2 + 1 * 2 * 4 + 1 * 2)
    )


@settings(deadline=None)
@given(said)
def test_that_what_is_defined_is_what_scikit_learn_says(drawn: list[tuple[int, int]]) -> None:
    true, predicted = zip(*drawn, strict=True)
    matrix = confusion_matrix(true, predicted, 4)
    assert matrix.accuracy == pytest.approx(metrics.accuracy_score(true, predicted))
    if len(set(true)) > 1 and len(set(predicted)) > 1:
        assert matrix.mcc == pytest.approx(metrics.matthews_corrcoef(true, predicted))
        assert matrix.kappa() == pytest.approx(metrics.cohen_kappa_score(true, predicted))
        quadratic = metrics.cohen_kappa_score(true, predicted, weights="quadratic", labels=[0, 1, 2, 3])
        assert matrix.kappa("quadratic") == pytest.approx(quadratic)
    present = sorted({*true, *predicted})
    f1 = metrics.f1_score(true, predicted, labels=present, average=None, zero_division=0)
    assert matrix.f1[present] == pytest.approx(f1)
    assert np.isnan(matrix.f1[[k for k in range(4) if k not in present]]).all()
    assert matrix.f1_macro == pytest.approx(np.mean(f1))


def test_that_a_ratio_with_nothing_below_the_line_is_undefined_and_not_zero() -> None:
    one = confusion_matrix([1, 1, 1], [1, 1, 1], 3)
    assert np.isnan([one.mcc, one.kappa(), one.recall[0], one.precision[2], one.f1[0]]).all()
    assert (one.accuracy, one.balanced_accuracy, one.f1_macro) == (1, 1, 1)
    none = ConfusionMatrix(np.zeros((2, 2), dtype=np.int64))
    assert np.isnan([none.accuracy, none.balanced_accuracy, none.f1_macro, none.f1_weighted, none.mcc]).all()


def test_that_the_correlation_of_millions_of_cases_does_not_overflow() -> None:
    counts = np.array([[3_000_000, 1_000_000], [1_000_000, 5_000_000]])
    small = ConfusionMatrix(counts // 1_000_000)
    assert ConfusionMatrix(counts).mcc == pytest.approx(small.mcc)
    assert ConfusionMatrix(counts).kappa("quadratic") == pytest.approx(small.kappa("quadratic"))


def test_that_classes_that_do_not_exist_and_unknown_weights_are_refused() -> None:
    for true, predicted in (([0, 3], [0, 1]), ([0, -1], [0, 1]), ([0, 0.5], [0, 1]), ([0], [0, 1]), ([nan], [0])):
        with pytest.raises(ValueError):
            confusion_matrix(true, predicted, 3)
    with pytest.raises(ValueError, match="linear"):
        confusion_matrix([0], [0], 2).kappa("linear")  # type: ignore[arg-type]


# ---- probabilities of several classes


def cohort(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.choice(4, n, p=[0.5, 0.3, 0.15, 0.05])
    scores = np.exp(random.normal(size=(n, 4)) + 1.5 * np.eye(4)[labels])
    return labels, scores / scores.sum(axis=1, keepdims=True)


def test_that_two_classes_are_the_binary_case_twice() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 80)
    p = random.random(80)
    found = multiclass_metrics(labels, np.column_stack([1 - p, p]))
    area = auc(labels, p)
    assert found.auc_per_class == pytest.approx([area, area])
    assert (found.auc_macro, found.auc_hand_till) == pytest.approx((area, area))
    assert found.brier == pytest.approx(2 * np.mean((p - labels) ** 2))
    assert found.nll == pytest.approx(metrics.log_loss(labels, p))


def test_that_cases_without_a_stated_class_are_left_out_and_counted() -> None:
    labels, p = cohort()
    one = multiclass_metrics(labels, p)
    other = multiclass_metrics([*labels.astype(float), nan], np.vstack([p, [nan] * 4]))
    assert (one.n_unstated, other.n_unstated) == (0, 1)
    assert (one.auc_macro, one.nll, one.ece_classwise) == (other.auc_macro, other.nll, other.ece_classwise)


def test_that_a_class_without_cases_has_no_area_and_is_left_out_of_the_mean() -> None:
    labels, p = cohort()
    without = labels < 3
    found = multiclass_metrics(labels[without], p[without])
    assert np.isnan(found.auc_per_class[3])
    assert found.auc_macro == pytest.approx(found.auc_per_class[:3].mean())
    assert np.isfinite(found.auc_hand_till)


def test_that_hand_and_tills_area_does_not_depend_on_how_common_the_classes_are() -> None:
    labels, p = cohort()
    # The same cases with those of class 0 five times over.
    often = np.concatenate([np.arange(labels.size), *[np.flatnonzero(labels == 0)] * 4])
    assert hand_till(labels[often], p[often]) == pytest.approx(hand_till(labels, p))
    one, many = multiclass_metrics(labels, p), multiclass_metrics(labels[often], p[often])
    assert many.auc_macro != pytest.approx(one.auc_macro, rel=1e-4)


def test_that_an_impossible_certainty_costs_a_finite_likelihood() -> None:
    found = multiclass_metrics([0, 1], [[0.0, 1.0], [0.0, 1.0]])
    assert found.nll == pytest.approx(-np.log(1e-15) / 2)


def test_that_no_case_at_all_leaves_everything_undefined() -> None:
    found = multiclass_metrics([nan], [[0.5, 0.5]])
    assert np.isnan([found.auc_macro, found.auc_hand_till, found.nll, found.brier, found.ece_top_label]).all()
    assert np.isnan([found.ece_classwise, found.confusion.accuracy]).all()


@pytest.mark.parametrize(
    ("labels", "p"),
    [
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]]),
        ([0, 0.5], [[0.5, 0.5], [0.5, 0.5]]),
        ([0, 1], [[0.5, 0.5], [0.5, 0.6]]),
        ([0, 1], [[0.5, 0.5], [1.5, -0.5]]),
        ([0, 1], [[0.5, 0.5], [nan, 0.5]]),
        ([0], [[0.5, 0.5], [0.5, 0.5]]),
        ([0, 0], [[1.0], [1.0]]),
        ([0, 1], [0.5, 0.5]),
    ],
)
def test_that_what_is_no_distribution_over_the_classes_is_refused(labels: list[float], p: list) -> None:
    with pytest.raises(ValueError):
        multiclass_metrics(labels, p)


# ---- several findings of a case

TRUTH = [[1, 0, 1], [0, 0, nan], [1, 1, 0], [0, 0, 0]]
SCORES = [[0.9, 0.5, 0.3], [0.2, 0.7, nan], [0.4, 0.6, 0.1], [0.1, 0.2, 0.3]]


def test_that_several_findings_of_four_cases_are_counted_by_hand() -> None:
    found = multilabel_metrics(TRUTH, SCORES)
    assert found.accuracy == pytest.approx([3 / 4, 3 / 4, 2 / 3])
    assert found.mean_accuracy == pytest.approx((3 / 4 + 3 / 4 + 2 / 3) / 3)
    assert found.hamming_loss == pytest.approx(1 - found.mean_accuracy)
    assert found.subset_accuracy == pytest.approx(1 / 3)  # of the three whose labels are all stated, the last
    assert found.false_negative_rate == pytest.approx([1 / 2, 0, 1])
    assert (found.fnr_mean, found.n_with_positives) == (pytest.approx(1 / 2), 3)
    assert found.disparity == pytest.approx(3 / 4 - 2 / 3)
    assert found.f1_micro == pytest.approx(2 * 2 / (2 * 2 + 1 + 2))


def test_that_a_score_at_the_threshold_is_negative() -> None:
    assert multilabel_metrics([[1]], [[0.5]], 0.5).accuracy[0] == 0
    assert multilabel_metrics([[1]], [[0.5]], 0.49).accuracy[0] == 1


def test_that_a_finding_without_positives_misses_none_and_is_left_out_of_the_mean() -> None:
    found = multilabel_metrics([[0, 1], [0, 0]], [[0.1, 0.2], [0.9, 0.1]])
    assert np.isnan(found.false_negative_rate[0])
    assert (found.fnr_mean, found.n_with_positives) == (1, 1)
    nothing = multilabel_metrics([[nan, nan]], [[0.1, nan]])
    assert np.isnan([nothing.mean_accuracy, nothing.subset_accuracy, nothing.disparity, nothing.f1_micro]).all()


def test_that_a_guess_that_knows_the_prevalence_calls_every_case_absent() -> None:
    guess = random_guess_accuracy(TRUTH)
    never = multilabel_metrics(TRUTH, np.zeros((4, 3)))
    assert guess == pytest.approx(never.accuracy)
    assert np.isnan(random_guess_accuracy([[nan], [nan]]))


def test_that_the_published_calibration_error_has_its_own_bins() -> None:
    # |p - 0.5| of 0.06 and 0.0668 lie on both sides of 1/15, the end of the first bin; 0.5 is in the last.
    labels, p = [[1], [0], [1], [0]], [[0.56], [0.44], [0.5668], [0.0]]
    by_hand = (abs((0.06 + 0.06) - 2) + abs(0.0668 - 1) + abs(0.5 - 1)) / 4
    assert published_calibration_error(labels, p) == pytest.approx(by_hand)
    # Two unsure decisions of which one is wrong share the first bin, where wrong and right cancel out.
    assert published_calibration_error([[0], [1]], [[0.52], [0.55]]) == pytest.approx(abs(0.02 + 0.05 - 1) / 2)
    # A checkpoint that is right and says so has an "error" of one half.
    assert published_calibration_error([[0], [1]], [[0.0], [1.0]]) == pytest.approx(0.5)
    assert published_calibration_error([[0, 1], [nan, 1]], [[0.0, 1.0], [nan, 1.0]]) == pytest.approx(0.5)


@pytest.mark.parametrize("measure", [multilabel_metrics, published_calibration_error])
def test_that_other_shapes_labels_and_missing_scores_are_refused(measure) -> None:
    for labels, scores in (
        ([1, 0], [0.1, 0.2]),
        ([[1, 0]], [[0.1]]),
        ([[1]], [[nan]]),
        ([[-1]], [[0.5]]),
        ([[2]], [[0.5]]),
    ):
        with pytest.raises(ValueError):
            measure(labels, scores)
    with pytest.raises(ValueError, match="outside"):
        published_calibration_error([[1]], [[1.5]])
    with pytest.raises(ValueError, match=r"\(n, K\)"):
        random_guess_accuracy([1, 0])
