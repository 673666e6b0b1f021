"""`predict`: scores of many images as a table."""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import (
    add_checkpoints,
    add_device,
    command,
    tell_result,
)
from xferviewer.errors import UnusableChoice

if TYPE_CHECKING:
    from xferviewer.evaluation.run_progress import RunProgress


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    predict = command(commands, "predict", _predict, "probabilities of every image by every checkpoint, as a table")
    add_checkpoints(predict)
    add_device(predict)
    predict.add_argument("--images", type=Path, required=True, help="a folder, a CSV with a path column, a catalogue")
    predict.add_argument("--out", type=Path, required=True, help="FILE.csv or FILE.parquet")
    predict.add_argument("--batch-size", type=int, help="default: 1 on a CPU, so that no number depends on neighbours")
    predict.add_argument(
        "--store", type=Path, metavar="FILE",
        help="keep logits here as they come, and compute only what it lacks (default: OUT.logits.sqlite); the window's "
        "own is predictions.sqlite in the data folder",
    )  # fmt: skip
    predict.add_argument("--logits", action="store_true", help="write logits instead of probabilities")
    _add_columns(predict)
    predict.add_argument("--json", action="store_true")


def _add_columns(parser: argparse.ArgumentParser) -> None:
    """What `predict` writes beside the plain checkpoints."""
    columns = parser.add_argument_group("further columns, with the spread of their members")
    columns.add_argument(
        "--augment", action="append", default=[], choices=("flip", "ten-crop"),
        help="also the mean of each image and its mirror image, or of ten crops; repeatable; a mirrored chest film has "
        "its heart on the other side, so beware where a finding lies left or right",
    )  # fmt: skip
    columns.add_argument(
        "--mc-dropout", type=int, metavar="N", help="also the mean of N passes with dropout at work, where there is any"
    )
    columns.add_argument(
        "--ensemble", action="append", default=[], metavar="NAME=A,B,…", dest="ensembles",
        help="also the mean of these checkpoints or columns (such as A + flip), by name; repeatable",
    )  # fmt: skip


def _passes(options: argparse.Namespace) -> list[Any]:
    from xferviewer.checkpoints import Passes, passes_of_word

    passes = [passes_of_word(word) for word in options.augment]
    if options.mc_dropout is not None:
        try:
            passes.append(Passes("mc-dropout", options.mc_dropout))
        except ValueError as error:
            raise UnusableChoice(
                f"--mc-dropout {options.mc_dropout} cannot be done.", f"{error}.", "Give, for example, --mc-dropout 20."
            ) from error
    return passes


def _predict(options: argparse.Namespace) -> int:
    from xferviewer.engine.columns import ensemble_of_words
    from xferviewer.engine.table import predict_table

    shown = time.monotonic()

    def tell(progress: RunProgress) -> None:
        nonlocal shown
        if progress.done == progress.total or time.monotonic() - shown > 2.0:
            shown = time.monotonic()
            print(_in_words(progress), file=sys.stderr, flush=True)

    result = predict_table(
        options.checkpoints, options.images, options.out,
        device=options.device, precision=options.precision, batch_size=options.batch_size,
        kind="logit" if options.logits else "probability", passes=_passes(options),
        ensembles=[ensemble_of_words(text) for text in options.ensembles], store=options.store, progress=tell,
    )  # fmt: skip
    if result["computed"] < result["images"]:
        print(f"{result['images'] - result['computed']} images were in {result['store']}", file=sys.stderr)
    for name, inputs in result["inputs"].items():
        for sentence in inputs["sentences"]:
            print(f"warning: {name}: {sentence}", file=sys.stderr)
    for sentence in result["left_out"]:
        print(sentence, file=sys.stderr)
    return tell_result(result, options)


def _in_words(progress: RunProgress) -> str:
    words = f"{progress.done} of {progress.total} images"
    words += f" ({progress.kept} more were there)" if progress.kept else ""
    words += f", {progress.failed} failed" if progress.failed else ""
    left = progress.remaining_seconds
    return words if math.isnan(left) else f"{words}, {progress.rate:.1f} images/s, {left:.0f} s left"
