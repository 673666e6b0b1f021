"""`train`: a job, in this process or in one of its own."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import (
    COULD_NOT_RUN,
    DONE,
    SOME_FAILED,
    command,
    print_json,
)
from xferviewer.errors import UnusableChoice

if TYPE_CHECKING:
    from xferviewer.jobs.folder import JobFolder


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    train = command(commands, "train", _train, "fine-tune a checkpoint as a specification says")
    train.add_argument("spec", type=Path, metavar="SPEC.toml", nargs="?")
    train.add_argument("--out", type=Path, help="job folder (default: a new one among the window's jobs)")
    train.add_argument("--job", type=Path, metavar="FOLDER", help="run the job of this folder, or go on with it")
    train.add_argument(
        "--detach", action="store_true", help="in a process of its own, which goes on when this one ends"
    )
    train.add_argument("--now", action="store_true", help="do not wait until the device is free")
    train.add_argument("--estimate", action="store_true", help="only say what it would take: parameters, memory, time")
    train.add_argument("--no-cache", action="store_true", help="keep no features of a frozen backbone")
    train.add_argument(
        "--preview", type=Path, metavar="PNG", help="only draw some training images as the network will see them"
    )
    train.add_argument("--json", action="store_true")


def _train(options: argparse.Namespace) -> int:
    from xferviewer.jobs.launch import start

    if options.preview is not None:
        return _preview(options)
    if options.estimate:
        return _estimate(options)
    job, made_by = _job(options)
    print(f"job folder: {job.path}", file=sys.stderr)
    if options.detach:
        pid = start(job)
        if options.json:
            print_json({"job": str(job.path), "pid": pid})
        else:
            print(job.path)
        return DONE
    return _run_here(job, made_by, options)


def _job(options: argparse.Namespace) -> tuple[JobFolder, str | None]:
    """The job to run, and the command that reproduces its checkpoint where that is known."""
    from xferviewer.jobs.control import find_job, jobs_folder
    from xferviewer.jobs.folder import JobFolder
    from xferviewer.jobs.spec import read_spec

    _check_named(options)
    if options.job is not None:
        if options.no_cache:
            raise UnusableChoice(
                "The job goes on as it was told.",
                "--no-cache belongs to a specification, and --job names a job that has one.",
                "Clone the job, and set machine.keep_features = false in its specification.",
            )
        return find_job(str(options.job)), None
    spec = read_spec(options.spec)
    if options.no_cache:
        spec = replace(spec, machine=replace(spec.machine, keep_features=False))
    out = options.out or jobs_folder() / f"{options.spec.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    return JobFolder.create(out, spec), f"xferviewer train {options.spec}"


def _estimate(options: argparse.Namespace) -> int:
    from xferviewer.jobs.control import find_job
    from xferviewer.jobs.spec import read_spec
    from xferviewer.training.finetune import estimate_job

    _check_named(options)
    spec = read_spec(options.spec) if options.spec is not None else find_job(str(options.job)).spec()
    found = estimate_job(spec)
    if options.json:
        print_json({"name": spec.name, **found.as_event()})
    else:
        print(found)
    return DONE


def _check_named(options: argparse.Namespace) -> None:
    if (options.spec is None) == (options.job is None):
        raise UnusableChoice(
            "There is nothing to train.",
            "Neither a specification nor a job was named."
            if options.spec is None
            else "Both SPEC.toml and --job were.",
            "Name one: `xferviewer train SPEC.toml` begins a job, `xferviewer train --job FOLDER` goes on with one.",
        )


def _run_here(job: JobFolder, made_by: str | None, options: argparse.Namespace) -> int:
    """Wait for the turn, then train. torch is imported only then: whoever waits takes little room."""
    from xferviewer.jobs.process import JobProcess

    checkpoint = None
    with JobProcess(job, queue=not options.now) as process:
        spec = job.spec()
        process.wait_for_turn(lambda said: print(said, file=sys.stderr, flush=True))
        from xferviewer.training.finetune import train

        checkpoint = train(spec, process, made_by)
    folder = str(checkpoint.folder) if checkpoint is not None else None
    if options.json:
        print_json({"job": str(job.path), "checkpoint": folder})
    elif folder is not None:
        print(folder)
    return DONE if folder is not None else COULD_NOT_RUN


def _preview(options: argparse.Namespace) -> int:
    """Draw training images beside views of them, without starting a job."""
    from xferviewer.jobs.control import find_job
    from xferviewer.jobs.spec import read_spec
    from xferviewer.training.preview import preview
    from xferviewer.training.preview_sheet import write_sheet

    if (options.spec is None) == (options.job is None):
        raise UnusableChoice(
            "There is nothing to preview.",
            "A preview is of one specification or of one job.",
            "Name one: `xferviewer train SPEC.toml --preview OUT.png`.",
        )
    spec = read_spec(options.spec) if options.spec is not None else find_job(str(options.job)).spec()
    made = preview(spec, lambda said: print(said, file=sys.stderr))
    cells = write_sheet(made, options.preview)
    for error in made.refused:
        print(error, file=sys.stderr)
    if options.json:
        print_json(
            {
                "preview": str(options.preview),
                "moves": made.moves,
                "images": [
                    {"path": str(one.path), "frame": one.frame, "labels": one.stated(made.findings)}
                    for one in made.images
                ],
                "cells": cells,
                "refused": [error.as_dict() for error in made.refused],
            }
        )
    else:
        print(options.preview)
    return SOME_FAILED if made.refused else DONE
