"""`inspect`, `index` and `phantom`: files of images."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import (
    DONE,
    command,
    print_json,
)
from xferviewer.errors import XferviewerError

if TYPE_CHECKING:
    pass


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    inspect = command(
        commands, "inspect", _inspect, "what an image, checkpoint, cohort, prediction, job or catalogue path is"
    )
    inspect.add_argument("path", type=Path)
    inspect.add_argument("--json", action="store_true")
    index = command(commands, "index", _index, "read and count studies; names every refused file with its reason")
    index.add_argument("folder", type=Path)
    index.add_argument("--catalogue", type=Path, help="keep what was found in this file, and go on from it")
    index.add_argument("--json", action="store_true")
    index.add_argument("--while-stdin-is-open", action="store_true", help=argparse.SUPPRESS)
    phantom = command(commands, "phantom", _phantom, "write a synthetic cohort of chest radiographs")
    phantom.add_argument("--out", type=Path, required=True)
    phantom.add_argument("--count", type=int, required=True)
    phantom.add_argument("--seed", type=int, required=True)
    phantom.add_argument("--site", choices=("A", "B", "C"), required=True)
    phantom.add_argument("--format", choices=("dicom", "png"), default="dicom")
    phantom.add_argument("--size", type=int, default=512, help="rows and columns (default: 512)")
    phantom.add_argument("--workers", type=int, default=1, help="processes that render (default: 1)")
    phantom.add_argument("--without-masks", action="store_true", help="write no masks of the findings")


def _index(options: argparse.Namespace) -> int:
    import tempfile

    from xferviewer.studies.catalogue import Catalogue
    from xferviewer.studies.indexing import Progress, index
    from xferviewer.studies.summary import describe_index

    closed = threading.Event()
    if options.while_stdin_is_open:
        threading.Thread(target=_wait_for_end_of_stdin, args=(closed,), daemon=True).start()

    def tell(progress: Progress) -> None:
        values = {
            "files": progress.files,
            "images": progress.images,
            "refused": progress.refused,
            "rate": progress.files_per_second,
        }
        print(json.dumps(values), file=sys.stderr, flush=True)

    with (
        tempfile.TemporaryDirectory() as scratch,
        Catalogue(options.catalogue or Path(scratch) / "catalogue.sqlite") as catalogue,
    ):
        index(options.folder, catalogue, tell, closed.is_set)
        summary = describe_index(catalogue, options.folder)
    if options.json:
        print_json(summary)
    else:
        for refused in summary["refused"]:
            print(f"refused: {refused['path']}: {refused['why']}")
        print("{files} files: {images} images of {studies} studies, {patients} patients".format(**summary))
    return DONE


def _wait_for_end_of_stdin(closed: threading.Event) -> None:
    """The window holds the other end; when it goes, also by being killed, the index commits and stops."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    closed.set()


def _inspect(options: argparse.Namespace) -> int:
    from xferviewer.exchange.inspection import inspect

    described = inspect(options.path)
    if options.json:
        print_json(described)
    else:
        for key, value in described.items():
            print(f"{key:>18}  {value}")
    return DONE


def _phantom(options: argparse.Namespace) -> int:
    from xferviewer.studies.phantom import CohortProgress, write_cohort

    def tell(progress: CohortProgress) -> None:
        if progress.done % 50 == 0 or progress.done == progress.total:
            print(f"{progress.done} of {progress.total} films", file=sys.stderr)

    try:
        labels = write_cohort(
            options.out, options.count, options.seed, options.site, options.format,
            size=options.size, masks=not options.without_masks, workers=options.workers, progress=tell,
        )  # fmt: skip
    except ValueError as error:
        raise XferviewerError("The cohort was not written.", f"{error}.", "Correct the arguments.") from error
    print(labels)
    return DONE
