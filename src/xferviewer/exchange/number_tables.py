"""Tables of an evaluation for papers: printed cells for the eye, and every number with all its digits for a program."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from xferviewer.evaluation.choices import OperatingRule
from xferviewer.evaluation.intervals import Proportion
from xferviewer.evaluation.metrics import GroupMetrics, Metrics
from xferviewer.evaluation.roc import AucInterval
from xferviewer.exchange.printed_numbers import (
    printed,
    printed_auc,
    printed_difference,
    printed_f1,
    printed_level,
    printed_p,
    printed_proportion,
    printed_workload,
)

SIGNIFICANT = 0.05

Number = str | int | float | None


@dataclass(frozen=True, slots=True)
class NumberTable:
    """One table.

    name      short, for the name of a file.
    header    of the printed columns; `rows` are their cells, as they are printed.
    best      places (row, column) of cells that stand out by a test, counted from 0.
    footnote  what was counted, and how intervals and tests were made.
    records   the numbers behind the rows, by column name; a NaN or None has no meaning.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    footnote: str
    records: tuple[Mapping[str, Number], ...]
    best: frozenset[tuple[int, int]] = frozenset()


def auc_table(metrics: Metrics) -> NumberTable:
    """AUC with interval, a row for each finding and a column for each checkpoint, and the means below.

    An AUC is marked only where the paired test against every other checkpoint says that it is the larger one, p < 0.05
    after Holm's adjustment over all pairs of the finding.
    """
    rows: list[tuple[str, ...]] = []
    records: list[dict[str, Number]] = []
    best: set[tuple[int, int]] = set()
    for finding, of_finding in metrics.findings.items():
        counts = {(m.interval.n_positive, m.interval.n_negative) for m in of_finding.values()}
        shared = next(iter(counts)) if len(counts) == 1 else None
        cells = [finding, *(f"{n:,}" for n in shared)] if shared else [finding, "", ""]
        leader = best_checkpoint(metrics, finding)
        for name in metrics.checkpoints:
            if name not in of_finding:
                cells.append("")
                continue
            interval = of_finding[name].interval
            if name == leader:
                best.add((len(rows), len(cells)))
            each = "" if shared else f" ({interval.n_positive:,}/{interval.n_negative:,})"
            cells.append(printed_auc(interval) + each)
            records.append(
                {
                    "finding": finding,
                    "checkpoint": name,
                    **_auc_record(interval),
                    "best": int(name == leader),
                    "average_precision": of_finding[name].average_precision,
                }
            )
        rows.append(tuple(cells))
    means = ["mean", "", ""]
    for name in metrics.checkpoints:
        mean, n_defined, n_findings = metrics.mean_auc(name)
        means.append(f"{printed(mean)} ({n_defined} of {n_findings} findings)")
        records.append({"finding": f"mean of {n_defined}", "checkpoint": name, "auc": mean})
    note = "LEVEL DeLong intervals."
    if best:
        note += (
            " Marked: larger than every other checkpoint's in paired DeLong tests, each p < 0.05 after Holm's "
            "adjustment over all pairs of the finding."
        )
    return NumberTable(
        "auc",
        "Area under the ROC curve",
        ("finding", "present", "absent", *metrics.checkpoints),
        (*rows, tuple(means)),
        _footnote(metrics, note),
        tuple(records),
        frozenset(best),
    )


def best_checkpoint(metrics: Metrics, finding: str) -> str:
    """The checkpoint whose AUC is larger than every other's in paired tests, p < 0.05, Holm over pairs; "" for none."""
    areas = {name: row.interval.auc for name, row in metrics.findings[finding].items()}
    areas = {name: area for name, area in areas.items() if not math.isnan(area)}
    if len(areas) < 2:
        return ""
    leader = max(areas, key=lambda name: areas[name])
    against = [pair for pair in metrics.pairs if pair.finding == finding and leader in (pair.a, pair.b)]
    beaten = [
        pair for pair in against if pair.p_adjusted < SIGNIFICANT and (pair.test.difference > 0) == (pair.a == leader)
    ]
    return leader if len(beaten) == len(areas) - 1 else ""


