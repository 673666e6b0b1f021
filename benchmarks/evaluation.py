"""How fast the evaluation is, each figure beside the plain way to the same numbers, in one process.

python -m benchmarks.evaluation
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    roc_auc_score,
    roc_curve,
)

from xferviewer.evaluation.cohort import Cohort
from xferviewer.evaluation.cohort_metrics import evaluate
from xferviewer.evaluation.referral_sweep import ReferralSweep
from xferviewer.evaluation.significance import delong_paired
from xferviewer.evaluation.tables import PredictionTable, write_predictions
from xferviewer.evaluation.uncertainty import uncertainty
from xferviewer.processes import own_command


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The shortest of some runs: what the machine needs when nobody disturbs it."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def plain_delong(labels: NDArray[np.bool_], a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Difference and standard error by comparing every positive with every negative: O(mn)."""
    of_positives, of_negatives = [], []
    for scores in (a, b):
        positives, negatives = scores[labels], scores[~labels]
        v10, v01 = np.empty(positives.size), np.zeros(negatives.size)
        for start in range(0, positives.size, 64):  # in slices that fit into the cache
            some = positives[start : start + 64, np.newaxis]
            won = (some > negatives) + 0.5 * (some == negatives)
            v10[start : start + 64] = won.mean(axis=1)
            v01 += won.sum(axis=0)
        of_positives.append(v10)
        of_negatives.append(v01 / positives.size)
    s = np.cov(of_positives) / of_positives[0].size + np.cov(of_negatives) / of_negatives[0].size
    return float(of_positives[0].mean() - of_positives[1].mean()), float(np.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1]))


def paired_delong(n: int = 145_000) -> None:
    """Two checkpoints on 145,000 cases."""
    random = np.random.default_rng(1)
    labels = random.random(n) < 0.1
    a, b = random.normal(size=(2, n)) + labels
    ours, plain = seconds(lambda: delong_paired(labels, a, b), 5), seconds(lambda: plain_delong(labels, a, b), 1)
    test, (difference, error) = delong_paired(labels, a, b), plain_delong(labels, a, b)
    assert abs(test.difference - difference) < 1e-12
    assert abs(test.standard_error - error) < 1e-12
    print(
        f"paired DeLong, n = {n:,}: {ours:.3f} s; every positive against every negative {plain:.2f} s: "
        f"{plain / ours:.0f} times as fast"
    )


def referral_step(n: int = 100_000, n_checkpoints: int = 8) -> None:
    """One step of the referral slider for one finding: counts and areas with intervals on the retained cases."""
    random = np.random.default_rng(2)
    labels = random.random(n) < 0.1
    p = 1 / (1 + np.exp(2 - random.normal(size=(n_checkpoints, n)) - labels))
    unsure = uncertainty(p.mean(axis=0))
    order = np.argsort(-unsure, kind="stable")
    built = seconds(lambda: ReferralSweep(labels, p, unsure), 1)
    sweep = ReferralSweep(labels, p, unsure)
    rates = iter(np.linspace(0.05, 0.5, 60))  # a new rate each time, so that nothing is remembered

    def ours() -> None:
        rate = next(rates)
        sweep.at(rate, 0.3)
        sweep.retained_auc(rate)

    def plain() -> None:
        kept = order[int(n * 0.15) :]
        for scores in p:
            confusion_matrix(labels[kept], scores[kept] > 0.3)
            roc_auc_score(labels[kept], scores[kept])

    counts_only = seconds(lambda: sweep.at(0.15, 0.3), 20)
    step, with_library = seconds(ours, 20), seconds(plain, 3)
    print(
        f"referral step, {n_checkpoints} checkpoints x {n:,} cases: {step * 1000:.2f} ms with AUC and intervals "
        f"({counts_only * 1000:.2f} ms counts and rates alone; built once in {built * 1000:.0f} ms); scikit-learn "
        f"{with_library * 1000:.0f} ms without intervals: {with_library / step:.0f} times as fast"
    )


