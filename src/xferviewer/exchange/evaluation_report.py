"""The report of an evaluation: one HTML file that needs nothing else, and the same numbers as JSON beside it."""

from __future__ import annotations

import hashlib
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xferviewer import RESEARCH_NOTICE
from xferviewer.atomic_files import write_atomically
from xferviewer.evaluation.intervals import Proportion
from xferviewer.evaluation.metrics import ORACLE_RATES, FindingMetrics, Metrics
from xferviewer.evaluation.metrics_json import metrics_dict
from xferviewer.evaluation.referral import RetainedCurve
from xferviewer.evaluation.subgroups import SubgroupMetric
from xferviewer.exchange.checkpoint_styles import checkpoint_styles
from xferviewer.exchange.evaluation_figures import finding_panels, forest_figure
from xferviewer.exchange.number_tables import operating_words
from xferviewer.exchange.printed_numbers import (
    printed,
    printed_difference,
    printed_estimate,
    printed_f1,
    printed_p,
    printed_proportion,
    printed_workload,
)
from xferviewer.resources import resource

REPORTED_RATES = (0.0, 0.1, 0.2, 0.3)
REPORTED_GAPS: dict[SubgroupMetric, str] = {"auc": "AUC", "sensitivity": "sensitivity", "specificity": "specificity"}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an evaluation comes from: enough for somebody else to make it again and to see that it is the same.

    command   the command line, as a list of its words.
    inputs    of each file that was read its role ("labels" or "predictions"), path, SHA-256 (hex) and number of rows.
    versions  of the software by name.
    """

    command: tuple[str, ...]
    inputs: tuple[Mapping[str, Any], ...]
    versions: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the command's words and of what it read, for captions."""
        words = [*self.command, *(str(of["sha256"]) for of in self.inputs)]
        return hashlib.sha256("\0".join(words).encode()).hexdigest()


def write_evaluation(out: Path, metrics: Metrics, provenance: Provenance) -> dict[str, Any]:
    """Write `metrics.json` and `report.html` into the folder `out` and return what the JSON holds.

    Each file is replaced in one step. Raises UnusableFolder where `out` cannot be written.
    """
    described = {
        **metrics_dict(metrics),
        "inputs": [dict(of_input) for of_input in provenance.inputs],
        "command": list(provenance.command),
        "versions": dict(provenance.versions),
        "notice": RESEARCH_NOTICE,
    }
    as_json = json.dumps(described, allow_nan=False, ensure_ascii=False, indent=1)
    write_atomically(out / "report.html", report_html(metrics, provenance).encode())
    write_atomically(out / "metrics.json", as_json.encode() + b"\n")
    return described


def report_html(metrics: Metrics, provenance: Provenance) -> str:
    """The report as one HTML text; figures are inline SVG, everything that came from a file is escaped."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        number=printed, p_value=printed_p, count=lambda n: f"{n:,}", percent=lambda rate: f"{rate:.0%}",
        proportion=lambda proportion: printed_proportion(proportion, metrics.level), difference=printed_difference,
        estimate=printed_estimate,
        f1=lambda of: printed_f1(of, metrics.level), workload=lambda of: printed_workload(of, metrics.level),
    )  # fmt: skip
    template = environment.from_string(resource("report/report.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        metrics=metrics,
        provenance=provenance,
        command=shlex.join(provenance.command),
        notice=RESEARCH_NOTICE,
        styles=checkpoint_styles(metrics.checkpoints),
        forest=Markup(forest_figure(metrics)),  # noqa: S704 - drawn by us; matplotlib escapes the names in it
        panels={finding: Markup(finding_panels(metrics, finding)) for finding in metrics.findings},  # noqa: S704
        means={name: metrics.mean_auc(name) for name in metrics.checkpoints},
        oracle_rates=ORACLE_RATES,
        case_counts={finding: _case_counts(rows) for finding, rows in metrics.findings.items()},
        referral_rows=_referral_rows(metrics),
        operating_words=operating_words(metrics),
        gap_rows={column: _gap_rows(metrics, column) for column in metrics.gaps},
    )


def _case_counts(rows: Mapping[str, FindingMetrics]) -> str:
    """How many cases have the finding and how many have not; by checkpoint only where these differ."""
    counts = {
        name: f"{metric.interval.n_positive:,} present, {metric.interval.n_negative:,} absent"
        for name, metric in rows.items()
    }
    if len(set(counts.values())) == 1:
        return next(iter(counts.values()))
    return "; ".join(f"{name} {count}" for name, count in counts.items())


def _referral_rows(metrics: Metrics) -> list[dict[str, Any]]:
    """What the table of referral shows: of each finding and checkpoint a few rates of the retained curve."""
    return [
        _referral_row(finding, name, metric.retained, rate)
        for finding, of_finding in metrics.findings.items()
        for name, metric in of_finding.items()
        if metric.retained is not None
        for rate in REPORTED_RATES
    ]


def _referral_row(finding: str, checkpoint: str, curve: RetainedCurve, rate: float) -> dict[str, Any]:
    i = curve.rates.tolist().index(rate)
    state = curve.states[i]
    counts = (state.true_positive, state.false_negative, state.true_negative, state.false_positive)
    tp, fn, tn, fp = (int(count[0]) for count in counts)
    return {
        "finding": finding,
        "checkpoint": checkpoint,
        "rate": rate,
        "n_referred": state.n_referred,
        "referred_positive": int(state.referred_positive[0]),
        "random_referred_positive": curve.random_referred_positive[i],
        "sensitivity": Proportion(tp, tp + fn),
        "specificity": Proportion(tn, tn + fp),
        "random_sensitivity": curve.random_sensitivity,
        "ideal_sensitivity": curve.ideal_sensitivity[i],
        "auc": curve.auc[i],
    }


def _gap_rows(metrics: Metrics, column: str) -> list[dict[str, Any]]:
    """What the table of gaps shows: the gap between the groups, and the group that is furthest from all other cases."""
    rows = []
    for finding, of_finding in metrics.gaps[column].items():
        for name, gaps in of_finding.items():
            for metric, shown in REPORTED_GAPS.items():
                apart = [row for row in gaps[metric].rows if not row.few and not math.isnan(row.difference.value)]
                if gaps[metric].highest is not None:
                    widest = max(apart, key=lambda row: abs(row.difference.value), default=None)
                    rows.append(
                        {"finding": finding, "checkpoint": name, "metric": shown, "gap": gaps[metric], "widest": widest}
                    )
    return rows


def describe_inputs(paths: Sequence[tuple[str, str, str, int]]) -> tuple[Mapping[str, Any], ...]:
    """`Provenance.inputs` from (role, path, sha256, rows)."""
    return tuple({"role": role, "path": path, "sha256": sha256, "rows": rows} for role, path, sha256, rows in paths)
