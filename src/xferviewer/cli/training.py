"""`train`: a job."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import (
    COULD_NOT_RUN,
    DONE,
    command,
    print_json,
)

if TYPE_CHECKING:
    pass


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    train = command(commands, "train", _train, "fine-tune a checkpoint as a specification says")
    train.add_argument("spec", type=Path, metavar="SPEC.toml")
    train.add_argument("--out", type=Path, help="job folder (default: a new one among the window's jobs)")
    train.add_argument("--json", action="store_true")


def _train(options: argparse.Namespace) -> int:
    from xferviewer.jobs.folder import JobFolder
    from xferviewer.jobs.spec import read_spec
    from xferviewer.settings import data_folder
    from xferviewer.training.finetune import run

    spec = read_spec(options.spec)
    out = options.out or data_folder() / "jobs" / f"{options.spec.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    print(f"job folder: {out}", file=sys.stderr)
    checkpoint = run(spec, JobFolder.create(out, spec), f"xferviewer train {options.spec}")
    folder = str(checkpoint.folder) if checkpoint is not None else None
    if options.json:
        print_json({"job": str(out), "checkpoint": folder})
    elif folder is not None:
        print(folder)
    return DONE if folder is not None else COULD_NOT_RUN
