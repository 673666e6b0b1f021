"""All numbers of a cohort: the published predictions, pairs, groups, and findings that have no number."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.aggregation import aggregate
from xferviewer.evaluation.cohort import Cohort
from xferviewer.evaluation.cohort_metrics import evaluate
from xferviewer.evaluation.metrics_json import metrics_dict
from xferviewer.evaluation.multilabel import published_calibration_error
from xferviewer.evaluation.operating_points import confusion_at
from xferviewer.evaluation.roc import auc
from xferviewer.evaluation.significance import adjust, delong_paired


def cohort(
    labels: np.ndarray,
    scores: np.ndarray,
    columns: dict[str, tuple[str, ...]] | None = None,
    patients: tuple[str, ...] | None = None,
) -> Cohort:
    n, k = labels.shape
    return Cohort(
        "image", tuple(map(str, range(n))), ("",) * n, patients or ("",) * n, tuple(f"F{i}" for i in range(k)), labels,
        tuple("ABCDEFGH"[: len(scores)]), scores, columns or {},
    )  # fmt: skip


@pytest.fixture
def three_checkpoints() -> Cohort:
    random = np.random.default_rng(7)
    labels = (random.random((120, 2)) < 0.3).astype(float)
    labels[:5, 1] = np.nan
    logits = random.normal(size=(3, 120, 2)) + 1.5 * np.nan_to_num(labels)
    scores = 1 / (1 + np.exp(1 - logits))
    scores[1, 100:] = np.nan  # B knows 100 images
    scores[2, :, 1] = np.nan  # C knows one finding
    sites = tuple("north" if i % 3 else "south" for i in range(120))
    return cohort(labels, scores, {"site": sites}, tuple(str(i // 2) for i in range(120)))


def test_that_each_number_is_that_of_the_cases_with_a_label_and_a_score(three_checkpoints: Cohort) -> None:
    metrics = evaluate(three_checkpoints)
    first_100 = slice(0, 100)
    interval = metrics.findings["F1"]["B"].interval
    assert interval.auc == auc(three_checkpoints.labels[first_100, 1], three_checkpoints.scores[1, first_100, 1])
    assert interval.n_positive + interval.n_negative == 95
    assert interval.n_unstated == 5
    assert metrics.findings["F1"]["B"].n_missing == 20
    assert list(metrics.findings["F1"]) == ["A", "B"]
    mean, n_defined, n_findings = metrics.mean_auc("A")
    assert mean == pytest.approx(np.mean([metrics.findings[f]["A"].interval.auc for f in ("F0", "F1")]))
    assert (n_defined, n_findings) == (2, 2)


def test_that_all_findings_together_are_counted_at_the_published_thresholds(three_checkpoints: Cohort) -> None:
    written = metrics_dict(evaluate(three_checkpoints))["multilabel"]
    assert written["thresholds"] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert list(written["checkpoints"]) == ["A", "B"]  # C knows one finding
    of_b = written["checkpoints"]["B"]
    assert of_b["n_cases"] == 100
    labels, scores = three_checkpoints.labels[:100], three_checkpoints.scores[1, :100]
    for i, threshold in enumerate(written["thresholds"]):
        right = (scores > threshold) == (labels == 1)
        stated = ~np.isnan(labels)
        shares = [right[stated[:, k], k].mean() for k in range(2)]
        assert of_b["mean_accuracy"][i] == pytest.approx(np.mean(shares), rel=1e-12)
        whole = stated.all(axis=1)
        assert of_b["subset_accuracy"][i] == pytest.approx(right[whole].all(axis=1).mean(), rel=1e-12)
        missed = [(scores[labels[:, k] == 1, k] <= threshold).mean() for k in range(2)]
        assert of_b["false_negative_rate"][i] == pytest.approx(np.mean(missed), rel=1e-12)
        assert of_b["calibration_error_as_published"][i] == published_calibration_error(labels, scores, threshold)


def test_that_checkpoints_are_paired_on_the_cases_that_both_have_and_adjusted_within_a_finding(
    three_checkpoints: Cohort,
) -> None:
    pairs = evaluate(three_checkpoints).pairs
    assert [(p.finding, p.a, p.b) for p in pairs] == [
        ("F0", "A", "B"), ("F0", "A", "C"), ("F0", "B", "C"), ("F1", "A", "B")
    ]  # fmt: skip
    labels, scores = three_checkpoints.labels[:100, 0], three_checkpoints.scores[:, :100, 0]
    assert pairs[0].test == delong_paired(labels, scores[0], scores[1])
    assert [p.p_adjusted for p in pairs[:3]] == adjust([p.test.p_value for p in pairs[:3]]).tolist()
    assert pairs[3].p_adjusted == pairs[3].test.p_value


def test_that_a_group_is_read_at_the_threshold_of_the_whole_cohort(three_checkpoints: Cohort) -> None:
    metrics = evaluate(three_checkpoints)
    south = metrics.groups["site"]["south"]
    member = np.array([i % 3 == 0 for i in range(120)])
    assert south.n_cases == 40
    whole = metrics.findings["F0"]["A"].operating_points
    threshold = next(point.threshold for point in whole if point.rule == "Youden")
    found = south.findings["F0"]["A"]
    labels, scores = three_checkpoints.labels[member, 0], three_checkpoints.scores[0, member, 0]
    assert found.confusion == confusion_at(labels, scores, threshold)
    assert found.interval.auc == auc(labels, scores)
    assert found.few
    assert metrics_dict(metrics)["groups"]["site"]["south"]["findings"]["F0"]["A"]["few"] is True


def test_that_counting_by_patient_changes_the_number_of_cases_and_is_said(three_checkpoints: Cohort) -> None:
    described = metrics_dict(evaluate(aggregate(three_checkpoints, "patient")))
    assert (described["unit"], described["aggregation"], described["n_cases"]) == ("patient", "max", 60)
    row = described["findings"]["F0"]["A"]
    assert row["n_positive"] + row["n_negative"] == 60


def test_that_numbers_without_a_meaning_are_null_and_said() -> None:
    labels = np.array([[0, 0, 1, np.nan], [0, 0, 1, np.nan], [0, 1, 0, np.nan], [0, 1, 0, np.nan]], dtype=float)
    scores = np.array([[[0.1, 0.1, 0.9, 0.2], [0.2, 0.2, 0.8, 0.2], [0.3, 0.8, 0.1, 0.2], [0.4, 0.9, 0.2, 0.2]]])
    metrics = evaluate(cohort(labels, scores))
    described = json.loads(json.dumps(metrics_dict(metrics), allow_nan=False))
    one_class = described["findings"]["F0"]["A"]
    assert (one_class["n_positive"], one_class["n_negative"]) == (0, 4)
    assert [one_class[k] for k in ("auc", "auc_standard_error", "auc_lower", "auc_upper", "average_precision")] == [
        None
    ] * 5
    assert one_class["brier"] == pytest.approx(0.075)
    perfect = described["findings"]["F1"]["A"]
    assert (perfect["auc"], perfect["auc_lower"], perfect["auc_degenerate"]) == (1, 1, True)
    assert perfect["auc_clopper_pearson_bound"] == pytest.approx(0.158113883)
    assert described["findings"]["F3"]["A"]["brier"] is None
    assert described["means"]["A"] == {"auc": 1.0, "n_defined": 2, "n_findings": 4}
    assert described["warnings"] == [
        "F0: only negative cases (4) for A, so that the AUC has no meaning.",
        "F1: the variance of A's AUC is estimated as zero (2 positive, 2 negative cases); its interval says nothing.",
        "F2: the variance of A's AUC is estimated as zero (2 positive, 2 negative cases); its interval says nothing.",
        "F3: no labelled case with a score for A, so that the AUC has no meaning.",
    ]


def test_that_logits_keep_their_areas_and_lose_what_needs_probabilities() -> None:
    random = np.random.default_rng(3)
    labels = (random.random((60, 1)) < 0.5).astype(float)
    logits = random.normal(size=(60, 1)) * 3 + labels
    described = metrics_dict(evaluate(cohort(labels, np.stack([logits, 1 / (1 + np.exp(-logits))]))))
    a, b = described["findings"]["F0"]["A"], described["findings"]["F0"]["B"]
    assert described["score_kinds"] == {"A": "score", "B": "probability"}
    assert a["auc"] == b["auc"]
    assert (a["brier"], a["ece"], a["nll"]) == (None, None, None)
    assert list(described["referral"]["findings"]["F0"]) == ["B"]
    assert list(described["referral"]["oracle_auc"]) == ["B"]
    assert "so they are no probabilities" in described["warnings"][0]
    assert described["pairs"][0]["difference"] == 0
    assert described["pairs"][0]["p"] == 1


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_that_the_order_of_cases_and_checkpoints_changes_no_number(shuffler) -> None:
    random = np.random.default_rng(11)
    labels = (random.random((30, 1)) < 0.4).astype(float)
    scores = random.integers(0, 9, (2, 30, 1)) / 8
    order = list(range(30))
    shuffler.shuffle(order)
    one = metrics_dict(evaluate(cohort(labels, scores)))
    other = metrics_dict(evaluate(cohort(labels[order], scores[:, order])))
    for name in ("A", "B"):
        a, b = one["findings"]["F0"][name], other["findings"]["F0"][name]
        for key in ("auc", "auc_standard_error", "average_precision", "brier", "ece"):
            assert a[key] == pytest.approx(b[key], abs=1e-12)
        assert a["operating_points"] == b["operating_points"]
    assert one["pairs"][0]["p"] == pytest.approx(other["pairs"][0]["p"], abs=1e-12)


def test_that_importing_the_evaluation_brings_no_slow_library_along() -> None:
    program = (
        "import pkgutil, sys, importlib, xferviewer.evaluation as room, xferviewer.exchange.checkpoint_styles\n"
        "[importlib.import_module(f'xferviewer.evaluation.{m.name}') for m in pkgutil.iter_modules(room.__path__)]\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & "
        "{'scipy', 'sklearn', 'pyarrow', 'matplotlib', 'pandas', 'torch', 'jinja2', 'PySide6'}))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