def difference_table(metrics: Metrics) -> NumberTable | None:
    """Every checkpoint against the reference; None without one."""
    comparison = metrics.reference
    if comparison is None:
        return None
    rows: list[tuple[str, ...]] = []
    records: list[dict[str, Number]] = []
    for of in comparison.differences:
        test = of.test
        rows.append(
            (
                of.finding, of.checkpoint, f"{test.n_positive:,}", f"{test.n_negative:,}", printed_difference(test),
                printed_p(test.p_value), printed_p(of.p_adjusted),
            )
        )  # fmt: skip
        records.append(
            {
                "finding": of.finding,
                "checkpoint": of.checkpoint,
                "reference": comparison.checkpoint,
                "n_positive": test.n_positive,
                "n_negative": test.n_negative,
                "difference": test.difference,
                "lower": test.lower,
                "upper": test.upper,
                "standard_error": test.standard_error,
                "z": test.z,
                "p": test.p_value,
                "p_adjusted": of.p_adjusted,
            }
        )
    how = {"holm": "by Holm", "bh": "by Benjamini and Hochberg", "bonferroni": "by Bonferroni"}.get(comparison.adjust)
    adjusted = f"adjusted {how} over these {comparison.family} tests" if how else "not adjusted for their number"
    return NumberTable(
        "differences",
        f"AUC minus that of {comparison.checkpoint}",
        ("finding", "checkpoint", "present", "absent", "difference", "p", "p, adjusted" if how else "p, not adjusted"),
        tuple(rows),
        _footnote(metrics, f"Paired DeLong tests and LEVEL intervals; p {adjusted}."),
        tuple(records),
    )


def operating_table(metrics: Metrics) -> NumberTable:
    """What each checkpoint does at its threshold on the cases that it keeps."""
    rows: list[tuple[str, ...]] = []
    records: list[dict[str, Number]] = []
    for finding, of_finding in metrics.operating.items():
        for name, of in of_finding.items():
            confusion = of.confusion
            proportions = {
                "sensitivity": confusion.sensitivity, "specificity": confusion.specificity, "ppv": confusion.ppv,
                "npv": confusion.npv, "accuracy": confusion.accuracy,
            }  # fmt: skip
            rows.append(
                (
                    finding, name, printed(of.threshold), f"{of.n_referred:,} of {of.n_cases:,}",
                    *(printed_proportion(p, metrics.level) for p in proportions.values()),
                    printed_f1(of, metrics.level), printed_auc(of.auc), printed_workload(of, metrics.level),
                )
            )  # fmt: skip
            work = of.workload(metrics.level)
            lower, upper = confusion.f1_interval(metrics.level)
            records.append(
                {
                    "finding": finding,
                    "checkpoint": name,
                    "threshold": of.threshold,
                    "n_cases": of.n_cases,
                    "n_referred": of.n_referred,
                    "referred_positive": of.referred[0],
                    "true_positive": confusion.true_positive,
                    "false_positive": confusion.false_positive,
                    "true_negative": confusion.true_negative,
                    "false_negative": confusion.false_negative,
                    **_proportion_records(proportions, metrics.level),
                    "f1": confusion.f1,
                    "f1_lower": lower,
                    "f1_upper": upper,
                    **{f"retained_{key}": value for key, value in _auc_record(of.auc).items()},
                    "per_100_referred": 100 * work.referred.value if work else None,
                    "per_100_flagged": 100 * work.flagged.value if work else None,
                    "per_100_cleared": 100 * work.cleared.value if work else None,
                    "per_100_missed": 100 * work.missed.value if work else None,
                }
            )
    return NumberTable(
        "operating",
        "At the operating points",
        (
            "finding", "checkpoint", "threshold", "referred", "sensitivity", "specificity", "PPV", "NPV", "accuracy",
            "F1", "AUC", "of 100: referred, flagged, cleared",
        ),
        tuple(rows),
        _footnote(metrics, f"{operating_words(metrics)} LEVEL intervals: Wilson for proportions, DeLong for areas."),
        tuple(records),
    )  # fmt: skip


