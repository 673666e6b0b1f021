"""Precision over recall: the exact points, their area, and what thinning may leave out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.operating_points import confusion_at
from xferviewer.evaluation.precision_recall import precision_recall, thin
from xferviewer.evaluation.roc import average_precision, roc_curve

cases = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=40)


def test_that_five_cases_have_the_curve_drawn_by_hand() -> None:
    curve = precision_recall(roc_curve([0, 0, 1, 1, 1], [0.2, 0.6, 0.4, 0.7, 0.9]))
    assert curve.recall == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1, 1])
    assert curve.precision == pytest.approx([1, 1, 2 / 3, 3 / 4, 3 / 5])
    assert curve.average_precision == pytest.approx(1 / 3 + 1 / 3 + 1 / 4)
    assert curve.baseline == 0.6


@settings(deadline=None)
@given(cases)
def test_that_every_point_is_what_its_threshold_counts_and_steps_make_the_average_precision(drawn) -> None:
    labels, scores = [float(y) for y, _ in drawn], [float(s) for _, s in drawn]
    curve = precision_recall(roc_curve(labels, scores))
    for threshold, recall, precision in zip(curve.thresholds, curve.recall, curve.precision, strict=True):
        confusion = confusion_at(labels, scores, threshold)
        assert precision == confusion.ppv.value
        assert recall == pytest.approx(confusion.sensitivity.value, nan_ok=True)
    assert curve.average_precision == pytest.approx(average_precision(labels, scores), abs=0, nan_ok=True)
    if any(labels):
        steps = np.sum(np.diff(curve.recall, prepend=0) * curve.precision)
        assert curve.average_precision == pytest.approx(steps, abs=1e-12)
    assert curve.precision[-1] == pytest.approx(curve.baseline)


def test_that_a_thinned_curve_keeps_ends_extremes_and_the_exact_area() -> None:
    random = np.random.default_rng(0)
    labels = random.random(20_000) < 0.2
    exact = precision_recall(roc_curve(labels, labels + random.normal(0, 1.5, 20_000)))
    drawn = thin(exact, 400)
    assert drawn.thresholds.size <= 400
    assert set(drawn.thresholds) <= set(exact.thresholds)
    assert drawn.average_precision == exact.average_precision
    assert (drawn.recall[0], drawn.recall[-1]) == (exact.recall[0], exact.recall[-1])
    columns = np.minimum((exact.recall * 100).astype(int), 99), np.minimum((drawn.recall * 100).astype(int), 99)
    for column in range(100):
        whole, kept = exact.precision[columns[0] == column], drawn.precision[columns[1] == column]
        assert (whole.min(), whole.max()) == (kept.min(), kept.max())
        assert (whole[0], whole[-1]) == (kept[0], kept[-1])


def test_that_a_short_curve_is_drawn_as_it_is_and_one_without_positives_or_cases_has_no_area() -> None:
    curve = precision_recall(roc_curve([0, 1, 1], [1, 2, 3]))
    assert thin(curve, 8).thresholds.tolist() == curve.thresholds.tolist()
    negatives = precision_recall(roc_curve([0] * 20, range(20)))
    assert np.isnan([negatives.average_precision, *thin(negatives, 8).recall]).all()
    assert np.isnan(precision_recall(roc_curve([np.nan], [1])).baseline)
    with pytest.raises(ValueError, match="at least 8"):
        thin(curve, 7)
