"""`split` and `cohort`: which images of a data set are for what, and what they are."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import DONE, SOME_FAILED, command, print_json
from xferviewer.errors import UnusableChoice, XferviewerError

if TYPE_CHECKING:
    from xferviewer.studies.split_file import FrozenSplit

_PARTS = ("training", "validation", "test")


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    split = command(commands, "split", _split, "freeze which images of a cohort are for training, validation and test")
    split.add_argument("cohort", type=Path, metavar="COHORT")
    split.add_argument("--out", required=True, metavar="NAME", help="below COHORT/splits")
    split.add_argument(
        "--method", choices=("stratified", "official", "lists", "p1-image-level"), default="stratified",
        help="by patient and label; the source's own; lists of files; the published one by image, which leaks",
    )  # fmt: skip
    split.add_argument("--seed", type=int, default=0)
    split.add_argument("--validation", type=float, metavar="SHARE", help="of the images (stratified: 0.15)")
    split.add_argument("--test", type=float, metavar="SHARE", help="of the images (stratified: 0.15)")
    split.add_argument("--folds", type=int, default=0, metavar="K", help="in place of training and validation")
    split.add_argument("--fraction", type=float, default=1.0, metavar="SHARE", help="of the training images to keep")
    split.add_argument("--shared", choices=("refuse", "leave-out", "keep"), default="refuse",
                       help="patients that the source has in two parts")  # fmt: skip
    split.add_argument("--together", action="store_true",
                       help="deal out patients that have the same pictures as one")  # fmt: skip
    split.add_argument("--list", type=_part_and_file, action="append", default=[], metavar="PART=FILE", dest="lists")
    split.add_argument("--fold-tables", type=Path, metavar="FOLDER", help="of p1-image-level: the study's dataframe")
    split.add_argument("--without-duplicates", action="store_true", help="do not read and compare the images")
    split.add_argument("--json", action="store_true")
    cohort = command(commands, "cohort", _cohort, "what a cohort consists of, by part of a split, and what those share")
    cohort.add_argument("cohort", type=Path, metavar="COHORT")
    cohort.add_argument("--split", metavar="NAME")
    shown = cohort.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true")
    shown.add_argument("--csv", action="store_true")


def _part_and_file(text: str) -> tuple[str, Path]:
    part, equals, file = text.partition("=")
    if part not in _PARTS or not equals or not file:
        raise argparse.ArgumentTypeError(f"expected training=FILE, validation=FILE or test=FILE, got {text!r}")
    return part, Path(file)


def _split(options: argparse.Namespace) -> int:
    from xferviewer.studies.cohort_folder import read_cohort
    from xferviewer.studies.leakage import receipt_as_toml
    from xferviewer.studies.split_file import splits_folder, write_split
    from xferviewer.studies.split_making import SplitPlan
    from xferviewer.studies.splitting import cohort_path, split_cohort

    folder = cohort_path(options.cohort)
    cohort = read_cohort(folder)
    lists = dict(options.lists) | ({"folder": options.fold_tables} if options.fold_tables else {})
    failed: list[XferviewerError] = []
    try:
        plan = SplitPlan(
            options.method, options.seed, options.validation, options.test, options.folds, options.fraction,
            options.shared, lists, options.together,
        )  # fmt: skip
        split = split_cohort(
            cohort,
            options.out,
            plan,
            duplicates=not options.without_duplicates,
            progress=_tell(),
            refused=failed.append,
        )
    except ValueError as error:
        raise UnusableChoice("The split was not made.", f"{error}", "Correct the option.") from error
    path = write_split(splits_folder(folder), split, cohort)
    if options.json:
        print_json({
            "split": str(path), "method": split.method, "digest": split.digest, "leaks": split.leaks,
            "notes": list(split.notes), "receipt": receipt_as_toml(split.receipt),
            "failed": [refused.as_dict() for refused in failed],
        })  # fmt: skip
    else:
        print("\n".join([str(path), *_about(split)]))
    for refused in failed:
        print(f"failed: {refused}", file=sys.stderr)
    return SOME_FAILED if failed else DONE


def _cohort(options: argparse.Namespace) -> int:
    from xferviewer.studies.cohort_folder import read_cohort
    from xferviewer.studies.cohort_summary import as_csv, as_json, as_lines, summarise
    from xferviewer.studies.leakage import receipt_as_toml
    from xferviewer.studies.split_file import find_split_file, list_splits, read_split
    from xferviewer.studies.splitting import cohort_path

    folder = cohort_path(options.cohort)
    cohort = read_cohort(folder)
    split = read_split(find_split_file(folder, options.split), cohort) if options.split else None
    summary = summarise(cohort, split)
    if options.csv:
        print(as_csv(summary), end="")
    elif options.json:
        frozen = None
        if split is not None:
            frozen = {
                "name": split.name, "method": split.method, "leaks": split.leaks, "digest": split.digest,
                "notes": list(split.notes), "receipt": receipt_as_toml(split.receipt),
            }  # fmt: skip
        print_json({
            **as_json(summary), "digest": cohort.digest, "notes": list(cohort.description.notes),
            "splits": [path.stem for path in list_splits(folder)], "frozen_split": frozen,
        })  # fmt: skip
    else:
        print("\n".join([f"{summary.title} ({summary.cohort}, {summary.task})", "", *as_lines(summary)]))
        if split is not None:
            print("\n".join(["", *_about(split)]))
    return DONE


def _about(split: FrozenSplit) -> list[str]:
    return [f"{split.method}; digest {split.digest}", *split.notes, f"Leakage receipt: {split.receipt}"]


def _tell() -> Callable[[int, int], None]:
    """Says at most once a second how many images were compared."""
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= 1:
            last = time.monotonic()
            print(f"{done} of {total} images compared", file=sys.stderr)

    return tell
