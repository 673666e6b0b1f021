"""`evaluate` and `calibrate`: scores against labels."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import (
    command,
    condition,
    formats,
    tell_result,
)

if TYPE_CHECKING:
    pass


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    _add_evaluate(command(commands, "evaluate", _evaluate, "metrics.json and report.html from labels and predictions"))
    calibrate = command(commands, "calibrate", _calibrate, "calibrated probabilities for a checkpoint, from labels")
    calibrate.add_argument("--checkpoint", type=Path, required=True, metavar="DIR")
    calibrate.add_argument("--labels", type=Path, required=True, metavar="CSV")
    calibrate.add_argument(
        "--predictions", type=Path, required=True, metavar="FILE",
        help="a table of predict; logits (better) where a score lies outside [0, 1], else probabilities",
    )  # fmt: skip
    calibrate.add_argument("--method", choices=("temperature", "platt", "isotonic", "beta"), required=True)
    calibrate.add_argument("--split", required=True, metavar="NAME", help="what to call the calibration cases")
    calibrate.add_argument(
        "--where", type=condition, action="append", default=[], metavar="COLUMN=VALUE",
        help="keep only these rows of the labels; may be given more than once",
    )  # fmt: skip
    calibrate.add_argument("--json", action="store_true")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    """The options of `evaluate`; `exchange.evaluate_options` says what they mean."""
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    parser.add_argument("--labels", type=Path, required=True, metavar="CSV")
    parser.add_argument("--predictions", type=Path, required=True, nargs="+", metavar="FILE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    cases = parser.add_argument_group("which cases, and how they are counted")
    cases.add_argument("--unit", choices=("image", "study", "patient"), default="image")
    cases.add_argument(
        "--aggregation", choices=("max", "mean", "noisy-or"), default="max",
        help="how the scores of images become that of a study or patient (default: max)",
    )  # fmt: skip
    cases.add_argument(
        "--uncertain", choices=("ignore", "zeros", "ones"), default="ignore",
        help="labels of -1 count as not stated (default), absent or present",
    )  # fmt: skip
    cases.add_argument("--where", **several, metavar="COLUMN=VALUE", help="only these cases; same column: any of them")
    cases.add_argument("--findings", **several, metavar="A,B", help="report these findings (default: all)")
    cases.add_argument(
        "--same", **several, metavar="NAME=NAME", help="these mean the same finding, beside the published synonyms"
    )
    cases.add_argument(
        "--cases", choices=("each", "common"), default="each",
        help="each checkpoint on all its own cases (default), or on those that every checkpoint has, as in the window",
    )  # fmt: skip
    cases.add_argument("--by", **several, metavar="COLUMN", help="columns to group by; site+sex crosses two")
    compared = parser.add_argument_group("how checkpoints are compared")
    compared.add_argument("--level", type=float, default=0.95, help="of all intervals (default: 0.95)")
    compared.add_argument("--reference", default="", metavar="NAME", help="every other checkpoint against this one")
    compared.add_argument(
        "--adjust", choices=("holm", "bh", "bonferroni", "none"), default="holm",
        help="the p-values against the reference, over all findings and checkpoints (default: holm)",
    )  # fmt: skip
    point = parser.add_argument_group("operating points and referral")
    point.add_argument(
        "--threshold", action="append", default=[], metavar="[[CHECKPOINT:]FINDING=]VALUE", dest="thresholds",
        help="repeatable; the most specific one counts (default: 0.5)",
    )  # fmt: skip
    point.add_argument("--operating-point", default="", metavar="youden|sensitivity:R|specificity:R|VALUE")
    point.add_argument("--referral-rate", type=float, default=0.0, help="share of cases for an expert (default: 0)")
    point.add_argument(
        "--uncertainty", choices=(
            "finding", "probability", "case", "entropy", "margin", "spread", "member-spread", "mutual-information"
        ),
        default="finding",
        help="which cases these are: nearest to the finding's threshold (default), nearest to 0.5, the same in the "
        "mean over a case's findings, of most entropy, nearest to all thresholds, where checkpoints differ, where the "
        "members of each column differ (standard deviation, mutual information)",
    )  # fmt: skip
    said = parser.add_argument_group("what the report says besides")
    said.add_argument(
        "--checkpoint", type=Path, nargs="+", action="extend", default=[], metavar="DIR", dest="checkpoints",
        help="where one of these learned from a split that leaks, the report says so",
    )  # fmt: skip
    said.add_argument("--note", action="append", default=[], metavar="TEXT", dest="notes", help="a sentence of yours")
    written = parser.add_argument_group("what is written beside metrics.json and report.html")
    written.add_argument("--figures", type=formats("svg", "pdf", "png"), default=(), metavar="svg,pdf,png")
    written.add_argument("--tables", type=formats("csv", "latex"), default=(), metavar="csv,latex")


def _evaluate(options: argparse.Namespace) -> int:
    from dataclasses import fields

    from xferviewer.checkpoints import read_checkpoint
    from xferviewer.exchange.evaluate import run_evaluate
    from xferviewer.exchange.evaluate_options import EvaluateOptions

    given: dict[str, Any] = {}
    for field in fields(EvaluateOptions):
        value = getattr(options, field.name)
        given[field.name] = tuple(value) if isinstance(value, list) else value
    cards = [read_checkpoint(folder).card for folder in options.checkpoints]
    given["notes"] += tuple(card.leak for card in cards if card.leak)
    words = options.words
    result = run_evaluate(options.labels, options.predictions, options.out, EvaluateOptions(**given), words)
    for warning in result.get("warnings", ()):
        print(f"warning: {warning}", file=sys.stderr)
    if not options.json:
        print(options.out / "metrics.json")
        print(options.out / "report.html")
    return tell_result(result, options)


def _calibrate(options: argparse.Namespace) -> int:
    from xferviewer.exchange.calibrate import run_calibrate

    result = run_calibrate(
        options.checkpoint, options.labels, options.predictions, options.method, options.split, options.where,
        options.words,
    )  # fmt: skip
    for warning in result["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    if not options.json:
        print(f"{result['calibration']}: {result['method']} on {result['cases']} cases, from {result['scores']}")
        print("before → after, on the calibration cases themselves; on other cases the gain is smaller:")
        for finding, effect in result["findings"].items():
            changes = (
                f"{name} {effect['before'][key]:.4f} → {effect['after'][key]:.4f}"
                for key, name in (("ece", "ECE"), ("nll", "NLL"), ("brier", "Brier score"))
            )
            print(f"{finding}: {effect['n_positive']}+/{effect['n_negative']}-, {', '.join(changes)}")
    return tell_result(result, options)