def group_table(metrics: Metrics, column: str) -> NumberTable:
    """AUC, sensitivity and specificity of each subgroup of a column of `metrics.groups`."""
    rows: list[tuple[str, ...]] = []
    records: list[dict[str, Number]] = []
    for finding in metrics.findings:
        for value, group in metrics.groups[column].items():
            for name, of in group.findings[finding].items():
                rates = _rates(of)
                interval = of.interval
                rows.append(
                    (
                        finding, value, name, f"{interval.n_positive:,}", f"{interval.n_negative:,}",
                        printed_auc(interval) + (" (few)" if of.few else ""),
                        *(printed_proportion(rate, metrics.level) for rate in rates.values()),
                    )
                )  # fmt: skip
                records.append(
                    {
                        "finding": finding,
                        column: value,
                        "checkpoint": name,
                        **_auc_record(interval),
                        "few": int(of.few),
                        "threshold": of.threshold,
                        **_proportion_records(rates, metrics.level),
                        "brier": of.brier,
                        "ece": of.ece,
                    }
                )
    return NumberTable(
        f"by-{column}",
        f"By {column}",
        ("finding", column, "checkpoint", "present", "absent", "AUC", "sensitivity", "specificity"),
        tuple(rows),
        _footnote(
            metrics,
            "LEVEL intervals: DeLong for areas, Wilson for proportions. Sensitivity and specificity at the threshold "
            "that Youden's rule chose on all cases. Few: below 20 present or absent.",
        ),
        tuple(records),
    )


def number_tables(metrics: Metrics) -> list[NumberTable]:
    """Every table that the metrics have numbers for."""
    found = [auc_table(metrics), difference_table(metrics), operating_table(metrics)]
    found += [group_table(metrics, column) for column, groups in metrics.groups.items() if groups]
    return [table for table in found if table is not None and table.rows]


def operating_words(metrics: Metrics) -> str:
    """Which thresholds, and what share of the cases goes to an expert."""
    choices = metrics.choices
    point = "Thresholds as chosen" if choices.thresholds else f"Operating point: {choices.point}"
    if choices.point == OperatingRule() and "score" in metrics.score_kinds.values():
        point += ", and 0 for scores that are no probabilities, where none was chosen"
    if not choices.referral_rate:
        return f"{point}; nothing is referred."
    return (
        f"{point}; the most uncertain {choices.referral_rate:.1%} of the cases go to an expert "
        f"(measure: {choices.uncertainty}), and all numbers are of the rest."
    )


def _auc_record(interval: AucInterval) -> dict[str, Number]:
    return {
        "n_positive": interval.n_positive,
        "n_negative": interval.n_negative,
        "auc": interval.auc,
        "auc_lower": interval.lower,
        "auc_upper": interval.upper,
        "auc_standard_error": interval.standard_error,
    }


def _proportion_records(proportions: Mapping[str, Proportion | None], level: float) -> dict[str, Number]:
    record: dict[str, Number] = {}
    for name, proportion in proportions.items():
        lower, upper = proportion.interval(level) if proportion else (math.nan, math.nan)
        record |= {name: proportion.value if proportion else None, f"{name}_lower": lower, f"{name}_upper": upper}
    return record


def _rates(of: GroupMetrics) -> dict[str, Proportion | None]:
    confusion = of.confusion
    return {
        "sensitivity": confusion.sensitivity if confusion else None,
        "specificity": confusion.specificity if confusion else None,
    }


def _footnote(metrics: Metrics, methods: str) -> str:
    """What was counted, how, and of what kind the scores are; LEVEL in `methods` is the level of the intervals."""
    how = f" (scores and labels of its images: {metrics.aggregation})" if metrics.unit != "image" else ""
    whose = "the cases that every checkpoint has" if metrics.choices.cases == "common" else "all cases of a checkpoint"
    kinds = metrics.score_kinds
    scores = next(iter(kinds.values())) if len(set(kinds.values())) == 1 else "; ".join(map(" ".join, kinds.items()))
    methods = methods.replace("LEVEL", printed_level(metrics.level))
    return f"Counted by {metrics.unit}{how}, on {whose}. {methods} Scores: {scores}."