def plain_numbers(
    labels: NDArray[np.bool_], scores: Sequence[NDArray[np.float64]]
) -> dict[tuple[int, int], tuple[float, float]]:
    """What `evaluate` counts of one finding, by scikit-learn and plain loops; returns the paired tests.

    Areas, average precision, Brier score, likelihood, calibration and ROC curves of each checkpoint, counts and areas
    at 11 referral rates, and DeLong's test of every pair by mid-ranks.
    """
    for p in scores:
        roc_auc_score(labels, p)
        average_precision_score(labels, p)
        brier_score_loss(labels, p)
        log_loss(labels, p)
        calibration_curve(labels, p, n_bins=15)
        roc_curve(labels, p, drop_intermediate=False)
        order = np.argsort(np.abs(p - 0.5), kind="stable")
        for rate in np.arange(11) / 20:
            kept = order[int(labels.size * rate) :]
            confusion_matrix(labels[kept], p[kept] > 0.3)
            roc_auc_score(labels[kept], p[kept])
    return {(a, b): ranked_delong(labels, scores[a], scores[b]) for a, b in combinations(range(len(scores)), 2)}


def ranked_delong(labels: NDArray[np.bool_], a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Difference and standard error by mid-ranks (Sun and Xu 2014), as the functions in circulation compute them."""
    of_positives, of_negatives = [], []
    m, n = int(labels.sum()), int((~labels).sum())
    for scores in (a, b):
        whole = rankdata(scores)
        of_positives.append((whole[labels] - rankdata(scores[labels])) / n)
        of_negatives.append(1 - (whole[~labels] - rankdata(scores[~labels])) / m)
    s = np.cov(of_positives) / m + np.cov(of_negatives) / n
    return float(of_positives[0].mean() - of_positives[1].mean()), float(np.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1]))


def whole_evaluation(n: int = 25_596, n_findings: int = 14, n_checkpoints: int = 12) -> None:
    """`xferviewer evaluate` from CSV to report with all pairs, in a process of its own; its numbers the plain way."""
    random = np.random.default_rng(3)
    labels = random.random((n, n_findings)) < 0.08
    findings = tuple(f"finding {k}" for k in range(n_findings))
    images = tuple(f"{i:08d}.png" for i in range(n))
    nothing = ("",) * n
    scores = [
        (1 / (1 + np.exp(3 - random.normal(size=labels.shape) - labels))).astype(np.float32).astype(np.float64)
        for _ in range(n_checkpoints)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = PredictionTable(images, nothing, nothing, nothing, findings, labels.astype(np.float64))
        write_predictions(folder / "labels.csv", truth)
        files = [folder / f"{c}.csv" for c in range(n_checkpoints)]
        for c, file in enumerate(files):
            table = PredictionTable(images, (f"net {c}",) * n, nothing, nothing, findings, scores[c])
            write_predictions(file, table)
        paths = [str(folder / "labels.csv"), "--out", str(folder / "out"), "--predictions", *map(str, files)]
        command = own_command("evaluate", "--labels", *paths)
        whole = seconds(lambda: subprocess.run(command, check=True, capture_output=True), 1)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
    cohort = Cohort(
        "image", images, nothing, nothing, findings, labels.astype(np.float64), tuple(map(str, range(n_checkpoints))),
        np.stack(scores), {},
    )  # fmt: skip
    numbers = seconds(lambda: evaluate(cohort), 1)
    start = time.perf_counter()
    plain = plain_numbers(labels[:, 0], [of[:, 0] for of in scores])
    by_hand = (time.perf_counter() - start) * n_findings  # one finding stands for all: they are alike
    first = replace(
        cohort, findings=findings[:1], labels=cohort.labels[:, :1], scores=np.ascontiguousarray(cohort.scores[:, :, :1])
    )
    found = [pair.test for pair in evaluate(first).pairs]
    for test, (difference, error) in zip(found, plain.values(), strict=True):
        assert abs(test.difference - difference) < 1e-9
        assert abs(test.standard_error - error) < 1e-9
    print(
        f"evaluate, {n:,} x {n_findings} x {n_checkpoints} checkpoints, CSV to report: {whole:.1f} s, at most "
        f"{peak:.0f} MB; the numbers alone {numbers:.1f} s, by scikit-learn and plain loops {by_hand:.0f} s: "
        f"{by_hand / numbers:.1f} times as fast"
    )


def main() -> None:
    """Print every figure."""
    paired_delong()
    referral_step()
    whole_evaluation()


if __name__ == "__main__":
    main()
